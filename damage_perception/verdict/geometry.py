"""Where in the image and in space the pixels of a view are, without the image itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import CameraModel, DepthImage, Frame
from damage_perception.station import Item
from damage_perception.view import Window

# Depth readings that are kept along a view's side: two for every cell of the network's maps.
_READINGS: Final = 160


@dataclass(frozen=True, eq=False)
class ViewGeometry:
    """What regions of one view need of its frame, for as long as the view is evidence.

    window   the square of the image that the view shows
    part     left, top, right, bottom of what the image holds of it, in pixels
    item     (h, w) bool, every ``stride``-th pixel of that part, true on the item
    depth_m  (h, w) float32, the readings there, 0 without reading; None where the frame has no
             depth
    """

    camera_name: str
    frame_id: str
    stamp_ns: int
    camera: CameraModel
    window: Window
    part: tuple[int, int, int, int]
    stride: int
    item: NDArray[np.bool_]
    depth_m: DepthImage | None

    @staticmethod
    def of(frame: Frame, item: Item, window: Window) -> ViewGeometry:
        """The geometry of the view of an item through ``window`` of ``frame``."""
        left, top = max(window.x, 0), max(window.y, 0)
        right = min(window.x + window.side, frame.camera.width)
        bottom = min(window.y + window.side, frame.camera.height)
        stride = max(1, window.side // _READINGS)
        thinned = slice(top, bottom, stride), slice(left, right, stride)
        # Copies: a slice would keep the whole image.
        depth = None if frame.depth_m is None else frame.depth_m[thinned].copy()
        part = (left, top, max(left, right), max(top, bottom))
        return ViewGeometry(
            frame.camera_name,
            frame.frame_id,
            frame.stamp_ns,
            frame.camera,
            window,
            part,
            stride,
            item.mask[thinned].copy(),
            depth,
        )

    def thinned(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(h, w) of ``mask``, (bottom - top, right - left) over ``part``, where depth is kept."""
        return mask[:: self.stride, :: self.stride]

    def item_share(self, mask: NDArray[np.bool_]) -> float:
        """How large ``mask``, over ``part``, is against the visible item, at most 1."""
        return min(1.0, float(self.thinned(mask).sum()) / max(1, int(self.item.sum())))

    def points(self, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        """(N, 3) points in the optical frame, metres, where ``mask`` has a depth reading.

        mask  (h, w) bool, as from `thinned`
        """
        if self.depth_m is None:
            return np.empty((0, 3))
        rows, columns = np.nonzero(mask & (self.depth_m > 0))
        z = self.depth_m[rows, columns].astype(np.float64)
        camera = self.camera
        x = (self.part[0] + self.stride * columns - camera.cx) / camera.fx * z
        y = (self.part[1] + self.stride * rows - camera.cy) / camera.fy * z
        return np.column_stack((x, y, z))

    def area_m2(self, mask: NDArray[np.bool_], points: NDArray[np.float64]) -> float:
        """Visible surface of a region, seen square to the line of sight.

        mask    (h, w) bool, as from `thinned`
        points  (N, 3) readings in it; pixels of it without one are as far away as the others
        """
        pixels = int(mask.sum()) * self.stride**2
        return pixels * float((points[:, 2] ** 2).mean()) / (self.camera.fx * self.camera.fy)
