"""The plane on which items rest, as the camera sees it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import CameraModel

UNIT_TOLERANCE = 1e-3


class StationError(ValueError):
    """A station that cannot be fitted, read or used; the text names the cause and the mend."""


@dataclass(frozen=True, eq=False)
class Plane:
    """The support plane in the camera's optical frame: height(p) = normal . p + offset_m.

    normal    (3,) float64, unit length, pointing toward the camera
    offset_m  height of the camera above the plane, positive

    Raises StationError where the normal is no unit vector or the camera is not above the plane.
    """

    normal: NDArray[np.float64]
    offset_m: float

    def __post_init__(self) -> None:
        normal = np.array(self.normal, np.float64)
        if normal.shape != (3,) or not np.isfinite(normal).all():
            raise StationError(f"plane normal is {self.normal}; expected three finite numbers")
        length = float(np.linalg.norm(normal))
        if abs(length - 1.0) > UNIT_TOLERANCE:
            raise StationError(
                f"plane normal {normal.tolist()} has length {length:.4f}; expected a unit vector: "
                "divide it by its length, or calibrate the station again"
            )
        if not (np.isfinite(self.offset_m) and self.offset_m > 0):
            raise StationError(
                f"plane offset_m is {self.offset_m}; expected the camera's height above the plane "
                "in metres, positive: turn the normal toward the camera"
            )
        normal /= length
        normal.flags.writeable = False
        object.__setattr__(self, "normal", normal)
        object.__setattr__(self, "offset_m", float(self.offset_m))

    def height(self, depth_m: NDArray[np.float32], camera: CameraModel) -> NDArray[np.float32]:
        """(H, W) float32 metres above the plane for (H, W) depth in metres; NaN where depth is 0.

        The image of ``normal . ray`` is kept for each plane and camera, so that a frame costs one
        multiply-add per pixel.
        """
        height: NDArray[np.float32] = depth_m * slope(self, camera)
        height += np.float32(self.offset_m)
        height[~(depth_m > 0)] = np.nan
        return height


@lru_cache(maxsize=16)
def slope(plane: Plane, camera: CameraModel) -> NDArray[np.float32]:
    """(H, W) float32 ``normal . ray`` of every pixel, read-only."""
    u = (np.arange(camera.width) - camera.cx) / camera.fx
    v = (np.arange(camera.height) - camera.cy) / camera.fy
    nx, ny, nz = plane.normal
    # A plane that is followed from frame to frame changes often: at half the width of a double.
    image: NDArray[np.float32] = np.add.outer(
        (ny * v).astype(np.float32), (nx * u + nz).astype(np.float32)
    )
    image.flags.writeable = False
    return image
