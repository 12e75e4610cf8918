"""``python -m benchmarks.detail FOLDER``: what tiles at the camera's resolution add.

Evaluates a labelled image folder twice, without and with tiles, with the shipped network. Damage is
parted by its share of the item's pixels in the _mask and _items images; each part is held against
all good items. Results go to benchmarks/results/detail.json.
"""

from __future__ import annotations

import argparse
import json
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from damage_perception.dataset import QUERY, ImageFolder, ImageRecord
from damage_perception.evaluation.metrics import measure
from damage_perception.evaluation.prediction import Prediction, predict
from damage_perception.evaluation.ranking import auroc_interval, ranking
from damage_perception.inspector import Inspector, MountedCamera
from damage_perception.network import DamageNetwork
from damage_perception.network.detail import ALWAYS, OFF
from damage_perception.share import default_model_card
from damage_perception.station import Station
from damage_perception.verdict.policy import VerdictPolicy

RESULTS: Final = Path(__file__).parent / "results" / "detail.json"
# Of the item's pixels.
SHARES: Final = (0.0, 0.02, 0.08, 0.24, np.inf)


def damaged_share(record: ImageRecord) -> float:
    """Damaged pixels of the image over those of its labelled item."""
    items, mask = record.items(), record.mask()
    if items is None or mask is None:
        return float("nan")
    return float(np.count_nonzero(mask) / max(1, np.count_nonzero(items == 1)))


def figures(predictions: list[Prediction], shares: list[float], threshold: float) -> dict[str, Any]:
    """Of one evaluation; ``shares`` go with the predictions by index."""
    whole = measure(predictions, threshold)
    good = np.array([p.confidence for p in predictions if not p.label.damaged])
    by_share = {}
    for low, high in pairwise(SHARES):
        of_share = np.array(
            [
                p.confidence
                for p, share in zip(predictions, shares, strict=True)
                if p.label.damaged and low < share <= high
            ]
        )
        if len(of_share):
            by_share[f"to {high:.0%}" if np.isfinite(high) else "more"] = {
                "damaged": len(of_share),
                "auroc": ranking(good, of_share)["auroc"],
                "auroc_95": auroc_interval(good, of_share),
            }
    names = (
        "n_good",
        "n_damaged",
        "auroc",
        "auroc_95",
        "recall_at_fpr",
        "recall_at_threshold",
        "false_positive_rate_at_threshold",
        "expected_calibration_error",
        "kind_accuracy",
        "aupro",
        "not_located",
        "latency_ms",
    )
    return {**{name: whole[name] for name in names}, "by_damaged_share": by_share}


def main() -> None:
    """Runs both evaluations and writes the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detail")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path, default=default_model_card())
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    # As in the node.
    cv2.setNumThreads(1)
    folder = ImageFolder(arguments.folder)
    network = DamageNetwork.load(arguments.model)
    threshold = network.card.operating_point(5.0).threshold
    cameras = {name: MountedCamera(Station()) for name in folder.cameras}
    records = [record for record in folder if record.label and record.label.role == QUERY]
    shares = [damaged_share(record) for record in records]
    results: dict[str, Any] = {"model_id": network.card.model_id, "backend": network.backend}
    for detail in (OFF, ALWAYS):
        inspector = Inspector(network, cameras, VerdictPolicy.at(threshold), detail=detail)
        if inspector.detail_problem:
            parser.exit(1, f"{inspector.detail_problem}\n")
        found = [predict(record, record.label, inspector) for record in records if record.label]
        results[detail] = figures(found, shares, threshold)
    arguments.out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
