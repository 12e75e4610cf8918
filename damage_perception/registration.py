"""Depth of one camera seen from another: what an aligned depth topic would deliver."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import CameraModel, DepthImage

# Of two readings for one pixel the nearer one hides the other, if it is nearer by more than this.
_HIDES_M: Final = 0.002
# Depth that is coarser than this shows no damage, and its camera_info is wrong.
_MOST_SPANNED: Final = 16
# Collisions are rare, and those of more than two readings rarer.
_PASSES: Final = 3


class DepthRegistration:
    """Projects depth images into a colour camera (z-buffer), for one pair of cameras.

    depth, color    both rectified
    depth_to_color  (4, 4) from the optical frame of depth to that of colour, metres

    Raises ValueError where depth is far coarser than colour.

    A colour camera of more pixels than the depth camera gets depth on a coarser grid, each cell of
    which is as large as a reading at most, so that a surface has no holes between its readings.

    >>> register = DepthRegistration(depth_model, color_model, extrinsics)
    >>> depth_m = register(depth_image)  # (H, W) of the colour image
    """

    def __init__(
        self, depth: CameraModel, color: CameraModel, depth_to_color: NDArray[np.float64]
    ) -> None:
        self.depth, self.color = depth, color
        # How many colour pixels a reading spans, at least one.
        spans = max(color.fx / depth.fx, color.fy / depth.fy)
        if spans > _MOST_SPANNED:
            raise ValueError(
                f"a depth reading spans {spans:.0f} pixels of colour; expected {_MOST_SPANNED} at "
                "most: check both camera_info"
            )
        self._step = max(1, int(np.ceil(spans - 0.01)))
        self._height = -(-color.height // self._step)
        self._width = -(-color.width // self._step)
        turned = depth.rays.astype(np.float64) @ depth_to_color[:3, :3].T
        scale = np.array([color.fx, color.fy, 1.0]) / [self._step, self._step, 1.0]
        # Pixels of the grid times distance are these times the reading, plus an offset.
        self._rays = np.ascontiguousarray(np.moveaxis(turned * scale, 2, 0), np.float32)
        self._offset = (depth_to_color[:3, 3] * scale).astype(np.float32)
        # Centres of cells lie between pixels.
        shift = (self._step - 1) / 2
        self._u0 = np.float32((color.cx - shift) / self._step)
        self._v0 = np.float32((color.cy - shift) / self._step)

    def __call__(self, depth_m: DepthImage) -> DepthImage:
        """(H, W) float32 metres along the colour camera's axis, 0 where there is no reading.

        depth_m  (h, w) float32 metres of the depth camera, 0 where there is no reading. Raises
                 ValueError where it has another size than that camera's images.
        """
        if depth_m.shape != (self.depth.height, self.depth.width):
            height, width = depth_m.shape[:2]
            raise ValueError(
                f"depth image is {width}x{height}, its camera_info says "
                f"{self.depth.width}x{self.depth.height}"
            )
        x, y, z = (ray * depth_m + add for ray, add in zip(self._rays, self._offset, strict=True))
        with np.errstate(divide="ignore", invalid="ignore"):
            u = np.rint(x / z + self._u0)
            v = np.rint(y / z + self._v0)
        # A comparison with NaN is false, so that none gets in.
        inside = (depth_m > 0) & (z > 0)
        inside &= (u >= 0) & (u < self._width) & (v >= 0) & (v < self._height)
        place = v[inside].astype(np.int32) * self._width + u[inside].astype(np.int32)
        grid = _nearest(place, z[inside], self._height * self._width)
        grid = grid.reshape(self._height, self._width)
        if self._step == 1:
            return grid
        size = (self._width * self._step, self._height * self._step)
        whole = cv2.resize(grid, size, interpolation=cv2.INTER_NEAREST)
        return np.ascontiguousarray(whole[: self.color.height, : self.color.width], np.float32)


def _nearest(place: NDArray[np.int32], z: NDArray[np.float32], cells: int) -> NDArray[np.float32]:
    """(cells,) the smallest ``z`` of those that have the same place; 0 where there is none."""
    grid = np.zeros(cells, np.float32)
    grid[place] = z
    for _ in range(_PASSES):
        hides = z < grid[place] - np.float32(_HIDES_M)
        if not hides.any():
            break
        place, z = place[hides], z[hides]
        grid[place] = z
    return grid
