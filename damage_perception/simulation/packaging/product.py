"""Products (skus): what a number fixes for ever, before any piece of it is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from damage_perception.simulation.split import Split, generator

FORMS = ("carton", "printed_box", "mailer", "cylinder", "bottle", "book", "multipack")
FORM_SHARES = (0.22, 0.22, 0.15, 0.12, 0.07, 0.07, 0.15)
_TEXELS_ALONG_LONGEST = 340
_TALLEST_M = 0.32
_DECOY_SHARE = 0.18
_STATION_M = (0.1, 0.4)


@dataclass(frozen=True)
class Product:
    """A product: its number fixes form, size and artwork for ever.

    size_m is length, width and height as it rests; units are the columns and rows of a multipack.
    Products of different splits never coincide.
    """

    split: Split
    index: int
    form: str
    size_m: tuple[float, float, float]
    units: tuple[int, int] = (1, 1)

    @classmethod
    def generate(cls, split: Split, index: int, form: str | None = None) -> Product:
        """The product of a number; with a form given, the product of that form and number."""
        rng = generator(split, "product", index)
        drawn = str(rng.choice(FORMS, p=FORM_SHARES))
        chosen = form or drawn
        units = (1, 1)
        if chosen == "multipack":
            units = int(rng.integers(2, 6)), int(rng.integers(2, 5))
            return cls(split, index, chosen, _multipack_size(rng, units), units)
        return cls(split, index, chosen, _SIZES[chosen](rng), units)

    @property
    def sku(self) -> str:
        return f"{self.split.value}-{self.form}-{self.index:06d}"

    @property
    def printed_decoy(self) -> bool:
        """Whether its artwork shows a picture of damage, on every piece of it."""
        return bool(generator(self.split, "decoy", self.index).random() < _DECOY_SHARE)

    def texels(self, *lengths_m: float) -> tuple[int, ...]:
        """Picture sizes in texels of lengths in metres."""
        density = _TEXELS_ALONG_LONGEST / max(self.size_m)
        return tuple(max(12, min(512, round(density * length))) for length in lengths_m)


def sample_product(split: Split, rng: np.random.Generator, form: str | None = None) -> Product:
    """Draw a product of a split, of a form where one is given."""
    return Product.generate(split, int(rng.integers(1_000_000)), form)


def sample_station_product(split: Split, rng: np.random.Generator) -> Product:
    """Draw a product of a size that one station is made for, 0.1 to 0.4 m at its longest."""
    while True:
        product = sample_product(split, rng)
        if _STATION_M[0] < max(product.size_m) < _STATION_M[1]:
            return product


def _box_size(rng: np.random.Generator) -> tuple[float, float, float]:
    longest = float(np.exp(rng.uniform(np.log(0.07), np.log(0.5))))
    x, y, z = longest * np.array([1, rng.uniform(0.35, 1), rng.uniform(0.15, 0.9)])
    # Some stand on end, as cereal boxes do.
    if rng.random() < 0.15:
        x, y, z = y, z, min(x, _TALLEST_M)
    return float(x), float(y), float(z)


def _mailer_size(rng: np.random.Generator) -> tuple[float, float, float]:
    longest = rng.uniform(0.14, 0.42)
    return float(longest), float(longest * rng.uniform(0.55, 0.95)), float(rng.uniform(0.012, 0.06))


def _cylinder_size(rng: np.random.Generator) -> tuple[float, float, float]:
    diameter = float(np.exp(rng.uniform(np.log(0.035), np.log(0.16))))
    length = diameter * rng.uniform(0.5, 2.6)
    standing = rng.random() < 0.5
    return (diameter, diameter, float(length)) if standing else (float(length), diameter, diameter)


def _bottle_size(rng: np.random.Generator) -> tuple[float, float, float]:
    diameter = rng.uniform(0.035, 0.1)
    length = float(diameter * rng.uniform(1.8, 3.6))
    standing = rng.random() < 0.35
    diameter = float(diameter)
    return (diameter, diameter, length) if standing else (length, diameter, diameter)


def _book_size(rng: np.random.Generator) -> tuple[float, float, float]:
    longest = rng.uniform(0.15, 0.32)
    return float(longest), float(longest * rng.uniform(0.6, 0.85)), float(rng.uniform(0.012, 0.06))


def _multipack_size(rng: np.random.Generator, units: tuple[int, int]) -> tuple[float, float, float]:
    columns, rows = units
    pitch = min(float(rng.uniform(0.035, 0.09)), 0.5 / columns)
    return columns * pitch, rows * pitch, float(pitch * rng.uniform(0.6, 2.2))


_SIZES: dict[str, Callable[[np.random.Generator], tuple[float, float, float]]] = {
    "carton": _box_size,
    "printed_box": _box_size,
    "mailer": _mailer_size,
    "cylinder": _cylinder_size,
    "bottle": _bottle_size,
    "book": _book_size,
}
