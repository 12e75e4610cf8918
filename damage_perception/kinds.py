"""The kinds of damage, in the order of the network's channels and the messages' constants."""

from typing import Final

CRUSH: Final = "crush"
TEAR: Final = "tear"
HOLE: Final = "hole"
DECONSTRUCTION: Final = "deconstruction"
SPILLAGE: Final = "spillage"
MISSING_UNIT: Final = "missing_unit"

KINDS: Final[tuple[str, ...]] = (CRUSH, TEAR, HOLE, DECONSTRUCTION, SPILLAGE, MISSING_UNIT)
NONE: Final = "none"

# Code of each kind in messages and label images; 0 is "no damage".
CODES: Final[dict[str, int]] = {NONE: 0} | {kind: i + 1 for i, kind in enumerate(KINDS)}
