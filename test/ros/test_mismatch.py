"""Where a publisher and a subscription do not match, the log says so, with the mend."""

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
