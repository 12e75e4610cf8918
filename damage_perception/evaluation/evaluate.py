"""A labelled data set through the pipeline: figures, predictions, plots and the worst errors."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.dataset import QUERY, DatasetError, ImageFolder, ImageRecord
from damage_perception.evaluation.enrollment import Enrolled, enroll_references
from damage_perception.evaluation.metrics import measure
from damage_perception.evaluation.plots import plot_report
from damage_perception.evaluation.prediction import Prediction, judge_again, predict
from damage_perception.inspector import Inspector
from damage_perception.network.detail import OFF
from damage_perception.overlay import contact_sheet, draw_overlay, write_picture
from damage_perception.verdict.difference import ReferenceStatus

METRICS_FILE: Final = "metrics.json"
PREDICTIONS_FILE: Final = "predictions.csv"
PLOTS_FILE: Final = "report.png"
WORST_FILE: Final = "worst.jpg"
_WORST: Final = 20
_COLUMNS: Final = 5

Progress = Callable[[Sequence[ImageRecord]], Iterable[ImageRecord]]


def evaluate(
    dataset: ImageFolder,
    inspector: Inspector,
    out: Path,
    progress: Progress = iter,
    with_depth: bool = True,
    references: bool = False,
    wrong_references: bool = False,
) -> dict[str, Any]:
    """Judges every query image of ``dataset`` and writes what follows into the folder ``out``.

    progress    wraps the records to show how far the run is
    with_depth  False: as if the cameras had delivered colour alone
    references  enroll the references of the data set first, and compare each query with those of
                its sku
    wrong_references  the same, but each sku is given the references of another one

    metrics.json     the figures (see evaluation.metrics.measure), which are returned; with
                     references also those of each signal (``supervised``, ``references``,
                     ``joined``; the last are those of the whole; ``references`` is null where
                     no item was compared), and ``identification``
    predictions.csv  name, damaged, kind, confidence, predicted_kind of every query image; one that
                     got no answer has the worst confidence for its label and no predicted kind
    report.png       the figures as plots
    worst.jpg        the damaged with the least and the good with the greatest confidence, drawn

    An image without label is counted and left out; so is a reference, unless it is enrolled.

    Raises DatasetError where the data set has no labels.csv or no query image, or where references
    are asked for and it has none that can be enrolled.
    """
    if not dataset.labelled:
        raise DatasetError(f"{dataset.path} has no labels.csv; an evaluation needs one")
    queries = [record for record in dataset if record.label and record.label.role == QUERY]
    if not queries:
        raise DatasetError(f"{dataset.path}/labels.csv has no row of role {QUERY}")
    out.mkdir(parents=True, exist_ok=True)
    enrolled = None
    if references or wrong_references:
        enrolled = enroll_references(dataset, inspector, progress, with_depth, wrong_references)
    threshold = inspector.policy.threshold(
        compared=enrolled is not None, without_depth=not with_depth
    )
    predictions = [
        predict(record, record.label, inspector, with_depth)
        for record in progress(queries)
        if record.label
    ]
    metrics = {
        "dataset": str(dataset.path),
        "model_id": inspector.network.card.model_id,
        "backend": inspector.network.backend,
        "backend_reason": inspector.network.backend_reason,
        "with_depth": with_depth,
        "detail": OFF if inspector.detail_problem else inspector.detail,
        **measure(predictions, threshold),
        "n_references": len(dataset) - len(queries) - len(dataset.unlabelled),
        "unlabelled": list(dataset.unlabelled),
    }
    if enrolled is not None:
        metrics |= _of_each_signal(predictions, inspector, enrolled, with_depth)
    text = json.dumps(metrics, indent=2, allow_nan=False)
    (out / METRICS_FILE).write_text(text + "\n", encoding="utf-8")
    _write_predictions(predictions, out / PREDICTIONS_FILE)
    title = f"{dataset.path.resolve().name}, {metrics['model_id']}"
    title += "" if with_depth else ", colour alone"
    plot_report(predictions, metrics, title, out / PLOTS_FILE)
    _draw_worst(queries, predictions, inspector, with_depth, out / WORST_FILE)
    return metrics


def _of_each_signal(
    predictions: Sequence[Prediction],
    inspector: Inspector,
    enrolled: Enrolled,
    with_depth: bool,
) -> dict[str, Any]:
    """The figures of the network alone, of the references alone, and of both."""
    policy = inspector.policy
    compared = policy.threshold(compared=True)
    named = [p for p in predictions if p.identity is not None]
    right = [p.identity.nearest == enrolled.sku_of(p.label.sku) for p in named if p.identity]
    rejected = [not p.identity.sku for p in named if p.identity]
    used = sum(p.references is ReferenceStatus.USED for p in predictions)
    by_references = [replace(p, confidence=p.anomaly) for p in predictions]
    return {
        "supervised": measure(
            [replace(p, confidence=p.supervised) for p in predictions],
            policy.threshold(without_depth=not with_depth),
        ),
        "references": measure(by_references, compared) if used else None,
        "joined": measure(predictions, compared),
        "compared": used,
        "mismatched": sum(p.references is ReferenceStatus.MISMATCH for p in predictions),
        "identification": {
            "skus": len(enrolled.skus),
            "top1": float(np.mean(right)) if named else None,
            "rejected": float(np.mean(rejected)) if named else None,
        },
        "enrolled": enrolled.count,
        "not_enrolled": dict(enrolled.refused),
    }


def _write_predictions(predictions: Sequence[Prediction], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("name", "damaged", "kind", "confidence", "predicted_kind"))
        for p in predictions:
            label = p.label
            damaged = int(label.damaged)
            rows.writerow((p.name, damaged, label.kind, repr(p.confidence), p.predicted_kind))


def _draw_worst(
    records: Sequence[ImageRecord],
    predictions: Sequence[Prediction],
    inspector: Inspector,
    with_depth: bool,
    path: Path,
) -> None:
    """Up to 20 of the damaged with the least confidence, then of the good with the greatest."""
    damaged = [i for i, p in enumerate(predictions) if p.label.damaged]
    good = [i for i, p in enumerate(predictions) if not p.label.damaged]
    missed = sorted(damaged, key=lambda i: predictions[i].confidence)[:_WORST]
    alarms = sorted(good, key=lambda i: -predictions[i].confidence)[:_WORST]
    images: list[NDArray[np.uint8]] = []
    captions: list[str] = []
    for index in missed + alarms:
        prediction = predictions[index]
        what = prediction.label.kind.replace("_", " ") if prediction.label.damaged else "good"
        said = prediction.error or f"{prediction.confidence:.3f}"
        captions.append(f"{what}, {said}: {prediction.name}")
        images.append(_picture(records[index], inspector, with_depth))
    write_picture(path, contact_sheet(images, captions, _COLUMNS))


def _picture(record: ImageRecord, inspector: Inspector, with_depth: bool) -> NDArray[np.uint8]:
    judged = judge_again(record, inspector, with_depth)
    if judged is None:
        camera = record.calibration.camera
        return np.full((camera.height, camera.width, 3), 70, np.uint8)
    frame, result = judged
    return draw_overlay(frame.color, result.pictures, result.reports)
