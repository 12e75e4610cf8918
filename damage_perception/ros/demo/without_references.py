"""What a report would have said without references."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from damage_perception.network.model_card import ModelCard
from damage_perception.ros.parameters import parameters_of
from damage_perception.verdict.policy import VerdictPolicy

_MISMATCH: Final = "sku_mismatch"


class WithoutReferences:
    """Takes the references out of what a controller was told: the damage network alone decides."""

    def __init__(self, card: ModelCard) -> None:
        rate: Any = parameters_of(())["false_diverts_per_1000"].default
        self._policy = VerdictPolicy.build(card, threshold=None, false_diverts_per_1000=rate)

    def answer(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        """The controller's answer as it would have been, by its confidence and its verdict."""
        confidence, verdict = answer["network"], answer["verdict"]
        unseen = verdict == "unknown" and answer["reasons"] != [_MISMATCH]
        if confidence is not None and not unseen:
            verdict = "divert" if self._policy.diverts(confidence) else "pass"
        return {"confidence": confidence, "verdict": verdict}
