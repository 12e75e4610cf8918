"""What stands around an item: ground, tote walls, neighbours beside, under and on it, and light."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from damage_perception.simulation.packaging.pieces import make_piece
from damage_perception.simulation.packaging.product import Product, sample_product
from damage_perception.simulation.rendering.ground import ground, walls
from damage_perception.simulation.rendering.light import Lighting, sample_lighting
from damage_perception.simulation.rendering.mesh import Body, Patch
from damage_perception.simulation.split import Split

_WALL_SHARE, _NEIGHBOUR_SHARE, _STACKED_SHARE = 0.13, 0.35, 0.09
_BOXY = ("carton", "printed_box", "book")
_MOST_NEIGHBOURS = 4
_ATTEMPTS = 6

# Centre and size in metres, and turn in degrees, of an upright rectangle on the ground.
Footprint = tuple[tuple[float, float], tuple[float, float], float]


@dataclass(frozen=True)
class Surroundings:
    """What stays while items come and go: patches of the ground (z = 0), and the light."""

    patches: tuple[Patch, ...]
    lighting: Lighting


def sample_surroundings(
    split: Split, rng: np.random.Generator, body: Body, product: Product, yaw: float
) -> Surroundings:
    """A ground and a light; often the walls of a tote, or undamaged neighbours.

    body  the target as it is placed, turned by ``yaw`` radians, at the origin
    """
    patches = [ground(split, rng)]
    draw = rng.random()
    if draw < _WALL_SHARE:
        extent = max(float(np.abs(patch.points[..., :2]).max()) for patch in body.patches)
        reach = float(np.hypot(*product.size_m[:2])) / 2
        patches += walls(split, rng, max(reach, extent) + 0.01)
    elif draw < _WALL_SHARE + _NEIGHBOUR_SHARE:
        patches += _beside(split, rng, product, yaw)
        if rng.random() < _STACKED_SHARE / _NEIGHBOUR_SHARE:
            patches += _on_top(split, rng, product, yaw)
    return Surroundings(tuple(patches), sample_lighting(rng))


def _beside(split: Split, rng: np.random.Generator, product: Product, yaw: float) -> list[Patch]:
    """Items near the target or touching it, in directions that lie apart."""
    patches: list[Patch] = []
    footprints: list[Footprint] = []
    count = int(rng.integers(1, _MOST_NEIGHBOURS + 1))
    angles = rng.uniform(0, 2 * np.pi) + np.arange(count) * (2 * np.pi / count)
    for number, angle in enumerate(angles):
        other = sample_product(split, rng)
        turn = float(yaw if rng.random() < 0.3 else rng.uniform(0, 2 * np.pi))
        gap = float(rng.exponential(0.02)) if rng.random() < 0.8 else 0.001
        away = _extent(product, angle - yaw) + _extent(other, angle - turn) + gap
        place = (float(np.cos(angle) * away), float(np.sin(angle) * away))
        footprint = (place, other.size_m[:2], float(np.degrees(turn)))
        if any(_overlap(footprint, standing) for standing in footprints):
            continue
        footprints.append(footprint)
        patches += make_piece(other, rng).placed(turn, *place, item=2 + number).patches
    return patches


def _overlap(a: Footprint, b: Footprint) -> bool:
    how, _ = cv2.rotatedRectangleIntersection(a, b)
    return bool(how != cv2.INTERSECT_NONE)


def _on_top(split: Split, rng: np.random.Generator, product: Product, yaw: float) -> list[Patch]:
    """A smaller item that lies on a box."""
    if product.form not in _BOXY:
        return []
    x, y, z = product.size_m
    for _ in range(_ATTEMPTS):
        other = sample_product(split, rng)
        if max(other.size_m[:2]) < 0.75 * min(x, y):
            break
    else:
        return []
    shift = rng.uniform(-0.5, 0.5, 2) * (x, y)
    cos, sin = np.cos(yaw), np.sin(yaw)
    place = (float(cos * shift[0] - sin * shift[1]), float(sin * shift[0] + cos * shift[1]))
    turn = float(yaw + rng.normal(0, 0.3))
    body = make_piece(other, rng)
    return body.placed(turn, *place, item=2 + _MOST_NEIGHBOURS, z_m=z + 0.001).patches


def _extent(product: Product, angle: float) -> float:
    """How far a product reaches from its middle in a direction of its own axes, metres."""
    x, y, _ = product.size_m
    return float(abs(np.cos(angle)) * x + abs(np.sin(angle)) * y) / 2
