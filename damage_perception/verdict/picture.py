"""What a camera showed of an item as it was judged, for people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import ColorImage

# Contours in pixels, each (P, 2) int32 of x and y.
Outline = tuple[NDArray[np.int32], ...]


@dataclass(frozen=True, eq=False)
class Picture:
    """One image of one camera, and where the item is in it.

    color    (H, W, 3) uint8, RGB
    outline  empty where the image does not show the item
    """

    camera: str
    frame_id: str
    color: ColorImage
    outline: Outline = ()
