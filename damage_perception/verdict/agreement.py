"""Whether colour shows what depth shows: a thing where the depth image has one.

Colour may be of another moment or another scene than depth, under the same stamp: a driver that
repeats an image, a torn transfer, a topic remapped to another camera. The outline that depth gives
to an item has to be seen in colour, too, as an edge or as a step in colour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.view import UNKNOWN_HEIGHT_M, View

# Side in pixels, nearly, at which views are looked at, and lengths in such pixels.
_SIDE: Final = 107
_NEAR: Final = 5
_BESIDE: Final = 9
_AROUND: Final = 21
_LEAST_GROUND: Final = 30
_LEAST_OUTLINE: Final = 16
_LEAST_HALF: Final = 10
_OVEREXPOSED: Final = 240
# What is less above the plane is ground.
_GROUND_M: Final = 0.008
# An edge has to be stronger than nine in ten on the ground around, a step in colour larger than
# the ground's own spread.
_EDGE_FACTOR: Final = 1.1
_STEP_LEVELS: Final = 6.0
_STEP_FACTOR: Final = 0.7
# Where an item is divided into an upper and a lower part, as a torn image would.
_CUTS: Final = (0.35, 0.5, 0.65)
# Colours are told apart by so many tones of each channel.
_TONES: Final = 16
# Least shares of the outline, of the whole and of a part, and what is asked of an item whose
# colours are those of the ground: a white mailer on a white table has edges, a patterned ground
# has them anywhere. Limits from recordings of real cameras, see docs/results.md.
_LEAST_SHOWN: Final = 0.15
_LEAST_SHOWN_OF_PART: Final = 0.01
_LEAST_SHOWN_LIKE_GROUND: Final = 0.55
_LIKE_GROUND: Final = 0.75
# An item of which so many rows are blank was not seen.
_MOST_BLANK: Final = 0.1

Mask = NDArray[np.uint8]


@dataclass(frozen=True)
class Agreement:
    """How far colour shows the item that depth shows in a view.

    shown          share of the item's outline that is an edge or a step in colour, 0..1
    shown_of_part  the same of the worst part above or below some horizontal cuts
    like_ground    how much the colours on the item are those of the ground beside it, 0..1
    blank          share of the item's rows in which the whole view is of one colour, 0..1: an image
                   that came in half is black or grey in the rest
    """

    shown: float = 1.0
    shown_of_part: float = 1.0
    like_ground: float = 0.0
    blank: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether colour and depth can be of one scene."""
        outlined = self.shown >= _LEAST_SHOWN and self.shown_of_part >= _LEAST_SHOWN_OF_PART
        apart = self.like_ground <= _LIKE_GROUND or self.shown >= _LEAST_SHOWN_LIKE_GROUND
        return outlined and apart and self.blank <= _MOST_BLANK


