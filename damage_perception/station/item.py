"""One item found in one frame."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
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
    oversized    whether it reaches from one border to the opposite one: it is larger than the
                 region, or several things, or the station itself
    """

    mask: NDArray[np.bool_]
    box: tuple[int, int, int, int]
    centroid_m: NDArray[np.float64] | None
    depth_share: float
    cut_off: bool
    oversized: bool = False

    @property
    def outline(self) -> tuple[NDArray[np.int32], ...]:
        """Outer contours of the mask in pixels, each (P, 2) of x and y."""
        x, y, width, height = self.box
        part = self.mask[y : y + height, x : x + width].astype(np.uint8)
        contours, _ = cv2.findContours(
            part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE, offset=(x, y)
        )
        return tuple(np.asarray(contour, np.int32).reshape(-1, 2) for contour in contours)
