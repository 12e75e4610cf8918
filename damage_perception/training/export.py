"""From trained weights to the files that are shipped: graph, self-test and model card."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.metrics import roc_auc_score

from damage_perception.kinds import KINDS
from damage_perception.network import DamageNetwork, OnnxRuntimeSession
from damage_perception.network.damage_network import (
    SELF_TEST_TOLERANCE,
    digest,
    self_test_difference,
)
from damage_perception.training.augment import draw_batch
from damage_perception.training.config import TrainingConfig
from damage_perception.training.graphs import (
    OPSET,
    Exported,
    write_fp16,
    write_fp32,
    write_int8,
)
from damage_perception.training.model import DamageNet
from damage_perception.training.views import LabelledViews

NAME = "damage_net"
PARITY_VIEWS = 100
PARITY_TOLERANCE = 0.005
SELF_TEST_VIEWS = 4
RANGE_VIEWS = 200
MOST_AUROC_LOST = 0.005
# The card keeps the top of the distribution of good items, where operating points lie.
KEPT_SCORES_SHARE = 0.1


@dataclass(frozen=True)
class _Measured:
    """A written graph and what it says of the calibration views.

    logits      (N,) of the item
    difference  largest of the item probability from PyTorch's, on PARITY_VIEWS
    """

    path: Path
    session: OnnxRuntimeSession
    logits: NDArray[np.float32]
    auroc: float
    difference: float


def export(
    model: DamageNet,
    config: TrainingConfig,
    calibration: LabelledViews,
    history: list[dict[str, float]],
    models: Path,
) -> Path:
    """Writes graph, self-test and card into ``models``; the path of the card.

    calibration  views that neither training nor the choice of anything has seen

    Raises ValueError where the graph does not give what PyTorch gives.
    """
    models.mkdir(parents=True, exist_ok=True)
    size = config.view_size
    expected = _probabilities(model, calibration, size)

    def measure(precision: str) -> _Measured:
        path = _graph_path(models, precision)
        return _measure(path, config.workers, calibration, expected)

    write_fp32(model, size, _graph_path(models, "fp32"))
    exact = measure("fp32")
    if not exact.difference <= PARITY_TOLERANCE:
        raise ValueError(
            f"the exported graph differs from PyTorch by {exact.difference:.4f} in item "
            f"probability, at most {PARITY_TOLERANCE} is allowed"
        )
    write_fp16(model, size, _graph_path(models, "fp16"))
    ranges = (
        _arrays(calibration, np.array([i])) for i in range(min(RANGE_VIEWS, len(calibration)))
    )
    write_int8(exact.path, ranges, _graph_path(models, "int8"))
    inputs: dict[str, Any] = _arrays(calibration, np.arange(SELF_TEST_VIEWS))
    expected_of_test = digest(exact.session.run(inputs))
    graphs, left_out = {"fp32": exact}, {}
    for precision in ("fp16", "int8"):
        graph = measure(precision)
        found = digest(graph.session.run(inputs))
        difference = self_test_difference(found, expected_of_test)
        if exact.auroc - graph.auroc > MOST_AUROC_LOST:
            left_out[precision] = f"AUROC {graph.auroc:.4f}, against {exact.auroc:.4f} in fp32"
        elif not difference <= SELF_TEST_TOLERANCE[precision]:
            left_out[precision] = f"differs by {difference:.4f} from fp32 in the self-test"
        else:
            graphs[precision] = graph
            continue
        graph.path.unlink()
    logits = exact.logits
    scale, offset = fit_calibration(logits, calibration.damaged)
    confidences = 1 / (1 + np.exp(-(scale * logits.astype(np.float64) + offset)))
    good = np.sort(confidences[~calibration.damaged])
    kept = good[-max(1, int(len(good) * KEPT_SCORES_SHARE)) :]
    self_test = models / f"{NAME}_selftest.npz"
    stored: dict[str, Any] = {**inputs, **expected_of_test}
    np.savez_compressed(self_test, **stored)
    day = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    card = {
        "model_id": f"{NAME}-{_sha256(exact.path)[:8]}",
        "made": day,
        "license": "Apache-2.0",
        "kinds": list(KINDS),
        "opset": OPSET,
        "graphs": {
            precision: {
                "file": graph.path.name,
                "sha256": _sha256(graph.path),
                "auroc": round(graph.auroc, 4),
                "max_probability_difference": round(graph.difference, 6),
            }
            for precision, graph in graphs.items()
        },
        "left_out": left_out,
        "self_test": {"file": self_test.name, "sha256": _sha256(self_test)},
        "input": {
            "view_size": config.view_size,
            "color": "uint8 (N, S, S, 3), RGB",
            "height_m": "float32 (N, S, S), metres above the station plane, -10 where unknown",
            "item": "uint8 (N, S, S), 1 on the item",
            "width_m": "float32 (N,), metres the view spans at the item, 0 where unknown",
        },
        "output": {
            "maps": "float32 (N, kinds, S/4, S/4), 0..1",
            "item_logit": "float32 (N,), before calibration",
            "kind_logits": "float32 (N, kinds)",
        },
        "architecture": {
            "name": "DamageNet",
            "widths": list(model.widths),
            "parameters": sum(p.numel() for p in model.parameters()),
        },
        "training": {
            "data": "the project's simulated cell, split train",
            "photographs": [path.name for path in (config.prints, config.grounds) if path],
            "seed": config.seed,
            "train_views": config.train_views,
            "own": [path.name for path in config.own],
            "start": config.start.stem if config.start else None,
            "samples_seen": sum(stage.samples for stage in config.stages),
            "stages": [vars(stage) for stage in config.stages],
            "validation": history[-1] if history else {},
        },
        "calibration": {
            "id": f"simulated-{day}-{_sha256(exact.path)[:8]}",
            "method": "Platt scaling",
            "data": f"{len(calibration)} simulated views, split validation, seeds of their own",
            "scale": round(scale, 6),
            "offset": round(offset, 6),
            "auroc": round(exact.auroc, 4),
        },
        "good_items": {
            "count": len(good),
            "highest_confidences": [round(float(score), 6) for score in kept],
        },
    }
    path = models / f"{NAME}.yaml"
    path.write_text(
        "# Written by `damage-perception train`; do not edit.\n"
        + yaml.safe_dump(card, sort_keys=False, width=100),
        encoding="utf-8",
    )
    DamageNetwork.load(path, config.workers)
    return path


def fit_calibration(
    logits: NDArray[np.floating], damaged: NDArray[np.bool_]
) -> tuple[float, float]:
    """Scale and offset of Platt scaling (1999), by maximum likelihood."""
    x, y = logits.astype(np.float64), damaged.astype(np.float64)

    def negative_log_likelihood(p: NDArray[np.float64]) -> float:
        odds = p[0] * x + p[1]
        return float(np.mean(np.logaddexp(0, odds) - y * odds))

    found = minimize(negative_log_likelihood, np.array((1.0, 0.0)), method="Nelder-Mead")
    return float(found.x[0]), float(found.x[1])


def _graph_path(models: Path, precision: str) -> Path:
    return models / (f"{NAME}.onnx" if precision == "fp32" else f"{NAME}_{precision}.onnx")


def _probabilities(model: DamageNet, views: LabelledViews, size: int) -> NDArray[np.float32]:
    """What PyTorch says of the first PARITY_VIEWS."""
    batch = draw_batch(views, np.arange(min(PARITY_VIEWS, len(views))), size)
    with torch.no_grad():
        probabilities: NDArray[np.float32] = (
            Exported(model).eval()(*batch.inputs)[1].sigmoid().numpy()
        )
    return probabilities


def _measure(
    path: Path, threads: int, views: LabelledViews, expected: NDArray[np.float32]
) -> _Measured:
    session = OnnxRuntimeSession(path, threads)
    logits = np.concatenate(
        [
            session.run(_arrays(views, np.arange(i, min(i + 16, len(views)))))["item_logit"]
            for i in range(0, len(views), 16)
        ]
    )
    found = 1 / (1 + np.exp(-logits[: len(expected)]))
    return _Measured(
        path,
        session,
        logits,
        float(roc_auc_score(views.damaged, logits)),
        float(np.abs(found - expected).max()),
    )


def _arrays(views: LabelledViews, rows: NDArray[np.integer]) -> dict[str, NDArray[Any]]:
    return {
        "color": views.color[rows],
        "height_m": views.height_m[rows].astype(np.float32),
        "item": views.item[rows],
        "width_m": views.width_m[rows],
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
