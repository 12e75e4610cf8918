"""What an item rests on: trays, belts and tables, and the walls of totes."""

from __future__ import annotations

import cv2
import numpy as np

from damage_perception.simulation.damage.outline import filled, outline, rough_noise, smooth_noise
from damage_perception.simulation.packaging.paper import Picture, tinted
from damage_perception.simulation.packaging.photographs import ground_photograph
from damage_perception.simulation.rendering.mesh import Array, Patch, Skin, box, sheet, vector
from damage_perception.simulation.split import Split, choose

_TEXELS = 320
_HALF_EXTENT_M = 12.0

_COLOURS = {
    "wood": (150, 112, 72),
    "grey": (128, 130, 132),
    "belt": (48, 52, 50),
    "red": (165, 38, 34),
    "blue": (38, 70, 140),
    "dirty": (110, 104, 96),
    "speckle": (150, 150, 148),
    "white": (222, 222, 218),
    "tiles": (168, 160, 150),
    "rollers": (148, 150, 152),
    "marble": (190, 186, 180),
    "studs": (66, 68, 74),
    "woven": (88, 96, 84),
    "perforated": (140, 144, 150),
    "black": (26, 26, 28),
    "cardboard": (170, 134, 94),
    "steel": (165, 168, 172),
}
# Floors of Euro containers (VDA 4500) and of larger bins.
_TOTES_M = ((0.3, 0.2), (0.4, 0.3), (0.6, 0.4), (0.8, 0.6))
_GLOSSY = ("red", "blue", "steel", "white", "grey", "tiles", "rollers", "marble")


def ground(split: Split, rng: np.random.Generator) -> Patch:
    """A plane at z = 0, far wider than any view, with a texture that repeats by reflection."""
    family = choose(split, "ground", rng)
    tile_m = float(np.exp(rng.uniform(np.log(0.25), np.log(1.2))))
    picture = ground_photograph(split, rng, (_TEXELS, _TEXELS))
    if picture is None:
        picture = _paint(family, split, rng)
    gloss = float(rng.uniform(0.1, 0.6) if family in _GLOSSY else rng.uniform(0, 0.15))
    span = 2 * _HALF_EXTENT_M
    patch = sheet(
        vector(-span / 2, span / 2, 0),
        vector(span, 0, 0),
        vector(0, -span, 0),
        Skin.of(picture, gloss),
        name="ground",
    )
    patch.outward = np.abs(patch.outward)
    line = np.linspace(-_HALF_EXTENT_M, _HALF_EXTENT_M, len(patch.u), dtype=np.float32) / tile_m
    patch.u = line + np.float32(rng.uniform(0, 1))
    patch.v = line + np.float32(rng.uniform(0, 1))
    patch.item = 0
    return patch


def walls(split: Split, rng: np.random.Generator, reach_m: float) -> list[Patch]:
    """The walls of a tote or tray around the origin, at least ``reach_m`` away from it."""
    fitting = [size for size in _TOTES_M if min(size) > 2 * reach_m]
    # What fits into no tote comes on a tray of its own.
    length, width = fitting[int(rng.integers(len(fitting)))] if fitting else (2.2 * reach_m,) * 2
    height = float(rng.uniform(0.03, 0.22 if fitting else 0.06))
    spare = np.array((length, width)) / 2 - reach_m
    shift = rng.uniform(-0.5, 0.5, 2) * spare
    skin = Skin.of(_paint(choose(split, "ground", rng), split, rng)[:64, :64], 0.2)
    inner = box((length, width, height), dict.fromkeys(_SIDES, skin), cells=1)
    outer = box((length + 0.012, width + 0.012, height), dict.fromkeys(_SIDES, skin), cells=1)
    for patch in inner:
        patch.outward = -patch.outward
    for patch in (*inner, *outer):
        patch.points = patch.points + np.array((*shift, 0), np.float32)
        patch.item, patch.name = 0, "wall"
    return [*inner, *outer]


_SIDES = ("front", "back", "left", "right")


