"""A registered colour + depth image of one camera, and the pinhole model behind it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

# Beyond these no lens is, and numbers overflow in what is computed from them.
_LEAST_FOCAL_PX: Final = 1e-3
_MOST_PX: Final = 1e9

ColorImage = NDArray[np.uint8]
DepthImage = NDArray[np.float32]


@dataclass(frozen=True)
class CameraModel:
    """Pinhole intrinsics of a rectified image (REP 104: fx, fy, cx, cy in pixels).

    Raises ValueError where the size or a focal length is not positive.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    def __post_init__(self) -> None:
        if self.width <= 0 or self.height <= 0:
            raise ValueError(f"camera image size is {self.width}x{self.height}; expected positive")
        values = (self.fx, self.fy, self.cx, self.cy)
        sane = min(self.fx, self.fy) >= _LEAST_FOCAL_PX and max(map(abs, values)) <= _MOST_PX
        if not all(np.isfinite(values)) or not sane:
            raise ValueError(
                f"camera intrinsics are fx={self.fx} fy={self.fy} cx={self.cx} cy={self.cy}; "
                "expected finite values, positive focal lengths: publish a calibrated camera_info"
            )

    @cached_property
    def rays(self) -> NDArray[np.float32]:
        """(H, W, 3) float32 directions in the optical frame (REP 103: x right, y down, z 1)."""
        u = (np.arange(self.width, dtype=np.float32) - np.float32(self.cx)) / np.float32(self.fx)
        v = (np.arange(self.height, dtype=np.float32) - np.float32(self.cy)) / np.float32(self.fy)
        rays = np.ones((self.height, self.width, 3), np.float32)
        rays[..., 0] = u
        rays[..., 1] = v[:, None]
        rays.flags.writeable = False
        return rays

    def window(self, x: float, y: float, width: float, height: float, out: int) -> CameraModel:
        """The camera whose image is the given pixel window of this one, resized to ``out`` wide."""
        scale = out / width
        return CameraModel(
            out,
            round(height * scale),
            self.fx * scale,
            self.fy * scale,
            (self.cx - x + 0.5) * scale - 0.5,
            (self.cy - y + 0.5) * scale - 0.5,
        )


@dataclass(frozen=True)
class Frame:
    """One registered RGB-D image.

    color    (H, W, 3) uint8, RGB
    depth_m  (H, W) float32, metres along the optical axis, registered to colour; 0 where the
             sensor has no reading (NaN, infinite and negative readings become 0). None where the
             camera delivered no depth at all.
    stamp_ns and frame_id are those of the image, never of its arrival.

    Raises ValueError where shapes, types or sizes disagree.
    """

    color: ColorImage
    depth_m: DepthImage | None
    camera: CameraModel
    camera_name: str = "camera"
    frame_id: str = ""
    stamp_ns: int = 0

    def __post_init__(self) -> None:
        if self.color.dtype != np.uint8 or self.color.ndim != 3 or self.color.shape[2] != 3:
            raise ValueError(
                f"colour image is {self.color.dtype} {self.color.shape}; expected uint8 (H, W, 3)"
            )
        height, width = self.color.shape[:2]
        if (width, height) != (self.camera.width, self.camera.height):
            raise ValueError(
                f"colour image is {width}x{height}, camera_info says "
                f"{self.camera.width}x{self.camera.height}"
            )
        if self.depth_m is None:
            return
        if self.depth_m.dtype != np.float32 or self.depth_m.shape != (height, width):
            raise ValueError(
                f"depth image is {self.depth_m.dtype} {self.depth_m.shape}; expected float32 "
                f"({height}, {width}): remap to the depth registered to colour"
            )
        # Of a NaN no comparison is true.
        if not (self.depth_m.min() >= 0 and self.depth_m.max() < np.inf):
            usable = (self.depth_m > 0) & (self.depth_m < np.inf)
            object.__setattr__(
                self, "depth_m", np.where(usable, self.depth_m, np.float32(0)).astype(np.float32)
            )
