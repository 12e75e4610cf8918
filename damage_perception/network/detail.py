"""Log odds of damage from the whole view of an item and from tiles of it, joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

# When items that are larger than the network's view are judged by tiles, too.
OFF: Final = "off"
AUTO: Final = "auto"
ALWAYS: Final = "always"
DETAILS: Final = (OFF, AUTO, ALWAYS)


@dataclass(frozen=True)
class Detail:
    """What a model card says of joining a whole view with its tiles: a weighted sum.

    The weights are those of a logistic regression (Platt 1999) on calibration views. A tile shows a
    part of an item, so its log odds mean something else than those of a whole view.
    """

    whole: float
    tiles: float
    offset: float

    @staticmethod
    def parse(content: Mapping[str, Any]) -> Detail:
        """From the section ``detail`` of a card. Raises KeyError, TypeError, ValueError."""
        return Detail(*(float(content[name]) for name in ("whole", "tiles", "offset")))

    def join(self, whole: float, tiles: Sequence[float]) -> float:
        """Calibrated log odds of damage from those of the whole view and of at least one tile."""
        return self.whole * whole + self.tiles * strongest(tiles) + self.offset


def strongest(tiles: Sequence[float] | NDArray[np.floating]) -> float:
    """The log odds of the tile that says most, of (T,), as they would be of one tile alone.

    The greatest of many is greater by chance, so the mean of the odds is taken: one tile that is
    sure speaks for all, less the logarithm of their number.
    """
    return float(np.logaddexp.reduce(np.asarray(tiles, np.float64)) - np.log(len(tiles)))
