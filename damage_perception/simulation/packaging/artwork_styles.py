"""Styles of artwork; which of them a split may use is said in `split`."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from damage_perception.simulation.damage.outline import filled, outline, rough_noise, smooth_noise
from damage_perception.simulation.packaging.paper import Colour, Picture, board, pick, to_bytes
from damage_perception.simulation.rendering.mesh import vector
from damage_perception.simulation.split import Split


def _plain(rng: np.random.Generator, shape: tuple[int, int], colours: Sequence[Colour]) -> Picture:
    return board(rng, shape, pick(rng, colours))


def _gradient(
    rng: np.random.Generator, shape: tuple[int, int], colours: Sequence[Colour]
) -> Picture:
    corners = np.array([pick(rng, colours) for _ in range(4)], np.uint8).reshape(2, 2, 3)
    return np.asarray(cv2.resize(corners, shape[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)


def _shapes(rng: np.random.Generator, shape: tuple[int, int], colours: Sequence[Colour]) -> Picture:
    picture = np.full((*shape, 3), pick(rng, colours), np.uint8)
    for _ in range(int(rng.integers(3, 12))):
        x, y = _pixel(rng.uniform(0, 1, 2) * shape[::-1])
        r = int(rng.uniform(0.03, 0.3) * max(shape))
        match int(rng.integers(3)):
            case 0:
                cv2.circle(picture, (x, y), r, pick(rng, colours), -1, cv2.LINE_AA)
            case 1:
                w, h = r, int(r * rng.uniform(0.2, 2))
                cv2.rectangle(picture, (x, y), (x + w, y + h), pick(rng, colours), -1)
            case _:
                corners = np.array([x, y]) + rng.normal(0, r, (3, 2))
                cv2.fillPoly(picture, [corners.astype(np.int32)], pick(rng, colours), cv2.LINE_AA)
    return picture


def _stripes(
    rng: np.random.Generator, shape: tuple[int, int], colours: Sequence[Colour]
) -> Picture:
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    angle = rng.choice([0, 0.5, 0.25]) * np.pi + rng.normal(0, 0.1)
    phase = (np.cos(angle) * x + np.sin(angle) * y) / (rng.uniform(0.05, 0.35) * max(shape))
    table = np.array([pick(rng, colours) for _ in range(6)], np.uint8)
    return np.asarray(table[np.floor(phase).astype(int) % 6])


def _photo(rng: np.random.Generator, shape: tuple[int, int], colours: Sequence[Colour]) -> Picture:
    """Something like a photograph: noise through a colour ramp, with a bright object."""
    ramp = np.array([pick(rng, colours) for _ in range(5)], np.float32)
    value = np.clip(rough_noise(rng, shape, rng.uniform(2, 7)) * 0.5 + 0.5, 0, 1) * 3.99
    low = value.astype(int)
    part = (value - low)[..., None]
    picture = to_bytes(ramp[low] * (1 - part) + ramp[low + 1] * part)
    centre = tuple(rng.uniform(0.3, 0.7, 2) * shape[::-1])
    size = rng.uniform(0.15, 0.35) * min(shape)
    mask = filled(outline(Split.TRAIN, rng, 1.2), shape, centre, vector(size, size))
    shade = 0.75 + 0.4 * smooth_noise(rng, shape, 3)
    thing = np.array(pick(rng, colours)) * shade[..., None]
    return to_bytes(picture * (1 - mask[..., None]) + thing * mask[..., None])


def _panels(rng: np.random.Generator, shape: tuple[int, int], colours: Sequence[Colour]) -> Picture:
    picture = np.full((*shape, 3), pick(rng, colours), np.uint8)
    for _ in range(int(rng.integers(1, 4))):
        axis, low, high = int(rng.integers(2)), *np.sort(rng.uniform(0, 1, 2))
        part = slice(int(low * shape[axis]), int(high * shape[axis]) + 1)
        colour = pick(rng, colours)
        if axis:
            picture[:, part] = colour
        else:
            picture[part] = colour
    return picture


def _rings(rng: np.random.Generator, shape: tuple[int, int], colours: Sequence[Colour]) -> Picture:
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    cx, cy = rng.uniform(-0.2, 1.2, 2) * shape[::-1]
    phase = np.hypot(x - cx, y - cy) / (rng.uniform(0.08, 0.4) * max(shape))
    table = np.array([pick(rng, colours) for _ in range(6)], np.uint8)
    return np.asarray(table[np.floor(phase).astype(int) % 6])


def _tiles(rng: np.random.Generator, shape: tuple[int, int], colours: Sequence[Colour]) -> Picture:
    count = rng.integers(3, 10, 2)
    table = np.array([pick(rng, colours) for _ in range(int(count.prod()))], np.uint8)
    coarse = table.reshape(int(count[0]), int(count[1]), 3)
    return np.asarray(cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_NEAREST), np.uint8)


def waves(rng: np.random.Generator, shape: tuple[int, int], colours: Sequence[Colour]) -> Picture:
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32) / max(shape)
    height = y + rng.uniform(0.03, 0.12) * np.sin(x * rng.uniform(6, 25) + rng.uniform(0, 6))
    table = np.array([pick(rng, colours) for _ in range(5)], np.uint8)
    return np.asarray(table[np.floor(height * rng.uniform(3, 8)).astype(int) % 5])


def _split(rng: np.random.Generator, shape: tuple[int, int], colours: Sequence[Colour]) -> Picture:
    first, second = (board(rng, shape, pick(rng, colours)) for _ in range(2))
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    angle, at = rng.uniform(0, 6.3), rng.uniform(-0.2, 0.2) * max(shape)
    side = (x - shape[1] / 2) * np.cos(angle) + (y - shape[0] / 2) * np.sin(angle) > at
    return np.where(side[..., None], first, second).astype(np.uint8)


def _pixel(point: Picture) -> tuple[int, int]:
    return int(point[0]), int(point[1])


STYLES = {
    "plain": _plain,
    "gradient": _gradient,
    "shapes": _shapes,
    "stripes": _stripes,
    "photo": _photo,
    "panels": _panels,
    "rings": _rings,
    "tiles": _tiles,
    "waves": waves,
    "split": _split,
}
