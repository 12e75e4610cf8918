"""What the detector has while it is active: images and announcements in, a worker on them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rclpy.node import Node

from damage_perception.inspector import Inspector
from damage_perception.ros import qos
from damage_perception.ros.diagnostics import CameraState
from damage_perception.ros.health import Health
from damage_perception.ros.messages import announcement_of
from damage_perception.ros.pairing import Pairing
from damage_perception.ros.reception import Reception
from damage_perception.ros.settings import nanoseconds
from damage_perception.ros.worker import Deliver, Worker
from damage_perception_msgs.msg import ItemAnnouncement


class Listening:
    """Subscribes, pairs, and hands what comes to ``worker``, which the caller starts, until `stop`.

    values   of the node's parameters
    deliver  takes the reports, in the thread of the worker
    """

    def __init__(
        self,
        node: Node,
        inspector: Inspector,
        values: dict[str, Any],
        now_ns: Callable[[], int],
        deliver: Deliver,
        health: Health,
    ) -> None:
        self._node, self._now_ns = node, now_ns
        self._cameras: list[str] = values["cameras"]
        self._error = node.get_logger().error
        self._since_s = time.monotonic()
        self._counted: dict[str, tuple[float, int]] = {}
        self._pairing = Pairing(self._cameras, *_tolerances_ns(values), now_ns())
        self._reception = Reception(node, self._cameras, values["image_qos"], self._pairing, now_ns)
        self.worker = Worker(
            inspector,
            self._pairing,
            self._reception.camera_infos,
            now_ns,
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
        )

    def configure(self, values: dict[str, Any]) -> None:
        """Takes parameters that changed."""
        self._pairing.configure(*_tolerances_ns(values))

    def stop(self) -> None:
        """Listens no more; every item still waiting is reported unknown."""
        self._node.destroy_subscription(self._announcements)
        self._reception.destroy()
        self.worker.stop()

    def camera_state(self, name: str) -> CameraState:
        """What arrives of a camera, and how fast since this was last asked."""
        now_ns = self._now_ns()
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

    def _announce(self, message: ItemAnnouncement) -> None:
        now_ns = self._now_ns()
        try:
            announcement = announcement_of(message, self._cameras, now_ns)
        except ValueError as error:
            self._error(str(error))
            return

        def announce(inspector: Inspector) -> None:
            try:
                inspector.announce(announcement, now_ns)
            except ValueError as error:
                self._error(str(error))

        self.worker.call(announce)


def _tolerances_ns(values: dict[str, Any]) -> tuple[int, int]:
    return (
        nanoseconds(values, "pairing_tolerance_ms"),
        nanoseconds(values, "source_timeout_ms"),
    )
