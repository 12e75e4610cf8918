"""The figures of an evaluation as one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from damage_perception.evaluation.prediction import Prediction
from damage_perception.evaluation.ranking import calibration_bins

_GOOD: Final = "#2a9d5c"
_DAMAGED: Final = "#d1453b"
_LINE: Final = "#27548a"
_FAINT: Final = "#9aa0a6"
_BELOW: Final[Mapping[str, Any]] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14)}


def plot_report(
    predictions: Sequence[Prediction], metrics: Mapping[str, Any], title: str, path: Path
) -> None:
    """Writes ROC, precision and recall, kinds, calibration and the two distributions as a PNG."""
    truth = np.array([p.label.damaged for p in predictions], bool)
    scores = np.array([p.confidence for p in predictions], np.float64)
    answered = np.array([not p.error for p in predictions], bool)
    # Without pyplot no window system is looked for, and nothing outlives this call.
    figure = Figure(figsize=(14, 8.4), dpi=100, layout="constrained")
    figure.suptitle(title, fontsize=13)
    panels = figure.subplots(2, 3)
    if metrics["auroc"] is None:
        for axes in panels[0, :2]:
            _say(axes, "needs good and damaged items")
    else:
        _plot_roc(panels[0, 0], truth, scores, metrics)
        _plot_precision(panels[0, 1], truth, scores, metrics)
    _plot_kinds(panels[0, 2], metrics["per_kind"])
    _plot_calibration(panels[1, 0], scores[answered], truth[answered], metrics)
    _plot_distributions(panels[1, 1], truth, scores, metrics["threshold"])
    _plot_verdicts(panels[1, 2], metrics)
    for axes in panels.flat:
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)


def _plot_roc(
    axes: Axes, truth: NDArray[np.bool_], scores: NDArray[np.float64], metrics: Mapping[str, Any]
) -> None:
    rate, recall, _ = roc_curve(truth, scores, drop_intermediate=False)
    # No rate below one good item in all can be shown; the axis ends there.
    least = 0.5 / metrics["n_good"]
    axes.semilogx(np.maximum(rate, least), recall, color=_LINE, drawstyle="steps-post")
    for limit, value in metrics["recall_at_fpr"].items():
        if float(limit) >= least:
            axes.axvline(float(limit), color=_FAINT, linewidth=0.8, linestyle=":")
            axes.annotate(f" {value:.2f}", (float(limit), value), va="bottom", fontsize=9)
    low, high = metrics["auroc_95"] or (float("nan"),) * 2
    axes.set(
        title=f"ROC: AUROC {metrics['auroc']:.3f} (95 %: {low:.3f} to {high:.3f})",
        xlabel="false positive rate (log)",
        ylabel="recall",
        xlim=(least, 1),
        ylim=(0, 1.02),
    )


def _plot_precision(
    axes: Axes, truth: NDArray[np.bool_], scores: NDArray[np.float64], metrics: Mapping[str, Any]
) -> None:
    precision, recall, _ = precision_recall_curve(truth, scores)
    axes.plot(recall, precision, color=_LINE, drawstyle="steps-post")
    axes.axhline(metrics["prevalence"], color=_FAINT, linewidth=0.8, linestyle=":")
    axes.annotate("prevalence", (0.01, metrics["prevalence"]), va="bottom", fontsize=8)
    axes.set(
        title=f"Precision and recall: AP {metrics['average_precision']:.3f} "
        f"at {metrics['prevalence']:.0%} damaged",
        xlabel="recall",
        ylabel="precision",
        xlim=(0, 1),
        ylim=(0, 1.02),
    )


def _plot_kinds(axes: Axes, per_kind: Mapping[str, Mapping[str, Any]]) -> None:
    kinds = [kind for kind, figures in per_kind.items() if figures["auroc"] is not None]
    if not kinds:
        _say(axes, "no kind with figures")
        return
    places = np.arange(len(kinds))
    bars = (
        ("auroc", "AUROC", "#27548a"),
        ("average_precision_equal", "AP at equal numbers", "#8fb8de"),
    )
    for offset, (key, name, color) in zip((-0.2, 0.2), bars, strict=True):
        drawn = axes.barh(
            places + offset, [per_kind[k][key] for k in kinds], 0.38, label=name, color=color
        )
        axes.bar_label(drawn, fmt="%.2f", fontsize=8, padding=2)
    names = [f"{kind.replace('_', ' ')} ({per_kind[kind]['n']})" for kind in kinds]
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set(title="Each kind against all good items", xlim=(0, 1.12))
    axes.legend(fontsize=8, ncols=2, **_BELOW)


def _plot_calibration(
    axes: Axes, scores: NDArray[np.float64], truth: NDArray[np.bool_], metrics: Mapping[str, Any]
) -> None:
    axes.plot((0, 1), (0, 1), color=_FAINT, linewidth=0.8, linestyle=":")
    if len(scores):
        confidence, share, count = zip(*calibration_bins(scores, truth), strict=True)
        axes.plot(confidence, share, color=_LINE, linewidth=1)
        axes.scatter(confidence, share, s=12 + 300 * np.array(count) / sum(count), color=_LINE)
    error = metrics["expected_calibration_error"]
    axes.set(
        title="Calibration" + (f": expected error {error:.3f}" if error is not None else ""),
        xlabel="confidence",
        ylabel="share damaged (size: items)",
        xlim=(0, 1),
        ylim=(-0.02, 1.02),
    )


def _plot_distributions(
    axes: Axes, truth: NDArray[np.bool_], scores: NDArray[np.float64], threshold: float
) -> None:
    edges = np.linspace(0, 1, 41).tolist()
    axes.hist(scores[~truth], edges, color=_GOOD, alpha=0.6, label=f"good ({(~truth).sum()})")
    axes.hist(scores[truth], edges, color=_DAMAGED, alpha=0.6, label=f"damaged ({truth.sum()})")
    axes.axvline(threshold, color="black", linewidth=1)
    axes.set(
        title=f"Confidences, threshold {threshold:.3f}",
        xlabel="confidence",
        ylabel="items (log)",
        yscale="symlog",
    )
    axes.legend(fontsize=8, loc="upper center")


def _plot_verdicts(axes: Axes, metrics: Mapping[str, Any]) -> None:
    colors = {"pass": _GOOD, "divert": _DAMAGED, "unknown": "#e0b13b"}
    left = np.zeros(2)
    for verdict, color in colors.items():
        counts = np.array([metrics["verdicts"][label][verdict] for label in ("good", "damaged")])
        drawn = axes.barh((0, 1), counts, left=left, color=color, label=verdict)
        axes.bar_label(drawn, [str(n) if n else "" for n in counts], label_type="center")
        left += counts
    axes.set_yticks((0, 1), ("good", "damaged"))
    axes.invert_yaxis()
    axes.set(title=f"Verdicts; items not located: {metrics['not_located']}", xlabel="items")
    axes.legend(fontsize=8, ncols=3, **_BELOW)


def _say(axes: Axes, text: str) -> None:
    axes.text(0.5, 0.5, text, ha="center", va="center", color=_FAINT)
    axes.set(xticks=[], yticks=[])
