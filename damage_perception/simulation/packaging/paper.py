"""Paper and board, and the colours printed on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.simulation.damage.outline import smooth_noise

Picture = NDArray[Any]  # uint8, (h, w, 3), or (h, w, 4) with the gloss last
Colour = tuple[int, int, int]


def palette(rng: np.random.Generator, count: int = 4) -> list[Colour]:
    """A few colours that go together: one or two hues, with a light and a dark one."""
    hue = rng.uniform(0, 180)
    colours = []
    for index in range(count):
        shifted = (hue + rng.choice([0, 0, 15, 30, 90, 120]) + rng.normal(0, 4)) % 180
        saturation = rng.uniform(20, 255) if index else rng.uniform(60, 255)
        value = [rng.uniform(90, 255), rng.uniform(200, 255), rng.uniform(20, 110)][index % 3]
        if rng.random() < 0.2:
            saturation *= 0.15
        pixel = np.array([[[shifted, saturation, value]]], np.uint8)
        red, green, blue = cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0].tolist()
        colours.append((red, green, blue))
    return colours


def board(rng: np.random.Generator, shape: tuple[int, int], colour: Colour) -> Picture:
    """Paper or cardboard: one colour with fibres, cloudiness and sometimes faint flutes."""
    height, width = shape
    fibres = cv2.resize(
        rng.standard_normal((height, max(1, width // 4)), np.float32), (width, height)
    )
    tone = 1 + 0.025 * fibres + 0.05 * smooth_noise(rng, shape, 5)
    if rng.random() < 0.5:
        flutes = np.sin(np.arange(width) * (2 * np.pi / rng.uniform(3, 9)) + rng.uniform(0, 6))
        tone = tone + rng.uniform(0.0, 0.03) * flutes.astype(np.float32)
    return tinted(tone, colour)


def tinted(tone: NDArray[Any], colour: Sequence[float]) -> Picture:
    """(h, w, 3) picture of one colour that a (h, w) tone makes lighter or darker."""
    return np.asarray(cv2.merge([to_bytes(tone * channel) for channel in colour]), np.uint8)


def pick(rng: np.random.Generator, colours: Sequence[Colour]) -> Colour:
    """One of some colours."""
    return colours[int(rng.integers(len(colours)))]


def contrast(rng: np.random.Generator, colours: Sequence[Colour]) -> Colour:
    """White, black or one of some colours, for ink on a print."""
    return [(250, 250, 250), (15, 15, 15), pick(rng, colours)][int(rng.integers(3))]


def to_bytes(values: NDArray[Any]) -> Picture:
    """Values in 0..255 as uint8; what is beyond is clipped."""
    return np.asarray(np.clip(values, 0, 255).astype(np.uint8))
