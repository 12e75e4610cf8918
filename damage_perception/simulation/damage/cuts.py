"""Holes and tears: openings in the wall with a rim, a depth and torn flaps."""

from __future__ import annotations

import cv2
import numpy as np

from damage_perception.kinds import CODES, HOLE, TEAR
from damage_perception.simulation.damage.outline import filled, outline, rough_noise
from damage_perception.simulation.damage.placing import (
    blend,
    denser,
    visible_patch,
    visible_position,
)
from damage_perception.simulation.rendering.mesh import Array, Body, Patch, Skin, vector
from damage_perception.simulation.split import Split

_TORN_PAPER = (
    vector(210, 188, 155),
    vector(238, 235, 228),
    vector(162, 130, 92),
)


def _cut(
    body: Body, rng: np.random.Generator, toward: Array, radius_m: float, margin: float
) -> tuple[int, Patch, tuple[float, float], Array]:
    """Choose a place for a cut, refine the grid there: patch index, patch, (u, v), px per metre."""
    chosen = visible_patch(body, rng, toward)
    index = next(i for i, patch in enumerate(body.patches) if patch is chosen)
    u, v = visible_position(chosen, rng, toward, margin)
    width, height = chosen.extent_m
    reach_u, reach_v = 1.9 * radius_m / width, 1.9 * radius_m / height
    patch = chosen.refined(denser(chosen.u, u, reach_u, 30), denser(chosen.v, v, reach_v, 30))
    rows, columns = patch.skin.kinds.shape
    if max(reach_u, reach_v) * 2 > 0 and min(columns / width, rows / height) * radius_m < 10:
        factor = min(3.0, 12 / (min(columns / width, rows / height) * radius_m))
        patch.skin = _enlarged(patch.skin, factor)
    else:
        patch.skin = patch.skin.copy()
    rows, columns = patch.skin.kinds.shape
    body.patches[index] = patch
    return index, patch, (u, v), vector(columns / width, rows / height)


def _enlarged(skin: Skin, factor: float) -> Skin:
    """The skin with more texels, for detail smaller than a texel."""
    shape = (round(skin.kinds.shape[1] * factor), round(skin.kinds.shape[0] * factor))
    texture = cv2.resize(skin.texture, shape, interpolation=cv2.INTER_LINEAR)
    kinds = cv2.resize(skin.kinds, shape, interpolation=cv2.INTER_NEAREST)
    return Skin(np.asarray(texture, np.uint8), np.asarray(kinds, np.uint8))


def pierce(
    body: Body, severity: float, split: Split, rng: np.random.Generator, toward: Array
) -> None:
    """Pierce a wall of the body in place: a deep, dark hole with a ragged rim."""
    largest, smallest = max(body.size_m), min(body.size_m)
    radius = float((0.035 + 0.13 * severity * rng.uniform(0.6, 1.2)) * largest)
    radius = max(0.003, min(radius, 0.45 * sorted(body.size_m)[1]))
    _, patch, (u, v), density = _cut(body, rng, toward, radius, 0.12)
    shape = patch.skin.kinds.shape
    centre = (u * shape[1], v * shape[0])
    shape = (shape[0], shape[1])
    points = outline(split, rng, float(rng.uniform(1, 1.6)))
    inside = filled(points, shape, centre, density * radius)
    ragged = points * (1 + rng.normal(0, 0.12, (len(points), 1))).astype(np.float32)
    rim = np.maximum(
        filled(ragged, shape, centre, density * radius * rng.uniform(1.08, 1.4)), inside
    )
    fibre = 1 + 0.2 * rough_noise(rng, shape, 20)
    paper = _TORN_PAPER[int(rng.integers(len(_TORN_PAPER)))]
    blend(patch.skin, rim * 0.85, paper, 0.02)
    patch.skin.texture[..., :3] = np.clip(
        patch.skin.texture[..., :3] * (1 + (fibre - 1) * rim)[..., None], 0, 255
    )
    dark = rng.uniform(6, 45) * vector(1.1, 1.0, 0.9)
    depth = float(min(0.8 * smallest, radius * rng.uniform(1.2, 3)))
    blend(patch.skin, inside, dark, 0.0)
    patch.skin.kinds[rim > 0.5] = CODES[HOLE]
    deep = patch.gather(cv2.GaussianBlur(inside, (0, 0), 1.0))
    raised = np.clip(patch.gather(cv2.GaussianBlur(rim - inside, (0, 0), 1.2)), 0, 1)
    lip = radius * rng.uniform(-0.15, 0.25)
    shift = raised * lip - deep * depth
    patch.points = (patch.points + shift[..., None] * patch.outward).astype(np.float32)
    np.maximum(patch.points[..., 2], 0.0005, out=patch.points[..., 2])


