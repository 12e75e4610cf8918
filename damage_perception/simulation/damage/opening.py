"""Packages that came apart: opened ends, lids off, covers up, units out of their slots."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from damage_perception.kinds import CODES, DECONSTRUCTION
from damage_perception.simulation.damage.hinges import hinged, marked, part_of, thick
from damage_perception.simulation.damage.outline import rough_noise
from damage_perception.simulation.packaging.artwork import printed
from damage_perception.simulation.packaging.opened_boxes import open_box
from damage_perception.simulation.packaging.paper import board, palette
from damage_perception.simulation.rendering.mesh import (
    Array,
    Body,
    Skin,
    box,
    moved,
    rotation,
    sheet,
    vector,
)
from damage_perception.simulation.split import Split

_CODE = CODES[DECONSTRUCTION]


def open_up(
    body: Body, severity: float, split: Split, rng: np.random.Generator, toward: Array
) -> None:
    """Open the body in place, in a way that its form allows."""
    if body.form in ("carton", "printed_box"):
        open_box(body, severity, split, rng, toward)
    elif body.form == "mailer":
        _open_mailer(body, severity, split, rng, toward)
    elif body.form == "cylinder":
        _open_cylinder(body, severity, rng, toward)
    elif body.form == "book":
        _open_book(body, severity, rng)
    else:
        _tip_out(body, severity, rng)


def _open_mailer(
    body: Body, severity: float, split: Split, rng: np.random.Generator, toward: Array
) -> None:
    """Contents slide out of an end, whose border is torn open."""
    x, y, z = body.size_m
    end = 1 if toward[0] > 0 else -1
    top = body.named("top")[0]
    top.skin = top.skin.copy()
    columns = top.skin.kinds.shape[1]
    rim = max(3, int(columns * rng.uniform(0.03, 0.08)))
    part = np.s_[:, -rim:] if end > 0 else np.s_[:, :rim]
    top.skin.kinds[part] = _CODE
    mouth = np.clip(1 - (1 - end * (top.points[..., 0] / (x / 2))) / 0.35, 0, 1)
    across = np.clip(1 - np.abs(top.points[..., 1]) / (0.48 * y), 0, 1) ** 0.5
    top.points[..., 2] += (mouth * across * z * rng.uniform(0.6, 1.1)).astype(np.float32)
    size = (
        float(x * rng.uniform(0.4, 0.7)),
        float(y * rng.uniform(0.4, 0.75)),
        float(z * rng.uniform(0.5, 0.85)),
    )
    colours = palette(rng, 3)
    faces = {
        name: Skin.of(printed(split, rng, (72, 72), colours), 0.4, _CODE)
        for name in ("top", "front", "back", "left", "right")
    }
    reach = size[0] * (0.15 + 0.6 * severity)
    shift = vector(end * (x / 2 + reach - size[0] / 2), rng.normal(0, 0.05) * y, 0.004)
    turn = rotation("z", float(rng.normal(0, 0.12)))
    body.patches += [
        replace(moved(patch, turn, np.zeros(3, np.float32), shift), name="contents")
        for patch in box(size, faces, cells=2)
    ]
    dark = Skin.of(np.full((8, 8, 3), 25, np.uint8), 0.05, _CODE)
    for patch in body.patches:
        border = patch.points[..., 0].mean() * end
        if patch.name == "rim" and border > 0.4 * x:
            patch.skin = dark
            patch.points = patch.points * vector(0.97, 1, 1)
            patch.points[0] = top.points[:, -1 if end > 0 else 0] * vector(0.97, 1, 1)


def _open_cylinder(body: Body, severity: float, rng: np.random.Generator, toward: Array) -> None:
    """The lid that faces the camera is off: a dark inside, and the lid lies beside."""
    lids = body.named("top", "bottom")
    lid = max(lids, key=lambda patch: float((patch.outward * toward).sum(-1).mean()))
    side = body.named("side")[0]
    raw = int(rng.integers(60, 190))
    dark = Skin.of(board(rng, (24, 24), (raw, raw, raw)), 0.3, _CODE)
    lining = replace(
        side,
        points=(side.points - 0.0015 * side.outward).astype(np.float32),
        outward=-side.outward,
        skin=dark,
        name="inside",
    )
    length = side.extent_m[1]
    axis = lid.outward[0, 0]
    fill = rng.uniform(0.15, 0.3) + 0.6 * severity
    content = palette(rng, 3)[int(rng.integers(3))]
    cavity = replace(
        lid,
        points=(lid.points * 0.995 - axis * (fill * length)).astype(np.float32),
        skin=Skin.of(board(rng, (32, 32), content), float(rng.uniform(0, 0.6)), _CODE),
    )
    np.maximum(cavity.points[..., 2], 0.0008, out=cavity.points[..., 2])
    body.patches = [patch for patch in body.patches if patch is not lid] + [lining, cavity]
    if rng.random() < 0.6:
        centre = lid.points.mean((0, 1))
        radius = float(np.linalg.norm(lid.points - centre, axis=-1).max())
        flat = lid.points - centre
        u, v = np.meshgrid(lid.u - 0.5, 0.5 - lid.v)
        spread = np.linalg.norm(flat, axis=-1)
        angle = np.arctan2(v, u)
        away = np.arctan2(toward[1], toward[0]) + rng.normal(0, 0.9)
        reach = 0.5 * max(body.size_m[:2]) + radius * rng.uniform(0.8, 1.4)
        points = np.stack([spread * np.cos(angle), spread * np.sin(angle), 0.006 + 0 * u], -1)
        loose = marked(replace(lid, points=points.astype(np.float32)))
        loose.outward = np.broadcast_to(vector(0, 0, 1), points.shape).copy()
        shift = vector(np.cos(away) * reach, np.sin(away) * reach, 0)
        tilt = rotation("x", float(rng.normal(0, 0.06)))
        body.patches.append(moved(loose, tilt, np.zeros(3, np.float32), shift))


def _open_book(body: Body, severity: float, rng: np.random.Generator) -> None:
    """The cover stands open over the pages, or the block came out of it askew."""
    x, y, z = body.size_m
    top = body.named("top")[0]
    others = [patch for patch in body.patches if patch is not top]
    pages = board(rng, (80, 80), (236, 231, 218))
    for row in range(8, 72, 4):
        width = int(rng.integers(40, 70))
        pages[row, 6:width] = pages[row, 6:width] // 2
    page = sheet(
        vector(-x / 2 + 0.002, -y / 2 + 0.002, z - 0.002),
        vector(x - 0.004, 0, 0),
        vector(0, y - 0.004, 0),
        Skin.of(pages, 0.02, _CODE),
        8,
    )
    page.points[..., 2] += (
        0.006 * np.abs(rough_noise(rng, (9, 9), 3)) * np.linspace(0, 1, 9)
    ).astype(np.float32)
    angle = float(rng.uniform(0.2, 0.5) + severity * rng.uniform(0.3, 2.2))
    cover = hinged(part_of(marked(top), (0, 1), (0, 1)), "u0", angle, float(rng.normal(0, 0.3)))
    cover.points[..., 2] = np.maximum(cover.points[..., 2], 0.001)
    body.patches = [*others, page, *thick(cover, (225, 222, 215), 0.002)]


def _tip_out(body: Body, severity: float, rng: np.random.Generator) -> None:
    """Units of a multipack stand out of their slots, lie on top or beside the tray."""
    names = sorted({patch.name for patch in body.patches if patch.name.startswith("unit")})
    count = int(rng.integers(1, max(2, round(severity * 0.4 * len(names)) + 1)))
    x, y, z = body.size_m
    for name in rng.choice(names, count, replace=False):
        unit = [patch for patch in body.patches if patch.name == name]
        others = [patch for patch in body.patches if patch.name != name]
        cloud = np.concatenate([patch.points.reshape(-1, 3) for patch in unit])
        centre = (cloud.min(0) + cloud.max(0)) / 2
        lean = rotation("z", float(rng.uniform(0, 6.3))) @ rotation(
            "x", float(rng.uniform(0.25, 0.6) + severity * 1.1)
        )
        away = rng.uniform(0, 2 * np.pi)
        if rng.random() < 0.5:
            goal = vector(np.cos(away) * 0.3 * x, np.sin(away) * 0.3 * y, 0)
            floor = z * 0.8
        else:
            reach = 0.5 / max(abs(np.cos(away)) / x, abs(np.sin(away)) / y) + 0.6 * max(z, x / 4)
            goal = vector(np.cos(away) * reach, np.sin(away) * reach, 0)
            floor = 0.0
        turned = (cloud - centre) @ lean.T
        goal[2] = floor - turned[:, 2].min() + 0.001
        body.patches = others + [
            marked(moved(patch, lean, centre, goal - centre)) for patch in unit
        ]
