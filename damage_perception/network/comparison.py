"""What a model card knows of comparing views with references, and how both signals are joined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from damage_perception.odds import probability


@dataclass(frozen=True)
class Calibration:
    """Log odds of damage = scale * logit + offset, fitted on items of their own (Platt 1999)."""

    scale: float
    offset: float

    def log_odds(self, logit: NDArray[np.float32]) -> NDArray[np.float64]:
        """Calibrated log odds, same shape."""
        return self.scale * logit.astype(np.float64) + self.offset


@dataclass(frozen=True)
class ReferenceCalibration:
    """Log odds of damage from what the comparer says and from how far the view lies: a sum.

    logit         weight of the comparer's
    excess        weight of how much farther the view lies from the references than these from one
                  another: a difference of logarithms
    offset
    alone         weight of the distance from one reference, where there are no others to tell how
                  much good pieces differ
    alone_offset  beside ``offset``, where there is one
    """

    logit: float
    excess: float
    offset: float
    alone: float
    alone_offset: float

    @staticmethod
    def parse(content: Mapping[str, Any]) -> ReferenceCalibration:
        """From a card. Raises KeyError, TypeError, ValueError."""
        return ReferenceCalibration(
            *(float(content[field.name]) for field in fields(ReferenceCalibration))
        )

    @staticmethod
    def signals(
        logit: float, distance: float, typical: float | None
    ) -> tuple[float, float, float, float]:
        """What logit, excess, alone and alone_offset are weights of.

        logit     of the comparer
        distance  `Bank.distance`
        typical   `Bank.typical`
        """
        if typical is None:
            return logit, 0.0, distance, 1.0
        return logit, distance - typical, 0.0, 0.0

    def log_odds(self, logit: float, distance: float, typical: float | None) -> float:
        """Calibrated log odds; the arguments are those of ``signals``."""
        weights = (self.logit, self.excess, self.alone, self.alone_offset)
        signals = self.signals(logit, distance, typical)
        return self.offset + sum(w * x for w, x in zip(weights, signals, strict=True))


@dataclass(frozen=True)
class Fusion:
    """Log odds of damage from those of both signals: a weighted sum, fitted on validation items.

    beside  weight of the damage beside the item, which references say nothing of
    used  whether joining was no worse than the better signal alone; otherwise ``join`` gives the
          supervised signal as it is
    """

    supervised: float
    references: float
    offset: float
    used: bool
    beside: float = 0.0

    def join(self, supervised: float, references: float, beside: float) -> float:
        """Calibrated log odds of damage from calibrated log odds of both.

        beside  `Assessment.beside`
        """
        if not self.used:
            return supervised
        joined = self.supervised * supervised + self.references * references + self.offset
        return joined + self.beside * beside_signal(supervised, beside)


def beside_signal(supervised: float, beside: float) -> float:
    """Log odds, 0 or more: only what both the verdict and the maps of the network show counts.

    supervised  of the item; beside  of the strongest cell beside it
    """
    return max(0.0, min(supervised, beside))


@dataclass(frozen=True)
class Identification:
    """Log odds that the sku of the nearest reference is the right one.

    They follow from its cosine and from its lead on that of the next sku.
    """

    cosine: float
    lead: float
    offset: float

    def confidence(self, best: float, second: float) -> float:
        """0..1, from the cosines of the best and of the second sku; below 0.5: none of these."""
        odds = self.cosine * best + self.lead * (best - second) + self.offset
        return probability(odds)


@dataclass(frozen=True)
class Sameness:
    """Log odds that references are of the product that a view shows: a weighted sum.

    logit   weight of what the comparison says of it
    cosine  weight of the greatest cosine of the view's descriptor with those of the references
    least   what all but a few views of their product have
    """

    logit: float
    cosine: float
    least: float

    def margin(self, logit: float, cosine: float) -> float:
        """Below 0 the references are of another product."""
        return self.logit * logit + self.cosine * cosine - self.least


@dataclass(frozen=True)
class ReferenceCard:
    """What a model card says of references.

    calibration      of the comparison
    same             whether references are of the product that a view shows
    good_scores      (N,) sorted joined confidences of the highest-scoring good validation items
    good_count       how many good items were compared in all
    """

    calibration: ReferenceCalibration
    fusion: Fusion
    identification: Identification
    same: Sameness
    good_scores: NDArray[np.float64]
    good_count: int

    @staticmethod
    def parse(content: Mapping[str, Any]) -> ReferenceCard:
        """From the section ``references`` of a card. Raises KeyError, TypeError, ValueError."""
        calibration, good = content["calibration"], content["good_items"]
        fusion, identification = content["fusion"], content["identification"]
        return ReferenceCard(
            ReferenceCalibration.parse(calibration),
            Fusion(
                float(fusion["supervised"]),
                float(fusion["references"]),
                float(fusion["offset"]),
                bool(fusion["used"]),
                float(fusion.get("beside", 0.0)),
            ),
            Identification(*(float(identification[name]) for name in ("cosine", "lead", "offset"))),
            Sameness(*(float(content["same"][name]) for name in ("logit", "cosine", "least"))),
            np.sort(np.asarray(good["highest_confidences"], np.float64)),
            int(good["count"]),
        )
