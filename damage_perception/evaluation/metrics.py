"""Figures from predictions, and nothing else: no image, no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.evaluation.pixels import aupro
from damage_perception.evaluation.prediction import NOT_LOCATED, Prediction
from damage_perception.evaluation.ranking import (
    Scores,
    auroc_interval,
    calibration_error,
    ranking,
    recall_at_fpr,
    recall_interval,
    threshold_at_fpr,
)
from damage_perception.kinds import KINDS

FALSE_POSITIVE_RATES: Final = ("0.01", "0.001")
# Groups are compared at the threshold at which so many of all good items are called damaged.
BREAKDOWN_RATE: Final = 0.01
# A column of numbers with more values than this is broken down by quarters of the images.
_MAX_VALUES: Final = 8
# A column of words with more values than this says something of each image, not of groups.
_MAX_GROUPS: Final = 24


def measure(predictions: Sequence[Prediction], threshold: float) -> dict[str, Any]:
    """All figures as plain JSON; null where there is nothing to measure on.

    threshold  the operating point, confidence 0..1

    A view in which the item was not found, that could not be read or where the backend failed
    stands with the worst confidence for its label (see Prediction), so every figure but the
    calibration error and the latency, which need an answer, pays for it.
    """
    truth = np.array([p.label.damaged for p in predictions], bool)
    scores = np.array([p.confidence for p in predictions], np.float64)
    answered = np.array([not p.error for p in predictions], bool)
    good, damaged = scores[~truth], scores[truth]
    return {
        "n_good": len(good),
        "n_damaged": len(damaged),
        "prevalence": len(damaged) / len(scores) if len(scores) else None,
        **ranking(good, damaged),
        "auroc_95": auroc_interval(good, damaged),
        "recall_at_fpr": {
            rate: recall_at_fpr(good, damaged, float(rate)) for rate in FALSE_POSITIVE_RATES
        },
        "recall_at_fpr_95": {
            rate: recall_interval(good, damaged, float(rate)) for rate in FALSE_POSITIVE_RATES
        },
        "aupro": aupro([p.pixels for p in predictions if p.pixels is not None]),
        "threshold": threshold,
        "recall_at_threshold": _share(damaged >= threshold),
        "false_positive_rate_at_threshold": _share(good >= threshold),
        "per_kind": _per_kind(predictions, good),
        "kind_accuracy": _kind_accuracy(predictions),
        "verdicts": {
            "good": _count_verdicts([p for p in predictions if not p.label.damaged]),
            "damaged": _count_verdicts([p for p in predictions if p.label.damaged]),
        },
        "not_located": sum(p.error == NOT_LOCATED for p in predictions),
        "item_iou": _item_iou([p.item_iou for p in predictions]),
        "errors": [
            {"name": p.name, "error": p.error, "cause": p.cause} for p in predictions if p.error
        ],
        "expected_calibration_error": calibration_error(scores[answered], truth[answered]),
        "breakdown": _breakdown(predictions, threshold, threshold_at_fpr(good, BREAKDOWN_RATE)),
        "latency_ms": _latency([p.latency_ms for p in predictions]),
    }


def _per_kind(predictions: Sequence[Prediction], good: Scores) -> dict[str, dict[str, Any]]:
    """Each kind's damaged items against all good ones."""
    figures = {}
    for kind in KINDS:
        of_kind = np.array([p.confidence for p in predictions if p.label.kind == kind], np.float64)
        if len(of_kind):
            recall = {
                rate: recall_at_fpr(good, of_kind, float(rate)) for rate in FALSE_POSITIVE_RATES
            }
            figures[kind] = {"n": len(of_kind), **ranking(good, of_kind), "recall_at_fpr": recall}
    return figures


def _kind_accuracy(predictions: Sequence[Prediction]) -> float | None:
    """Share of the damaged items called damaged whose kind was named rightly."""
    named = [p for p in predictions if p.label.kind in KINDS and p.predicted_kind in KINDS]
    return _share(np.array([p.predicted_kind == p.label.kind for p in named], bool))


def _count_verdicts(predictions: Sequence[Prediction]) -> dict[str, int]:
    return {
        verdict: sum(p.verdict == verdict for p in predictions)
        for verdict in ("pass", "divert", "unknown")
    }


