"""Damage to the surface of a body: crushed, torn, pierced, stained, or short of a unit."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from damage_perception.kinds import (
    CODES,
    CRUSH,
    DECONSTRUCTION,
    HOLE,
    MISSING_UNIT,
    SPILLAGE,
    TEAR,
)
from damage_perception.simulation.mesh import Array, Body, Patch, Skin
from damage_perception.simulation.opening import open_up
from damage_perception.simulation.outline import filled, outline, rough_noise
from damage_perception.simulation.spill import spill
from damage_perception.simulation.split import Split

APPLICABLE: dict[str, tuple[str, ...]] = {
    "carton": (CRUSH, TEAR, HOLE, DECONSTRUCTION, SPILLAGE),
    "printed_box": (CRUSH, TEAR, HOLE, DECONSTRUCTION, SPILLAGE),
    "mailer": (TEAR, HOLE, DECONSTRUCTION, SPILLAGE),
    "cylinder": (CRUSH, HOLE, DECONSTRUCTION, SPILLAGE),
    "bottle": (CRUSH, HOLE, SPILLAGE),
    "book": (CRUSH, TEAR, DECONSTRUCTION, SPILLAGE),
    "multipack": (MISSING_UNIT, CRUSH, TEAR, DECONSTRUCTION, SPILLAGE),
}


def damage(
    body: Body, kind: str, severity: float, split: Split, rng: np.random.Generator, toward: Array
) -> None:
    """Damage a body in place.

    severity 0 (just to be seen) to 1 (wrecked); toward is the (3,) direction of the camera in the
    body's axes: damage is put where it may be seen.
    """
    _ACTIONS[kind](body, severity, split, rng, toward)


def _visible_patch(body: Body, rng: np.random.Generator, toward: Array) -> Patch:
    """A patch drawn by the area that faces the camera."""
    weights = []
    for patch in body.patches:
        width, height = patch.extent_m
        facing = np.clip((patch.outward * toward).sum(-1), 0, None).mean()
        inside = patch.name in ("bottom", "rim", "tray", "floor")
        weights.append(0.0 if inside else (facing**1.5) * width * height)
    share = np.array(weights) + 1e-12
    return body.patches[int(rng.choice(len(share), p=share / share.sum()))]


def _visible_position(
    patch: Patch, rng: np.random.Generator, toward: Array, margin: float = 0.12
) -> tuple[float, float]:
    """A position (u, v) of the patch that faces the camera."""
    best, best_facing = (0.5, 0.5), -2.0
    for _ in range(6):
        u, v = rng.uniform(margin, 1 - margin, 2)
        facing = float((patch.at(u, v)[1] * toward).sum())
        if facing > 0.35:
            return float(u), float(v)
        if facing > best_facing:
            best, best_facing = (float(u), float(v)), facing
    return best


def _lines(old: Array, centre: float, reach: float, count: int) -> Array:
    """Grid lines of old with ``count`` more around a centre."""
    low, high = max(0.0, centre - reach), min(1.0, centre + reach)
    kept = old[(old < low - 1e-3) | (old > high + 1e-3)]
    joined = np.concatenate([kept, np.linspace(low, high, count), [0, 1]])
    return np.unique(np.round(joined, 6)).astype(np.float32)


def _refine_near(body: Body, point: Array, radius: float, count: int) -> None:
    """Give the patches near a point a finer grid there."""
    probe = np.linspace(0, 1, 17, dtype=np.float32)
    for index, patch in enumerate(body.patches):
        dense = patch.refined(probe, probe)
        distance = np.linalg.norm(dense.points - point, axis=-1)
        row, column = np.unravel_index(int(distance.argmin()), distance.shape)
        if distance[row, column] > 1.2 * radius:
            continue
        width, height = patch.extent_m
        u = _lines(patch.u, float(probe[column]), 1.15 * radius / max(width, 1e-3), count)
        v = _lines(patch.v, float(probe[row]), 1.15 * radius / max(height, 1e-3), count)
        body.patches[index] = patch.refined(u, v)


def _waves(rng: np.random.Generator, scale_m: float) -> Callable[[Array], Array]:
    """A smooth random function of space in about -1..1 with bumps of ``scale_m``."""
    direction = rng.normal(0, 1.2 / scale_m, (5, 3))
    phase = rng.uniform(0, 6.3, 5)

    def value(points: Array) -> Array:
        return np.asarray(np.sin(points @ direction.T + phase).mean(-1) * 1.6, np.float32)

    return value


def _crush(
    body: Body, severity: float, split: Split, rng: np.random.Generator, toward: Array
) -> None:
    boxy = body.form in ("carton", "printed_box", "book")
    mode = str(rng.choice(["corner", "edge", "face", "collapse"], p=[0.35, 0.3, 0.25, 0.1]))
    patch = _visible_patch(body, rng, toward)
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
        u, v = _visible_position(patch, rng, toward)
        point, normal = patch.at(u, v)
        push = -normal + rng.normal(0, 0.15, 3)
    push = (push / np.linalg.norm(push)).astype(np.float32)
    radius = (0.17 + 0.4 * severity * rng.uniform(0.6, 1.2)) * (0.6 * largest + 0.4 * smallest)
    if not boxy:
        radius = min(radius, 1.2 * smallest) if body.form != "multipack" else radius * 0.6
    depth = float(min(radius * rng.uniform(0.3, 0.6) * (0.75 + 0.8 * severity), 0.6 * smallest))
    depth = max(depth, 0.005)
    _refine_near(body, point, radius, 22)
    wobble, crease = _waves(rng, radius * 0.5), _waves(rng, radius * 0.22)
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
        tone = np.float32(rng.choice([40, 120, 235], p=[0.3, 0.3, 0.4]))
        _blend(patch.skin, worn.astype(np.float32), np.full(3, tone, np.float32))


def _collapse(body: Body, severity: float, rng: np.random.Generator) -> None:
    """The whole upper side gives way and the sides bulge."""
    line = np.linspace(0, 1, 19, dtype=np.float32)
    body.patches = [patch.refined(line, line) for patch in body.patches]
    height = body.size_m[2]
    wave, fold = _waves(rng, 0.35 * max(body.size_m)), _waves(rng, 0.12 * max(body.size_m))
    depth = height * (0.12 + 0.3 * severity)

    def amount(points: Array) -> Array:
        share = 0.5 + 0.5 * wave(points) + 0.15 * fold(points)
        return np.clip(share, 0, 1.2) * np.clip(points[..., 2] / height, 0, 1)

    def bulge(points: Array, outward: Array) -> Array:
        share = np.sin(np.pi * np.clip(points[..., 2] / height, 0, 1)) * (0.6 + 0.6 * fold(points))
        return 0.25 * depth * share[..., None] * outward * np.float32([1, 1, 0])

    body.deform(bulge)
    _press(body, amount, np.float32([0, 0, -depth]), rng)


def _blend(skin: Skin, weight: Array, colour: Array, gloss: float | None = None) -> None:
    """Mix a colour, and a gloss where given, into a skin by (h, w) weights 0..1."""
    texture = skin.texture
    part = weight[..., None]
    texture[..., :3] = np.clip(texture[..., :3] * (1 - part) + colour * part, 0, 255)
    if gloss is not None:
        texture[..., 3] = texture[..., 3] * (1 - weight) + 255 * gloss * weight


def _cut(
    body: Body, rng: np.random.Generator, toward: Array, radius_m: float, margin: float
) -> tuple[int, Patch, tuple[float, float], Array]:
    """Choose a place for a cut, refine the grid there: patch index, patch, (u, v), px per metre."""
    chosen = _visible_patch(body, rng, toward)
    index = next(i for i, patch in enumerate(body.patches) if patch is chosen)
    u, v = _visible_position(chosen, rng, toward, margin)
    width, height = chosen.extent_m
    reach_u, reach_v = 1.9 * radius_m / width, 1.9 * radius_m / height
    patch = chosen.refined(_lines(chosen.u, u, reach_u, 30), _lines(chosen.v, v, reach_v, 30))
    rows, columns = patch.skin.kinds.shape
    if max(reach_u, reach_v) * 2 > 0 and min(columns / width, rows / height) * radius_m < 10:
        factor = min(3.0, 12 / (min(columns / width, rows / height) * radius_m))
        patch.skin = _enlarged(patch.skin, factor)
    else:
        patch.skin = patch.skin.copy()
    rows, columns = patch.skin.kinds.shape
    body.patches[index] = patch
    return index, patch, (u, v), np.float32([columns / width, rows / height])


def _enlarged(skin: Skin, factor: float) -> Skin:
    """The skin with more texels, for detail smaller than a texel."""
    shape = (round(skin.kinds.shape[1] * factor), round(skin.kinds.shape[0] * factor))
    texture = cv2.resize(skin.texture, shape, interpolation=cv2.INTER_LINEAR)
    kinds = cv2.resize(skin.kinds, shape, interpolation=cv2.INTER_NEAREST)
    return Skin(np.asarray(texture, np.uint8), np.asarray(kinds, np.uint8))


def _hole(
    body: Body, severity: float, split: Split, rng: np.random.Generator, toward: Array
) -> None:
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
    paper = np.float32([(205, 180, 145), (235, 232, 225), (150, 120, 85)][int(rng.integers(3))])
    _blend(patch.skin, rim * np.float32(0.85), paper, 0.02)
    patch.skin.texture[..., :3] = np.clip(
        patch.skin.texture[..., :3] * (1 + (fibre - 1) * rim)[..., None], 0, 255
    )
    dark = np.float32(rng.uniform(6, 45)) * np.float32([1.1, 1.0, 0.9])
    depth = float(min(0.8 * smallest, radius * rng.uniform(1.2, 3)))
    _blend(patch.skin, inside, dark, 0.0)
    patch.skin.kinds[rim > 0.5] = CODES[HOLE]
    deep = patch.gather(cv2.GaussianBlur(inside, (0, 0), 1.0))
    raised = np.clip(patch.gather(cv2.GaussianBlur(rim - inside, (0, 0), 1.2)), 0, 1)
    lip = radius * rng.uniform(-0.15, 0.25)
    shift = raised * lip - deep * depth
    patch.points = (patch.points + shift[..., None] * patch.outward).astype(np.float32)
    np.maximum(patch.points[..., 2], 0.0005, out=patch.points[..., 2])


def _tear(
    body: Body, severity: float, split: Split, rng: np.random.Generator, toward: Array
) -> None:
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
    paper = np.float32([(215, 192, 160), (240, 238, 232), (172, 138, 98)][int(rng.integers(3))])
    fibre = (1 + 0.25 * rough_noise(rng, shape, 25))[..., None]
    _blend(patch.skin, whole * np.float32(0.9), paper, 0.02)
    through = rng.random() < 0.6
    bottom = np.float32(rng.uniform(8, 70) if through else 1) * (
        np.float32([1.1, 1.0, 0.85]) if through else paper * np.float32(rng.uniform(0.55, 0.85))
    )
    _blend(patch.skin, inside, bottom, 0.02)
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


def _missing(
    body: Body, severity: float, split: Split, rng: np.random.Generator, toward: Array
) -> None:
    names = sorted({patch.name for patch in body.patches if patch.name.startswith("unit")})
    most = max(1, round(severity * 0.5 * len(names)))
    count = int(rng.integers(1, most + 1))
    gone = set(rng.choice(names, count, replace=False).tolist())
    body.ghosts += [patch for patch in body.patches if patch.name in gone]
    body.patches = [patch for patch in body.patches if patch.name not in gone]


_ACTIONS: dict[str, Callable[[Body, float, Split, np.random.Generator, Array], None]] = {
    CRUSH: _crush,
    TEAR: _tear,
    HOLE: _hole,
    DECONSTRUCTION: open_up,
    SPILLAGE: spill,
    MISSING_UNIT: _missing,
}