def _paint(family: str, split: Split, rng: np.random.Generator) -> Picture:
    shape = (_TEXELS, _TEXELS)
    base = np.array(_COLOURS[family], np.float32) * rng.uniform(0.65, 1.25)
    base = base * rng.uniform(0.9, 1.1, 3).astype(np.float32)
    tone = (
        1
        + 0.04 * rng.standard_normal(shape, np.float32) * rng.uniform(0.2, 1.5)
        + 0.07 * smooth_noise(rng, shape, 4)
    )
    match family:
        case "wood":
            grain = rough_noise(rng, (_TEXELS, 12), 8)
            tone = tone + 0.22 * cv2.resize(grain.T.copy(), shape).T
            planks = (np.arange(_TEXELS) % int(rng.integers(40, 160)) < 2)[:, None]
            tone = tone * np.where(planks, 0.5, 1)
        case "belt":
            ribs = np.sin(np.arange(_TEXELS) * rng.uniform(0.3, 1.5))[None]
            tone = tone + rng.uniform(0, 0.2) * ribs
        case "speckle":
            tone = tone + 0.25 * (rng.random(shape) < 0.05) - 0.3 * (rng.random(shape) < 0.06)
        case "tiles":
            side = int(rng.integers(20, 110))
            cells = np.arange(_TEXELS) // side
            shades = rng.uniform(0.85, 1.15, (cells[-1] + 1,) * 2) ** rng.uniform(0.2, 2)
            joint = np.arange(_TEXELS) % side < int(rng.integers(1, 5))
            tone = tone * shades[cells][:, cells]
            tone = np.where(joint[:, None] | joint, rng.uniform(0.5, 1.2), tone)
        case "rollers":
            across = np.arange(_TEXELS) % int(rng.integers(24, 90)) / rng.uniform(20, 80)
            round_bar = np.sqrt(np.clip(1 - (2 * across - 1) ** 2, 0, 1))
            tone = tone * (0.25 + 0.75 * round_bar)[:, None]
        case "marble":
            veins = np.abs(rough_noise(rng, shape, 4))
            tone = tone - rng.uniform(0.1, 0.5) * np.exp(-veins * rng.uniform(8, 30))
        case "studs":
            pitch = int(rng.integers(10, 40))
            y, x = np.mgrid[:_TEXELS, :_TEXELS] % pitch - pitch / 2
            raised = np.clip(1 - np.hypot(x, y) / (rng.uniform(0.15, 0.4) * pitch), 0, 1)
            tone = tone + rng.uniform(0.1, 0.5) * raised * (1 + 0.5 * np.sign(x + y))
        case "woven":
            step = rng.uniform(0.4, 1.2)
            line = np.sin(np.arange(_TEXELS) * step)
            tone = tone + 0.2 * np.outer(line, line)
        case "perforated":
            pitch = int(rng.integers(12, 36))
            y, x = np.mgrid[:_TEXELS, :_TEXELS] % pitch - pitch / 2
            tone = np.where(np.hypot(x, y) < 0.3 * pitch, 0.2, tone)
        case "steel" | "cardboard":
            brushed = rng.normal(0, 1, (_TEXELS, 1)) * 0.05
            tone = tone + brushed
        case _:
            pass
    if family == "dirty" or rng.random() < 0.35:
        for _ in range(int(rng.integers(1, 7))):
            tone = tone * _smudge(split, rng)
    return tinted(tone, base.tolist())


def _smudge(split: Split, rng: np.random.Generator) -> Array:
    """The tone of an old, dry mark of a tray: faint, so that it is no spill."""
    shape = (_TEXELS, _TEXELS)
    at = rng.uniform(0, 1, 2) * shape
    size = vector(rng.uniform(3, 40), rng.uniform(3, 40))
    mask = filled(outline(split, rng), shape, (float(at[0]), float(at[1])), size)
    mask = cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(1, 6)))
    return 1 + mask * float(rng.uniform(-0.22, 0.15))
