"""From trained weights to the files that are shipped: graph, self-test and model card."""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from damage_perception.network import DamageNetwork, OnnxRuntimeSession
from damage_perception.network.contract import ITEM_LOGIT, MOST_VIEWS, card_sections
from damage_perception.network.damage_network import (
    digest,
    stored_name,
)
from damage_perception.network.model_card import GRAPHS, INT8_SYMMETRIC
from damage_perception.odds import probabilities
from damage_perception.training.batch import draw_batch
from damage_perception.training.comparing import (
    FILES,
    CalibrationViews,
    Known,
    sha256_of,
    write_comparing,
)
from damage_perception.training.config import TrainingConfig
from damage_perception.training.encoder import LICENSE, ORIGIN
from damage_perception.training.finder import keep_finder
from damage_perception.training.graphs import (
    OPSET,
    Exported,
    write_graph,
    write_int8,
)
from damage_perception.training.metric import fit_metric
from damage_perception.training.model import DamageNet
from damage_perception.training.real_views import READERS, RealViews
from damage_perception.training.views import LabelledViews, inputs_of, without_depth
from damage_perception.training.worlds import Calibrations
from damage_perception.view import UNKNOWN_HEIGHT_M

NAME = "damage_net"
PARITY_VIEWS = 100
PARITY_TOLERANCE = 0.005
SELF_TEST_VIEWS = 4
RANGE_VIEWS = 200
MOST_AUROC_LOST = 0.005


@dataclass(frozen=True)
class LearnedViews:
    """Views that training has seen, by which the metric is learned, too.

    simulated  in pairs, before and after their damage
    real       pictures made elsewhere; None: there are none
    """

    simulated: LabelledViews
    real: RealViews | None = None


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
    learned: LearnedViews,
    calibration: CalibrationViews,
    models: Path,
    start: str,
    validation: dict[str, float],
) -> Path:
    """Writes graphs, self-test and card into ``models``; the path of the card.

    start        id of the model that training began from, empty where there was none
    validation   what was measured at the end of training

    A model that was there stays until the new one has passed its self-test. Raises ValueError where
    the fp32 graph does not give what PyTorch gives.
    """
    models.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=models) as folder:
        training = _training(config, start, validation)
        card = _write_model(model, config, learned, calibration, training, Path(folder))
        DamageNetwork.load(card)
        keep_finder(models / card.name, card)
        made = sorted(Path(folder).iterdir(), key=lambda path: path == card)
        for path in made:
            path.replace(models / path.name)
    for name in {_graph_name(name) for name in GRAPHS} - {path.name for path in made}:
        # Of the model before: the card names it no more.
        (models / name).unlink(missing_ok=True)
    return models / card.name


def _write_model(
    model: DamageNet,
    config: TrainingConfig,
    learned: LearnedViews,
    calibration: CalibrationViews,
    training: dict[str, Any],
    models: Path,
) -> Path:
    views = calibration.simulated
    graphs = _write_graphs(model, config, views, models)
    exact = graphs["fp32"]
    inputs = inputs_of(views, np.arange(SELF_TEST_VIEWS))
    left_out = {}
    for name, graph in list(graphs.items()):
        if problem := _problem(graph, exact):
            left_out[name] = problem
            graphs.pop(name).path.unlink()
    self_test = models / f"{NAME}_selftest.npz"
    np.savez_compressed(self_test, **_self_test(graphs, inputs))
    calibrated = _calibrated(exact, calibration)
    metric = fit_metric(exact.session, learned.simulated, learned.real, config.seed)
    known = Known(exact.session, metric, calibrated["calibration"])
    compared = write_comparing(model, known, calibration, config.seed, models)
    card = {
        **_identity(exact.path, *(models / file for file in FILES.values())),
        "graphs": {name: _entry(graph) for name, graph in graphs.items()},
        "left_out": left_out,
        "self_test": {"file": self_test.name, "sha256": sha256_of(self_test)},
        **card_sections(config.view_size),
        "architecture": {
            "name": "DamageNet",
            "widths": list(model.widths),
            "color_encoder": {
                "origin": ORIGIN,
                "license": LICENSE,
                "tuned_blocks": config.tuned_blocks,
            },
            "parameters": sum(p.numel() for p in model.parameters()),
        },
        "training": training,
        **calibrated,
        "references": compared,
    }
    path = models / f"{NAME}.yaml"
    path.write_text(
        "# Written by `damage-perception train`; do not edit.\n"
        + yaml.safe_dump(card, sort_keys=False, width=100),
        encoding="utf-8",
    )
    return path


def _write_graphs(
    model: DamageNet, config: TrainingConfig, views: LabelledViews, models: Path
) -> dict[str, _Measured]:
    """The graphs by name, measured on the calibration views. Raises as `export` does."""
    size = config.view_size
    paths = {name: models / _graph_name(name) for name in GRAPHS}
    batch = draw_batch(views, np.arange(min(PARITY_VIEWS, len(views))), size)
    with torch.no_grad():
        expected = Exported(model).eval()(*batch.inputs)[1].sigmoid().numpy()

    def measured(name: str) -> _Measured:
        return _measure(paths[name], config.workers, views, expected)

    write_graph(model, size, paths["fp32"])
    exact = measured("fp32")
    if not exact.difference <= PARITY_TOLERANCE:
        raise ValueError(
            f"the exported graph differs from PyTorch by {exact.difference:.4f} in item "
            f"probability, at most {PARITY_TOLERANCE} is allowed"
        )
    write_graph(copy.deepcopy(model).half(), size, paths["fp16"])
    count = min(RANGE_VIEWS, len(views))
    for name in ("int8", INT8_SYMMETRIC):
        ranges = (inputs_of(views, np.array([row])) for row in range(count))
        write_int8(paths["fp32"], ranges, paths[name], symmetric=name == INT8_SYMMETRIC)
    return {"fp32": exact, **{name: measured(name) for name in GRAPHS[1:]}}


