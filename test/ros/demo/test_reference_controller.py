"""The reference controller picks on PASS alone, and sets aside what is not answered in time."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")

from cell import Cell
from std_msgs.msg import Header

from damage_perception.ros.messages import stamp_of
from damage_perception_msgs.msg import DamageRegion, DamageReport

CONTROLLER = "damage_perception.ros.demo.reference_controller"

pytestmark = pytest.mark.ros


def test_items_are_answered_in_simulated_time_that_has_not_begun(environment):
    command = [
        sys.executable,
        "-m",
        CONTROLLER,
        "--ros-args",
    ]
    command += ["-p", "items:=1", "-p", "use_sim_time:=true"]
    controller = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    cell = Cell(environment, ())
    try:
        reports = cell.node.create_publisher(DamageReport, "damage_detector/reports", 50)
        cell.until(lambda: cell.node.count_subscribers("damage_detector/announcements"), 20)
        cell.announce("parcel", deadline_ns=cell.now_ns())
        cell.until(
            lambda: controller.poll() is not None,
            beat=lambda: reports.publish(DamageReport(item_id="parcel", verdict=1)),
        )
        assert json.loads(controller.stdout.readline())["action"] == "pick"
    finally:
        controller.kill()
        cell.close()


def test_every_item_is_answered_with_or_without_deadline(environment, tmp_path):
    command = [
        sys.executable,
        "-m",
        CONTROLLER,
        "--ros-args",
    ]
    command += ["-p", "items:=6", "-p", f"overlays:={tmp_path}"]
    controller = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    cell = Cell(environment, ())
    try:
        reports = cell.node.create_publisher(DamageReport, "damage_detector/reports", 50)
        cell.until(lambda: cell.node.count_subscribers("damage_detector/announcements"), 20)
        deadline_ns = cell.now_ns() + 300_000_000
        for item_id, deadline in (
            ("patient", 0),
            ("late", deadline_ns),
            ("torn", 0),
            ("new", 0),
            ("unnamed", 0),
            ("odd", 0),
        ):
            cell.announce(item_id, deadline_ns=deadline)
        answers = [json.loads(controller.stdout.readline())]
        assert cell.now_ns() > deadline_ns
        header = Header(stamp=stamp_of(deadline_ns))
        for item_id, verdict, kinds in (
            ("patient", 1, {}),
            ("torn", 2, {DamageRegion.KIND_HOLE: 0.1, DamageRegion.KIND_TEAR: 0.8}),
            ("new", 2, {DamageRegion.KIND_HOLE: 0.1, 200: 0.8}),
            ("unnamed", 2, {}),
            ("odd", 0, {}),
            ("late", 1, {}),
        ):
            report = DamageReport(header=header, item_id=item_id, verdict=verdict)
            report.kinds, report.kind_confidences = list(kinds), list(kinds.values())
            reports.publish(report)
        # No picture of any of them comes, and yet the process ends.
        answers += [json.loads(line) for line in controller.stdout]
        assert controller.wait(10) == 0
    finally:
        controller.kill()
        cell.close()
    assert [(answer["item_id"], answer["action"]) for answer in answers] == [
        ("late", "set aside"),
        ("patient", "pick"),
        ("torn", "divert"),
        ("new", "divert"),
        ("unnamed", "divert"),
        ("odd", "set aside"),
    ]
    kinds = [answer.get("kind") for answer in answers]
    assert kinds == [None, "none", "tear", "kind 200", "none", "none"]
