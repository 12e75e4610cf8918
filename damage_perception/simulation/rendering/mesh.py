"""Grid patches with skins: the one kind of surface of which every item and ground is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]  # float32 where nothing else is said


@dataclass
class Skin:
    """Colour, gloss and label of a surface, one texel each.

    texture (h, w, 4) uint8: sRGB and gloss (0 matt, 255 mirror-like); kinds (h, w) uint8: codes.
    """

    texture: NDArray[np.uint8]
    kinds: NDArray[np.uint8]

    @classmethod
    def of(cls, color: NDArray[np.uint8], gloss: float = 0.1, kind: int = 0) -> Skin:
        """A skin of an (h, w, 3) image with one gloss and one label all over."""
        height, width = color.shape[:2]
        texture = np.empty((height, width, 4), np.uint8)
        texture[..., :3] = color
        texture[..., 3] = round(255 * gloss)
        return cls(texture, np.full((height, width), kind, np.uint8))

    def copy(self) -> Skin:
        return Skin(self.texture.copy(), self.kinds.copy())


@dataclass
class Patch:
    """A grid of points with a skin; u runs along columns, v along rows, both 0..1.

    points (n, m, 3) metres, outward (n, m, 3) unit normals that leave the body, u (m,), v (n,).
    """

    points: Array
    outward: Array
    u: Array
    v: Array
    skin: Skin
    item: int = 1
    name: str = ""

    @property
    def extent_m(self) -> tuple[float, float]:
        """Length along u through the middle row, and along v through the middle column."""
        n, m = self.points.shape[:2]
        along_u = np.linalg.norm(np.diff(self.points[n // 2], axis=0), axis=-1).sum()
        along_v = np.linalg.norm(np.diff(self.points[:, m // 2], axis=0), axis=-1).sum()
        return float(along_u), float(along_v)

    def refined(self, u: Array, v: Array) -> Patch:
        """The same surface on other grid lines, (m,) and (n,), each 0..1."""
        columns = np.interp(u, self.u, np.arange(len(self.u))).astype(np.float32)
        rows = np.interp(v, self.v, np.arange(len(self.v))).astype(np.float32)
        map_x, map_y = np.meshgrid(columns, rows)
        points = cv2.remap(self.points, map_x, map_y, cv2.INTER_LINEAR)
        outward = cv2.remap(self.outward, map_x, map_y, cv2.INTER_LINEAR)
        return replace(self, points=points, outward=outward, u=u, v=v)

    def at(self, u: float, v: float) -> tuple[Array, Array]:
        """Point (3,), metres, and outward unit normal (3,) at a position of the patch, 0..1."""
        one = self.refined(np.array([u], np.float32), np.array([v], np.float32))
        normal = one.outward[0, 0]
        return one.points[0, 0], normal / max(1e-9, float(np.linalg.norm(normal)))

    def normals(self) -> Array:
        """(n, m, 3) unit normals of the grid as it is now, on the outward side."""
        along_u = np.gradient(self.points, axis=1)
        along_v = np.gradient(self.points, axis=0)
        normal = np.cross(along_u, along_v)
        length = np.linalg.norm(normal, axis=-1, keepdims=True)
        normal = np.where(length > 1e-12, normal / np.maximum(length, 1e-12), self.outward)
        side = np.where((normal * self.outward).sum(-1, keepdims=True) < 0, -1, 1)
        return np.asarray(normal * side, np.float32)

    def spread(self, grid: Array) -> Array:
        """(h, w) values at the texels of the skin of (n, m) values at the grid points."""
        height, width = self.skin.kinds.shape
        u = (np.arange(width, dtype=np.float32) + 0.5) / width
        v = (np.arange(height, dtype=np.float32) + 0.5) / height
        columns = np.interp(u, self.u, np.arange(len(self.u))).astype(np.float32)
        rows = np.interp(v, self.v, np.arange(len(self.v))).astype(np.float32)
        map_x, map_y = np.meshgrid(columns, rows)
        return np.asarray(cv2.remap(grid.astype(np.float32), map_x, map_y, cv2.INTER_LINEAR))

    def gather(self, texels: Array) -> Array:
        """(n, m) values at the grid points of (h, w) values at the texels."""
        height, width = texels.shape
        map_x, map_y = np.meshgrid(self.u * width - 0.5, self.v * height - 0.5)
        return np.asarray(
            cv2.remap(
                texels.astype(np.float32),
                map_x.astype(np.float32),
                map_y.astype(np.float32),
                cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            )
        )


@dataclass
class Body:
    """One item in its own axes: it rests on z = 0 around the origin.

    ghosts are patches that a pristine item would have and this one lacks (missing units).
    """

    form: str
    size_m: tuple[float, float, float]
    patches: list[Patch]
    ghosts: list[Patch] = field(default_factory=list)

    def named(self, *names: str) -> list[Patch]:
        return [patch for patch in self.patches if patch.name in names]

    def deform(self, displacement: Callable[[Array, Array], Array]) -> None:
        """Move every point of the body by ``displacement(points, outward)``."""
        for patch in self.patches:
            patch.points = np.asarray(
                patch.points + displacement(patch.points, patch.outward), np.float32
            )

    def placed(self, yaw: float, x_m: float, y_m: float, item: int, z_m: float = 0.0) -> Body:
        """The body turned about z and moved; its patches get its number, spills keep item 0."""
        turn = rotation("z", yaw)
        shift = np.array([x_m, y_m, z_m], np.float32)

        def place(patch: Patch) -> Patch:
            return replace(
                patch,
                points=patch.points @ turn.T + shift,
                outward=patch.outward @ turn.T,
                item=item if patch.item else 0,
            )

        return replace(
            self,
            patches=[place(patch) for patch in self.patches],
            ghosts=[place(patch) for patch in self.ghosts],
        )


def vector(*values: float) -> Array:
    """Some numbers as a float32 array."""
    return np.array(values, np.float32)


def rotation(axis: str, angle: float) -> Array:
    """(3, 3) rotation about x, y or z by an angle in radians."""
    c, s = np.cos(angle), np.sin(angle)
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    turn = np.eye(3)
    turn[i, i] = turn[j, j] = c
    turn[i, j], turn[j, i] = -s, s
    return turn.astype(np.float32)


def moved(patch: Patch, turn: Array, pivot: Array, shift: Array | None = None) -> Patch:
    """The patch turned about a pivot point and then shifted."""
    points = (patch.points - pivot) @ turn.T + pivot
    if shift is not None:
        points = points + shift
    return replace(
        patch, points=points.astype(np.float32), outward=(patch.outward @ turn.T).astype(np.float32)
    )


def sheet(
    origin: Array, along_u: Array, along_v: Array, skin: Skin, cells: int = 2, name: str = ""
) -> Patch:
    """A flat parallelogram; outward is along_u x along_v."""
    u = np.linspace(0, 1, cells + 1, dtype=np.float32)
    points = origin + u[None, :, None] * along_u + u[:, None, None] * along_v
    normal = np.cross(along_u, along_v)
    outward = np.broadcast_to(normal / np.linalg.norm(normal), points.shape)
    return Patch(points.astype(np.float32), outward.astype(np.float32), u, u, skin, name=name)


def box(size_m: tuple[float, float, float], skins: dict[str, Skin], cells: int = 8) -> list[Patch]:
    """The faces of a box on z = 0: top, bottom, front (-y), back (+y), left (-x), right (+x).

    Only the faces that have a skin are made. Pictures on the sides stand upright.
    """
    x, y, z = size_m
    ex, ey, ez = np.eye(3, dtype=np.float32)
    corner = np.array([-x / 2, -y / 2, 0], np.float32)
    layout = {
        "top": (corner + y * ey + z * ez, x * ex, -y * ey),
        "bottom": (corner, x * ex, y * ey),
        "front": (corner + z * ez, x * ex, -z * ez),
        "back": (corner + x * ex + y * ey + z * ez, -x * ex, -z * ez),
        "left": (corner + y * ey + z * ez, -y * ey, -z * ez),
        "right": (corner + x * ex + z * ez, y * ey, -z * ez),
    }
    patches = []
    for name, skin in skins.items():
        origin, along_u, along_v = layout[name]
        patch = sheet(origin, along_u, along_v, skin, cells, name)
        centre = np.array([0, 0, z / 2], np.float32)
        side = np.sign(((patch.points - centre) * patch.outward).sum())
        patches.append(replace(patch, outward=patch.outward * side))
    return patches


def revolved(
    radius_m: Array, height_m: Array, skin: Skin, segments: int = 32, name: str = "side"
) -> Patch:
    """A profile turned about z, its first point uppermost in the skin; closed by repeating."""
    angle = np.linspace(0, 2 * np.pi, segments + 1, dtype=np.float32)
    cosine, sine = np.cos(angle), np.sin(angle)
    points = np.stack(
        [
            radius_m[:, None] * cosine,
            radius_m[:, None] * sine,
            np.broadcast_to(height_m[:, None], (len(height_m), len(angle))),
        ],
        -1,
    )
    d_radius, d_height = np.gradient(radius_m), np.gradient(height_m)
    length = np.maximum(np.hypot(d_radius, d_height), 1e-9)
    out_r, out_z = -d_height / length, d_radius / length
    outward = np.stack(
        [
            out_r[:, None] * cosine,
            out_r[:, None] * sine,
            np.broadcast_to(out_z[:, None], (len(height_m), len(angle))),
        ],
        -1,
    )
    v = np.linspace(0, 1, len(radius_m), dtype=np.float32)
    return Patch(
        points.astype(np.float32),
        outward.astype(np.float32),
        np.linspace(0, 1, segments + 1, dtype=np.float32),
        v,
        skin,
        name=name,
    )


def disc(radius_m: float, z_m: float, skin: Skin, rings: int = 3, name: str = "top") -> Patch:
    """A round lid as a square grid pressed into a circle, so that its picture is not distorted."""
    cells = 4 * rings
    line = np.linspace(-1, 1, cells + 1, dtype=np.float32)
    x, y = np.meshgrid(line, -line)
    disc_x, disc_y = x * np.sqrt(1 - y**2 / 2), y * np.sqrt(1 - x**2 / 2)
    points = np.stack([radius_m * disc_x, radius_m * disc_y, np.full_like(x, z_m)], -1)
    outward = np.zeros_like(points)
    outward[..., 2] = 1
    u = (line + 1) / 2
    return Patch(points.astype(np.float32), outward, u, u, skin, name=name)
