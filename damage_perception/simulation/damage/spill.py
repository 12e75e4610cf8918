"""Spilled contents: stains and drips on the item, puddles and piles on the ground about it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from damage_perception.kinds import CODES, SPILLAGE
from damage_perception.simulation.damage.outline import filled, outline, rough_noise, smooth_noise
from damage_perception.simulation.rendering.mesh import Array, Body, Patch, Skin, vector
from damage_perception.simulation.split import Split, choose


@dataclass(frozen=True)
class Stain:
    """What was spilled: colour, cover 0..1 (thin to opaque), gloss, and whether it is a powder."""

    colour: tuple[int, int, int]
    cover: float
    gloss: float
    powder: bool = False


_STAINS = {
    "coffee": Stain((70, 42, 22), 0.7, 0.6),
    "oil": Stain((140, 105, 30), 0.55, 0.9),
    "paint": Stain((200, 40, 60), 0.95, 0.7),
    "juice": Stain((190, 90, 30), 0.65, 0.75),
    "flour": Stain((238, 234, 222), 0.95, 0.0, True),
    "soil": Stain((66, 46, 32), 0.97, 0.0, True),
    "milk": Stain((226, 222, 212), 0.8, 0.7),
    "detergent": Stain((90, 120, 175), 0.4, 0.9),
    "lemonade": Stain((205, 200, 140), 0.3, 0.95),
    "water": Stain((60, 62, 66), 0.45, 1.0),
    "ketchup": Stain((165, 25, 15), 0.97, 0.8),
    "sugar": Stain((225, 205, 175), 0.95, 0.1, True),
}


def spill(
    body: Body, severity: float, split: Split, rng: np.random.Generator, toward: Array
) -> None:
    """Stain the body and lay a puddle or a pile beside it, most often both."""
    stain = _STAINS[choose(split, "stain", rng)]
    tint = vector(*stain.colour) * rng.uniform(0.7, 1.25, 3).astype(np.float32)
    if rng.random() < 0.3:
        tint = tint[rng.permutation(3)]
    where = str(rng.choice(["item", "ground", "both"], p=[0.35, 0.25, 0.4]))
    if where != "ground":
        _soil(body, stain, tint, severity, split, rng, toward)
    if where != "item":
        for _ in range(int(rng.integers(1, 3))):
            body.patches.append(_pool(body, stain, tint, severity, rng, toward))


def _soil(
    body: Body,
    stain: Stain,
    tint: Array,
    severity: float,
    split: Split,
    rng: np.random.Generator,
    toward: Array,
) -> None:
    """Stain the faces around a point that the camera sees, with drips down the sides."""
    seen = [
        patch
        for patch in body.patches
        if (patch.outward * toward).sum(-1).max() > 0.35 and patch.name not in ("bottom", "rim")
    ]
    first = seen[int(rng.integers(len(seen)))]
    source, _ = first.at(*rng.uniform(0.05, 0.95, 2))
    reach = (0.1 + 0.35 * severity * rng.uniform(0.6, 1.2)) * max(body.size_m)
    touched: dict[int, Skin] = {}
    for patch in seen:
        distance = np.linalg.norm(patch.points - source, axis=-1)
        if distance.min() > reach:
            continue
        if id(patch.skin) in touched and patch.name.startswith("unit"):
            continue
        skin = patch.skin.copy()
        touched[id(patch.skin)] = skin
        patch.skin = skin
        shape = (skin.kinds.shape[0], skin.kinds.shape[1])
        field = 1 - patch.spread(distance) / reach + 0.45 * rough_noise(rng, shape, 5, 4)
        upright = np.abs(patch.outward[..., 2]).mean() < 0.4
        if upright and not stain.powder:
            field = np.maximum(field, _drips(field, rng))
        mask = np.clip(field * 9 - 1.5, 0, 1)
        for _ in range(int(rng.integers(0, 6))):
            at = rng.uniform(0, 1, 2) * shape[::-1]
            r = float(rng.uniform(0.01, 0.04) * max(shape))
            near = 1 - patch.spread(distance)[int(at[1]), int(at[0])] / (1.8 * reach)
            if near > 0:
                drop = filled(
                    outline(split, rng), shape, (float(at[0]), float(at[1])), vector(r, r)
                )
                mask = np.maximum(mask, drop)
        _wet(skin, mask.astype(np.float32), stain, tint, rng)


def _drips(field: Array, rng: np.random.Generator) -> Array:
    """Liquid that runs down: each column keeps what it had above for a random length."""
    height, width = field.shape
    length = cv2.resize(
        rng.uniform(0.0, 1.0, (1, max(2, width // 8))).astype(np.float32), (width, 1)
    )
    fall = np.maximum.accumulate(field, axis=0)
    first = np.argmax(field > 0.2, axis=0)[None]
    below = np.arange(height)[:, None] - first
    running = (below < length**2 * height * 1.2) & (fall > 0.2)
    return np.asarray(np.where(running, fall * 0.6, -1), np.float32)


def _wet(skin: Skin, mask: Array, stain: Stain, tint: Array, rng: np.random.Generator) -> None:
    """Colour a skin with the stain where the mask is, darker or denser toward its rim."""
    shape = (skin.kinds.shape[0], skin.kinds.shape[1])
    if stain.powder:
        grain = (rng.random(shape) < 0.25 + 0.75 * cv2.GaussianBlur(mask, (0, 0), 2)).astype(
            np.float32
        )
        weight = mask * grain * stain.cover
        shade = 1 + 0.15 * rng.normal(0, 1, shape)
    else:
        rim = mask - cv2.GaussianBlur(mask, (0, 0), 2.5)
        weight = mask * (stain.cover * rng.uniform(0.7, 1)) + np.clip(rim, 0, 1) * 0.3
        shade = 1 + 0.1 * smooth_noise(rng, shape, 6)
    part = np.clip(weight, 0, 1)[..., None]
    colour = tint * shade[..., None]
    if not stain.powder:
        colour = colour * 0.6 + 0.4 * skin.texture[..., :3] * (tint / 255)
    skin.texture[..., :3] = np.clip(skin.texture[..., :3] * (1 - part) + colour * part, 0, 255)
    skin.texture[..., 3] = (
        skin.texture[..., 3] * (1 - part[..., 0]) + 255 * stain.gloss * part[..., 0]
    )
    skin.kinds[mask > 0.4] = CODES[SPILLAGE]


def _pool(
    body: Body,
    stain: Stain,
    tint: Array,
    severity: float,
    rng: np.random.Generator,
    toward: Array,
) -> Patch:
    """A raised puddle or pile on the ground; where its height is below 0 the ground hides it."""
    x, y, _ = body.size_m
    size = float((0.18 + 0.5 * severity * rng.uniform(0.5, 1.2)) * max(body.size_m))
    size = max(size, 0.02)
    side = np.arctan2(toward[1], toward[0]) + rng.normal(0, 1.1)
    reach = 0.5 / max(abs(np.cos(side)) / x, abs(np.sin(side)) / y)
    centre = np.array([np.cos(side), np.sin(side)]) * (reach + rng.uniform(-0.1, 0.35) * size)
    cells = 44
    line = np.linspace(-1, 1, cells + 1, dtype=np.float32)
    gx, gy = np.meshgrid(line, line)
    shape = (cells + 1, cells + 1)
    stretch = rng.uniform(0.6, 1.0, 2)
    blob = 1 - np.hypot(gx / stretch[0], gy / stretch[1]) ** 2
    if stain.powder:
        height = blob * 0.7 + 0.35 * rough_noise(rng, shape, 5) + 0.12 * rng.normal(0, 1, shape)
        rise = size * rng.uniform(0.04, 0.18)
    else:
        height = np.tanh(3 * (blob * 0.8 + 0.45 * rough_noise(rng, shape, 4, 2)))
        rise = rng.uniform(0.0006, 0.0025)
    height = np.minimum(height, 2.0 * (1 - np.maximum(np.abs(gx), np.abs(gy))) - 0.05)
    points = np.stack(
        [centre[0] + gx * size, centre[1] + gy * size, (height - 0.15) * rise], -1
    ).astype(np.float32)
    outward = np.zeros_like(points)
    outward[..., 2] = 1
    tone = 1 + (0.18 if stain.powder else 0.05) * rng.normal(0, 1, (96, 96, 1))
    color = np.clip(tint * tone, 0, 255).astype(np.uint8)
    u = (line + 1) / 2
    skin = Skin.of(color, stain.gloss, CODES[SPILLAGE])
    return Patch(points, outward, u, u, skin, item=0, name="pool")
