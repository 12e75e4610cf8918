"""What the detector has while it is active: images and announcements in, a worker on them."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import replace
from functools import partial
from math import isfinite
from typing import Any, Final

from rclpy.node import Node
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import JointState

from damage_perception.inspector import Inspector
from damage_perception.ros import qos
from damage_perception.ros.clocks import Clocks
from damage_perception.ros.decoding import CameraInfos, Decoder
from damage_perception.ros.detector.diagnostics import CameraState
from damage_perception.ros.detector.health import Health
from damage_perception.ros.detector.pairing import Pairing
from damage_perception.ros.detector.reception import Reception
from damage_perception.ros.detector.settings import depth_to_color, nanoseconds
from damage_perception.ros.detector.worker import Deliver, Worker
from damage_perception.ros.messages import announcement_of, nanoseconds_of
from damage_perception.verdict.belt import Belt
from damage_perception.verdict.tracker import MOST_ANNOUNCED, TooManyAnnouncedError
from damage_perception_msgs.msg import ItemAnnouncement

# Of images with stamps of another clock nobody can say that they were taken after an announcement.
_AFTER_ALL_NS: Final = 1 << 62
# What comes with many announcements is logged once, until it did not come for so long.
_QUIET_NS: Final = 10_000_000_000


class Listening:
    """Subscribes, pairs, and hands what comes to ``worker``, which the caller starts, until `stop`.

    values   of the node's parameters
    deliver  takes the reports, in the thread of the worker; in the caller's those on announcements
             that the worker has no room for
    """

    def __init__(
        self,
        node: Node,
        inspector: Inspector,
        values: dict[str, Any],
        clocks: Clocks,
        deliver: Deliver,
        health: Health,
    ) -> None:
        self._node, self._clocks = node, clocks
        self._inspector, self._deliver, self._health = inspector, deliver, health
        self._cameras: list[str] = values["cameras"]
        self._error = node.get_logger().error
        self._since_s = time.monotonic()
        self._counted: dict[str, tuple[float, int]] = {}
        # What the worker has not taken yet, with ROS time and steady time as it came.
        self._announced: deque[tuple[ItemAnnouncement, int, int]] = deque()
        self._told_ns: dict[str, int] = {}
        now_ns = clocks.steady_ns
        self._pairing = Pairing(self._cameras, *_tolerances_ns(values), now_ns())
        infos = CameraInfos()
        decoder = Decoder(values["image_transport"], depth_to_color(values), infos)
        self._reception = Reception(
            node, self._cameras, values["image_qos"], decoder, infos, self._pairing, now_ns
        )
        self.worker = Worker(
            inspector,
            self._pairing,
            decoder,
            now_ns,
            clocks.ros_ns,
            deliver,
            health,
            self._error,
        )
        self._announcements = node.create_subscription(
            ItemAnnouncement,
            "~/announcements",
            self._announce,
            qos.EVENTS,
            event_callbacks=qos.publisher_refused("~/announcements", qos.EVENT_MEND, self._error),
            # The middleware drops what it cannot decode, and tells nobody.
            raw=True,
        )

        self._encoder = None
        if inspector.belt is not None and values["belt_encoder"]:
            self._encoder = node.create_subscription(
                JointState,
                "~/belt",
                partial(_follow, inspector.belt),
                qos.IMAGE_PROFILES["sensor_data"],
            )

    def configure(self, values: dict[str, Any]) -> None:
        """Takes parameters that changed."""
        self._pairing.configure(*_tolerances_ns(values))

    def stop(self) -> None:
        """Listens no more; every item still waiting is reported unknown."""
        self._node.destroy_subscription(self._announcements)
        if self._encoder is not None:
            self._node.destroy_subscription(self._encoder)
        self._reception.destroy()
        self.worker.stop()

    def camera_state(self, name: str) -> CameraState:
        """What arrives of a camera, and how fast since this was last asked."""
        now_ns = self._clocks.steady_ns()
        now_s, pairs = time.monotonic(), self._pairing.pairs(name)
        before_s, before = self._counted.get(name, (self._since_s, 0))
        self._counted[name] = (now_s, pairs)
        return CameraState(
            name,
            self._pairing.age_ns(name, now_ns) / 1e6,
            self._pairing.is_stale(name, now_ns),
            self._pairing.drops(name),
            self._reception.publishers(name),
            self.worker.problem(name),
            (pairs - before) / max(now_s - before_s, 1e-3),
            self._reception.refused(name),
            self.worker.condition(name),
        )

    def _announce(self, serialized: bytes) -> None:
        try:
            message = deserialize_message(serialized, ItemAnnouncement)
        except Exception as error:  # of the type support, which names none
            why = f"an announcement of {len(serialized)} bytes cannot be decoded: {error}"
            self._health.refused(why, overflowed=False)
            if self._is_first("decoding"):
                self._error(why)
            return
        if len(self._announced) >= MOST_ANNOUNCED:
            self._refuse(
                message,
                f"item {message.item_id!r} is one too many: {MOST_ANNOUNCED} announcements wait to "
                "be read; announce items as they come",
                overflowed=True,
            )
            return
        self._announced.append((message, self._clocks.ros_ns(), self._clocks.steady_ns()))
        self.worker.call(self._take_announcement)

    def _take_announcement(self, inspector: Inspector) -> None:
        message, ros_ns, steady_ns = self._announced.popleft()
        try:
            announcement = announcement_of(message, self._cameras, ros_ns, steady_ns)
            if not self.worker.stamped_in_ros_time:
                announcement = replace(announcement, stamp_ns=_AFTER_ALL_NS)
            inspector.announce(announcement, steady_ns)
        except ValueError as error:
            self._refuse(message, str(error), isinstance(error, TooManyAnnouncedError))

    def _refuse(self, message: ItemAnnouncement, why: str, overflowed: bool) -> None:
        self._health.refused(why, overflowed)
        if not overflowed or self._is_first("overflow"):
            self._error(why)
        self._deliver([self._inspector.refuse(message.item_id, message.sku, why)])

    def _is_first(self, cause: str) -> bool:
        now_ns = self._clocks.steady_ns()
        before_ns = self._told_ns.get(cause, now_ns - _QUIET_NS)
        self._told_ns[cause] = now_ns
        return now_ns - before_ns >= _QUIET_NS


def _follow(belt: Belt, reading: JointState) -> None:
    if reading.position and isfinite(reading.position[0]):
        belt.moved(nanoseconds_of(reading.header.stamp), float(reading.position[0]))


def _tolerances_ns(values: dict[str, Any]) -> tuple[int, int]:
    return (
        nanoseconds(values, "pairing_tolerance_ms"),
        nanoseconds(values, "source_timeout_ms"),
    )
