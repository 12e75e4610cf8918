"""When an item is decided, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from damage_perception.odds import probability
from damage_perception.verdict.evidence import Evidence
from damage_perception.verdict.report import Reason, Verdict

# Faults of the station as a whole with which no item passes, whatever was seen before.
BLOCKING: Final = (
    Reason.STALE_CAMERA
    | Reason.BACKEND_FAULT
    | Reason.MALFORMED_INPUT
    | Reason.SKU_MISMATCH
    | Reason.NOT_CALIBRATED
    | Reason.COLOR_MISMATCH
    | Reason.FROZEN
    | Reason.IN_PIECES
)


@dataclass(frozen=True)
class VerdictPolicy:
    """The operating point and the evidence asked for.

    threshold          confidence at or above which an item is diverted, 0..1
    frames_per_camera  usable frames of every camera before the verdict
    deadline_ns        after the item was first seen, the report goes out whatever is known
    leave_ns           an item not seen for so long, in frames that came, has left
    join_radius_m      sightings nearer to one another than this are of one item
    compared_threshold the same as threshold, for items that were compared with references; 0: the
                       same value, too
    without_depth_threshold  the same for items that colour alone shows, and that were not compared
    require_sku        whether an item that does not look like its announced sku cannot pass
    pieces_within_m    things that come with an announced item, nearer to it than this, are pieces
                       of it; 0: they are items of their own
    """

    threshold: float
    frames_per_camera: int = 3
    deadline_ns: int = 1_000_000_000
    leave_ns: int = 300_000_000
    join_radius_m: float = 0.08
    compared_threshold: float = 0.0
    without_depth_threshold: float = 0.0
    require_sku: bool = True
    pieces_within_m: float = 0.1

    def __post_init__(self) -> None:
        if not 0.0 < self.threshold <= 1.0:
            raise ValueError(f"threshold is {self.threshold}; expected 0 < threshold <= 1")
        if self.frames_per_camera < 1:
            raise ValueError(f"frames_per_camera is {self.frames_per_camera}; expected 1 or more")

    def threshold_of(self, compared: bool, without_depth: bool = False) -> float:
        """The threshold of an item, by what is known of it.

        compared       with references
        without_depth  colour alone shows it
        """
        if compared:
            return self.compared_threshold or self.threshold
        return (self.without_depth_threshold if without_depth else 0.0) or self.threshold

    def suffices(self, evidence: Evidence, cameras: frozenset[str]) -> bool:
        """Whether every one of ``cameras`` has delivered its usable frames."""
        seen = evidence.of_cameras()
        return all(len(seen.get(camera, ())) >= self.frames_per_camera for camera in cameras)

    def decide(
        self, evidence: Evidence, cameras: frozenset[str], missing: Reason
    ) -> tuple[Verdict, Reason, float]:
        """Verdict, reasons and confidence from what is known now.

        cameras  the cameras that ought to have seen the item
        missing  why evidence may be incomplete; said where the verdict is UNKNOWN

        Damage seen in part of the evidence diverts; only whole evidence without damage passes.
        """
        logit = evidence.logit()
        if np.isnan(logit):
            return Verdict.UNKNOWN, evidence.faults | missing | Reason.NO_EVIDENCE, logit
        confidence = probability(logit)
        if confidence >= self.threshold_of(evidence.compared, evidence.without_depth):
            return Verdict.DIVERT, Reason.DAMAGE, confidence
        if self.require_sku and evidence.mismatch:
            missing |= Reason.SKU_MISMATCH
        if self.suffices(evidence, cameras) and not missing & BLOCKING:
            return Verdict.PASS, Reason.NONE, confidence
        return Verdict.UNKNOWN, evidence.faults | missing, confidence
