"""An operating point from a site's own recordings: a parameter file and a picture of the choice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import yaml
from matplotlib.figure import Figure
from numpy.typing import NDArray

from damage_perception.dataset import QUERY, DatasetError, ImageFolder, Record
from damage_perception.evaluation.prediction import predict
from damage_perception.inspector import Inspector
from damage_perception.network.operating_point import OperatingPoint, find_operating_point

_GOOD: Final = "#2a9d5c"
_DAMAGED: Final = "#d1453b"

Progress = Callable[[Sequence[Record]], Iterable[Record]]


@dataclass(frozen=True)
class Tuning:
    """What was chosen, and on what.

    good, damaged  (N,) sorted confidences of the images that can be judged
    unjudged       images without an answer, or unfit to judge by: they say nothing of the model
    """

    point: OperatingPoint
    good: NDArray[np.float64]
    damaged: NDArray[np.float64]
    unjudged: int

    @property
    def recall(self) -> float | None:
        """Share of the damaged images that are diverted; None without any."""
        return float((self.damaged >= self.point.threshold).mean()) if len(self.damaged) else None


def tune(
    dataset: ImageFolder,
    inspector: Inspector,
    false_diverts_per_1000: float,
    progress: Progress = iter,
) -> Tuning:
    """The threshold that diverts so many of the good images of ``dataset``.

    inspector  with the threshold 1, so that its verdict says whether a view can be judged

    Raises DatasetError where it has no labels, or too few good images to show that rate.
    """
    if not dataset.labelled:
        raise DatasetError(f"{dataset.path} has no labels.csv; tuning needs to know what is good")
    records = [record for record in dataset if record.label and record.label.role == QUERY]
    scores: dict[bool, list[float]] = {False: [], True: []}
    unjudged = 0
    for record in progress(records):
        assert record.label is not None
        prediction = predict(record, record.label, inspector)
        if prediction.error or prediction.verdict == "unknown":
            unjudged += 1
        else:
            scores[record.label.damaged].append(prediction.confidence)
    good, damaged = (np.sort(np.array(scores[truth], np.float64)) for truth in (False, True))
    if not len(good):
        raise DatasetError(f"{dataset.path} has no good image that could be judged")
    try:
        point = find_operating_point(good, len(good), false_diverts_per_1000)
    except ValueError as error:
        least = int(np.ceil(1000 / false_diverts_per_1000)) if false_diverts_per_1000 > 0 else 0
        raise DatasetError(f"{error}; {least} or more are needed for that rate") from error
    return Tuning(point, good, damaged, unjudged)


def write_parameters(tuning: Tuning, source: str, path: Path) -> None:
    """A parameter file for the detector with the threshold, and what it was chosen on."""
    point = tuning.point
    low, high = point.false_diverts_per_1000_95
    recall = "" if tuning.recall is None else f"; {tuning.recall:.1%} of the damaged diverted"
    content = {
        "/**": {
            "damage_detector": {"ros__parameters": {"damage_threshold": round(point.threshold, 6)}}
        }
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"# Chosen on {len(tuning.good)} good and {len(tuning.damaged)} damaged images of "
        f"{source}{recall}.\n"
        f"# False diverts of single images: {low:.2f} to {high:.2f} in a thousand at 95 %; "
        f"threshold {point.threshold_95[0]:.3f} to {point.threshold_95[1]:.3f}.\n"
        + yaml.safe_dump(content),
        encoding="utf-8",
    )


def plot_tuning(tuning: Tuning, title: str, path: Path) -> None:
    """False diverts, and recall where damaged images are known, over the threshold, as a PNG."""
    figure = Figure(figsize=(8, 4.5), dpi=100, layout="constrained")
    figure.suptitle(title, fontsize=12)
    axes = figure.subplots()
    count = len(tuning.good)
    rate = 1000 * np.arange(count, 0, -1) / count
    axes.step(tuning.good, rate, color=_GOOD, where="post", label=f"false diverts ({count} good)")
    point = tuning.point
    axes.axvspan(*point.threshold_95, color="black", alpha=0.12, linewidth=0)
    axes.axvline(point.threshold, color="black", linewidth=1)
    axes.annotate(f" {point.threshold:.3f}", (point.threshold, 900), fontsize=9)
    axes.set(
        xlabel="confidence at or above which an item is diverted",
        ylabel="good images diverted in a thousand (log)",
        yscale="log",
        xlim=(0, 1),
    )
    if len(tuning.damaged):
        beside = axes.twinx()
        share = np.arange(len(tuning.damaged), 0, -1) / len(tuning.damaged)
        beside.step(tuning.damaged, share, color=_DAMAGED, where="post")
        beside.set(ylim=(0, 1.02))
        beside.set_ylabel(
            f"share of the {len(tuning.damaged)} damaged images diverted", color=_DAMAGED
        )
    axes.legend(fontsize=8, loc="lower left")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
