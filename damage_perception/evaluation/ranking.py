"""How well confidences tell damaged from good, and how true they are as probabilities."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

Scores = NDArray[np.float64]

CALIBRATION_BINS: Final = 10
_RESAMPLES: Final = 500


def ranking(good: Scores, damaged: Scores) -> dict[str, float | None]:
    """How well the scores tell damaged from good.

    auroc                    chance that a damaged item scores above a good one
    average_precision        at the prevalence of the data, on which it depends
    average_precision_equal  the same, weighted as if there were as many good as damaged
    """
    if not len(good) or not len(damaged):
        return {"auroc": None, "average_precision": None, "average_precision_equal": None}
    truth, scores = _joined(good, damaged)
    weights = np.where(truth, 1 / len(damaged), 1 / len(good))
    return {
        "auroc": float(roc_auc_score(truth, scores)),
        "average_precision": float(average_precision_score(truth, scores)),
        "average_precision_equal": float(
            average_precision_score(truth, scores, sample_weight=weights)
        ),
    }


def recall_at_fpr(good: Scores, damaged: Scores, rate: float) -> float | None:
    """The highest recall of any threshold at which at most ``rate`` of the good are called damaged.

    With N good items no rate between 0 and 1/N can be told from 0.
    """
    if not len(good) or not len(damaged):
        return None
    false_positive, recall, _ = roc_curve(*_joined(good, damaged), drop_intermediate=False)
    return float(recall[false_positive <= rate + 1e-12].max())


def auroc_interval(good: Scores, damaged: Scores) -> list[float] | None:
    """95 % interval of the AUROC: percentiles over items drawn again from the same ones."""
    if len(good) < 2 or len(damaged) < 2:
        return None
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(_RESAMPLES):
        sample = np.sort(rng.choice(good, len(good)))
        ranked = rng.choice(damaged, len(damaged))
        # Mann-Whitney: the good items below each damaged one, of equal ones half.
        below = np.searchsorted(sample, ranked, "left") + np.searchsorted(sample, ranked, "right")
        drawn.append(below.mean() / (2 * len(good)))
    return [float(value) for value in np.percentile(drawn, (2.5, 97.5))]


def recall_interval(good: Scores, damaged: Scores, rate: float) -> list[float] | None:
    """95 % interval of ``recall_at_fpr``: percentiles over items drawn again from the same ones."""
    if len(good) < 2 or len(damaged) < 2:
        return None
    rng = np.random.default_rng(0)
    allowed = int(len(good) * rate + 1e-9)
    drawn = []
    for _ in range(_RESAMPLES):
        # The highest good score that may not be called damaged.
        bar = np.partition(rng.choice(good, len(good)), -1 - allowed)[-1 - allowed]
        drawn.append(float((rng.choice(damaged, len(damaged)) > bar).mean()))
    return [float(value) for value in np.percentile(drawn, (2.5, 97.5))]


def threshold_at_fpr(good: Scores, rate: float) -> float | None:
    """The lowest confidence at which at most ``rate`` of the good are called damaged."""
    if not len(good):
        return None
    allowed = int(len(good) * rate + 1e-9)
    return float(np.nextafter(np.sort(good)[-1 - allowed], 2.0))


def calibration_bins(scores: Scores, truth: NDArray[np.bool_]) -> list[tuple[float, float, int]]:
    """Mean confidence, share damaged and count of each tenth of 0..1 that holds any score.

    scores  (N,) confidences, 0..1; truth (N,) whether damaged
    """
    bins = np.minimum((scores * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    return [
        (float(scores[bins == i].mean()), float(truth[bins == i].mean()), int((bins == i).sum()))
        for i in np.unique(bins)
    ]


def calibration_error(scores: Scores, truth: NDArray[np.bool_]) -> float | None:
    """Mean distance between confidence and share damaged, over tenths (Naeini et al. 2015).

    scores  (N,) confidences, 0..1; truth (N,) whether damaged; None where N is 0
    """
    if not len(scores):
        return None
    return sum(abs(a - b) * n for a, b, n in calibration_bins(scores, truth)) / len(scores)


def _joined(good: Scores, damaged: Scores) -> tuple[NDArray[np.bool_], Scores]:
    truth = np.repeat([False, True], (len(good), len(damaged)))
    return truth, np.concatenate((good, damaged))
