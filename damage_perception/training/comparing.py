"""Writes what compares views with references, and measures what the card says of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.network import Embedding, OnnxRuntimeSession
from damage_perception.network.beside import beside
from damage_perception.network.contract import (
    CELLS,
    DESCRIPTOR,
    INPUTS,
    ITEM,
    ITEM_LOGIT,
    MAPS,
    MOST_VIEWS,
)
from damage_perception.network.metric import Metric
from damage_perception.network.turning import with_turned
from damage_perception.training.augment import spoilt_row
from damage_perception.training.graphs import write_comparer
from damage_perception.training.model import DamageNet
from damage_perception.training.one_camera import Spoil, one_camera, unheard_of
from damage_perception.training.real_views import RealViews
from damage_perception.training.reference_card import (
    SIMULATED,
    SeenViews,
    reference_card,
    reference_rows,
)
from damage_perception.training.views import LabelledViews, inputs_of
from damage_perception.view import View, Window

# Of the section ``references`` of a card.
FILES: Final[Mapping[str, str]] = {
    "comparer": "damage_net_compare.onnx",
    "metric": "damage_net_metric.npy",
}
# By what the card says of them: pieces before one camera that joining is fitted and measured on.
ONE_CAMERA: Final[Mapping[str, Spoil]] = {
    "damage as learned": spoilt_row,
    "of kinds that the metric alone learned": unheard_of,
}


@dataclass(frozen=True)
class CalibrationViews:
    """Views that neither training nor the choice of anything has seen.

    simulated  of the simulated cell, damaged and not
    world      (N,) of each of these: the form of its product
    real       pictures made elsewhere; None: there are none
    """

    simulated: LabelledViews
    world: NDArray[np.str_]
    real: RealViews | None = None


@dataclass(frozen=True)
class Known:
    """A graph with the metric and the calibration that were fitted to it."""

    session: OnnxRuntimeSession
    metric: Metric
    calibration: Mapping[str, Any]

    def seen(self, views: LabelledViews, source: NDArray[np.str_], turn: bool = True) -> SeenViews:
        """What it says of ``views``.

        turn  whether those that are references get turned copies
        """
        parts, embeddings, shown = [], [], []
        for start in range(0, len(views), MOST_VIEWS):
            inputs = inputs_of(views, np.arange(start, min(start + MOST_VIEWS, len(views))))
            found = self.session.run(inputs)
            parts.append(found[ITEM_LOGIT].astype(np.float64))
            embeddings += self._embeddings(found, inputs)
            shown += [beside(*one) for one in zip(found[MAPS], inputs[ITEM], strict=True)]
        for row in reference_rows(views) if turn else ():
            embeddings[row] = with_turned(_view(views, row), embeddings[row], self._embed)
        log_odds = self.calibration["scale"] * np.concatenate(parts) + self.calibration["offset"]
        return SeenViews(views, source, embeddings, log_odds, np.array(shown))

    def _embed(self, turned: Sequence[View]) -> list[Embedding]:
        inputs = {
            name: np.stack([getattr(view, name) for view in turned]).astype(array.dtype)
            for name, array in INPUTS.items()
        }
        return self._embeddings(self.session.run(inputs), inputs)

    def _embeddings(
        self, found: Mapping[str, NDArray[Any]], inputs: Mapping[str, NDArray[Any]]
    ) -> list[Embedding]:
        seen = zip(found[CELLS], found[DESCRIPTOR], inputs[ITEM], strict=True)
        return [Embedding.of(*one, self.metric) for one in seen]


def write_comparing(
    model: DamageNet, known: Known, views: CalibrationViews, seed: int, models: Path
) -> dict[str, Any]:
    """Writes the graph and the metric that compare; the section ``references`` of the card."""
    comparer = models / FILES["comparer"]
    write_comparer(model.comparer, comparer)
    np.save(models / FILES["metric"], known.metric.weights)
    simulated = known.seen(views.simulated, np.full(len(views.simulated), SIMULATED))
    real = []
    if views.real is not None:
        sets = np.char.rstrip(views.real.dataset, "+")
        real.append(known.seen(views.real.by_object(), sets))
        for what, spoil in ONE_CAMERA.items():
            pieces = one_camera(views.real, spoil, seed)
            names = np.char.add(np.char.rstrip(pieces.dataset, "+"), f" before one camera, {what}")
            real.append(known.seen(pieces.by_object(), names, turn=False))
    entries = {
        name: {"file": file, "sha256": sha256_of(models / file)} for name, file in FILES.items()
    }
    return {**entries, **reference_card(OnnxRuntimeSession(comparer, 2), simulated, real)}


def sha256_of(path: Path) -> str:
    """Of a file, as a card names it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _view(views: LabelledViews, row: int) -> View:
    height = views.height_m[row].astype(np.float32)
    window = Window(0, 0, len(height))
    return View(views.color[row], height, views.item[row], float(views.width_m[row]), window)
