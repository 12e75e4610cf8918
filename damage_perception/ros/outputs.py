"""What the detector publishes: reports always, pictures and markers while somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from damage_perception.frame import Frame
from damage_perception.overlay import draw_overlay
from damage_perception.ros import qos
from damage_perception.ros.health import Health
from damage_perception.ros.markers import markers_of
from damage_perception.ros.messages import (
    image_message,
    packaging_change_message,
    report_message,
)
from damage_perception.ros.packaging_changes import Noticed
from damage_perception.station import Item, Station, StationError
from damage_perception.verdict.report import Report
from damage_perception_msgs.msg import DamageReport, PackagingChange

_LAST_REPORTS: Final = Duration(seconds=0.5)


class Outputs:
    """The publishers of one configured node.

    now_ns      ROS time
    station_of  the station of a camera as it is now
    """

    def __init__(
        self,
        node: LifecycleNode,
        now_ns: Callable[[], int],
        station_of: Callable[[str], Station],
        health: Health,
    ) -> None:
        self._node = node
        self._now_ns = now_ns
        self._station_of = station_of
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

    def publish(self, reports: Sequence[Report], newest: Mapping[str, Frame]) -> None:
        """Publishes ``reports``; ``newest`` holds the newest frame of each camera."""
        if not reports:
            return
        messages = []
        for report in reports:
            now_ns = self._now_ns()
            message = report_message(report, now_ns)
            self._reports.publish(message)
            self._health.reported(now_ns - report.stamp_ns if report.stamp_ns else None)
            messages.append(message)
        if self._markers.get_subscription_count():
            self._markers.publish(markers_of(messages))
        if self._overlay.get_subscription_count():
            for report, message in zip(reports, messages, strict=True):
                self._publish_overlay(report, message.header, newest)

    def publish_packaging_change(self, noticed: Noticed, text: str) -> None:
        """Publishes a change of packaging, with a line for people; from any thread."""
        self._packaging_changes.publish(packaging_change_message(noticed, text, self._now_ns()))

    def destroy(self) -> None:
        """Takes the publishers off the node, once the last reports have arrived."""
        self._reports.wait_for_all_acked(_LAST_REPORTS)
        for publisher in (self._reports, self._overlay, self._markers):
            self._node.destroy_lifecycle_publisher(publisher)
        self._node.destroy_publisher(self._packaging_changes)

    def _publish_overlay(self, report: Report, header: Header, newest: Mapping[str, Frame]) -> None:
        cameras = report.cameras or tuple(newest)
        # A picture of what the verdict came from, with the report's stamp to find it by.
        frame = next((newest[name] for name in cameras if name in newest), None)
        if frame is not None:
            item = self._item_of(report, frame)
            items, reports = ([item], [report]) if item is not None else ([], [])
            picture = draw_overlay(frame, items, reports)
            header = Header(stamp=header.stamp, frame_id=frame.frame_id)
            self._overlay.publish(image_message(picture, header))

    def _item_of(self, report: Report, frame: Frame) -> Item | None:
        """The item in ``frame`` that ``report`` is on: the nearest, or the largest."""
        station = self._station_of(frame.camera_name)
        try:
            items = station.locate(frame, station.plane_in(frame))
        except StationError:
            return None
        if not items or report.position_m is None:
            return items[0] if items else None
        centers = np.array(
            [[np.inf] * 3 if item.centroid_m is None else item.centroid_m for item in items]
        )
        return items[int(np.linalg.norm(centers - report.position_m, axis=1).argmin())]
