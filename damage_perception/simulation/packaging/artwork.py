"""What is printed on packaging: artwork, logos, pseudo text and barcodes."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from damage_perception.simulation.packaging.artwork_styles import STYLES
from damage_perception.simulation.packaging.paper import Colour, Picture, contrast, pick
from damage_perception.simulation.packaging.photographs import print_photograph
from damage_perception.simulation.split import Split, choose

_LETTERS = np.array(list("ABCDEFGHIKLMNOPRSTUVWXYZaeiounrst0123456789"))


def printed(
    split: Split, rng: np.random.Generator, shape: tuple[int, int], colours: Sequence[Colour]
) -> Picture:
    """One face of a printed package: a style of artwork, a logo and blocks of pseudo text."""
    picture = print_photograph(split, rng, shape)
    if picture is None:
        picture = STYLES[choose(split, "artwork", rng)](rng, shape, colours)
    if rng.random() < 0.8:
        logo(split, rng, picture, colours)
    for _ in range(int(rng.integers(0, 4))):
        text_block(split, rng, picture, contrast(rng, colours))
    if rng.random() < 0.3:
        barcode(rng, picture)
    return picture


def logo(
    split: Split, rng: np.random.Generator, picture: Picture, colours: Sequence[Colour]
) -> None:
    """A large word, sometimes on a plate, drawn into the picture."""
    height, width = picture.shape[:2]
    word = "".join(rng.choice(_LETTERS, int(rng.integers(3, 9))))
    font = int(choose(split, "font", rng))
    (base, _), _ = cv2.getTextSize(word, font, 1.0, 2)
    scale = min(rng.uniform(0.35, 0.9) * width / max(base, 1), height / 40)
    x = int(rng.uniform(0.03, 0.3) * width)
    y = int(rng.uniform(0.2, 0.8) * height)
    thickness = max(1, round(scale * rng.uniform(1.5, 5)))
    if rng.random() < 0.4:
        corner = (x - int(6 * scale), y - int(28 * scale))
        far = (x + int((base + 8) * scale), y + int(10 * scale))
        cv2.rectangle(picture, corner, far, pick(rng, colours), -1, cv2.LINE_AA)
    cv2.putText(picture, word, (x, y), font, scale, contrast(rng, colours), thickness, cv2.LINE_AA)


def text_block(split: Split, rng: np.random.Generator, picture: Picture, colour: Colour) -> None:
    """Some lines of small pseudo text."""
    height, width = picture.shape[:2]
    font = int(choose(split, "font", rng))
    scale = rng.uniform(0.22, 0.5)
    x, y = int(rng.uniform(0.02, 0.7) * width), int(rng.uniform(0.1, 0.9) * height)
    letters = max(3, int(rng.uniform(0.15, 0.5) * width / (18 * scale)))
    for _ in range(int(rng.integers(1, 6))):
        line = "".join(rng.choice(_LETTERS, letters))
        cv2.putText(picture, line, (x, y), font, scale, colour, 1, cv2.LINE_AA)
        y += int(30 * scale) + 1


def barcode(rng: np.random.Generator, picture: Picture) -> None:
    """Black bars on a white field."""
    height, width = picture.shape[:2]
    w, h = int(rng.uniform(0.15, 0.4) * width), int(rng.uniform(0.1, 0.25) * height)
    if w < 8 or h < 4:
        return
    x, y = int(rng.uniform(0, width - w)), int(rng.uniform(0, height - h))
    bars = np.repeat(rng.random(w // 2 + 1) < 0.5, 2)[:w]
    picture[y : y + h, x : x + w] = 245
    margin = max(1, h // 8)
    field = picture[y + margin : y + h - margin, x : x + w]
    field[:, bars] = 20
    field[:, :2] = field[:, -2:] = 245
