"""Where on a body damage is put, and a grid fine enough for it there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from damage_perception.simulation.rendering.mesh import Array, Body, Patch, Skin


def visible_patch(body: Body, rng: np.random.Generator, toward: Array) -> Patch:
    """A patch drawn by the area that faces the camera.

    toward  (3,) direction of the camera, in the axes of the body
    """
    weights = []
    for patch in body.patches:
        width, height = patch.extent_m
        facing = np.clip((patch.outward * toward).sum(-1), 0, None).mean()
        inside = patch.name in ("bottom", "rim", "tray", "floor")
        weights.append(0.0 if inside else (facing**1.5) * width * height)
    share = np.array(weights) + 1e-12
    return body.patches[int(rng.choice(len(share), p=share / share.sum()))]


def visible_position(
    patch: Patch, rng: np.random.Generator, toward: Array, margin: float = 0.12
) -> tuple[float, float]:
    """A position (u, v) of the patch, each 0..1, that faces the camera.

    toward  (3,) direction of the camera, in the axes of the body
    """
    best, best_facing = (0.5, 0.5), -2.0
    for _ in range(6):
        u, v = rng.uniform(margin, 1 - margin, 2)
        facing = float((patch.at(u, v)[1] * toward).sum())
        if facing > 0.35:
            return float(u), float(v)
        if facing > best_facing:
            best, best_facing = (float(u), float(v)), facing
    return best


def denser(old: Array, centre: float, reach: float, count: int) -> Array:
    """(n,) grid lines of ``old``, 0..1, with ``count`` more within ``reach`` of a centre."""
    low, high = max(0.0, centre - reach), min(1.0, centre + reach)
    kept = old[(old < low - 1e-3) | (old > high + 1e-3)]
    joined = np.concatenate([kept, np.linspace(low, high, count), [0, 1]])
    return np.unique(np.round(joined, 6)).astype(np.float32)


def refine_near(body: Body, point: Array, radius: float, count: int) -> None:
    """Give the patches within ``radius`` metres of a point (3,) a finer grid there."""
    probe = np.linspace(0, 1, 17, dtype=np.float32)
    for index, patch in enumerate(body.patches):
        dense = patch.refined(probe, probe)
        distance = np.linalg.norm(dense.points - point, axis=-1)
        row, column = np.unravel_index(int(distance.argmin()), distance.shape)
        if distance[row, column] > 1.2 * radius:
            continue
        width, height = patch.extent_m
        u = denser(patch.u, float(probe[column]), 1.15 * radius / max(width, 1e-3), count)
        v = denser(patch.v, float(probe[row]), 1.15 * radius / max(height, 1e-3), count)
        body.patches[index] = patch.refined(u, v)


def waves(rng: np.random.Generator, scale_m: float) -> Callable[[Array], Array]:
    """A smooth random function of (..., 3) metres in about -1..1 with bumps of ``scale_m``."""
    direction = rng.normal(0, 1.2 / scale_m, (5, 3))
    phase = rng.uniform(0, 6.3, 5)

    def value(points: Array) -> Array:
        return np.asarray(np.sin(points @ direction.T + phase).mean(-1) * 1.6, np.float32)

    return value


def blend(skin: Skin, weight: Array, colour: Array, gloss: float | None = None) -> None:
    """Mix a colour, and a gloss where given, into a skin by (h, w) weights 0..1."""
    texture = skin.texture
    part = weight[..., None]
    texture[..., :3] = np.clip(texture[..., :3] * (1 - part) + colour * part, 0, 255)
    if gloss is not None:
        texture[..., 3] = texture[..., 3] * (1 - weight) + 255 * gloss * weight
