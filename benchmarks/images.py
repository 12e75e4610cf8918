"""Frames for timing: one textured box on a tray, at another place in each, and the tray."""

from __future__ import annotations

import numpy as np

from damage_perception.frame import CameraModel, Frame
from damage_perception.station import Plane, Station

PLACES = 6
DISTANCE_M = 0.8
BOX_HEIGHT_M = 0.12


def station() -> Station:
    """The tray that the frames show, calibrated."""
    return Station(plane=Plane(np.array([0.0, 0.0, -1.0]), DISTANCE_M))


def frames(width: int, height: int) -> list[Frame]:
    """One frame per place; what differs from frame to frame is new to the tracker."""
    rng = np.random.default_rng(0)
    side = height // 3
    texture = np.kron(rng.integers(40, 220, (8, 8, 3)), np.ones((side // 8 + 1,) * 2 + (1,)))
    result = []
    for place in range(PLACES):
        color, depth = _tray(width, height, rng)
        x = round((0.05 + 0.12 * place) * width)
        y = height // 3
        color[y : y + side, x : x + side] = texture[:side, :side]
        depth[y : y + side, x : x + side] -= BOX_HEIGHT_M
        result.append(_frame(color, depth))
    return result


def empty_frame(width: int, height: int) -> Frame:
    """The tray with nothing on it."""
    return _frame(*_tray(width, height, np.random.default_rng(0)))


def _tray(width: int, height: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Colour and depth in metres of the empty tray, with noise."""
    color = rng.normal(110, 4, (height, width, 3))
    return color, rng.normal(DISTANCE_M, 0.001, (height, width))


def _frame(color: np.ndarray, depth_m: np.ndarray) -> Frame:
    height, width = depth_m.shape
    camera = CameraModel(width, height, 0.95 * width, 0.95 * width, width / 2, height / 2)
    color = color.clip(0, 255).astype(np.uint8)
    return Frame(color, depth_m.astype(np.float32), camera, stamp_ns=1)
