"""What the detector publishes: reports always, pictures and markers while somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from builtin_interfaces.msg import Time
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from damage_perception.overlay import draw_overlay
from damage_perception.ros import qos
from damage_perception.ros.detector.health import Health
from damage_perception.ros.gallery.packaging_changes import Noticed
from damage_perception.ros.markers import markers_of
from damage_perception.ros.messages import (
    image_message,
    packaging_change_message,
    report_message,
)
from damage_perception.verdict.report import Report
from damage_perception_msgs.msg import DamageReport, PackagingChange

_LAST_REPORTS: Final = Duration(seconds=0.5)
# A stamp farther from ROS time is of another clock.
_LONGEST_LATENCY_NS: Final = 3_600_000_000_000


class Outputs:
    """The publishers of one configured node.

    now_ns  ROS time
    """

    def __init__(
        self,
        node: LifecycleNode,
        now_ns: Callable[[], int],
        health: Health,
    ) -> None:
        self._node = node
        self._now_ns = now_ns
        self._health = health
        self._reports = node.create_lifecycle_publisher(
            DamageReport,
            "~/reports",
            qos.EVENTS,
            event_callbacks=qos.subscriber_refused("~/reports", node.get_logger().error),
        )
        self._overlay = node.create_lifecycle_publisher(Image, "~/overlay", qos.VISUALS)
        self._markers = node.create_lifecycle_publisher(MarkerArray, "~/markers", qos.VISUALS)
        # Told also where the node is not active any more when it is noticed.
        self._packaging_changes = node.create_publisher(
            PackagingChange, "~/packaging_changes", qos.LASTING
        )

    @property
    def rival(self) -> str:
        """That another node publishes reports, too, with the mend; empty where none does."""
        topic = self._reports.topic_name
        if self._node.count_publishers(topic) < 2:
            return ""
        return (
            f"another node publishes {topic}: two detectors run, items are answered twice: stop one"
        )

    def publish(self, reports: Sequence[Report]) -> None:
        """Publishes ``reports``."""
        if not reports:
            return
        messages = []
        for report in reports:
            now_ns = self._now_ns()
            message = report_message(report, now_ns)
            self._reports.publish(message)
            self._health.reported(_latency_ns(report, now_ns))
            messages.append(message)
        if self._markers.get_subscription_count():
            self._markers.publish(markers_of(messages))
        if self._overlay.get_subscription_count():
            for report, message in zip(reports, messages, strict=True):
                self._publish_overlay(report, message.header.stamp)

    def publish_packaging_change(self, noticed: Noticed, text: str) -> None:
        """Publishes a change of packaging, with a line for people; from any thread."""
        self._packaging_changes.publish(packaging_change_message(noticed, text, self._now_ns()))

    def destroy(self) -> None:
        """Takes the publishers off the node, once the last reports have arrived."""
        self._reports.wait_for_all_acked(_LAST_REPORTS)
        for publisher in (self._reports, self._overlay, self._markers):
            self._node.destroy_lifecycle_publisher(publisher)
        self._node.destroy_publisher(self._packaging_changes)

    def _publish_overlay(self, report: Report, stamp: Time) -> None:
        """Publishes what was judged, under the report's stamp to find it by."""
        for picture in report.pictures:
            header = Header(stamp=stamp, frame_id=picture.frame_id)
            drawn = draw_overlay(picture.color, [picture], [report])
            self._overlay.publish(image_message(drawn, header))


def _latency_ns(report: Report, now_ns: int) -> int | None:
    """From the newest image to publication; None without one, or with a stamp of another clock."""
    latency_ns = now_ns - report.stamp_ns
    return latency_ns if report.stamp_ns and abs(latency_ns) < _LONGEST_LATENCY_NS else None