def _breakdown(
    predictions: Sequence[Prediction], threshold: float, one_percent: float | None
) -> dict[str, dict[str, dict[str, Any]]]:
    """Figures by the value of each further column of the labels.

    one_percent  the threshold at which 1 % of all good items are called damaged

    A group is measured against itself; one that lacks good or damaged items, against all of those:
    ``against`` says which.
    """
    columns = sorted({column for p in predictions for column in p.label.extra})
    figures: dict[str, dict[str, dict[str, Any]]] = {}
    for column in columns:
        groups = group_by(predictions, column)
        if 1 < len(groups) <= _MAX_GROUPS:
            figures[column] = {
                value: _group_figures(group, predictions, threshold, one_percent)
                for value, group in groups.items()
            }
    return figures


def group_by(predictions: Sequence[Prediction], column: str) -> dict[str, list[Prediction]]:
    """Predictions by the value of a column, without those where it is empty.

    Numbers of many values are grouped by quarters of those that are not 0; 0 stands by itself, as
    the severity of what is undamaged.
    """
    cells = [(p.label.extra.get(column, ""), p) for p in predictions]
    cells = [(value, p) for value, p in cells if value]
    values = sorted({value for value, _ in cells})
    numbers = {value: _parse(value) for value in values}
    if len(values) <= _MAX_VALUES or None in numbers.values():
        return {value: [p for cell, p in cells if cell == value] for value in values}
    numbered = [(numbers[value] or 0.0, p) for value, p in cells]
    groups = {"0": [p for number, p in numbered if number == 0]}
    rest = [(number, p) for number, p in numbered if number != 0]
    edges = np.unique(np.quantile([number for number, _ in rest] or [0], (0, 0.25, 0.5, 0.75, 1)))
    for number, p in rest:
        place = int(np.clip(np.searchsorted(edges, number, "right"), 1, len(edges) - 1))
        groups.setdefault(f"{edges[place - 1]:.3g} to {edges[place]:.3g}", []).append(p)
    return {name: groups[name] for name in _in_order(groups) if groups[name]}


def _in_order(groups: Mapping[str, Sequence[Prediction]]) -> list[str]:
    """Names of ranges by where they begin."""
    return sorted(groups, key=lambda name: float(name.split(" ")[0]))


def _parse(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _group_figures(
    group: Sequence[Prediction],
    everything: Sequence[Prediction],
    threshold: float,
    one_percent: float | None,
) -> dict[str, Any]:
    good, damaged = _split(group)
    figures: dict[str, Any] = {
        "n_good": len(good),
        "n_damaged": len(damaged),
        "recall_at_threshold": _share(damaged >= threshold),
        "false_positive_rate_at_threshold": _share(good >= threshold),
        "against": "itself",
    }
    if one_percent is not None:
        figures["recall_at_overall_0.01"] = _share(damaged >= one_percent)
        figures["false_positive_rate_at_overall_0.01"] = _share(good >= one_percent)
    all_good, all_damaged = _split(everything)
    if not len(good):
        good, figures["against"] = all_good, "all good"
    elif not len(damaged):
        damaged, figures["against"] = all_damaged, "all damaged"
    return figures | ranking(good, damaged)


def _split(predictions: Sequence[Prediction]) -> tuple[Scores, Scores]:
    """Confidences of the good and of the damaged."""
    good = [p.confidence for p in predictions if not p.label.damaged]
    damaged = [p.confidence for p in predictions if p.label.damaged]
    return np.array(good, np.float64), np.array(damaged, np.float64)


def _share(hits: NDArray[np.bool_]) -> float | None:
    return float(hits.mean()) if len(hits) else None


def _item_iou(found: Sequence[float]) -> dict[str, float | None]:
    """How well the items found fit their true outlines, where those are known."""
    known = np.array([iou for iou in found if np.isfinite(iou)])
    median = float(np.median(known)) if len(known) else None
    return {"median": median, "share_from_0.8": _share(known >= 0.8)}


def _latency(latencies_ms: Sequence[float]) -> dict[str, float | None]:
    known = np.array([value for value in latencies_ms if np.isfinite(value)])
    if not len(known):
        return {"p50": None, "p99": None}
    p50, p99 = np.percentile(known, (50, 99))
    return {"p50": round(float(p50), 3), "p99": round(float(p99), 3)}
