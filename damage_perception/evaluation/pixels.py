"""How well the damage maps find the damage: area under the per-region overlap curve (AUPRO).

Bergmann et al., "The MVTec Anomaly Detection Dataset", IJCV 2021: mean share of each damaged
region that is found, over the share of undamaged pixels called damaged, from 0 to 0.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.odds import log_odds_of
from damage_perception.view import Window

MOST_FALSE_POSITIVES: Final = 0.3
# Log odds of the maps in so many steps: the curve needs counts, not the pixels.
_LIMIT: Final = 12.0
# What a map says nearer to 0 and 1 falls into the outermost bins.
_LEAST: Final = 1e-9
_BINS: Final = 240
# Smaller regions are specks of the mask's outline.
_LEAST_CELLS: Final = 2


@dataclass(frozen=True)
class PixelScores:
    """Counts of map cells by score, in one image.

    undamaged  (bins,) cells of the view without damage
    regions    (regions, bins) cells of each connected damaged region
    """

    undamaged: NDArray[np.int64]
    regions: NDArray[np.int64]


def score_pixels(
    maps: NDArray[np.float32], window: Window, damage: NDArray[np.bool_]
) -> PixelScores:
    """The cells of one view.

    maps    (kinds, h, w) float32, 0..1
    window  the square of the image that they show
    damage  (H, W) where the image is damaged
    """
    scores = log_odds_of(maps.max(axis=0).astype(np.float64), _LEAST)
    bins = ((scores + _LIMIT) * (_BINS / (2 * _LIMIT))).astype(int).clip(0, _BINS - 1)
    height, width = bins.shape
    cells = cv2.resize(
        window.cut(damage.astype(np.uint8) * 255, 0), (width, height), interpolation=cv2.INTER_AREA
    )
    damaged = cells > 127
    count, labels = cv2.connectedComponents(damaged.astype(np.uint8), connectivity=8)
    regions = [np.bincount(bins[labels == label], minlength=_BINS) for label in range(1, count)]
    kept = [region for region in regions if region.sum() >= _LEAST_CELLS]
    return PixelScores(
        np.bincount(bins[~damaged], minlength=_BINS),
        np.stack(kept) if kept else np.zeros((0, _BINS), np.int64),
    )


def aupro(scores: Sequence[PixelScores]) -> float | None:
    """AUPRO up to 30 % false positives, 0..1; None where there is no damaged region."""
    regions = np.concatenate([image.regions for image in scores]) if scores else np.zeros((0, 1))
    if not len(regions):
        return None
    undamaged = np.sum([image.undamaged for image in scores], axis=0)
    # From the highest threshold down.
    false = np.cumsum(undamaged[::-1]) / undamaged.sum()
    overlap = np.cumsum(regions[:, ::-1] / regions.sum(axis=1, keepdims=True), axis=1).mean(axis=0)
    false, overlap = np.insert(false, 0, 0.0), np.insert(overlap, 0, 0.0)
    end = np.interp(MOST_FALSE_POSITIVES, false, overlap)
    kept = false < MOST_FALSE_POSITIVES
    x, y = np.append(false[kept], MOST_FALSE_POSITIVES), np.append(overlap[kept], end)
    return float(np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2) / MOST_FALSE_POSITIVES)
