"""Which reports answer what was asked, and in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from damage_perception.ros.messages import nanoseconds_of
from damage_perception_msgs.msg import DamageReport

# After the deadline.
LATE_NS: Final = 1_500_000_000


@dataclass(frozen=True)
class Asked:
    """A report that is owed.

    begun_ns   when the item was announced, or first shown
    announced  False: the report is known by the time at which its item was first seen
    refused    the announcement must be refused, and that be said
    """

    item_id: str
    damaged: bool
    begun_ns: int
    deadline_ns: int
    announced: bool = True
    refused: bool = False


@dataclass(frozen=True)
class Heard:
    """A message, and when it came."""

    message: Any
    received_ns: int


def answers(
    asked: Asked, others: Sequence[Asked], reports: Sequence[Heard], now_ns: int
) -> list[Heard]:
    """The reports on ``asked`` that came in time; of ``others`` one is the next to be asked."""
    next_ns = min(
        (other.begun_ns for other in others if other.begun_ns > asked.begun_ns), default=now_ns
    )

    def meant(report: DamageReport) -> bool:
        if not asked.announced:
            return bool(asked.begun_ns <= nanoseconds_of(report.first_seen) < next_ns)
        refused = bool(report.reasons & DamageReport.REASON_REFUSED)
        return report.item_id == asked.item_id and refused == asked.refused

    return [
        heard
        for heard in list(reports)
        if heard.received_ns <= asked.deadline_ns + LATE_NS and meant(heard.message)
    ]
