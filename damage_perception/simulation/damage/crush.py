"""Crushed packages: dented corners, edges and faces, and collapsed boxes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from damage_perception.kinds import CODES, CRUSH
from damage_perception.simulation.damage.outline import rough_noise
from damage_perception.simulation.damage.placing import (
    blend,
    refine_near,
    visible_patch,
    visible_position,
    waves,
)
from damage_perception.simulation.rendering.mesh import Array, Body, vector
from damage_perception.simulation.split import Split


def crush(
    body: Body, severity: float, split: Split, rng: np.random.Generator, toward: Array
) -> None:
    """Dent a corner, an edge or a face of the body in place, or let a box collapse."""
    boxy = body.form in ("carton", "printed_box", "book")
    mode = str(rng.choice(["corner", "edge", "face", "collapse"], p=[0.35, 0.3, 0.25, 0.1]))
    patch = visible_patch(body, rng, toward)
    smallest, largest = min(body.size_m), max(body.size_m)
    if mode == "collapse" and boxy:
        _collapse(body, severity, rng)
        return
    if boxy and mode in ("corner", "edge"):
        u, v = (float(rng.integers(2)), float(rng.integers(2)))
        if mode == "edge":
            u, v = (
                (u, rng.uniform(0.15, 0.85)) if rng.random() < 0.5 else (rng.uniform(0.15, 0.85), v)
            )
        point, normal = patch.at(u, v)
        centre = np.array([0, 0, body.size_m[2] / 2], np.float32)
        inward = (centre - point) / np.array(body.size_m, np.float32)
        if mode == "edge":
            along = int(np.argmin(np.abs(inward)))
            inward[along] = 0
        push = np.sign(inward) * (np.abs(inward) > 0.2) + rng.normal(0, 0.25, 3)
    else:
        u, v = visible_position(patch, rng, toward)
        point, normal = patch.at(u, v)
        push = -normal + rng.normal(0, 0.15, 3)
    push = (push / np.linalg.norm(push)).astype(np.float32)
    radius = (0.17 + 0.4 * severity * rng.uniform(0.6, 1.2)) * (0.6 * largest + 0.4 * smallest)
    if not boxy:
        radius = min(radius, 1.2 * smallest) if body.form != "multipack" else radius * 0.6
    depth = float(min(radius * rng.uniform(0.3, 0.6) * (0.75 + 0.8 * severity), 0.6 * smallest))
    depth = max(depth, 0.005)
    refine_near(body, point, radius, 22)
    wobble, crease = waves(rng, radius * 0.5), waves(rng, radius * 0.22)
    stretch = rng.uniform(0.6, 1.35, 3).astype(np.float32)
    sharp = rng.uniform(0.7, 1.6)

    def amount(points: Array) -> Array:
        distance = np.linalg.norm((points - point) * stretch, axis=-1) / radius
        distance = distance * (1 + 0.25 * wobble(points))
        profile = np.clip(1 - distance, 0, 1) ** sharp
        fold = 1 - np.abs(crease(points))
        return np.asarray(profile * (0.55 + 0.65 * fold), np.float32)

    _press(body, amount, push * depth, rng)


def _press(
    body: Body, amount: Callable[[Array], Array], push_m: Array, rng: np.random.Generator
) -> None:
    """Move the surface by amount * push, label it and draw its creases."""
    depth = float(np.linalg.norm(push_m))
    for patch in body.patches:
        share = amount(patch.points)
        if share.max() * depth < 0.001 or patch.item == 0:
            continue
        patch.points = (patch.points + share[..., None] * push_m).astype(np.float32)
        np.maximum(patch.points[..., 2], 0.0005, out=patch.points[..., 2])
        patch.skin = patch.skin.copy()
        texels = patch.spread(share)
        pressed = texels * depth > max(0.0015, 0.16 * depth)
        patch.skin.kinds[pressed] = CODES[CRUSH]
        lines = np.abs(rough_noise(rng, patch.skin.kinds.shape, rng.uniform(4, 9), 2))
        worn = np.clip(1 - lines / 0.05, 0, 1) * np.clip(texels * 3, 0, 1) * rng.uniform(0.1, 0.7)
        tone = float(rng.choice([40, 120, 235], p=[0.3, 0.3, 0.4]))
        blend(patch.skin, worn.astype(np.float32), np.full(3, tone, np.float32))


def _collapse(body: Body, severity: float, rng: np.random.Generator) -> None:
    """The whole upper side gives way and the sides bulge."""
    line = np.linspace(0, 1, 19, dtype=np.float32)
    body.patches = [patch.refined(line, line) for patch in body.patches]
    height = body.size_m[2]
    wave, fold = waves(rng, 0.35 * max(body.size_m)), waves(rng, 0.12 * max(body.size_m))
    depth = height * (0.12 + 0.3 * severity)

    def amount(points: Array) -> Array:
        share = 0.5 + 0.5 * wave(points) + 0.15 * fold(points)
        return np.clip(share, 0, 1.2) * np.clip(points[..., 2] / height, 0, 1)

    def bulge(points: Array, outward: Array) -> Array:
        share = np.sin(np.pi * np.clip(points[..., 2] / height, 0, 1)) * (0.6 + 0.6 * fold(points))
        return 0.25 * depth * share[..., None] * outward * vector(1, 1, 0)

    body.deform(bulge)
    _press(body, amount, vector(0, 0, -depth), rng)