def agreement_of(view: View) -> Agreement:
    """Whether the colours of ``view`` show the item of its mask, which depth gave."""
    side = len(view.item)
    step = max(1, round(side / _SIDE))
    # A whole number of pixels becomes one, which takes a third of the time.
    small, whole = side // step, side // step * step
    color = np.asarray(
        cv2.resize(view.color[:whole, :whole], (small, small), interpolation=cv2.INTER_AREA),
        np.uint8,
    )
    thin = np.s_[step // 2 : whole : step, step // 2 : whole : step]
    item, height = np.ascontiguousarray(view.item[thin]), view.height_m[thin]
    blank = _blank_share(color, item)
    low = (np.abs(height) < _GROUND_M) | (height == UNKNOWN_HEIGHT_M)
    ground = low.view(np.uint8) & (1 - _grown(item, _NEAR))
    beside = ground & _grown(item, _AROUND)
    rows, columns = _outline(item)
    if np.count_nonzero(beside) < _LEAST_GROUND or len(rows) < _LEAST_OUTLINE:
        # Nothing to hold it against: neighbours all around, or hardly an item.
        return Agreement(blank=blank)
    # Where white on white is overexposed no edge is to be expected.
    told = color[rows, columns].min(axis=1) < _OVEREXPOSED
    if 2 * np.count_nonzero(told) >= max(len(told), 2 * _LEAST_OUTLINE):
        rows, columns = rows[told], columns[told]
    pixels = color.astype(np.float32)
    edges = _grown(_contrast(color), _NEAR)
    usual = float(_nine_tenths(edges, beside))
    shown = edges[rows, columns] > _EDGE_FACTOR * usual + 1.0
    spread = float(cv2.meanStdDev(color, mask=beside)[1].max())
    steps = _step(pixels, item, ground, rows, columns)
    shown |= steps > _STEP_LEVELS + _STEP_FACTOR * spread
    parts = [1.0]
    top, tall = int(rows.min()), int(rows.max()) - int(rows.min()) + 1
    for cut in _CUTS:
        above = rows < top + cut * tall
        for part in (shown[above], shown[~above]):
            if len(part) >= _LEAST_HALF:
                parts.append(float(part.mean()))
    like = np.minimum(_colors(color, item), _colors(color, beside)).sum()
    return Agreement(float(shown.mean()), min(parts), float(like), blank)


def _blank_share(color: NDArray[np.uint8], item: Mask) -> float:
    rows = np.flatnonzero(item.any(axis=1))
    if not len(rows):
        return 0.0
    seen = color[rows[0] : rows[-1] + 1]
    return float((seen == seen[:, :1]).all(axis=(1, 2)).mean())


def _colors(color: NDArray[np.uint8], where: Mask) -> NDArray[Any]:
    """Share of each colour among some pixels."""
    counts = cv2.calcHist([color], [0, 1, 2], where, [_TONES] * 3, [0, 256] * 3)
    return np.asarray(counts / max(cv2.countNonZero(where), 1))


def _nine_tenths(values: Mask, where: Mask) -> int:
    """What nine in ten of some bytes do not exceed."""
    counts = np.cumsum(cv2.calcHist([values], [0], where, [256], [0, 256]))
    return int(np.searchsorted(counts, 0.9 * counts[-1]))


def _outline(item: Mask) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the item's outline, off the view's border."""
    outline = item - cv2.erode(item, np.ones((3, 3), np.uint8))
    margin = _NEAR // 2 + 1
    rows, columns = np.nonzero(outline[margin:-margin, margin:-margin])
    return rows + margin, columns + margin


def _contrast(color: NDArray[np.uint8]) -> Mask:
    """(h, w) grey levels between neighbouring pixels, of the channel where they differ most."""
    channels = cv2.split(cv2.morphologyEx(color, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)))
    return np.asarray(cv2.max(cv2.max(channels[0], channels[1]), channels[2]), np.uint8)


def _step(
    pixels: NDArray[np.float32],
    item: Mask,
    ground: Mask,
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
) -> NDArray[np.float32]:
    """(N,) grey levels between the item and the ground beside each pixel of its outline."""
    inside, outside = (
        _local_mean(pixels, each, rows, columns)
        for each in (cv2.erode(item, np.ones((3, 3), np.uint8)), ground)
    )
    step = np.abs(inside - outside).max(axis=1)
    return np.asarray(np.nan_to_num(step), np.float32)


def _local_mean(
    pixels: NDArray[np.float32],
    mask: NDArray[Any],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
) -> NDArray[np.float32]:
    """(N, 3) mean colour of what ``mask`` covers near some pixels; NaN where it is hardly any."""
    weight = np.asarray(mask, np.float32)
    size = (_BESIDE, _BESIDE)
    total = cv2.blur(pixels * weight[..., None], size)[rows, columns]
    share = cv2.blur(weight, size)[rows, columns]
    mean = total / np.maximum(share, 1e-6)[:, None]
    mean[share < 0.05] = np.nan
    return np.asarray(mean, np.float32)


def _grown(image: NDArray[Any], size: int) -> NDArray[Any]:
    return np.asarray(cv2.dilate(image, np.ones((size, size), np.uint8)))
