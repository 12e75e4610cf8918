"""Parts of packages that came loose: cut out, turned about a hinge, and labelled."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from damage_perception.kinds import CODES, DECONSTRUCTION
from damage_perception.simulation.rendering.mesh import Patch, Skin

_CODE = CODES[DECONSTRUCTION]


def marked(patch: Patch) -> Patch:
    """The patch with a skin of its own that is labelled all over."""
    skin = patch.skin.copy()
    skin.kinds[:] = _CODE
    return replace(patch, skin=skin)


def part_of(patch: Patch, u: tuple[float, float], v: tuple[float, float]) -> Patch:
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


def hinged(patch: Patch, side: str, angle: float, curl: float = 0.0) -> Patch:
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


def thick(patch: Patch, inner: tuple[int, int, int], thickness_m: float = 0.0025) -> list[Patch]:
    """A sheet of cardboard: the printed side and, behind it, the raw side."""
    color = np.full((8, 8, 3), inner, np.uint8)
    back = replace(
        patch,
        points=(patch.points - thickness_m * patch.outward).astype(np.float32),
        outward=-patch.outward,
        skin=Skin.of(color, 0.02, _CODE),
    )
    return [patch, back]
