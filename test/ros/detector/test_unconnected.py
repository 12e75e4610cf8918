"""Topics that lead nowhere are named, with the mend: no publisher, or one that does not match."""

import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")

from cell import Cell, Detector
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from damage_perception_msgs.msg import DamageReport, ItemAnnouncement

pytestmark = pytest.mark.ros


def test_announcements_and_reports_that_go_nowhere_are_errors(environment, tiny_card, tmp_path):
    detector = Detector(tmp_path, environment, {"model": str(tiny_card), "autostart": True})
    cell = Cell(environment)
    try:
        cell.connect()
        best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        cell.node.create_publisher(ItemAnnouncement, "damage_detector/announcements", best_effort)
        lasting = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        cell.node.create_subscription(DamageReport, "damage_detector/reports", print, lasting)
        for line in (
            "~/announcements: a publisher offers less RELIABILITY than this node asks for",
            "~/reports: a subscriber asks for more DURABILITY than this node offers",
        ):
            cell.until(lambda: line in detector.log)  # noqa: B023
    finally:
        cell.close()
        assert detector.stop() == 0
    assert "nothing is received from it: publish reliable" in detector.log


def test_a_camera_without_publisher_is_named_with_its_topics(environment, tiny_card, tmp_path):
    parameters = {"model": str(tiny_card), "autostart": True, "source_timeout_ms": 100}
    # In a namespace of its own, since nobody may publish for it.
    detector = Detector(tmp_path, environment, parameters, "-r", "__ns:=/lonely")
    cell = Cell(environment, ())
    try:
        found = cell.until(
            lambda: [
                status.message
                for array in cell.diagnostics
                for status in array.status
                if status.name == "lonely/damage_detector: camera camera"
                and status.message.startswith("stale")
            ],
            timeout_s=20,
        )
        assert "nobody publishes /lonely/camera/color/image_raw" in found[-1]
    finally:
        cell.close()
        assert detector.stop() == 0
