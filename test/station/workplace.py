"""Synthetic RGB-D: boxes on a plane, ray cast from a tilted camera, with the true masks."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import CameraModel, Frame
from damage_perception.station import Plane

SUPPORT_COLOR = (150, 145, 140)
BOX_COLORS = ((190, 60, 50), (60, 90, 180), (60, 160, 70), (30, 30, 32))


def tilted_plane(tilt_deg: float, offset_m: float) -> Plane:
    """A plane seen by a camera that looks down, tilted by so much from the vertical."""
    tilt = np.deg2rad(tilt_deg)
    return Plane(np.array([0.0, -np.sin(tilt), -np.cos(tilt)]), offset_m)


@dataclass
class Workplace:
    """A plane and boxes on it; x, y in metres on the plane from where the optical axis meets it."""

    camera: CameraModel = field(
        default_factory=lambda: CameraModel(640, 480, 525.0, 525.0, 319.5, 239.5)
    )
    plane: Plane = field(default_factory=lambda: tilted_plane(35.0, 0.7))
    boxes: list[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]] = field(
        default_factory=list
    )

    def add(
        self,
        x: float,
        y: float,
        size: tuple[float, float, float],
        turn_deg: float = 0.0,
        bottom_m: float = 0.0,
    ) -> int:
        """Add a box of (width, depth, height) in metres; its number, from 1."""
        up = self.plane.normal
        right = np.array([1.0, 0.0, 0.0])
        toward = np.cross(up, right)
        origin = np.array([0.0, 0.0, self.plane.offset_m / -up[2]])
        turn = np.deg2rad(turn_deg)
        axes = np.stack(
            (
                np.cos(turn) * right + np.sin(turn) * toward,
                -np.sin(turn) * right + np.cos(turn) * toward,
                up,
            )
        )
        centre = origin + x * right + y * toward + (bottom_m + size[2] / 2) * up
        self.boxes.append((axes, centre, np.array(size) / 2))
        return len(self.boxes)

    def render(self, noise: float = 0.0, seed: int = 0) -> tuple[Frame, NDArray[np.int32]]:
        """The frame and (H, W) which box each pixel shows, 0 for the plane."""
        rays = self.camera.rays.astype(np.float64)
        depth = -self.plane.offset_m / (rays @ self.plane.normal)
        depth[depth <= 0] = np.inf
        shown = np.zeros(depth.shape, np.int32)
        color = np.empty((*depth.shape, 3), np.uint8)
        color[:] = SUPPORT_COLOR
        for number, (axes, centre, half) in enumerate(self.boxes, start=1):
            direction, start = rays @ axes.T, -axes @ centre
            with np.errstate(divide="ignore", invalid="ignore"):
                one, other = (-half - start) / direction, (half - start) / direction
            enter = np.minimum(one, other).max(axis=2)
            leave = np.maximum(one, other).min(axis=2)
            hit = (enter < leave) & (enter > 0) & (enter < depth)
            depth[hit], shown[hit] = enter[hit], number
            color[hit] = BOX_COLORS[(number - 1) % len(BOX_COLORS)]
        random = np.random.default_rng(seed)
        depth += noise * depth**2 * random.standard_normal(depth.shape)
        depth[~np.isfinite(depth) | (depth > 4.0)] = 0.0
        grain = random.integers(-3, 4, color.shape)
        color = np.clip(color.astype(np.int16) + grain, 0, 255).astype(np.uint8)
        return Frame(color, depth.astype(np.float32), self.camera), shown


def iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Intersection over union of two masks."""
    return float(np.count_nonzero(one & other) / np.count_nonzero(one | other))
