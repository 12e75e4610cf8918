"""The kinds of damage: the one table of them, in the order of the codes.

A message, a label image and a map say a kind by its code, a card, a file and a person by its name.
A new kind goes to the end, so that codes keep their meaning.
"""

from collections.abc import Mapping
from typing import Final

CRUSH: Final = "crush"
TEAR: Final = "tear"
HOLE: Final = "hole"
DECONSTRUCTION: Final = "deconstruction"
SPILLAGE: Final = "spillage"
MISSING_UNIT: Final = "missing_unit"

# In RGB, apart from one another and from the colours of the verdicts, to the colour-blind as well.
COLORS: Final[Mapping[str, tuple[int, int, int]]] = {
    CRUSH: (86, 180, 233),
    TEAR: (230, 120, 220),
    HOLE: (255, 140, 0),
    DECONSTRUCTION: (0, 220, 200),
    SPILLAGE: (120, 120, 255),
    MISSING_UNIT: (245, 245, 245),
}
KINDS: Final[tuple[str, ...]] = tuple(COLORS)
NONE: Final = "none"

# Code of each kind in messages and label images; 0 is "no damage".
CODES: Final[Mapping[str, int]] = {NONE: 0} | {kind: i + 1 for i, kind in enumerate(KINDS)}
_NAMES: Final = {code: kind for kind, code in CODES.items()}


def name_of(code: int) -> str:
    """The kind of a code; of one that this version does not know, its number: ``kind 9``."""
    return _NAMES.get(code, f"kind {code}")
