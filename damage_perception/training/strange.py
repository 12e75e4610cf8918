"""Anomalies of kinds that the damage network never learns: what comparing has to tell by itself.

The metric learns from them, and how signals are joined is fitted on them. A comparison that was
taught on written damage alone tells that well, which says nothing of damage that nobody thought of.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Color = NDArray[np.uint8]
# Side of an anomaly, as a share of the square root of the item's pixels.
_SIDES: Final = (0.08, 0.4)
# A change of fewer grey levels, in the mean over its place, is none that anybody sees.
_LEAST_CHANGE: Final = 9.0
_ATTEMPTS: Final = 12


def strange(color: Color, item: NDArray[np.uint8], rng: np.random.Generator) -> Color:
    """``color`` with one anomaly on the item.

    color  (S, S, 3) uint8; item  (S, S) uint8, 1 on the item

    The last attempt where none can be seen, as on an item without pixels.
    """
    changed = color
    points = np.argwhere(item)
    for _ in range(_ATTEMPTS if len(points) else 0):
        row, column = points[rng.integers(len(points))]
        side = max(6, round(float(np.sqrt(len(points)) * np.exp(rng.uniform(*np.log(_SIDES))))))
        place = _blob(len(item), (int(column), int(row)), side, rng) & (item > 0)
        how = _KINDS[int(rng.integers(len(_KINDS)))]
        changed = how(color, place, side, rng)
        if _shows(changed, color, item):
            break
    return changed


def _shows(changed: Color, color: Color, item: NDArray[np.uint8]) -> bool:
    """Whether a change can be seen, most of it on the item."""
    where = (changed != color).any(axis=2)
    on_item = where & (item > 0)
    if not on_item.sum() > where.sum() / 2:
        return False
    apart = np.abs(changed[on_item].astype(float) - color[on_item]).mean()
    return bool(apart > _LEAST_CHANGE)


def _blob(
    size: int, centre: tuple[int, int], side: int, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """(size, size) an irregular spot of about ``side`` pixels."""
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    radii = side / 2 * rng.uniform(0.5, 1.2, 12)
    corners = np.array(centre) + np.stack((radii * np.cos(angles), radii * np.sin(angles)), axis=1)
    spot = np.zeros((size, size), np.uint8)
    cv2.fillPoly(spot, [np.round(corners).astype(np.int32)], 1)
    return spot > 0


def _scratch(color: Color, place: NDArray[np.bool_], side: int, rng: np.random.Generator) -> Color:
    """A thin line, lighter or darker than what it crosses."""
    middle = np.argwhere(place)[:, ::-1].mean(axis=0) if place.any() else np.zeros(2)
    steps = rng.normal(0, side / 4, (5, 2)) + rng.normal(0, side / 2, 2)
    line = np.round(middle + np.cumsum(steps, axis=0) - steps.sum(axis=0) / 2).astype(np.int32)
    mask = np.zeros(place.shape, np.uint8)
    cv2.polylines(mask, [line], False, 255, int(rng.integers(1, 4)), cv2.LINE_AA)
    share = mask[..., None] / 255.0 * rng.uniform(0.4, 0.9)
    tone = rng.choice((0.0, 255.0)) * np.ones(3)
    return _blend(color, tone, share)


def _gone(color: Color, place: NDArray[np.bool_], side: int, rng: np.random.Generator) -> Color:
    """A part that is missing: what is around it goes on."""
    return np.asarray(cv2.inpaint(color, place.astype(np.uint8), 3, cv2.INPAINT_TELEA), np.uint8)


def _moved(color: Color, place: NDArray[np.bool_], side: int, rng: np.random.Generator) -> Color:
    """Another part of the picture, turned, where it does not belong (CutPaste, Li 2021)."""
    middle = (len(color) - 1) / 2
    turn = cv2.getRotationMatrix2D((middle, middle), rng.uniform(20, 340), 1.0)
    turn[:, 2] = turn[:, 2] + rng.normal(0, len(color) / 8, 2)
    other = cv2.warpAffine(color, turn, color.shape[1::-1], borderMode=cv2.BORDER_REFLECT)
    return np.where(place[..., None], other, color).astype(np.uint8)


def _bent(color: Color, place: NDArray[np.bool_], side: int, rng: np.random.Generator) -> Color:
    """A part that is pushed aside."""
    soft = cv2.GaussianBlur(place.astype(np.float32), (0, 0), max(1.0, side / 6))
    angle, reach = rng.uniform(0, 2 * np.pi), side * rng.uniform(0.3, 0.7)
    rows, columns = np.mgrid[: len(color), : len(color)].astype(np.float32)
    return np.asarray(
        cv2.remap(
            color,
            (columns + reach * np.cos(angle) * soft).astype(np.float32),
            (rows + reach * np.sin(angle) * soft).astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT,
        ),
        np.uint8,
    )


def _tinted(color: Color, place: NDArray[np.bool_], side: int, rng: np.random.Generator) -> Color:
    """A spot of another colour, with a soft edge."""
    soft = cv2.GaussianBlur(place.astype(np.float32), (0, 0), rng.uniform(0.6, max(0.7, side / 8)))
    return _blend(color, rng.uniform(0, 255, 3), soft[..., None] * rng.uniform(0.25, 0.8))


def _blend(color: Color, tone: NDArray[np.float64], share: NDArray[np.floating]) -> Color:
    return np.asarray(np.clip(color * (1 - share) + tone * share, 0, 255), np.uint8)


_KINDS: Final[tuple[Callable[..., Color], ...]] = (_scratch, _gone, _moved, _bent, _tinted)
