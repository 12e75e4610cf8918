"""Where the camera stands and what it looks through."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from damage_perception.frame import CameraModel
from damage_perception.simulation.rendering.mesh import Array

_SIZES = ((640, 480), (640, 480), (1280, 720), (848, 480), (640, 360), (1024, 768), (720, 720))


_NEAREST_M = 0.3


@dataclass(frozen=True)
class Pose:
    """A camera in the world: rotation (3, 3) from world to optical axes, position_m (3,)."""

    rotation: Array
    position_m: Array

    @classmethod
    def looking_at(
        cls, target_m: Array, distance_m: float, tilt: float, azimuth: float, roll: float
    ) -> Pose:
        """A pose ``tilt`` radians off the vertical, ``roll`` radians about the optical axis."""
        away = np.array(
            [np.sin(tilt) * np.cos(azimuth), np.sin(tilt) * np.sin(azimuth), np.cos(tilt)]
        )
        side = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
        down = np.cross(-away, side)
        right = np.cos(roll) * side + np.sin(roll) * down
        below = np.cross(-away, right)
        turn = np.stack([right, below, -away]).astype(np.float32)
        return cls(turn, (target_m + away * distance_m).astype(np.float32))

    def framing(self, points_m: Array, camera: CameraModel, pixels: float) -> Pose:
        """The pose along the same line of sight from which (N, 3) world points span ``pixels``.

        That is the longer side of their box in the image. No point is nearer than a camera that
        measures depth needs; then they span less.
        """
        pose = self
        # What is nearer grows faster: a few steps settle it.
        for _ in range(6):
            seen = pose.project(points_m, camera)
            depth = (points_m - pose.position_m) @ pose.rotation[2]
            nearer = float(depth.mean()) * (1 - float(np.ptp(seen, axis=0).max()) / pixels)
            nearer = min(nearer, float(depth.min()) - _NEAREST_M)
            pose = replace(pose, position_m=pose.position_m + pose.rotation[2] * nearer)
        return pose

    def project(self, points_m: Array, camera: CameraModel) -> Array:
        """(N, 2) pixels of (N, 3) world points."""
        seen = (points_m - self.position_m) @ self.rotation.T
        depth = np.maximum(seen[:, 2:], 1e-3)
        focal = np.array([camera.fx, camera.fy], np.float32)
        return np.asarray(
            seen[:, :2] / depth * focal + np.array([camera.cx, camera.cy], np.float32), np.float32
        )

    @property
    def plane(self) -> tuple[Array, float]:
        """Unit normal and offset of the ground: height above it is normal . point + offset."""
        return self.rotation[:, 2].copy(), float(self.position_m[2])


def cell_camera(width: int, height: int, fill_px: float | None = None) -> CameraModel:
    """A camera of so many pixels with 60 degrees across its width.

    fill_px  it looks at items from so near that they span these pixels: then with the lens of an
             integrator who mounts it as high as a robot needs, 44 degrees across
    """
    focal = width * (0.875 if fill_px is None else 1.25)
    return CameraModel(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2)


def sample_camera(rng: np.random.Generator) -> CameraModel:
    """Draw a camera with 40 to 75 degrees across its width."""
    width, height = _SIZES[int(rng.integers(len(_SIZES)))]
    focal = width / 2 / np.tan(np.radians(rng.uniform(40, 75)) / 2)
    squeeze = rng.normal(1, 0.003)
    cx, cy = (width - 1) / 2 + rng.normal(0, 6), (height - 1) / 2 + rng.normal(0, 6)
    return CameraModel(width, height, float(focal), float(focal * squeeze), float(cx), float(cy))


def sample_pose(
    rng: np.random.Generator, camera: CameraModel, size_m: Array, azimuth: float
) -> Pose:
    """Draw a pose 0.4 to 1.5 m away and 0 to 55 degrees off the vertical that holds the item."""
    reach = float(np.linalg.norm(size_m))
    span = min(camera.width / camera.fx, camera.height / camera.fy)
    nearest = max(0.4, 1.15 * reach / span, 0.35 + float(size_m[2]))
    farthest = max(1.5, nearest * 1.1)
    distance = float(rng.uniform(nearest, min(farthest, nearest * 2.4)))
    tilt = float(np.radians(55) * rng.beta(1.1, 1.5))
    target = np.array([0, 0, size_m[2] * 0.5]) + rng.normal(0, 0.08 * reach, 3) * (1, 1, 0)
    roll = rng.uniform(0, 2 * np.pi) if rng.random() < 0.5 else rng.normal(0, 0.1)
    return Pose.looking_at(target.astype(np.float32), distance, tilt, azimuth, float(roll))
