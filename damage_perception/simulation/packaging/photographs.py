"""Photographs that training may print on simulated packaging and lay under simulated items.

They are a person's own or openly licensed, lie outside the package, and are only used where a
training configuration names them: test worlds never show them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np

from damage_perception.simulation.packaging.paper import Picture
from damage_perception.simulation.split import Split

_PRINT_SHARE: Final = 0.35
_GROUND_SHARE: Final = 0.15
# Pictures of cut-out products are black around them.
_BACKGROUND_LEVEL: Final = 12
_SUFFIXES: Final = (".jpg", ".jpeg", ".png")

_prints: list[Picture] = []
_grounds: list[Picture] = []


def use(prints: Path | None, grounds: Path | None) -> None:
    """Has this process draw from the pictures in two folders from now on; None: from none.

    Raises ValueError where a folder holds no picture.
    """
    _prints[:] = pictures_in(prints) if prints else []
    _grounds[:] = pictures_in(grounds) if grounds else []


def print_photograph(
    split: Split, rng: np.random.Generator, shape: tuple[int, int]
) -> Picture | None:
    """An (h, w, 3) part of a photograph for a face of a package; None as often as not."""
    return _part(_prints, _PRINT_SHARE, split, rng, shape, cover=(0.35, 0.9))


def ground_photograph(
    split: Split, rng: np.random.Generator, shape: tuple[int, int]
) -> Picture | None:
    """An (h, w, 3) part of a photograph for a ground; None as often as not."""
    return _part(_grounds, _GROUND_SHARE, split, rng, shape, cover=(0.2, 0.6))


def pictures_in(folder: Path) -> list[Picture]:
    """All pictures in ``folder``, without the black around them. Raises ValueError: none."""
    pictures = []
    for path in sorted(folder.iterdir()):
        image = cv2.imread(str(path)) if path.suffix.lower() in _SUFFIXES else None
        if image is not None and "depth" not in path.name:
            shown = (image.max(axis=2) > _BACKGROUND_LEVEL).astype(np.uint8)
            x, y, width, height = cv2.boundingRect(shown)
            pictures.append(cv2.cvtColor(image[y : y + height, x : x + width], cv2.COLOR_BGR2RGB))
    if not pictures:
        raise ValueError(f"{folder} holds no {', '.join(_SUFFIXES)} pictures")
    return pictures


def _part(
    library: list[Picture],
    share: float,
    split: Split,
    rng: np.random.Generator,
    shape: tuple[int, int],
    cover: tuple[float, float],
) -> Picture | None:
    if not library or split is Split.TEST or rng.random() >= share:
        return None
    picture = library[int(rng.integers(len(library)))]
    extent = rng.uniform(*cover, 2) * picture.shape[:2]
    top, left = rng.uniform(0, 1, 2) * (picture.shape[:2] - extent)
    part = picture[int(top) : int(top + extent[0]) + 1, int(left) : int(left + extent[1]) + 1]
    part = np.rot90(part, int(rng.integers(4)))[:, :: int(rng.choice((-1, 1)))]
    return np.asarray(cv2.resize(part, shape[::-1], interpolation=cv2.INTER_AREA), np.uint8)
