"""From trained weights to the files that are shipped: graph, self-test and model card."""

from __future__ import annotations

import hashlib
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
import yaml
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from damage_perception.kinds import KINDS
from damage_perception.network import DamageNetwork, OnnxRuntimeSession
from damage_perception.training.augment import draw_batch
from damage_perception.training.config import TrainingConfig
from damage_perception.training.model import DamageNet
from damage_perception.training.views import LabelledViews

NAME = "damage_net"
OPSET = 18
PARITY_VIEWS = 100
PARITY_TOLERANCE = 0.005
SELF_TEST_VIEWS = 4
# The card keeps the top of the distribution of good items, where operating points lie.
KEPT_SCORES_SHARE = 0.1


class Exported(nn.Module):
    """The network as it is shipped: of a view and its mirror image, maps as probabilities."""

    def __init__(self, model: DamageNet) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, color: Tensor, height_m: Tensor, item: Tensor, width_m: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Maps 0..1, item logit, kind logits; each the mean of both."""
        # As floats first: TensorRT does nothing with bytes but convert them.
        images = (color.float(), height_m, item.float())
        both = (torch.cat((image, image.flip(2))) for image in images)
        maps, item_logit, kind_logits = self.model(*both, torch.cat((width_m, width_m)))
        seen, mirrored = maps.sigmoid().reshape(2, -1, *maps.shape[1:])
        return (
            (seen + mirrored.flip(3)) / 2,
            item_logit.reshape(2, -1).mean(dim=0),
            kind_logits.reshape(2, -1, kind_logits.shape[1]).mean(dim=0),
        )


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
    graph, self_test = models / f"{NAME}.onnx", models / f"{NAME}_selftest.npz"
    exported = Exported(model).eval()
    _write_graph(exported, config.view_size, graph)
    session = OnnxRuntimeSession(graph, config.workers)
    difference = _parity(exported, session, calibration, config.view_size)
    logits = np.concatenate(
        [
            session.run(_arrays(calibration, np.arange(i, min(i + 16, len(calibration)))))[
                "item_logit"
            ]
            for i in range(0, len(calibration), 16)
        ]
    )
    scale, offset = fit_calibration(logits, calibration.damaged)
    confidences = 1 / (1 + np.exp(-(scale * logits.astype(np.float64) + offset)))
    good = np.sort(confidences[~calibration.damaged])
    kept = good[-max(1, int(len(good) * KEPT_SCORES_SHARE)) :]
    inputs: dict[str, Any] = _arrays(calibration, np.arange(SELF_TEST_VIEWS))
    outputs = session.run(inputs)
    np.savez_compressed(
        self_test,
        **inputs,
        probability=1 / (1 + np.exp(-outputs["item_logit"])),
        maps_mean=outputs["maps"].mean(axis=(2, 3)),
    )
    day = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    card = {
        "model_id": f"{NAME}-{_sha256(graph)[:8]}",
        "made": day,
        "license": "Apache-2.0",
        "kinds": list(KINDS),
        "graph": {"file": graph.name, "sha256": _sha256(graph), "opset": OPSET},
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
            "id": f"simulated-{day}-{_sha256(graph)[:8]}",
            "method": "Platt scaling",
            "data": f"{len(calibration)} simulated views, split validation, seeds of their own",
            "scale": round(scale, 6),
            "offset": round(offset, 6),
            "auroc": round(float(roc_auc_score(calibration.damaged, logits)), 4),
        },
        "good_items": {
            "count": len(good),
            "highest_confidences": [round(float(score), 6) for score in kept],
        },
        "parity_with_pytorch": {
            "views": min(PARITY_VIEWS, len(calibration)),
            "max_probability_difference": round(difference, 7),
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


def _write_graph(exported: Exported, size: int, path: Path) -> None:
    example = (
        torch.zeros(2, size, size, 3, dtype=torch.uint8),
        torch.zeros(2, size, size),
        torch.zeros(2, size, size, dtype=torch.uint8),
        torch.ones(2),
    )
    batch = {0: torch.export.Dim("batch", min=1, max=64)}
    torch.onnx.export(
        exported,
        example,
        str(path),
        input_names=["color", "height_m", "item", "width_m"],
        output_names=["maps", "item_logit", "kind_logits"],
        dynamic_shapes=(batch, batch, batch, batch),
        opset_version=OPSET,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    graph = onnx.load(str(path))
    # The exporter notes source lines of the machine that trained; nobody else can use them.
    for node in graph.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*graph.graph.input, *graph.graph.output, *graph.graph.value_info):
        del value.metadata_props[:]
    onnx.checker.check_model(graph)
    onnx.save(graph, str(path))


def _parity(
    exported: Exported, session: OnnxRuntimeSession, views: LabelledViews, size: int
) -> float:
    rows = np.arange(min(PARITY_VIEWS, len(views)))
    batch = draw_batch(views, rows, size)
    with torch.no_grad():
        expected = exported(*batch.inputs)[1].sigmoid().numpy()
    found = session.run(_arrays(views, rows))["item_logit"]
    difference = float(np.abs(1 / (1 + np.exp(-found)) - expected).max())
    if not difference <= PARITY_TOLERANCE:
        raise ValueError(
            f"the exported graph differs from PyTorch by {difference:.4f} in item probability, "
            f"at most {PARITY_TOLERANCE} is allowed"
        )
    return difference


def _arrays(views: LabelledViews, rows: NDArray[np.integer]) -> dict[str, NDArray[Any]]:
    return {
        "color": views.color[rows],
        "height_m": views.height_m[rows].astype(np.float32),
        "item": views.item[rows],
        "width_m": views.width_m[rows],
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
