"""Varied copies of outlined pictures: other items beside, other ground, view, light and camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.training.outlines import UNKNOWN, OutlinedPicture

# How far from another item the seam reaches, in pixels of the varied copy.
_SEAM_REACH: Final = 4
_PASTED_SHARE: Final = 0.4
_GROUND_SHARE: Final = 0.35
_MIN_PIECE: Final = 12
_MOST_TILES: Final = 50


@dataclass(frozen=True)
class Library:
    """Pictures to draw from, in groups that are drawn from with given chances.

    Pictures that show no ground, cut-outs, are only drawn to be pasted into others.
    """

    scenes: tuple[tuple[OutlinedPicture, ...], ...]
    chances: tuple[float, ...]
    pieces: tuple[tuple[OutlinedPicture, ...], ...]

    @staticmethod
    def of(
        rendered: Sequence[OutlinedPicture],
        others: Sequence[Sequence[OutlinedPicture]],
        rendered_share: float,
    ) -> Library:
        """``rendered_share`` of the scenes are rendered, the rest of all other groups alike."""
        groups = [tuple(rendered), *(tuple(group) for group in others)]
        scenes = [tuple(picture for picture in group if _has_ground(picture)) for group in groups]
        shown = [group for group in scenes if group]
        each = (1 - rendered_share) / max(1, len(shown) - 1)
        chances = (rendered_share, *([each] * (len(shown) - 1))) if len(shown) > 1 else (1.0,)
        return Library(tuple(shown), chances, tuple(groups))

    def scene(self, rng: np.random.Generator) -> OutlinedPicture:
        """Draws a picture that shows ground."""
        group = self.scenes[int(rng.choice(len(self.scenes), p=self.chances))]
        return group[int(rng.integers(len(group)))]

    def piece(self, rng: np.random.Generator) -> OutlinedPicture:
        """Draws any picture, of all groups alike."""
        group = self.pieces[int(rng.integers(len(self.pieces)))]
        return group[int(rng.integers(len(group)))]


def _has_ground(picture: OutlinedPicture) -> bool:
    return bool((picture.items == 0).any())


@dataclass(frozen=True)
class Varied(OutlinedPicture):
    """A copy as the finder sees it."""

    def targets(self, stride: int) -> NDArray[np.float16]:
        """(3, h, w) in cells of ``stride`` pixels: shares of item, of seam, of what is known."""
        known = self.items != UNKNOWN
        item = known & (self.items > 0)
        square = np.ones((2 * _SEAM_REACH + 1,) * 2, np.uint8)
        highest = cv2.dilate(np.where(item, self.items, 0).astype(np.uint8), square)
        lowest = cv2.erode(np.where(item, self.items, 255).astype(np.uint8), square)
        seam = item & (highest != lowest)
        height, width = (side // stride for side in self.items.shape)
        planes = np.stack((item, seam, known)).astype(np.float32)
        cells = planes.reshape(3, height, stride, width, stride).mean(axis=(2, 4))
        return np.asarray(cells, np.float16)


def vary(library: Library, rng: np.random.Generator, width: int, height: int) -> Varied:
    """Draws a picture and varies it, to ``width`` x ``height`` pixels."""
    picture = library.scene(rng)
    if rng.random() < _GROUND_SHARE:
        picture = on_other_ground(picture, library.piece(rng), rng)
    if rng.random() < _PASTED_SHARE:
        for _ in range(int(rng.integers(1, 4))):
            picture = _pasted(picture, library.piece(rng), rng)
    seen = _seen(picture, rng, width, height)
    return Varied(_exposed(seen.color, rng), seen.items)


def on_other_ground(
    picture: OutlinedPicture, other: OutlinedPicture, rng: np.random.Generator
) -> OutlinedPicture:
    """Another picture's texture, or noise, shows on the ground, under the same light."""
    height, width = picture.items.shape
    if rng.random() < 0.5:
        extent = np.maximum(8, rng.uniform(0.05, 0.4, 2) * other.items.shape).astype(int)
        top, left = (rng.uniform(0, 1, 2) * (other.items.shape - extent)).astype(int)
        part = other.color[top : top + extent[0], left : left + extent[1]]
    else:
        cells = np.maximum(2, np.exp(rng.uniform(np.log(4), np.log(90), 2))).astype(int)
        grey = rng.normal(128, rng.uniform(5, 60), (*cells, 1))
        tint = rng.normal(0, rng.uniform(0, 25), (*cells, 3))
        part = np.clip(grey + tint, 0, 255).astype(np.uint8)
    # Often again and again: grounds are perforated, woven, ribbed, items are not.
    tiles = int(np.exp(rng.uniform(0, np.log(_MOST_TILES))))
    tile = (-(-width // tiles), -(-height // tiles))
    part = np.asarray(cv2.resize(part, tile, interpolation=cv2.INTER_AREA), np.uint8)
    texture = np.tile(part, (tiles, tiles, 1))[:height, :width].astype(np.float32)
    ground = picture.items == 0
    light = picture.color.astype(np.float32)
    light = light / max(1.0, float(light[ground].mean()))
    strength = np.float32(rng.uniform(0.3, 1))
    mixed = picture.color * (1 - strength) + texture * np.clip(light, 0, 1.6) * strength
    soft = cv2.blur(ground.astype(np.float32), (3, 3))[..., None]
    color = picture.color * (1 - soft) + mixed * soft
    return replace(picture, color=np.clip(color, 0, 255).astype(np.uint8))


def _pasted(
    picture: OutlinedPicture, other: OutlinedPicture, rng: np.random.Generator
) -> OutlinedPicture:
    """An item of another picture lies in this one, often with a shadow."""
    labels = np.unique(other.items)
    labels = labels[(labels > 0) & (labels != UNKNOWN)]
    used = np.unique(picture.items[picture.items != UNKNOWN])
    number = int(used.max(initial=0)) + 1
    if not len(labels) or number >= UNKNOWN:
        return picture
    own = (other.items == rng.choice(labels)).astype(np.uint8)
    x, y, w, h = cv2.boundingRect(own)
    if min(w, h) < _MIN_PIECE:
        return picture
    height, width = picture.items.shape
    scale = float(np.exp(rng.uniform(np.log(0.1), np.log(0.55)))) * width / max(w, h)
    turn = cv2.getRotationMatrix2D((x + w / 2, y + h / 2), float(rng.uniform(0, 360)), scale)
    place = rng.uniform(0, 1, 2) * (width, height)
    turn[:, 2] += place - np.array((x + w / 2, y + h / 2))
    mask = cv2.warpAffine(own * 255, turn, (width, height), flags=cv2.INTER_AREA)
    color = cv2.warpAffine(other.color, turn, (width, height), flags=cv2.INTER_AREA)
    ground = picture.color.astype(np.float32)
    if rng.random() < 0.7:
        offset = np.array([[1, 0, rng.normal(0, 0.02 * width)], [0, 1, rng.normal(0, 8)]])
        shade = cv2.warpAffine(mask, offset, (width, height)).astype(np.float32) / 255
        shade = np.asarray(cv2.GaussianBlur(shade, (0, 0), float(rng.uniform(2, 9))), np.float32)
        ground *= 1 - shade[..., None] * np.float32(rng.uniform(0.2, 0.7))
    alpha = mask.astype(np.float32)[..., None] / 255
    pasted = np.clip(ground * (1 - alpha) + color * alpha, 0, 255).astype(np.uint8)
    return OutlinedPicture(pasted, np.where(mask > 127, np.uint8(number), picture.items))


def _seen(
    picture: OutlinedPicture, rng: np.random.Generator, width: int, height: int
) -> OutlinedPicture:
    """Turned, mirrored, larger or smaller; beyond its border the picture is mirrored."""
    rows, columns = picture.items.shape
    scale = np.array((width / columns, height / rows))
    if rng.random() < 0.7:
        scale = scale * np.exp(rng.uniform(np.log(0.6), np.log(1.9)))
        scale = scale * np.exp(rng.normal(0, 0.12, 2))
    angle = rng.uniform(0, 2 * np.pi) if rng.random() < 0.4 else rng.normal(0, 0.05)
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array(((cos, -sin), (sin, cos))) * scale[:, None]
    turn[:, 0] *= rng.choice((-1, 1))
    spare = np.maximum(0, 1 - 1 / np.maximum(1, scale * (columns, rows) / (width, height)))
    centre = (0.5 + rng.uniform(-0.5, 0.5, 2) * (spare + 0.1)) * (columns, rows)
    shift = np.array((width, height)) / 2 - turn @ centre
    matrix = np.column_stack((turn, shift))
    size = (width, height)
    # Without it a picture that is made much smaller would alias as no camera's does.
    blur = max(0.0, 0.45 / float(scale.mean()) - 0.45)
    color = cv2.GaussianBlur(picture.color, (0, 0), blur) if blur > 0.2 else picture.color
    border = cv2.BORDER_REFLECT_101
    return OutlinedPicture(
        np.asarray(cv2.warpAffine(color, matrix, size, borderMode=border), np.uint8),
        np.asarray(
            cv2.warpAffine(picture.items, matrix, size, flags=cv2.INTER_NEAREST, borderMode=border),
            np.uint8,
        ),
    )


def _exposed(color: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Another camera: light, white balance, contrast, sharpness, noise."""
    seen = color.astype(np.float32) / 255
    if rng.random() < 0.8:
        seen = seen ** np.float32(np.exp(rng.normal(0, 0.25)))
        gain = np.exp(rng.normal(0, 0.2) + rng.normal(0, 0.08, 3)).astype(np.float32)
        seen = seen * gain
    if rng.random() < 0.1:
        seen = seen.mean(axis=2, keepdims=True) + 0 * seen
    if rng.random() < 0.4:
        seen = np.asarray(cv2.GaussianBlur(seen, (0, 0), float(rng.uniform(0.3, 1.3))), np.float32)
    if rng.random() < 0.5:
        noise = rng.standard_normal(seen.shape, np.float32)
        seen = seen + noise * np.float32(rng.exponential(0.02))
    return np.clip(seen * 255, 0, 255).astype(np.uint8)
