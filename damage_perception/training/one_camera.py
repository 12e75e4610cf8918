"""Real pictures as one fixed camera sees pieces of one product.

A cell has one camera, one light and one ground: there pieces differ by how they lie, by noise and
by what is wrong with them. Few data sets show that, so each whole picture is made into several
pieces here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.training.augment import warped
from damage_perception.training.real_views import RealViews
from damage_perception.training.strange import strange
from damage_perception.training.views import UNKNOWN_KIND, Row, coarse, stacked

# References of each picture; one further whole piece is to be compared with them.
REFERENCES: Final = 3
# Standard deviations of how pieces lie: degrees, and shares of the view.
_ANGLE, _SHIFT = 6.0, 0.015
_ZOOM: Final = (0.95, 1.05)

Spoil = Callable[[Row, np.random.Generator], Row]


def unheard_of(row: Row, rng: np.random.Generator) -> Row:
    """A row with an anomaly of a kind that the damage network never learns."""
    color = strange(row["color"], row["item"], rng)
    changed = (color != row["color"]).any(axis=2)
    kinds = coarse(np.where(changed, UNKNOWN_KIND, 0).astype(np.uint8))
    return row | {"color": color, "kinds": kinds, "damaged": np.bool_(True)}


def pieces(
    row: Row, spoils: Sequence[Spoil], rng: np.random.Generator, turned: bool = False
) -> list[Row]:
    """REFERENCES and one more whole piece of a picture of a whole item, and one of each spoil.

    turned  whether each piece lies another way; they lie alike otherwise
    """
    whole = [row] * (REFERENCES + 1)
    return [
        _taken(piece, rng, turned) for piece in (*whole, *(spoil(row, rng) for spoil in spoils))
    ]


def whole_pictures(real: RealViews) -> Iterator[tuple[int, Row]]:
    """Rows of whole items whose pictures show one product, with their numbers."""
    products = real.by_object().product
    for row in np.flatnonzero(~np.asarray(real.views.damaged) & (products >= 0)):
        yield int(row), {name: np.asarray(each[row]) for name, each in vars(real.views).items()}


def one_camera(real: RealViews, spoil: Spoil, seed: int) -> RealViews:
    """The pieces of each whole picture, each picture a product of its own; to calibrate by."""
    rng = np.random.default_rng(seed)
    rows, dataset, shown, material = [], [], [], []
    for number, row in whole_pictures(real):
        for piece in pieces(row, (spoil,), rng):
            rows.append(piece)
            dataset.append(real.dataset[number])
            shown.append(f"{real.shown[number]}/{number}")
            material.append(real.material[number])
    return RealViews(stacked(rows), *map(np.array, (dataset, shown, material)))


def _taken(row: Row, rng: np.random.Generator, turned: bool) -> Row:
    size = len(row["item"])
    angle = rng.uniform(0, 2 * np.pi) if turned else np.radians(rng.normal(0, _ANGLE))
    zoom = rng.uniform(*_ZOOM)
    cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
    images = (
        row["color"],
        row["height_m"].astype(np.float32),
        row["item"],
        row["width_m"],
        row["kinds"],
        row["place_m"].astype(np.float32),
    )
    turn, shift = np.array([[cos, -sin], [sin, cos]]), rng.normal(0, _SHIFT, 2)
    color, height, item, _, kinds, _ = warped(images, size, turn, shift, cv2.BORDER_REPLICATE)
    return row | {
        "color": _exposed(color, rng),
        "height_m": height.astype(np.float16),
        "item": _outlined(item, rng),
        "kinds": kinds,
    }


def _exposed(color: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Under nearly the same light, by the same camera."""
    gain = rng.uniform(0.88, 1.12) * rng.uniform(0.96, 1.04, 3)
    levels = 255 * (np.arange(256)[:, None] / 255) ** rng.uniform(0.88, 1.14) * gain
    image = cv2.LUT(color, np.ascontiguousarray(levels[:, None, :].astype(np.float32)))
    across, down = rng.uniform(-0.12, 0.12, 2)
    line = np.linspace(-1, 1, len(color), dtype=np.float32)
    image = image * (
        1 + np.float32(across) * line[None, :, None] + np.float32(down) * line[:, None, None]
    )
    blur = rng.uniform(0, 0.9)
    if blur > 0.3:
        image = cv2.GaussianBlur(image, (0, 0), blur)
    image = image + rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(0, 5))
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(70, 96))]
    pixels = np.clip(image, 0, 255).astype(np.uint8)
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", pixels, quality)[1], 1), np.uint8)


def _outlined(item: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """As a finder does, which is a pixel or two off."""
    how = (cv2.dilate, cv2.erode, None, None)[int(rng.integers(4))]
    kernel = np.ones((int(rng.integers(2, 6)),) * 2, np.uint8)
    return item if how is None else np.asarray(how(item, kernel), np.uint8)
