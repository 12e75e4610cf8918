"""Boxes that came apart: flaps, panels and lids open, an inside, contents."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from damage_perception.kinds import CODES, DECONSTRUCTION
from damage_perception.simulation.damage.hinges import hinged, marked, part_of, thick
from damage_perception.simulation.damage.outline import rough_noise
from damage_perception.simulation.packaging.artwork import printed
from damage_perception.simulation.packaging.paper import board, palette
from damage_perception.simulation.rendering.mesh import (
    Array,
    Body,
    Patch,
    Skin,
    box,
    moved,
    rotation,
    sheet,
    vector,
)
from damage_perception.simulation.split import Split

_CODE = CODES[DECONSTRUCTION]


def open_box(
    body: Body, severity: float, split: Split, rng: np.random.Generator, toward: Array
) -> None:
    """Open a box in place: one flap, all flaps, a side panel or the lid."""
    raw = _raw(body, rng)
    mode = str(rng.choice(["flap", "flaps", "side", "lid"], p=[0.3, 0.35, 0.15, 0.2]))
    top = body.named("top")[0]
    others = [patch for patch in body.patches if patch is not top]
    spilling = float(max(0.0, rng.normal(0, 0.2) * severity) * body.size_m[2])
    lining = _inside(body.size_m, raw, rng) + _contents(body.size_m, split, rng, spilling)
    if mode == "side":
        facing = [float((patch.outward * toward).sum(-1).mean()) for patch in others]
        index = int(np.argmax(facing))
        panel = others.pop(index)
        side = str(rng.choice(["u0", "u1", "v1"]))
        turned = hinged(marked(panel), side, float(rng.uniform(0.25, 0.5) + severity))
        turned.points[..., 2] = np.maximum(turned.points[..., 2], 0.001)
        body.patches = [top, *others, *lining, *thick(turned, raw)]
        return
    if mode == "lid":
        tilt = rng.normal(0, 0.08 + 0.1 * severity, 2)
        shift = rng.normal(0, 0.15 + 0.25 * severity, 2) * np.array(body.size_m[:2])
        turn = (
            rotation("x", float(tilt[0]))
            @ rotation("y", float(tilt[1]))
            @ rotation("z", float(rng.normal(0, 0.35)))
        )
        pivot = vector(0, 0, body.size_m[2])
        rise = vector(shift[0], shift[1], 0.01 + 0.5 * np.abs(tilt).max() * max(body.size_m))
        lid = moved(marked(top), turn, pivot, rise)
        body.patches = [*others, *lining, *thick(lid, raw)]
        return
    halves = [
        (part_of(top, (0, 1), (0, 0.5)), "v0"),
        (part_of(top, (0, 1), (0.5, 1)), "v1"),
    ]
    opened = 1 if mode == "flap" else 2
    parts: list[Patch] = []
    order = rng.permutation(2)
    for rank, which in enumerate(order):
        half, side = halves[int(which)]
        if rank < opened:
            angle = float(rng.uniform(0.25, 0.6) + severity * rng.uniform(0.3, 2.6))
            flap = hinged(marked(half), side, angle, float(rng.normal(0, 0.2)))
            parts += thick(flap, raw)
        else:
            parts.append(half)
    if mode == "flaps" and rng.random() < 0.7:
        x, y, z = body.size_m
        skin = Skin.of(np.full((8, 8, 3), raw, np.uint8), 0.03, _CODE)
        reach = min(x, y) / 2 * 0.95
        for sign, border in ((-1, "u0"), (1, "u1")):
            inner = sheet(
                vector(-x / 2 if sign < 0 else x / 2 - reach, -y / 2, z - 0.001),
                vector(reach, 0, 0),
                vector(0, y, 0),
                skin,
                6,
            )
            parts.append(hinged(inner, border, float(rng.uniform(0.3, 2.4))))
    for patch in parts:
        patch.points[..., 2] = np.maximum(patch.points[..., 2], 0.001)
    body.patches = [*others, *lining, *parts]


def _inside(
    size_m: tuple[float, float, float], shade: tuple[int, int, int], rng: np.random.Generator
) -> list[Patch]:
    """The inner walls and floor of a box."""
    x, y, z = size_m
    skin = Skin.of(board(rng, (40, 40), shade), 0.02, _CODE)
    dark = Skin.of(board(rng, (40, 40), (shade[0] // 2, shade[1] // 2, shade[2] // 2)), 0.02, _CODE)
    skins = dict.fromkeys(("front", "back", "left", "right"), skin) | {"bottom": dark}
    walls = box((x - 0.004, y - 0.004, z - 0.001), skins, cells=3)
    walls = [replace(patch, outward=-patch.outward, name="inside") for patch in walls]
    for patch in walls:
        patch.points[..., 2] += 0.001
    return walls


def _contents(
    size_m: tuple[float, float, float], split: Split, rng: np.random.Generator, rise_m: float
) -> list[Patch]:
    """Smaller boxes, or crumpled paper, that fill the inside up to a height."""
    x, y, z = size_m
    patches: list[Patch] = []
    if rng.random() < 0.5:
        cells = 22
        base = float(z * rng.uniform(0.35, 0.8)) + rise_m
        tone = [(205, 175, 130), (235, 235, 235), (250, 250, 250)][int(rng.integers(3))]
        skin = Skin.of(board(rng, (60, 60), tone), 0.1, _CODE)
        filler = sheet(
            vector(-x / 2 + 0.003, -y / 2 + 0.003, base),
            vector(x - 0.006, 0, 0),
            vector(0, y - 0.006, 0),
            skin,
            cells,
            "contents",
        )
        bumps = np.abs(rough_noise(rng, (cells + 1, cells + 1), 5, 3))
        filler.points[..., 2] += (bumps * 0.25 * z).astype(np.float32)
        patches.append(filler)
    for _ in range(int(rng.integers(1, 4))):
        sx, sy = rng.uniform(0.25, 0.7, 2) * (x, y)
        sz = float(z * rng.uniform(0.4, 0.9)) + rise_m
        colours = palette(rng, 3)
        faces = {
            name: Skin.of(printed(split, rng, (48, 48), colours), 0.4, _CODE)
            for name in ("top", "front", "back", "left", "right")
        }
        turn = rotation("z", float(rng.uniform(-0.5, 0.5)))
        room = np.array([x - sx * 1.3, y - sy * 1.3, 0]).clip(0) / 2
        shift = (rng.uniform(-1, 1, 3) * room).astype(np.float32)
        inner = box((float(sx), float(sy), sz), faces, cells=2)
        patches += [moved(part, turn, np.zeros(3, np.float32), shift) for part in inner]
    return [replace(patch, name="contents") for patch in patches]


def _raw(body: Body, rng: np.random.Generator) -> tuple[int, int, int]:
    """The colour of the raw inner side."""
    tone = rng.uniform(0.7, 1.1)
    base = (178, 142, 100) if body.form == "carton" or rng.random() < 0.5 else (215, 213, 208)
    return int(base[0] * tone), int(base[1] * tone), int(base[2] * tone)
