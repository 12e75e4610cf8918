"""The node on the other side of the fuzzed detector: it publishes, calls, and hears what comes."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.task import Future
from sensor_msgs.msg import CameraInfo

from benchmarks.fuzz.images import CAMERAS, EMPTY, ITEM, Images
from damage_perception.ros import qos
from damage_perception.topics import CAMERA_INFO, COLOR, DEPTH, DEPTH_INFO
from damage_perception_msgs.msg import DamageReport, ItemAnnouncement

NODE: Final = "damage_detector"
_PATIENCE_S: Final = 30.0


def _pause() -> None:
    time.sleep(0.01)


class Cell:
    """Cameras, controller and operator of one detector. Methods that wait raise TimeoutError.

    reports   all that were heard
    services  those of the detector, with their types
    """

    def __init__(self, environment: Mapping[str, str], images: Images) -> None:
        self._images = images
        self._context = Context()
        self._context.init(domain_id=int(environment["ROS_DOMAIN_ID"]))
        self._node = rclpy.create_node("fuzz", context=self._context)
        self.reports: list[DamageReport] = []
        self.services: dict[str, Any] = {}
        self._clients: dict[str, Any] = {}
        self._statuses: dict[str, dict[str, str]] = {}
        self._statuses_heard = 0
        create = self._node.create_publisher
        self._announcements = create(ItemAnnouncement, f"{NODE}/announcements", qos.EVENTS)
        self._publishers = {
            (camera, topic): create(kind, f"{camera}/{images.topics.get(topic, topic)}", 10)
            for camera in CAMERAS
            for topic, kind in self._topics(camera).items()
        }
        self._node.create_subscription(
            DamageReport, f"{NODE}/reports", self.reports.append, qos.EVENTS
        )
        self._node.create_subscription(DiagnosticArray, "/diagnostics", self._keep, 50)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._executor.spin, daemon=True)
        self._thread.start()
        self._connect()

    def close(self) -> None:
        """Ends the node and its thread."""
        self._executor.shutdown()
        self._thread.join(5)
        self._node.destroy_node()
        self._context.try_shutdown()

    def now_ns(self) -> int:
        """The clock that the detector has, too."""
        return int(self._node.get_clock().now().nanoseconds)

    def publish(self, camera: str, messages: Mapping[str, bytes]) -> None:
        """Publishes bytes by topic of a camera, as they are."""
        for topic, message in messages.items():
            self._publishers[camera, topic].publish(message)

    def announce(self, message: ItemAnnouncement | bytes) -> None:
        """Publishes an announcement, or bytes in its place."""
        self._announcements.publish(message)

    def begin(self, service: str, request: Any) -> Future:
        """Calls a service by its full name."""
        return self._clients[service].call_async(request)

    def call(self, service: str, request: Any) -> Any:
        """The answer of a service."""
        answer = self.begin(service, request)
        self.until(answer.done)
        return answer.result()

    def show(self, scene: str, period_s: float = 0.04) -> None:
        """Publishes one sound image of every camera."""
        for camera in CAMERAS:
            self.publish(camera, self._images.fresh(camera, self.now_ns(), scene))
        time.sleep(period_s)

    def judge(self, item_id: str) -> DamageReport:
        """The report on a sound item that is announced and shown, on a station that was empty."""
        for _ in range(15):
            self.show(EMPTY)
        self.announce(ItemAnnouncement(item_id=item_id))
        self.until(lambda: self._reports_on(item_id), lambda: self.show(ITEM))
        return self._reports_on(item_id)[0]

    def state(self) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
        """What the detector says of itself as of now; what it dropped, by camera and cause."""
        # The status that comes next may be older than this call.
        heard = self._statuses_heard
        self.until(lambda: self._statuses_heard >= heard + 2)
        prefix = "dropped_"
        drops = {
            camera: {
                name.removeprefix(prefix): int(value)
                for name, value in self._statuses[f"{NODE}: camera {camera}"].items()
                if name.startswith(prefix)
            }
            for camera in CAMERAS
        }
        return self._statuses[f"{NODE}: detector"], drops

    def until(
        self,
        condition: Callable[[], Any],
        beat: Callable[[], None] = _pause,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        """Waits for ``condition``, calling ``beat`` meanwhile."""
        end_s = time.monotonic() + patience_s
        while not condition():
            if time.monotonic() > end_s:
                raise TimeoutError(f"the detector did not do within {patience_s:.0f} s")
            beat()

    def _topics(self, camera: str) -> dict[str, Any]:
        topics = {COLOR: self._images.kind, DEPTH: self._images.kind, CAMERA_INFO: CameraInfo}
        return topics | ({DEPTH_INFO: CameraInfo} if camera == CAMERAS[1] else {})

    def _connect(self) -> None:
        publishers = [*self._publishers.values(), self._announcements]
        self.until(
            lambda: (
                all(publisher.get_subscription_count() for publisher in publishers)
                and self._node.count_publishers(f"{NODE}/reports")
            )
        )
        # Matched on this side is not yet matched on the other.
        time.sleep(0.5)
        found: Sequence[tuple[str, list[str]]]
        found = self._node.get_service_names_and_types_by_node(NODE, "/")
        for name, (kind, *_) in found:
            package, _, short = kind.split("/")
            self.services[name] = getattr(importlib.import_module(f"{package}.srv"), short)
            self._clients[name] = self._node.create_client(self.services[name], name)
        self.until(lambda: all(one.service_is_ready() for one in self._clients.values()))

    def _keep(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self._statuses[status.name] = {entry.key: entry.value for entry in status.values}
        self._statuses_heard += 1

    def _reports_on(self, item_id: str) -> list[DamageReport]:
        return [report for report in list(self.reports) if report.item_id == item_id]
