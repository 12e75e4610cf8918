"""The damage network: views in, assessments out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.network.model_card import ModelCard, ModelCardError
from damage_perception.network.session import BackendError, OnnxRuntimeSession, Session
from damage_perception.view import View

# Largest difference of a self-test output from the stored one. Other processors sum in another
# order; a wrong graph is off by far more.
SELF_TEST_TOLERANCE: Final = 0.005
OUTPUTS: Final = ("maps", "item_logit", "kind_logits")


@dataclass(frozen=True)
class Assessment:
    """What the network says of one view.

    logit        calibrated log odds of damage
    probability  the same as a probability, 0..1
    kinds        (kinds,) float32, 0..1, confidence per kind
    maps         (kinds, S/4, S/4) float32, 0..1, where in the view
    """

    logit: float
    probability: float
    kinds: NDArray[np.float32]
    maps: NDArray[np.float32]


class DamageNetwork:
    """A loaded, self-tested model with its card."""

    def __init__(self, card: ModelCard, session: Session) -> None:
        self.card = card
        self.view_size = card.view_size
        self._session = session

    @staticmethod
    def load(card_path: Path, threads: int = 2) -> DamageNetwork:
        """Loads the model that a card describes and runs its stored self-test.

        threads  of one inference on the CPU

        Raises ModelCardError where card or files are wrong, BackendError where the graph does not
        load, takes other inputs, or does not give its stored outputs.
        """
        card = ModelCard.load(card_path)
        network = DamageNetwork(card, OnnxRuntimeSession(card.graph, threads))
        network._check_contract()
        network.self_test()
        return network

    @property
    def backend(self) -> str:
        """What runs the network, as it stands in reports."""
        return self._session.backend

    def assess(self, views: Sequence[View]) -> list[Assessment]:
        """One pass over all ``views``. Raises BackendError."""
        if not views:
            return []
        outputs = self._session.run(
            {
                "color": np.stack([view.color for view in views]),
                "height_m": np.stack([view.height_m for view in views]),
                "item": np.stack([view.item for view in views]),
                "width_m": np.array([view.width_m for view in views], np.float32),
            }
        )
        maps, item_logit, kind_logits = (outputs[name] for name in OUTPUTS)
        if not np.isfinite(item_logit).all():
            raise BackendError("inference gave a confidence that is not a number")
        log_odds = self.card.calibration.log_odds(item_logit)
        kinds = _sigmoid(kind_logits).astype(np.float32)
        return [
            Assessment(float(odds), float(_sigmoid(odds)), kinds[i], maps[i])
            for i, odds in enumerate(log_odds)
        ]

    def self_test(self) -> float:
        """Runs the stored inputs; the largest difference from the stored outputs.

        Raises BackendError where that is beyond SELF_TEST_TOLERANCE.
        """
        try:
            with np.load(self.card.self_test, allow_pickle=False) as stored:
                arrays = dict(stored)
        except (OSError, ValueError) as error:
            raise ModelCardError(f"{self.card.self_test} cannot be read: {error}") from error
        expected = {name: arrays.pop(name) for name in ("probability", "maps_mean")}
        outputs = self._session.run(arrays)
        probability = _sigmoid(outputs["item_logit"])
        maps_mean = outputs["maps"].mean(axis=(2, 3))
        difference = max(
            float(np.abs(probability - expected["probability"]).max()),
            float(np.abs(maps_mean - expected["maps_mean"]).max()),
        )
        if not difference <= SELF_TEST_TOLERANCE:
            raise BackendError(
                f"{self.card.graph} fails its self-test on {self.backend}: outputs differ by "
                f"{difference:.4f} from the stored ones, at most {SELF_TEST_TOLERANCE} is allowed"
            )
        return difference

    def _check_contract(self) -> None:
        size = self.view_size
        expected = {
            "color": ("uint8", (None, size, size, 3)),
            "height_m": ("float32", (None, size, size)),
            "item": ("uint8", (None, size, size)),
            "width_m": ("float32", (None,)),
        }
        found = self._session.inputs()
        if found != expected:
            raise BackendError(
                f"{self.card.graph} takes the inputs {found}; model card {self.card.path} and "
                f"this version need {expected}"
            )

        missing = set(OUTPUTS) - set(self._session.outputs())
        if missing:
            raise BackendError(
                f"{self.card.graph} has no output {', '.join(sorted(missing))}; "
                f"expected {', '.join(OUTPUTS)}"
            )


def _sigmoid(x: NDArray[np.floating] | float) -> NDArray[np.floating]:
    # In this form neither sign overflows.
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(x)))
