"""A model that fails while the node runs: never a pass, told once, and gone when it works again."""

import time

import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")

from cell import PLANE, TABLE_M, Cell, Detector, scene

from damage_perception_msgs.msg import DamageReport

pytestmark = pytest.mark.ros


@pytest.fixture
def detector(environment, tmp_path):
    pytest.importorskip("onnx", reason="onnx is needed to write the tiny model")
    from tiny_model import write_model

    parameters = {
        "model": str(write_model(tmp_path / "model", fewest=2)),
        "autostart": True,
        "camera": {"plane": PLANE},
        "decision_deadline_ms": 400,
        "leave_after_ms": 100,
    }
    process = Detector(tmp_path, environment, parameters)
    yield process
    assert process.stop() == 0, process.log


@pytest.fixture
def cell(detector, environment):
    node = Cell(environment)
    node.connect()
    yield node
    node.close()


def test_a_model_that_fails_while_it_runs_is_told_and_passes_nothing(cell, detector):
    cell.announce("failing")
    report = cell.report_on("failing", beat=lambda: cell.show(frames=1))
    assert report.verdict == DamageReport.UNKNOWN
    assert report.reasons & DamageReport.REASON_BACKEND_FAULT
    assert "; inference failed: " in report.backend_reason
    cell.until(lambda: fails(cell), timeout_s=20)
    assert detector.log.count("]: inference failed") == 1 and "Traceback" not in detector.log

    cell.show(None, frames=6)
    cell.reports.clear()
    cell.until(lambda: len(cell.reports) == 2, beat=lambda: show_two(cell))
    assert [report.verdict for report in cell.reports] == [DamageReport.PASS] * 2
    cell.until(lambda: cell.status("detector")[:2] == (0, "active"))
    _, _, values = cell.status("detector")
    assert int(values["faults"]) > 0 and "inference failed" in values["last_fault"]


def fails(cell):
    """Whether the next status, after more images, is an error of the backend."""
    cell.show(frames=3)
    level, message, _ = cell.status("detector")
    return level == 2 and "inference failed" in message


def show_two(cell):
    color, depth = scene((40, 80, 70, 60))
    other_color, other_depth = scene((200, 80, 70, 60))
    other = other_depth < TABLE_M
    color[other], depth[other] = other_color[other], other_depth[other]
    cell.publish(*cell.messages(color, depth))
    time.sleep(0.04)
