"""The detector's services over DDS: judging what lies there now, learning the empty station."""

import time

import numpy as np
import pytest
import yaml

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")

from cell import TABLE_M, scene

from damage_perception_msgs.msg import DamageReport

pytestmark = pytest.mark.ros

PASS, UNKNOWN = DamageReport.PASS, DamageReport.UNKNOWN


@pytest.fixture(scope="module")
def station_file(tmp_path_factory):
    return tmp_path_factory.mktemp("station") / "station.yaml"


@pytest.fixture(scope="module")
def parameters(station_file):
    return {"station_file": str(station_file), "decision_deadline_ms": 1500}


@pytest.fixture(autouse=True)
def empty_station(cell):
    """Every test begins where no item is followed."""
    cell.show(None, frames=6)
    cell.reports.clear()


def test_inspect_judges_images_taken_after_the_request(cell):
    cell.show(damaged=True, frames=4)
    future = cell.inspect(3.0)
    cell.until(future.done, beat=lambda: cell.show(frames=1))
    response = future.result()
    assert response.success, response.message
    (report,) = response.reports
    assert report.verdict == PASS and report.frames_used == 3
    assert report.item_id.startswith("inspect-")


def test_inspect_of_an_empty_station_is_unknown_after_its_timeout(cell):
    start = time.monotonic()
    future = cell.inspect(0.5)
    cell.until(future.done, beat=lambda: cell.show(None, frames=1))
    assert 0.45 < time.monotonic() - start < 4
    (report,) = future.result().reports
    assert report.verdict == UNKNOWN and report.reasons & DamageReport.REASON_NOT_FOUND


def test_items_are_reported_while_an_inspection_waits(cell):
    future = cell.inspect(2.0)
    cell.announce("meanwhile")
    cell.show(frames=2, period_s=0.05)
    cell.show(None, frames=1)
    assert cell.report_on("meanwhile").verdict == UNKNOWN
    assert not future.done()
    cell.until(future.done, beat=lambda: cell.show(frames=1))
    assert future.result().reports[0].verdict == PASS


def test_a_second_inspection_is_refused_while_one_runs(cell):
    first = cell.inspect(1.0)
    response = cell.until_done(cell.inspect(1.0))
    assert not response.success and response.message.startswith("an inspection is running")
    cell.until(first.done, beat=lambda: cell.show(frames=1))
    assert first.result().success
    third = cell.inspect(3.0)
    cell.until(third.done, beat=lambda: cell.show(frames=1))
    (before,), (after,) = first.result().reports, third.result().reports
    assert before.item_id != after.item_id


def test_an_inspection_where_no_plane_is_seen_is_unknown(cell, detector):
    """Until it is calibrated, the station's plane is sought in every frame."""
    color, depth = scene()
    depth[:] = np.random.default_rng(0).uniform(0.4, 1.6, depth.shape)
    future = cell.inspect(0.5)
    cell.until(future.done, beat=lambda: show(cell, color, depth))
    assert future.result().success
    (report,) = future.result().reports
    assert report.verdict == UNKNOWN and report.reasons & DamageReport.REASON_NO_DEPTH
    assert detector.log.count("no plane in the depth image") == 1


def test_a_station_that_is_not_empty_is_not_learned(cell, station_file):
    future = cell.calibrate()
    cell.until(future.done, beat=lambda: cell.show(frames=1))
    assert not future.result().success and not station_file.exists()
    assert "1 thing stands on the station of camera camera" in future.result().message


def test_the_empty_station_is_learned_kept_and_used(cell, station_file):
    future = cell.calibrate()
    cell.until(future.done, beat=lambda: cell.show(None, frames=1))
    response = future.result()
    assert response.success and str(station_file) in response.message
    assert list(response.cameras) == ["camera"]
    assert response.distance_m[0] == pytest.approx(TABLE_M, abs=0.002)
    assert response.tilt_deg[0] < 0.5 and response.rms_error_m[0] < 0.002
    kept = yaml.safe_load(station_file.read_text())["stations"]["camera"]["plane"]
    assert kept["normal"] == pytest.approx([0, 0, -1], abs=0.01)
    cell.announce("on it")
    report = cell.report_on("on it", beat=lambda: cell.show(frames=1))
    assert report.verdict == PASS


def test_a_second_calibration_is_refused_while_one_runs(cell):
    first = cell.calibrate()
    response = cell.until_done(cell.calibrate())
    assert not response.success and response.message.startswith("a calibration is running")
    cell.until(first.done, beat=lambda: cell.show(None, frames=1))
    assert first.result().success


def test_calibration_without_images_says_what_is_missing(cell):
    future = cell.calibrate("camera")
    cell.until(future.done, timeout_s=10)
    assert not future.result().success and "no depth images of camera" in future.result().message
    assert "camera 'left' is not one of" in cell.until_done(cell.calibrate("left")).message


def show(cell, color, depth):
    """Publishes colour and depth once."""
    cell.publish(*cell.messages(color, depth))
    time.sleep(0.04)
