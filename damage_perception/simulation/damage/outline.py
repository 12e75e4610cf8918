"""Irregular outlines and smooth noise, from which damage, stains and prints are made."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.simulation.split import Split, choose

Grid = NDArray[Any]  # float32


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cells: float) -> Grid:
    """(H, W) float32 value noise in about -1..1 with ``cells`` bumps along the longer side."""
    height, width = shape
    longest = max(shape)
    rows, columns = (max(2, round(cells * side / longest) + 2) for side in shape)
    values: Grid = rng.random((rows, columns), np.float32) * 2 - 1
    if 5 * rows < height and 5 * columns < width:
        values = cv2.resize(values, (4 * columns, 4 * rows), interpolation=cv2.INTER_CUBIC)
        return np.asarray(cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR))
    return np.asarray(cv2.resize(values, (width, height), interpolation=cv2.INTER_CUBIC))


def rough_noise(
    rng: np.random.Generator, shape: tuple[int, int], cells: float, octaves: int = 3
) -> Grid:
    """(H, W) float32 noise of several octaves in about -1..1."""
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        total += smooth_noise(rng, shape, cells * 2.0**octave) * 0.55**octave
    return total / np.float32(1.6)


def outline(split: Split, rng: np.random.Generator, elongation: float | None = None) -> Grid:
    """(N, 2) float32 closed outline of about unit radius, turned at random."""
    points = _SHAPES[choose(split, "outline", rng)](rng)
    stretch = float(elongation if elongation is not None else rng.uniform(1.0, 2.0))
    points = points * np.array([np.sqrt(stretch), 1 / np.sqrt(stretch)])
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(points @ turn.T, np.float32)


def filled(points: Grid, shape: tuple[int, int], centre: tuple[float, float], scale: Grid) -> Grid:
    """(H, W) float32 0..1 mask of an outline; centre (x, y) px, scale (x, y) px per unit."""
    mask = np.zeros(shape, np.uint8)
    pixels = (points * scale + np.array(centre)) * 16
    cv2.fillPoly(mask, [np.round(pixels).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=4)
    return mask.astype(np.float32) / 255


def _polar(radius: NDArray[np.float64], angle: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1)


def _harmonics(rng: np.random.Generator) -> NDArray[np.float64]:
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    radius = np.ones_like(angle)
    for k in range(2, 9):
        radius += rng.normal(0, 0.45 / k) * np.cos(k * angle + rng.uniform(0, 6.3))
    return _polar(np.clip(radius, 0.3, 1.8), angle)


def _polygon(rng: np.random.Generator) -> NDArray[np.float64]:
    count = int(rng.integers(5, 14))
    angle = np.sort(rng.uniform(0, 2 * np.pi, count))
    return _polar(rng.uniform(0.55, 1.25, count), angle)


def _star(rng: np.random.Generator) -> NDArray[np.float64]:
    tips = int(rng.integers(4, 11))
    angle = np.linspace(0, 2 * np.pi, 2 * tips, endpoint=False) + rng.normal(0, 0.12, 2 * tips)
    radius = np.where(np.arange(2 * tips) % 2 == 0, rng.uniform(0.9, 1.7, 2 * tips), 0.5)
    return _polar(radius, angle)


def _slit(rng: np.random.Generator) -> NDArray[np.float64]:
    count = int(rng.integers(8, 20))
    x = np.linspace(-1.5, 1.5, count)
    middle = np.cumsum(rng.normal(0, 0.12, count))
    half = 0.5 * np.sqrt(np.clip(1 - (x / 1.55) ** 2, 0, 1)) * rng.uniform(0.35, 1.1, count)
    return np.concatenate(
        [np.stack([x, middle + half], -1), np.stack([x, middle - half], -1)[::-1]]
    )


def _walk(rng: np.random.Generator) -> NDArray[np.float64]:
    count = int(rng.integers(16, 60))
    step = np.cumsum(rng.normal(0, 0.2, count))
    step -= np.linspace(0, step[-1], count)
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return _polar(np.clip(1 + step, 0.35, 1.8), angle)


def _lobes(rng: np.random.Generator) -> NDArray[np.float64]:
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    radius = np.zeros_like(angle)
    for _ in range(int(rng.integers(3, 7))):
        width, at = rng.uniform(0.25, 0.8), rng.uniform(0, 2 * np.pi)
        away = np.abs((angle - at + np.pi) % (2 * np.pi) - np.pi)
        radius = np.maximum(radius, rng.uniform(0.7, 1.5) * np.exp(-((away / width) ** 2)))
    return _polar(np.maximum(radius, 0.45), angle)


def _gash(rng: np.random.Generator) -> NDArray[np.float64]:
    count = int(rng.integers(6, 16))
    x = np.linspace(-1.6, 1.6, count)
    bend = rng.uniform(-0.5, 0.5) * x**2 + rng.uniform(-0.3, 0.3) * x**3 / 2
    upper = bend + rng.uniform(0.1, 0.7) * (1 - np.abs(x) / 1.65) + rng.normal(0, 0.06, count)
    return np.concatenate([np.stack([x, upper], -1), np.stack([x, bend], -1)[::-1]])


_SHAPES = {
    "harmonics": _harmonics,
    "polygon": _polygon,
    "star": _star,
    "slit": _slit,
    "walk": _walk,
    "lobes": _lobes,
    "gash": _gash,
}
