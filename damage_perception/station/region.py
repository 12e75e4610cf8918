"""The part of the image in which a station looks for items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from damage_perception.station.plane import StationError


@dataclass(frozen=True)
class RegionOfInterest:
    """A rectangle as fractions of the image's width and height; the whole image by default.

    Raises StationError where the rectangle is empty or leaves the image.
    """

    x: float = 0.0
    y: float = 0.0
    width: float = 1.0
    height: float = 1.0

    def __post_init__(self) -> None:
        for name, start, extent in (("x", self.x, self.width), ("y", self.y, self.height)):
            if not np.isfinite([start, extent]).all() or start < 0 or extent <= 0:
                raise StationError(
                    f"region of interest starts at {name}={start} and extends {extent}; expected "
                    "fractions of the image, 0 or more, with a positive extent"
                )
            if start + extent > 1 + 1e-6:
                raise StationError(
                    f"region of interest ends at {start + extent:.3f} of the image along {name}; "
                    "expected 1 or less: give fractions of the image, not pixels"
                )

    def pixels(self, width: int, height: int) -> tuple[int, int, int, int]:
        """(left, top, right, bottom) in an image of that size, right and bottom exclusive."""
        left = min(round(self.x * width), width - 1)
        top = min(round(self.y * height), height - 1)
        right = max(round((self.x + self.width) * width), left + 1)
        bottom = max(round((self.y + self.height) * height), top + 1)
        return left, top, min(right, width), min(bottom, height)
