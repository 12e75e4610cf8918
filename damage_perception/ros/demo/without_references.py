"""What a report would have said without references, worked out from what it says with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from damage_perception.network.model_card import ModelCard
from damage_perception.odds import log_odds_of, probability
from damage_perception.ros.parameters import parameters_of
from damage_perception.verdict.policy import VerdictPolicy

# A report has confidences in single precision; nearer to 0 or 1 they say nothing.
_LEAST: Final = 1e-7
_MISMATCH: Final = "sku_mismatch"


class WithoutReferences:
    """Takes the references out of reports on items that one camera saw.

    The confidence is that of a weighted sum of log odds, whose weights the card has, and the other
    of its two parts is the report's anomaly score.
    """

    def __init__(self, card: ModelCard) -> None:
        assert card.references is not None
        self._fusion = card.references.fusion
        rate: Any = parameters_of(())["false_diverts_per_1000"].default
        self._policy = VerdictPolicy.build(card, threshold=None, false_diverts_per_1000=rate)

    def answer(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        """The controller's answer as it would have been, by its confidence and its verdict."""
        confidence, verdict = self._confidence(answer), answer["verdict"]
        unseen = verdict == "unknown" and answer["reasons"] != [_MISMATCH]
        if confidence is not None and not unseen:
            verdict = "divert" if self._policy.diverts(confidence) else "pass"
        return {"confidence": confidence, "verdict": verdict}

    def _confidence(self, answer: Mapping[str, Any]) -> float | None:
        confidence, anomaly = answer["confidence"], answer["anomaly"]
        fusion = self._fusion
        if confidence is None or anomaly is None or not (fusion.used and fusion.supervised):
            return None if confidence is None else float(confidence)
        joined, by_references = (float(log_odds_of(p, _LEAST)) for p in (confidence, anomaly))
        rest = joined - fusion.references * by_references - fusion.offset
        return probability(rest / fusion.supervised)
