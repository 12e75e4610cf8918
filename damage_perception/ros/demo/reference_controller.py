"""What a cell's controller does with reports: picks on PASS and on nothing else.

Answers every announced item. Each answer goes to standard output as a JSON line.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from sensor_msgs.msg import Image

from damage_perception.kinds import NONE, name_of
from damage_perception.ros import qos
from damage_perception.ros.clocks import Clocks
from damage_perception.ros.demo.item_pictures import ItemPictures
from damage_perception.ros.messages import nanoseconds_of, steady_deadline_ns
from damage_perception.verdict.difference import ReferenceStatus
from damage_perception.verdict.report import Reason, Verdict
from damage_perception_msgs.msg import DamageReport, ItemAnnouncement

PICK: Final = "pick"
DIVERT: Final = "divert"
SET_ASIDE: Final = "set aside"
_ACTIONS: Final = {Verdict.PASS: PICK, Verdict.DIVERT: DIVERT, Verdict.UNKNOWN: SET_ASIDE}
# A report sent at its deadline is still on its way then.
_GRACE_NS: Final = 100_000_000


class ReferenceController(Node):
    """Answers announced items by their reports; ``answered`` counts them.

    Parameters: ``detector`` name of the detector node, ``overlays`` folder for a picture of each
    item (empty: none), ``items`` how many to answer before the process ends (0: without end).
    An item announced without a deadline waits for its report without end.
    """

    def __init__(self) -> None:
        super().__init__("reference_controller")
        detector = self.declare_parameter("detector", "damage_detector").value
        overlays = self.declare_parameter("overlays", "").value
        self.items = int(self.declare_parameter("items", 0).value)
        self.answered = 0
        self._clocks = Clocks(self)
        # In steady time; 0: none.
        self._deadlines_ns: dict[str, int] = {}
        self._pictures = ItemPictures(Path(overlays)) if overlays else None
        self._announcements = f"{detector}/announcements"
        self._listens = False
        self._report_subscription = self.create_subscription(
            DamageReport, f"{detector}/reports", self._act, qos.EVENTS
        )
        if self._pictures is not None:
            self.create_subscription(Image, f"{detector}/overlay", self._picture, qos.VISUALS)
        self.create_timer(0.02, self._watch, clock=Clock(clock_type=ClockType.STEADY_TIME))

    @property
    def done(self) -> bool:
        """Whether every item is answered and no picture is awaited."""
        pictured = self._pictures is None or self._pictures.complete
        return 0 < self.items <= self.answered and pictured

    def _expect(self, announcement: ItemAnnouncement) -> None:
        self._deadlines_ns[announcement.item_id] = steady_deadline_ns(
            announcement.deadline, self._clocks.ros_ns(), self._clocks.steady_ns()
        )

    def _act(self, report: DamageReport) -> None:
        now_ns = self._clocks.ros_ns()
        stamp_ns = nanoseconds_of(report.header.stamp)
        expected = self._deadlines_ns.pop(report.item_id, None) is not None
        if self._pictures is not None:
            damaged = {region.camera for region in report.regions}
            self._pictures.report(report.item_id, stamp_ns, expected, max(1, len(damaged)))
        if not expected:
            return
        verdict = Verdict(report.verdict)
        self._answer(
            report.item_id,
            _ACTIONS[verdict],
            verdict=verdict.name.lower(),
            reasons=Reason(report.reasons).words(),
            confidence=_number(report.confidence),
            threshold=_number(report.threshold),
            anomaly=_number(report.anomaly_score),
            network=_number(report.network_confidence),
            references=ReferenceStatus(report.references).name.lower(),
            kind=_strongest(report) if verdict is Verdict.DIVERT else NONE,
            latency_ms=(now_ns - stamp_ns) / 1e6,
            frames_used=report.frames_used,
            backend=report.backend,
            backend_reason=report.backend_reason,
        )

    def _watch(self) -> None:
        # Whoever announces waits for a listener; it must not see one that hears no reports yet.
        if not self._listens and self.count_publishers(self._report_subscription.topic_name):
            self._listens = True
            self.create_subscription(
                ItemAnnouncement, self._announcements, self._expect, qos.EVENTS
            )
        self._give_up_on_the_late()

    def _give_up_on_the_late(self) -> None:
        now_ns = self._clocks.steady_ns()
        for item_id, deadline_ns in list(self._deadlines_ns.items()):
            if 0 < deadline_ns < now_ns - _GRACE_NS:
                del self._deadlines_ns[item_id]
                self._answer(item_id, SET_ASIDE, verdict=None)

    def _picture(self, image: Image) -> None:
        if self._pictures is not None:
            self._pictures.image(image, nanoseconds_of(image.header.stamp))

    def _answer(self, item_id: str, action: str, **fields: Any) -> None:
        self.answered += 1
        print(json.dumps({"item_id": item_id, "action": action, **fields}), flush=True)


def _strongest(report: DamageReport) -> str:
    """The likeliest kind of damage; none where the model names no kinds."""
    confidences = dict(zip(report.kinds, report.kind_confidences, strict=False))
    return name_of(max(confidences, key=confidences.__getitem__)) if confidences else NONE


def _number(value: float) -> float | None:
    """A number as JSON knows it: NaN becomes null."""
    return float(value) if value == value else None


def main(args: list[str] | None = None) -> int:
    """Runs until every item is answered, or for ever; the exit status."""
    rclpy.init(args=args)
    node = ReferenceController()
    try:
        while not node.done:
            rclpy.spin_once(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        return 0
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
