"""What the index says of one reported item, and what a person says of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from math import nan
from typing import Final

from damage_perception.kinds import KINDS, NONE
from damage_perception.verdict.report import Reason, Verdict
from damage_perception.verdict.severity import Extent, Severity

_LONGEST_NAME: Final = 64


class RecordError(Exception):
    """Records that cannot be read or written, or a judgement that cannot be taken."""


class Judgement(IntEnum):
    """What a person says of an item. UNSEEN is 0: nobody has looked yet."""

    UNSEEN = 0
    DAMAGED = 1
    GOOD = 2
    SKIPPED = 3


class Kept(Enum):
    """Why the images of an item are kept."""

    NOT = ""  # only counted
    DIVERTED = "diverted"
    UNKNOWN = "unknown"
    SAMPLED = "sampled"  # of the items that passed
    ASKED = "asked"  # by a service
    BOOTH = "booth"  # captured at the booth, reported by no node


@dataclass(frozen=True)
class Shape:
    """Where a person, or the network, sees damage in a camera's image.

    tool    "box", "polygon", or "brush": points along a stroke ``width_px`` wide
    points  x = column, y = row, in pixels; of a box two opposite corners
    """

    camera: str
    kind: str
    tool: str
    points: tuple[tuple[float, float], ...]
    width_px: float = 0.0

    def __post_init__(self) -> None:
        fewest = {"box": 2, "polygon": 3, "brush": 1}.get(self.tool)
        if fewest is None:
            raise RecordError(f"tool is {self.tool!r}; expected box, polygon or brush")
        if len(self.points) < fewest or (self.tool == "box" and len(self.points) != 2):
            raise RecordError(f"a {self.tool} has {len(self.points)} points; expected {fewest}")
        if self.kind not in KINDS:
            raise RecordError(f"kind is {self.kind!r}; expected {', '.join(KINDS)}")
        if self.tool == "brush" and not self.width_px > 0:
            raise RecordError(f"a stroke is {self.width_px} pixels wide; expected more than 0")


@dataclass(frozen=True)
class ItemRecord:
    """One reported item. Fields that a report has too mean what they mean there.

    key      of the index; 0 before it is added
    site     the cell that it passed
    time_ns  when the report came, nanoseconds since 1970, whatever ROS time was
    kind     of damage with the highest confidence; "none" where no damage is reported
    camera   that saw the damage; without damage the first one that counted
    alone    confidence of the damage network alone; NaN without evidence
    file     of its images, below the folder of the records; empty where they are not kept
    bytes    size of the file
    """

    site: str
    time_ns: int
    item_id: str
    sku: str
    verdict: Verdict
    reasons: Reason
    key: int = 0
    detail: str = ""
    confidence: float = nan
    threshold: float = nan
    alone: float = nan
    anomaly_score: float = nan
    references_used: bool = False
    kind: str = NONE
    camera: str = ""
    cameras: tuple[str, ...] = ()
    severity: Severity = Severity.UNKNOWN
    extent: Extent = field(default_factory=Extent)
    model_id: str = ""
    latency_ms: float = nan
    kept: Kept = Kept.NOT
    file: str = ""
    bytes: int = 0
    judgement: Judgement = Judgement.UNSEEN
    judged_kind: str = NONE
    judged_by: str = ""
    judged_ns: int = 0


def fit_for_file(text: str) -> str:
    """``text`` as part of a file's name: letters, digits, dot, dash and underscore."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", text).strip(".")[:_LONGEST_NAME] or "item"
