"""What the network shows beside an item, where no reference is compared: spills, open flaps."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.odds import log_odds_of

# Cells of the maps around an item that belong to it: maps run over its edges.
_MARGIN: Final = 2
# Nearer to 0 and 1 a map says nothing more.
_LEAST: Final = 1e-4


def beside(maps: NDArray[np.float32], item: NDArray[np.uint8]) -> float:
    """Log odds of the strongest cell of ``maps`` that is not on the item.

    maps  (kinds, M, M), 0..1; item (S, S) uint8, 1 on the item
    """
    along = maps.shape[-1]
    share = cv2.resize(item.astype(np.float32), (along, along), interpolation=cv2.INTER_AREA)
    near = cv2.dilate((share > 0.25).astype(np.uint8), np.ones((2 * _MARGIN + 1,) * 2, np.uint8))
    strongest = np.where(near > 0, 0, maps.max(axis=0)).max()
    return float(log_odds_of(float(strongest), _LEAST))
