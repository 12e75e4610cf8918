"""Verdicts, their reasons, and the report on one item; mirrors damage_perception_msgs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag

import numpy as np
from numpy.typing import NDArray

from damage_perception.verdict.difference import Identity, ReferenceStatus
from damage_perception.verdict.picture import Picture
from damage_perception.verdict.regions import Region
from damage_perception.verdict.severity import Extent, Severity


class Verdict(IntEnum):
    """What a controller acts on. UNKNOWN is 0: what was never decided is not a pass."""

    UNKNOWN = 0
    PASS = 1
    DIVERT = 2


class Reason(IntFlag):
    """Why a verdict is what it is; the bits of DamageReport.reasons."""

    NONE = 0
    DAMAGE = 1
    NO_EVIDENCE = 2
    NO_DEPTH = 4
    BLUR = 8
    EXPOSURE = 16
    CUT_OFF = 32
    STALE_CAMERA = 64
    DEADLINE = 128
    BACKEND_FAULT = 256
    MALFORMED_INPUT = 512
    NOT_FOUND = 1024
    LEFT = 2048
    STOPPED = 4096
    SKU_MISMATCH = 8192
    NOT_CALIBRATED = 16384
    COLOR_MISMATCH = 32768
    FROZEN = 65536
    REFUSED = 131072
    NOT_LOCATED = 262144
    IN_PIECES = 524288
    TOLERATED = 1048576
    NO_REFERENCES = 2097152

    def words(self) -> list[str]:
        """Names of the reasons set, lower case."""
        return [str(reason.name).lower() for reason in Reason if reason and reason in self]


@dataclass(frozen=True)
class Report:
    """The verdict on one item; fields as in DamageReport.msg, times in nanoseconds.

    alone     confidence of the damage network alone, 0..1; NaN without evidence
    kinds     confidence of each kind of damage that the model tells apart, 0..1, by name
    identity  the sku it looks like, where none was announced or the announced one does not match;
              none where it looks most like the announced one and yet does not match it
    detail    one line for people where a reason needs it, otherwise empty
    pictures  what was judged: one of each camera that saw damage, otherwise of one camera
    without_depth  whether colour alone showed the item
    extent    of all damage, as the camera sees it that sees most; NaN without damage
    severity  of all damage; UNKNOWN without any, and where it could not be measured
    """

    item_id: str
    sku: str
    verdict: Verdict
    reasons: Reason
    confidence: float
    threshold: float
    kinds: Mapping[str, float]
    regions: tuple[Region, ...]
    cameras: tuple[str, ...]
    frames_used: int
    stamp_ns: int
    frame_id: str
    first_seen_ns: int
    position_m: NDArray[np.float64] | None
    model_id: str
    calibration_id: str
    backend: str
    backend_reason: str
    anomaly_score: float = float("nan")
    alone: float = float("nan")
    references: ReferenceStatus = ReferenceStatus.NO_SKU
    identity: Identity = field(default_factory=Identity)
    detail: str = ""
    pictures: tuple[Picture, ...] = ()
    without_depth: bool = False
    extent: Extent = field(default_factory=Extent)
    severity: Severity = Severity.UNKNOWN