def _measure(
    path: Path, threads: int, views: LabelledViews, expected: NDArray[np.float32]
) -> _Measured:
    session = OnnxRuntimeSession(path, threads)
    logits = _logits(session, views)
    said = probabilities(logits[: len(expected)])
    return _Measured(
        path,
        session,
        logits,
        float(roc_auc_score(views.damaged, logits)) if np.isfinite(logits).all() else math.nan,
        float(np.abs(said - expected).max()),
    )


def _self_test(graphs: Mapping[str, _Measured], inputs: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Inputs, and what each graph gives on them."""
    stored: dict[str, Any] = dict(inputs)
    for name, graph in graphs.items():
        found = digest(graph.session.run(inputs))
        stored |= {stored_name(name, key): values for key, values in found.items()}
    return stored


def _problem(graph: _Measured, exact: _Measured) -> str:
    """Why a graph is not shipped; empty where it is."""
    if not exact.auroc - graph.auroc <= MOST_AUROC_LOST:
        return f"AUROC {graph.auroc:.4f}, against {exact.auroc:.4f} in fp32"
    return ""


def _identity(*files: Path) -> dict[str, Any]:
    """What ``files`` decide: references of one model are not compared by another."""
    digest = hashlib.sha256("".join(map(sha256_of, files)).encode()).hexdigest()
    return {
        "model_id": f"{NAME}-{digest[:8]}",
        "made": _today(),
        "license": "Apache-2.0",
        "opset": OPSET,
    }


def _entry(graph: _Measured) -> dict[str, Any]:
    return {
        "file": graph.path.name,
        "sha256": sha256_of(graph.path),
        "auroc": round(graph.auroc, 4),
        "max_probability_difference": round(graph.difference, 6),
    }


def _training(config: TrainingConfig, start: str, validation: dict[str, float]) -> dict[str, Any]:
    return {
        "data": "the project's simulated cell, split train",
        "photographs": [path.name for path in (config.prints, config.grounds) if path],
        "real": _real_sets(config),
        "seed": config.seed,
        "train_views": config.train_views,
        "written_share": config.written_share,
        "own": [path.name for path in config.own],
        "start": start or None,
        "samples_seen": sum(stage.samples for stage in config.stages),
        "stages": [vars(stage) for stage in config.stages],
        "describer": vars(config.describer) if config.describer else None,
        "validation": validation,
    }


def _real_sets(config: TrainingConfig) -> list[str]:
    """Names of the sets of real pictures that were learned from."""
    if config.real is None:
        return []
    return sorted(name for name in READERS if (config.real / name).is_dir())


def _calibrated(exact: _Measured, views: CalibrationViews) -> dict[str, Any]:
    """Calibration, and the scores of good items that follow from it."""
    damaged = np.asarray(views.simulated.damaged)
    calibrations = Calibrations.fit(exact.logits, damaged, views.world)
    scale, offset = calibrations.whole
    seen, blind = _good_elsewhere(exact.session, views.real)
    of_color = _logits(exact.session, without_depth(views.simulated))
    return {
        "calibration": {
            "id": f"simulated-{_today()}-{sha256_of(exact.path)[:8]}",
            "method": "Platt scaling",
            "data": f"{len(damaged)} simulated views, split validation, seeds of their own",
            "scale": round(scale, 6),
            "offset": round(offset, 6),
            "auroc": round(exact.auroc, 4),
            "auroc_without_depth": round(float(roc_auc_score(damaged, of_color)), 4),
        },
        **calibrations.good_sections(exact.logits, seen),
        "good_items_without_depth": _pooled(calibrations.good_sections(of_color, blind)),
    }


def _pooled(sections: dict[str, Any]) -> dict[str, Any]:
    return {**sections["good_items"], "worlds": sections["worlds"]}


def _good_elsewhere(
    session: OnnxRuntimeSession, real: RealViews | None
) -> tuple[dict[str, NDArray[np.float32]], dict[str, NDArray[np.float32]]]:
    """Logits of whole real items by set: of those with depth, and of all by colour alone."""
    seen: dict[str, NDArray[np.float32]] = {}
    blind: dict[str, NDArray[np.float32]] = {}
    if real is None:
        return seen, blind
    whole = ~np.asarray(real.views.damaged)
    for name in np.unique(real.dataset[whole]):
        views = real.only(whole & (real.dataset == name)).views
        blind[str(name)] = _logits(session, without_depth(views))
        if (np.asarray(views.height_m) != UNKNOWN_HEIGHT_M).any():
            seen[str(name)] = _logits(session, views)
    return seen, blind


def _logits(session: OnnxRuntimeSession, views: LabelledViews) -> NDArray[np.float32]:
    """(N,) of the items."""
    parts = []
    for start in range(0, len(views), MOST_VIEWS):
        rows = np.arange(start, min(start + MOST_VIEWS, len(views)))
        parts.append(session.run(inputs_of(views, rows))[ITEM_LOGIT])
    return np.concatenate(parts)


def _today() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%d")


def _graph_name(name: str) -> str:
    return f"{NAME}.onnx" if name == "fp32" else f"{NAME}_{name}.onnx"
