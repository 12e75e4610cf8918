"""Packages that came apart: flaps open, lids off, seams burst, contents breaking out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from damage_perception.kinds import CODES, DECONSTRUCTION
from damage_perception.simulation.artwork import printed
from damage_perception.simulation.mesh import (
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
from damage_perception.simulation.outline import rough_noise
from damage_perception.simulation.paper import board, palette
from damage_perception.simulation.split import Split

_CODE = CODES[DECONSTRUCTION]


def open_up(
    body: Body, severity: float, split: Split, rng: np.random.Generator, toward: Array
) -> None:
    """Open the body in place, in a way that its form allows."""
    if body.form in ("carton", "printed_box"):
        _open_box(body, severity, split, rng, toward)
    elif body.form == "mailer":
        _open_mailer(body, severity, split, rng, toward)
    elif body.form == "cylinder":
        _open_cylinder(body, severity, rng, toward)
    elif body.form == "book":
        _open_book(body, severity, rng)
    else:
        _tip_out(body, severity, rng)


def _marked(patch: Patch) -> Patch:
    """The patch with a skin of its own that is labelled all over."""
    skin = patch.skin.copy()
    skin.kinds[:] = _CODE
    return replace(patch, skin=skin)


def _part(patch: Patch, u: tuple[float, float], v: tuple[float, float]) -> Patch:
    """A rectangle of a patch with its part of the skin."""
    rows, columns = patch.skin.kinds.shape
    cut = np.s_[
        int(v[0] * rows) : max(int(v[1] * rows), int(v[0] * rows) + 1),
        int(u[0] * columns) : max(int(u[1] * columns), int(u[0] * columns) + 1),
    ]
    skin = Skin(patch.skin.texture[cut].copy(), patch.skin.kinds[cut].copy())
    line = np.linspace(0, 1, 8, dtype=np.float32)
    fine = patch.refined(u[0] + (u[1] - u[0]) * line, v[0] + (v[1] - v[0]) * line)
    return replace(fine, u=line, v=line, skin=skin)


def _hinged(patch: Patch, side: str, angle: float, curl: float = 0.0) -> Patch:
    """The patch turned outward by an angle about one of its borders: "u0", "u1", "v0" or "v1"."""
    points = patch.points
    first, last, inner = {
        "u0": (points[0, 0], points[-1, 0], points[0, -1]),
        "u1": (points[0, -1], points[-1, -1], points[0, 0]),
        "v0": (points[0, 0], points[0, -1], points[-1, 0]),
        "v1": (points[-1, 0], points[-1, -1], points[0, 0]),
    }[side]
    axis = (last - first) / np.linalg.norm(last - first)
    normal = patch.outward.mean((0, 1))
    if float((np.cross(axis, inner - first) * normal).sum()) < 0:
        axis = -axis
    offset = points - first
    along = offset @ axis
    level = offset - along[..., None] * axis
    distance = np.linalg.norm(level, axis=-1)
    direction = (inner - first) - ((inner - first) @ axis) * axis
    direction /= np.linalg.norm(direction)
    turn = angle + curl * (distance / distance.max())
    placed = (
        first
        + along[..., None] * axis
        + distance[..., None]
        * (np.cos(turn)[..., None] * direction + np.sin(turn)[..., None] * normal)
    )
    outward = np.cos(angle) * normal - np.sin(angle) * direction
    return replace(
        patch,
        points=placed.astype(np.float32),
        outward=np.broadcast_to(outward, placed.shape).astype(np.float32),
    )


def _thick(patch: Patch, inner: tuple[int, int, int], thickness_m: float = 0.0025) -> list[Patch]:
    """A sheet of cardboard: the printed side and, behind it, the raw side."""
    color = np.full((8, 8, 3), inner, np.uint8)
    back = replace(
        patch,
        points=(patch.points - thickness_m * patch.outward).astype(np.float32),
        outward=-patch.outward,
        skin=Skin.of(color, 0.02, _CODE),
    )
    return [patch, back]


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


def _open_box(
    body: Body, severity: float, split: Split, rng: np.random.Generator, toward: Array
) -> None:
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
        turned = _hinged(_marked(panel), side, float(rng.uniform(0.25, 0.5) + severity))
        turned.points[..., 2] = np.maximum(turned.points[..., 2], 0.001)
        body.patches = [top, *others, *lining, *_thick(turned, raw)]
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
        lid = moved(_marked(top), turn, pivot, rise)
        body.patches = [*others, *lining, *_thick(lid, raw)]
        return
    halves = [
        (_part(top, (0, 1), (0, 0.5)), "v0"),
        (_part(top, (0, 1), (0.5, 1)), "v1"),
    ]
    opened = 1 if mode == "flap" else 2
    parts: list[Patch] = []
    order = rng.permutation(2)
    for rank, which in enumerate(order):
        half, side = halves[int(which)]
        if rank < opened:
            angle = float(rng.uniform(0.25, 0.6) + severity * rng.uniform(0.3, 2.6))
            flap = _hinged(_marked(half), side, angle, float(rng.normal(0, 0.2)))
            parts += _thick(flap, raw)
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
            parts.append(_hinged(inner, border, float(rng.uniform(0.3, 2.4))))
    for patch in parts:
        patch.points[..., 2] = np.maximum(patch.points[..., 2], 0.001)
    body.patches = [*others, *lining, *parts]


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
        loose = _marked(replace(lid, points=points.astype(np.float32)))
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
    cover = _hinged(_part(_marked(top), (0, 1), (0, 1)), "u0", angle, float(rng.normal(0, 0.3)))
    cover.points[..., 2] = np.maximum(cover.points[..., 2], 0.001)
    body.patches = [*others, page, *_thick(cover, (225, 222, 215), 0.002)]


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
            _marked(moved(patch, lean, centre, goal - centre)) for patch in unit
        ]
