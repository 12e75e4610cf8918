"""The plane on which items rest, as the camera sees it."""

from __future__ import annotations

from dataclasses import dataclass

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
        """(H, W) float32 metres above the plane for (H, W) depth in metres; NaN where it is 0."""
        rows, columns = np.arange(camera.height), np.arange(camera.width)
        height: NDArray[np.float32] = depth_m * slope(self, camera, rows, columns)
        height += np.float32(self.offset_m)
        height[~(depth_m > 0)] = np.nan
        return height


def slope(
    plane: Plane, camera: CameraModel, rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> NDArray[np.float32]:
    """(n, m) float32 ``normal . ray`` of the pixels in n rows and m columns, also outside.

    The plane is followed from frame to frame: an image of it all is not worth keeping.
    """
    nx, ny, nz = plane.normal
    along = (ny * ((rows - camera.cy) / camera.fy)).astype(np.float32)
    across = (nx * ((columns - camera.cx) / camera.fx) + nz).astype(np.float32)
    return np.asarray(np.add.outer(along, across), np.float32)
