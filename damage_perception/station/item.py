"""One item found in one frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Item:
    """Where one item is in one frame.

    mask         (H, W) bool
    box          (x, y, width, height) of the mask in pixels
    centroid_m   (3,) float64 in the optical frame, centre of the visible surface; None without
                 depth
    depth_share  share of the mask's pixels with a depth reading
    cut_off      whether it reaches the border of the image or of the region of interest
    """

    mask: NDArray[np.bool_]
    box: tuple[int, int, int, int]
    centroid_m: NDArray[np.float64] | None
    depth_share: float
    cut_off: bool
