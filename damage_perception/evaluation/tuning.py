"""An operating point from a site's own recordings: a parameter file and a picture of the choice.

Of labelled ones, or of a stream of which nobody knows what is damaged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import yaml
from matplotlib.figure import Figure
from numpy.typing import NDArray

from damage_perception.bag import Bag
from damage_perception.dataset import QUERY, DatasetError, ImageFolder, ImageRecord
from damage_perception.evaluation.prediction import predict
from damage_perception.inspector import Inspector
from damage_perception.network.operating_point import OperatingPoint, find_operating_point
from damage_perception.network.unlabelled import UnlabelledPoint, suggest_operating_point
from damage_perception.odds import log_odds_of
from damage_perception.source import Recorded, Source
from damage_perception.station import StationError
from damage_perception.verdict.report import Report, Verdict

_GOOD: Final = "#2a9d5c"
_DAMAGED: Final = "#d1453b"

Progress = Callable[[Sequence[ImageRecord]], Iterable[ImageRecord]]
FrameProgress = Callable[[Source], Iterable[Recorded]]


@dataclass(frozen=True)
class Tuning:
    """What was chosen, and on what.

    good, damaged  (N,) sorted confidences of the images or items that can be judged
    unjudged       those without an answer, unfit to judge by, or diverted and never reviewed: they
                   say nothing of the model
    what           they are, for people
    """

    point: OperatingPoint
    good: NDArray[np.float64]
    damaged: NDArray[np.float64]
    unjudged: int
    what: str = "images"

    @property
    def recall(self) -> float | None:
        """Share of the damaged images that are diverted; None without any."""
        return float((self.damaged >= self.point.threshold).mean()) if len(self.damaged) else None


@dataclass(frozen=True)
class UnlabelledTuning:
    """What was chosen on a stream, and on what.

    log_odds  (N,) of damage, of the items that can be judged
    unjudged  items without whole evidence, and frames that could not be read or used
    """

    suggested: UnlabelledPoint
    log_odds: NDArray[np.float64]
    unjudged: int


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
    good, damaged = (np.array(scores[truth], np.float64) for truth in (False, True))
    return tuning_of(good, damaged, unjudged, false_diverts_per_1000, str(dataset.path))


def tuning_of(
    good: NDArray[np.float64],
    damaged: NDArray[np.float64],
    unjudged: int,
    false_diverts_per_1000: float,
    source: str,
    what: str = "images",
) -> Tuning:
    """The threshold that diverts so many of the good, by their confidences (N,).

    Raises DatasetError where there are too few good ones to show that rate.
    """
    good, damaged = np.sort(good), np.sort(damaged)
    if not len(good):
        raise DatasetError(f"{source} has no good item that could be judged")
    try:
        point = find_operating_point(good, len(good), false_diverts_per_1000)
    except ValueError as error:
        least = int(np.ceil(1000 / false_diverts_per_1000)) if false_diverts_per_1000 > 0 else 0
        raise DatasetError(f"{error}; {least} or more are needed for that rate") from error
    return Tuning(point, good, damaged, unjudged, what)


def tune_unlabelled(
    source: Source,
    inspector: Inspector,
    false_diverts_per_1000: float,
    progress: FrameProgress = iter,
) -> UnlabelledTuning:
    """The threshold that diverts so many of the good items among those that ``source`` shows.

    Of an image folder every item in every image is one by itself; in a recording items are
    followed and reported as in the node.

    inspector  with the threshold 1, so that its verdict says whether an item can be judged

    Raises DatasetError where its items cannot show that rate.
    """
    scores: list[float] = []
    unjudged = 0
    follow = isinstance(source, Bag)
    for record in progress(source):
        try:
            frame = record.frame()
            reports: Sequence[Report] = (
                inspector.observe(frame, frame.stamp_ns)
                if follow
                else inspector.judge(frame).reports
            )
        except (DatasetError, StationError):
            unjudged += 1
            continue
        unjudged += _take(reports, scores)
    if follow:
        unjudged += _take(inspector.finish(), scores)
    log_odds = log_odds_of(np.array(scores, np.float64))
    try:
        suggested = suggest_operating_point(log_odds, false_diverts_per_1000)
    except ValueError as error:
        left_out = f" ({unjudged} could not be judged)" if unjudged else ""
        raise DatasetError(f"{error}{left_out}") from error
    return UnlabelledTuning(suggested, log_odds, unjudged)


def _take(reports: Sequence[Report], scores: list[float]) -> int:
    """Adds the confidences of items with whole evidence; how many have none."""
    judged = [report.confidence for report in reports if report.verdict is not Verdict.UNKNOWN]
    scores.extend(judged)
    return len(reports) - len(judged)


def write_parameters(
    tuning: Tuning | UnlabelledTuning, source: str, asked_per_1000: float, path: Path
) -> None:
    """A parameter file for the detector with the threshold, and what it was chosen on.

    asked_per_1000  good items that may be diverted, against which the node holds what it sees
    """
    point = tuning.suggested.point if isinstance(tuning, UnlabelledTuning) else tuning.point
    low, high = point.false_diverts_per_1000_95
    values = {
        "damage_threshold": round(point.threshold, 6),
        "false_diverts_per_1000": float(asked_per_1000),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"# {_chosen_on(tuning, source)}.\n"
        f"# False diverts of single images: {low:.2f} to {high:.2f} in a thousand at 95 %; "
        f"threshold {point.threshold_95[0]:.3f} to {point.threshold_95[1]:.3f}.\n"
        + yaml.safe_dump({"/**": {"damage_detector": {"ros__parameters": values}}}),
        encoding="utf-8",
    )


def _chosen_on(tuning: Tuning | UnlabelledTuning, source: str) -> str:
    if isinstance(tuning, UnlabelledTuning):
        return (
            f"Chosen on {tuning.suggested.items} unlabelled items of {source}; it holds where up "
            f"to {tuning.suggested.damaged_share:.0%} of them are damaged"
        )
    recall = "" if tuning.recall is None else f"; {tuning.recall:.1%} of the damaged diverted"
    return (
        f"Chosen on {len(tuning.good)} good and {len(tuning.damaged)} damaged {tuning.what} of "
        f"{source}{recall}"
    )


def plot_unlabelled_tuning(
    tuning: UnlabelledTuning, asked_per_1000: float, title: str, path: Path
) -> None:
    """How many items lie at or above each score, and how many good ones by the fit, as a PNG."""
    figure = Figure(figsize=(8, 4.5), dpi=100, layout="constrained")
    figure.suptitle(title, fontsize=12)
    axes = figure.subplots()
    suggested, count = tuning.suggested, len(tuning.log_odds)
    point = suggested.point
    rate = 1000 * np.arange(count, 0, -1) / count
    axes.step(np.sort(tuning.log_odds), rate, color="black", label=f"all items ({count})")
    axes.plot(suggested.tail_log_odds, suggested.tail_per_1000, color=_GOOD, label="good, by fit")
    axes.axhline(asked_per_1000, color="black", linewidth=0.6, linestyle=":")
    low, high, chosen = log_odds_of(np.array((*point.threshold_95, point.threshold)))
    axes.axvspan(low, high, color="black", alpha=0.12, linewidth=0)
    axes.axvline(chosen, color="black", linewidth=1)
    axes.annotate(f" {point.threshold:.3f}", (chosen, 500), fontsize=9)
    axes.set(
        xlabel="log odds of damage at or above which an item is diverted",
        ylabel="items diverted in a thousand (log)",
        yscale="log",
        ylim=(300 / count, 1100),
    )
    axes.legend(fontsize=8, loc="lower left")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


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
