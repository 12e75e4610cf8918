"""Two detectors on the same topics answer every item twice: both say so, until one is stopped."""

import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")

from cell import PLANE, Cell, Detector

pytestmark = pytest.mark.ros


def test_a_second_detector_is_an_error_as_long_as_it_runs(environment, tiny_card, tmp_path):
    parameters = {"model": str(tiny_card), "autostart": True, "camera": {"plane": PLANE}}
    first = Detector(tmp_path, environment, parameters)
    cell = Cell(environment)
    try:
        cell.connect()
        assert cell.status("detector")[:2] == (0, "active")
        (tmp_path / "second").mkdir()
        second = Detector(tmp_path / "second", environment, parameters)
        try:
            assert cell.until(lambda: told_by(cell) >= 2, timeout_s=20)
        finally:
            assert second.stop() == 0
        cell.until(lambda: cell.status("detector")[:2] == (0, "active"), timeout_s=10)
    finally:
        cell.close()
        assert first.stop() == 0


def told_by(cell):
    """How many of the newest statuses, one a second of each detector, name the other."""
    newest = [
        status
        for array in list(cell.diagnostics)[-4:]
        for status in array.status
        if status.name == "damage_detector: detector"
    ]
    expected = (
        "another node publishes /damage_detector/reports: two detectors run, items are answered "
        "twice: stop one"
    )
    return sum(s.level == b"\x02" and s.message == expected for s in newest)
