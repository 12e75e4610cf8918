"""Damage written into a real frame: colour and depth of a good item, changed together.

What it cannot show is what the camera never saw: open flaps with their contents, missing units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import Frame
from damage_perception.kinds import CODES, CRUSH, HOLE, SPILLAGE, TEAR
from damage_perception.simulation.damage.outline import filled, outline, rough_noise, smooth_noise
from damage_perception.simulation.rendering.mesh import Array, vector
from damage_perception.simulation.split import Split
from damage_perception.view import UNKNOWN_HEIGHT_M, USUAL_WIDTH_M, View

# Smaller marks are below what the pixels of a usual camera show.
_LEAST_RADIUS_PX: Final = 5.0
_BOARD = ((196, 160, 116), (176, 140, 98), (226, 222, 212))
_LIQUIDS = ((70, 42, 22), (140, 100, 30), (30, 40, 90), (165, 25, 15), (235, 230, 215))


@dataclass(frozen=True)
class _Spot:
    """Where on the item damage goes.

    centre (x, y) and radius in pixels; metre is the length of a pixel there; severity 0..1
    """

    item: NDArray[np.bool_]
    centre: tuple[float, float]
    radius: float
    metre: float
    severity: float
    split: Split

    @property
    def shape(self) -> tuple[int, int]:
        return self.item.shape[0], self.item.shape[1]

    def outlined(self, rng: np.random.Generator, elongation: float | None = None) -> Array:
        """(H, W) float32 0..1, 1 inside an outline about the centre."""
        points = outline(self.split, rng, elongation)
        return filled(points, self.shape, self.centre, vector(self.radius, self.radius))

    def reach(self) -> Array:
        """(H, W) float32, 0 at the centre and 1 at the radius."""
        y, x = np.mgrid[: self.shape[0], : self.shape[1]].astype(np.float32)
        away = np.hypot(x - self.centre[0], y - self.centre[1])
        return np.asarray(away / self.radius, np.float32)


# (color float32 (H, W, 3), depth_m (H, W), spot, rng) -> the same, and where damage is (H, W) bool
_Written = tuple[Array, Array, NDArray[np.bool_]]


@dataclass(frozen=True)
class Written:
    """Damage that was written.

    color     (H, W, 3) uint8
    depth_m   (H, W) float32
    codes     (H, W) uint8, the kind's where the damage is
    severity  0..1
    """

    color: NDArray[np.uint8]
    depth_m: Array
    codes: NDArray[np.uint8]
    severity: float


def write_damage(
    color: NDArray[np.uint8],
    depth_m: Array,
    item: NDArray[np.bool_],
    metre: float,
    kind: str,
    rng: np.random.Generator,
    split: Split = Split.TEST,
) -> Written:
    """Damage of one of the kinds in WRITABLE on an item.

    color    (H, W, 3) uint8
    depth_m  (H, W) float32, NaN where it is not known; any distance that grows away from the camera
    item     (H, W) bool, which pixels show the item
    metre    length of a pixel on the item
    split    whose outlines and liquids it has
    """
    inner = cv2.distanceTransform(item.astype(np.uint8), cv2.DIST_L2, 5)
    severity = float(rng.random())
    radius = (0.1 + 0.22 * severity) * float(np.sqrt(item.sum())) * rng.uniform(0.8, 1.25)
    places = np.flatnonzero(inner > min(0.6 * radius, 0.8 * float(inner.max())))
    y, x = np.unravel_index(int(places[int(rng.integers(len(places)))]), item.shape)
    radius = max(_LEAST_RADIUS_PX, radius)
    spot = _Spot(item, (float(x), float(y)), radius, metre, severity, split)
    painted, changed, damaged = _WRITERS[kind](color.astype(np.float32), depth_m, spot, rng)
    return Written(
        np.clip(painted + 0.5, 0, 255).astype(np.uint8),
        np.asarray(changed, np.float32),
        np.where(damaged, CODES[kind], 0).astype(np.uint8),
        severity,
    )


def damage_view(view: View, kind: str, rng: np.random.Generator) -> View:
    """``view`` with damage of ``kind`` written into its colours, and heights where there are any.

    The view as it is where it shows nothing of an item.
    """
    if not view.item.any():
        return view
    unknown = view.height_m == UNKNOWN_HEIGHT_M
    # Height falls where distance grows.
    depth = np.where(unknown, np.nan, -view.height_m)
    metre = (view.width_m or USUAL_WIDTH_M) / len(view.item)
    written = write_damage(view.color, depth, view.item > 0, metre, kind, rng)
    height = np.where(np.isnan(written.depth_m), UNKNOWN_HEIGHT_M, -written.depth_m)
    return replace(view, color=written.color, height_m=height.astype(np.float32))


def damage_frame(
    frame: Frame, item: NDArray[np.bool_], kind: str, rng: np.random.Generator
) -> tuple[Frame, Written]:
    """A frame with damage of ``kind`` written into its colour and depth.

    Raises ValueError where the frame has no depth on the item.
    """
    depth = frame.depth_m
    if depth is None or not (read := item & (depth > 0)).any():
        raise ValueError("damage is written into colour and depth: the item has no depth")
    metre = float(np.median(depth[read])) / frame.camera.fx
    known = np.where(depth > 0, depth, np.nan).astype(np.float32)
    written = write_damage(frame.color, known, item, metre, kind, rng)
    return replace(frame, color=written.color, depth_m=written.depth_m), written


def _crush(color: Array, depth: Array, spot: _Spot, rng: np.random.Generator) -> _Written:
    """A dent with creases; the light falls on it from one side."""
    reach = spot.reach() * (1 + 0.35 * smooth_noise(rng, spot.shape, spot.shape[1] / spot.radius))
    bowl = np.clip(1 - reach, 0, 1) ** rng.uniform(0.6, 1.5)
    creases = np.abs(rough_noise(rng, spot.shape, 1.5 * spot.shape[1] / spot.radius))
    deepest = spot.radius * spot.metre * (0.12 + 0.35 * spot.severity)
    depression = deepest * bowl * (0.65 + 0.7 * np.clip(creases, 0, 0.6)) * spot.item
    push = cv2.GaussianBlur(depression.astype(np.float32), (0, 0), 1.0)
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.1) / spot.metre
    slope = np.cos(angle) * cv2.Sobel(push, cv2.CV_32F, 1, 0, scale=1 / 8)
    slope = slope + np.sin(angle) * cv2.Sobel(push, cv2.CV_32F, 0, 1, scale=1 / 8)
    shade = 1 + strength * slope
    shade = np.clip(shade, 0.35, 1.5) * (1 - 0.25 * bowl * spot.item)
    white = (creases < 0.03) * bowl * spot.item * rng.uniform(0, 0.5)
    color = color * shade[..., None]
    color = color + (225 - color) * white[..., None]
    return color, depth + push, (push > 0.15 * deepest) & spot.item


def _tear(color: Array, depth: Array, spot: _Spot, rng: np.random.Generator) -> _Written:
    """The surface ripped away: fibres of the board, and a flap that stands up along one side."""
    mask = spot.outlined(rng, rng.uniform(1.5, 4)) * spot.item
    board = vector(*_BOARD[int(rng.integers(len(_BOARD)))]) * _brightness(color, spot) / 190
    fibres = 1 + 0.14 * rough_noise(rng, spot.shape, spot.shape[1] / 6)
    inside = board * fibres[..., None]
    angle, far = rng.uniform(0, 2 * np.pi), spot.radius * rng.uniform(0.25, 0.5)
    shift = np.array([[1, 0, far * np.cos(angle)], [0, 1, far * np.sin(angle)]])
    moved = cv2.warpAffine(mask, shift, mask.shape[::-1])
    flap = np.clip(moved - mask, 0, 1) * spot.item
    shadow = cv2.GaussianBlur(flap, (0, 0), 2) * mask
    color = color + (inside * (1 - 0.5 * shadow[..., None]) - color) * mask[..., None]
    color = color + (board * 1.15 - color) * (flap * 0.85)[..., None]
    depth = depth + mask * rng.uniform(0.001, 0.004) * (1 + spot.severity)
    depth = depth - flap * rng.uniform(0.002, 0.008) * (0.6 + 0.4 * fibres)
    return color, depth, (mask > 0.5) | (flap > 0.5)


def _hole(color: Array, depth: Array, spot: _Spot, rng: np.random.Generator) -> _Written:
    """Into the dark: a sensor sees the inside, or nothing."""
    mask = spot.outlined(rng, rng.uniform(1, 1.6)) * spot.item
    rim = cv2.GaussianBlur(mask, (0, 0), 1.2) * (1 - mask) * spot.item
    dark = vector(60, 48, 38) * rng.uniform(0.2, 0.8) * _brightness(color, spot) / 140
    dark = dark * (1 + 0.3 * smooth_noise(rng, spot.shape, 20))[..., None]
    color = color + (dark - color) * mask[..., None]
    color = color + (_brightness(color, spot) * 1.2 - color) * (0.7 * rim)[..., None]
    inside = depth + rng.uniform(0.01, 0.04) * (0.5 + spot.severity)
    lost = (rough_noise(rng, spot.shape, spot.shape[1] / spot.radius) > 0) & (rng.random() < 0.6)
    return color, np.where(mask > 0.5, np.where(lost, np.nan, inside), depth), mask > 0.4


def _spillage(color: Array, depth: Array, spot: _Spot, rng: np.random.Generator) -> _Written:
    """A liquid that ran over the item and, near an edge, onto what it stands on."""
    field = 1.2 - spot.reach() / rng.uniform(1, 1.8)
    field = field + 0.6 * rough_noise(rng, spot.shape, 1.5 * spot.shape[1] / spot.radius)
    mask = cv2.GaussianBlur(np.clip(4 * field - 2, 0, 1).astype(np.float32), (0, 0), 0.8)
    tint = _liquid(spot.split, rng)
    cover = rng.uniform(0.45, 0.95)
    wet = color * (tint / 255) * cover + tint * _brightness(color, spot) / 128 * (1 - 0.3 * cover)
    rim = np.clip(mask - cv2.GaussianBlur(mask, (0, 0), 2), 0, 1)
    color = color + (wet - color) * (mask * cover)[..., None]
    return color * (1 - 0.4 * rim)[..., None], depth - 0.0005 * mask, mask > 0.4


def _liquid(split: Split, rng: np.random.Generator) -> Array:
    if split is Split.TEST:
        return vector(*_LIQUIDS[int(rng.integers(len(_LIQUIDS)))])
    # From clear to dark, mostly of earthy hue.
    return vector(*(rng.uniform(20, 240) * rng.uniform(0.5, 1.1, 3)))


def _brightness(color: Array, spot: _Spot) -> float:
    """Of what lies white on the item, about: what shows through damage is lit as the item is."""
    return float(np.percentile(color[spot.item].mean(axis=1), 80))


_WRITERS: Final[dict[str, Callable[[Array, Array, _Spot, np.random.Generator], _Written]]] = {
    CRUSH: _crush,
    TEAR: _tear,
    HOLE: _hole,
    SPILLAGE: _spillage,
}
WRITABLE: Final[tuple[str, ...]] = tuple(_WRITERS)