def tear(
    body: Body, severity: float, split: Split, rng: np.random.Generator, toward: Array
) -> None:
    """Tear a wall of the body in place: bare paper or the dark inside, and torn flaps."""
    largest = max(body.size_m)
    radius = float((0.045 + 0.15 * severity * rng.uniform(0.6, 1.2)) * largest)
    radius = max(0.004, min(radius, 0.5 * sorted(body.size_m)[1]))
    margin = 0.0 if rng.random() < 0.35 else 0.15
    _, patch, (u, v), density = _cut(body, rng, toward, radius, margin)
    shape = (patch.skin.kinds.shape[0], patch.skin.kinds.shape[1])
    centre = (u * shape[1], v * shape[0])
    stretch = float(rng.uniform(1.3, 4.5))
    points = outline(split, rng, stretch)
    ragged = points * (1 + rng.normal(0, 0.1, (len(points), 1))).astype(np.float32)
    whole = filled(ragged, shape, centre, density * radius * 1.15)
    inside = filled(points, shape, centre, density * radius * rng.uniform(0.6, 0.95))
    whole = np.maximum(whole, inside)
    paper = _TORN_PAPER[int(rng.integers(len(_TORN_PAPER)))]
    fibre = (1 + 0.25 * rough_noise(rng, shape, 25))[..., None]
    blend(patch.skin, whole * 0.9, paper, 0.02)
    through = rng.random() < 0.6
    bottom = (rng.uniform(8, 70) if through else 1) * (
        vector(1.1, 1.0, 0.85) if through else paper * rng.uniform(0.55, 0.85)
    )
    blend(patch.skin, inside, bottom, 0.02)
    worn = whole[..., None]
    patch.skin.texture[..., :3] = np.clip(
        patch.skin.texture[..., :3] * (1 - worn + fibre * worn), 0, 255
    )
    patch.skin.kinds[whole > 0.5] = CODES[TEAR]
    deep = patch.gather(cv2.GaussianBlur(inside, (0, 0), 1.0))
    lifted = np.clip(patch.gather(cv2.GaussianBlur(whole - inside, (0, 0), 1.5)), 0, 1)
    depth = radius * rng.uniform(0.25, 0.9) if through else min(0.002, 0.1 * radius)
    curl = radius * rng.uniform(0.05, 0.4)
    shift = lifted * curl - deep * min(depth, 0.6 * min(body.size_m))
    point, normal = patch.at(u, v)
    patch.points = (patch.points + shift[..., None] * patch.outward).astype(np.float32)
    np.maximum(patch.points[..., 2], 0.0005, out=patch.points[..., 2])
    for _ in range(int(rng.integers(0, 3))):
        body.patches.append(_flap(patch, (u, v), point, normal, radius, paper, rng))


def _flap(
    patch: Patch,
    position: tuple[float, float],
    point: Array,
    normal: Array,
    radius: float,
    paper: Array,
    rng: np.random.Generator,
) -> Patch:
    """A ragged tongue of the torn wall that curls away from the rim."""
    near = (
        patch.at(min(position[0] + 0.02, 1.0), position[1])[0]
        - patch.at(max(position[0] - 0.02, 0.0), position[1])[0]
    )
    along = near - normal * float((near * normal).sum())
    along = along / max(float(np.linalg.norm(along)), 1e-9)
    along = along @ _about(normal, float(rng.uniform(0, 2 * np.pi))).T
    across = np.cross(normal, along)
    length = radius * rng.uniform(0.5, 1.3)
    bend = rng.uniform(0.6, 2.6)
    s = np.linspace(0, 1, 9, dtype=np.float32)
    w = np.linspace(-0.5, 0.5, 7, dtype=np.float32)
    angle = rng.uniform(0.1, 0.8) + bend * s
    reach = np.cumsum(np.cos(angle)) / len(s) * length
    rise = np.cumsum(np.sin(angle)) / len(s) * length
    breadth = radius * rng.uniform(0.5, 1.2) * (1 - s * rng.uniform(0.3, 0.95))
    breadth = breadth * (1 + rng.normal(0, 0.12, len(s)))
    points = (
        point
        + 0.6 * radius * along
        + reach[:, None, None] * along
        + (rise[:, None, None] + 0.001) * normal
        + (breadth[:, None] * w)[..., None] * across
    )
    points[..., 2] = np.maximum(points[..., 2], 0.001)
    color = np.clip(paper * (0.85 + 0.2 * rng.random((10, 10, 1))), 0, 255).astype(np.uint8)
    skin = Skin.of(color, 0.02, CODES[TEAR])
    outward = np.broadcast_to(normal, points.shape).astype(np.float32)
    return Patch(points.astype(np.float32), outward, w + 0.5, s, skin, name="flap")


def _about(axis: Array, angle: float) -> Array:
    """Rotation about any axis (Rodrigues)."""
    turned, _ = cv2.Rodrigues(np.asarray(axis, np.float64) * angle)
    return np.asarray(turned, np.float32)
