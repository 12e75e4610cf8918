"""Pictures of damage printed on packaging: colour without geometry, so no damage."""

from __future__ import annotations

import cv2
import numpy as np

from damage_perception.simulation.damage.outline import filled, outline, rough_noise
from damage_perception.simulation.packaging.paper import Picture
from damage_perception.simulation.rendering.mesh import Array, vector
from damage_perception.simulation.split import Split


def print_decoy(split: Split, rng: np.random.Generator, picture: Picture) -> None:
    """Draw a printed hole, tear, splash or crack into a (h, w, 3 or 4) picture."""
    shape = (picture.shape[0], picture.shape[1])
    size = float(rng.uniform(0.12, 0.3) * min(shape)) + 4
    centre = rng.uniform(0.25, 0.75, 2) * shape[::-1]
    motif = _MOTIFS[int(rng.integers(len(_MOTIFS)))]
    motif(split, rng, picture, centre.astype(np.float32), size)


def _blend(picture: Picture, mask: Array, colour: Array) -> None:
    weight = mask[..., None]
    picture[..., :3] = np.clip(picture[..., :3] * (1 - weight) + colour * weight, 0, 255)


def _hole(
    split: Split, rng: np.random.Generator, picture: Picture, centre: Array, size: float
) -> None:
    shape = (picture.shape[0], picture.shape[1])
    points, at = outline(split, rng), (float(centre[0]), float(centre[1]))
    rim = filled(points, shape, at, vector(size * 1.2, size * 1.2))
    _blend(picture, rim, vector(225, 205, 175))
    inside = filled(points, shape, at, vector(size, size))
    _blend(picture, inside, rng.uniform(10, 50, 3))


def _tear(
    split: Split, rng: np.random.Generator, picture: Picture, centre: Array, size: float
) -> None:
    shape = (picture.shape[0], picture.shape[1])
    points, at = outline(split, rng, 3.0), (float(centre[0]), float(centre[1]))
    _blend(
        picture, filled(points, shape, at, vector(size * 1.1, size * 1.1)), vector(240, 240, 240)
    )
    _blend(
        picture,
        filled(points, shape, at, vector(size * 0.85, size * 0.85)),
        vector(rng.uniform(90, 180), rng.uniform(70, 140), rng.uniform(40, 90)),
    )


def _splash(
    split: Split, rng: np.random.Generator, picture: Picture, centre: Array, size: float
) -> None:
    shape = (picture.shape[0], picture.shape[1])
    mask = np.zeros(shape, np.float32)
    for _ in range(int(rng.integers(4, 12))):
        away = centre + rng.normal(0, 0.9 * size, 2)
        part = size * float(rng.uniform(0.1, 0.8))
        at = (float(away[0]), float(away[1]))
        mask = np.maximum(mask, filled(outline(split, rng), shape, at, vector(part, part)))
    tint = rng.uniform(20, 220, 3)
    _blend(picture, mask * rng.uniform(0.6, 1), tint)


def _crack(
    split: Split, rng: np.random.Generator, picture: Picture, centre: Array, size: float
) -> None:
    shade = int(rng.choice([20, 40, 235]))
    colour = (shade,) * picture.shape[2]
    for angle in rng.uniform(0, 6.3, int(rng.integers(3, 8))):
        steps = np.cumsum(rng.normal(0, 0.35, 7)) * 0.3 + angle
        away = np.cumsum(np.stack([np.cos(steps), np.sin(steps)], -1) * size * 0.3, 0)
        line = np.vstack([centre, centre + away])
        cv2.polylines(
            picture, [line.astype(np.int32)], False, colour, int(rng.integers(1, 3)), cv2.LINE_AA
        )


def _crease(
    split: Split, rng: np.random.Generator, picture: Picture, centre: Array, size: float
) -> None:
    """Shading of a dent as a flat picture."""
    shape = (picture.shape[0], picture.shape[1])
    at = (float(centre[0]), float(centre[1]))
    mask = filled(outline(split, rng), shape, at, vector(size * 1.3, size * 1.3))
    tone = 1 + 0.5 * rough_noise(rng, shape, 9) * cv2.GaussianBlur(mask, (0, 0), size / 6)
    picture[..., :3] = np.clip(picture[..., :3] * tone[..., None], 0, 255)


_MOTIFS = (_hole, _tear, _splash, _crack, _crease)
