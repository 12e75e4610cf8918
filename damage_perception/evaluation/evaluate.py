"""A labelled data set through the pipeline: figures, predictions, plots and the worst errors."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.dataset import QUERY, DatasetError, ImageFolder, Record
from damage_perception.evaluation.metrics import measure
from damage_perception.evaluation.plots import plot_report
from damage_perception.evaluation.prediction import Prediction, judge_again, predict
from damage_perception.inspector import Inspector
from damage_perception.overlay import contact_sheet, draw_overlay, write_picture

METRICS_FILE: Final = "metrics.json"
PREDICTIONS_FILE: Final = "predictions.csv"
PLOTS_FILE: Final = "report.png"
WORST_FILE: Final = "worst.jpg"
_WORST: Final = 20
_COLUMNS: Final = 5

Progress = Callable[[Sequence[Record]], Iterable[Record]]


def evaluate(
    dataset: ImageFolder,
    inspector: Inspector,
    out: Path,
    progress: Progress = iter,
    with_depth: bool = True,
) -> dict[str, Any]:
    """Judges every query image of ``dataset`` and writes what follows into the folder ``out``.

    progress    wraps the records to show how far the run is
    with_depth  False: as if the cameras had delivered colour alone

    metrics.json     the figures (see evaluation.metrics.measure), which are returned
    predictions.csv  name, damaged, kind, confidence, predicted_kind of every query image; one that
                     got no answer has the worst confidence for its label and no predicted kind
    report.png       the figures as plots
    worst.jpg        the damaged with the least and the good with the greatest confidence, drawn

    An image without label is counted and left out; so is a reference.

    Raises DatasetError where the data set has no labels.csv or no query image.
    """
    if not dataset.labelled:
        raise DatasetError(f"{dataset.path} has no labels.csv; an evaluation needs one")
    queries = [record for record in dataset if record.label and record.label.role == QUERY]
    if not queries:
        raise DatasetError(f"{dataset.path}/labels.csv has no row of role {QUERY}")
    out.mkdir(parents=True, exist_ok=True)
    threshold = inspector.policy.threshold
    predictions = [
        predict(record, record.label, inspector, threshold, with_depth)
        for record in progress(queries)
        if record.label
    ]
    metrics = {
        "dataset": str(dataset.path),
        "model_id": inspector.network.card.model_id,
        "backend": inspector.network.backend,
        "with_depth": with_depth,
        **measure(predictions, threshold),
        "n_references": len(dataset) - len(queries) - len(dataset.unlabelled),
        "unlabelled": list(dataset.unlabelled),
    }
    text = json.dumps(metrics, indent=2, allow_nan=False)
    (out / METRICS_FILE).write_text(text + "\n", encoding="utf-8")
    _write_predictions(predictions, out / PREDICTIONS_FILE)
    title = f"{dataset.path.resolve().name}, {metrics['model_id']}"
    title += "" if with_depth else ", colour alone"
    plot_report(predictions, metrics, title, out / PLOTS_FILE)
    _draw_worst(queries, predictions, inspector, with_depth, out / WORST_FILE)
    return metrics


def _write_predictions(predictions: Sequence[Prediction], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("name", "damaged", "kind", "confidence", "predicted_kind"))
        for p in predictions:
            label = p.label
            damaged = int(label.damaged)
            rows.writerow((p.name, damaged, label.kind, repr(p.confidence), p.predicted_kind))


def _draw_worst(
    records: Sequence[Record],
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


def _picture(record: Record, inspector: Inspector, with_depth: bool) -> NDArray[np.uint8]:
    judged = judge_again(record, inspector, with_depth)
    if judged is None:
        camera = record.calibration.camera
        return np.full((camera.height, camera.width, 3), 70, np.uint8)
    frame, result = judged
    return draw_overlay(frame, result.items, result.reports)
