"""A station or camera that moved after its calibration: nothing passes, all is answered."""

import time
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")

from cell import CAMERA, scene

from damage_perception_msgs.msg import DamageReport

pytestmark = pytest.mark.ros

PASS, DIVERT, UNKNOWN = DamageReport.PASS, DamageReport.DIVERT, DamageReport.UNKNOWN
NOT_CALIBRATED = DamageReport.REASON_NOT_CALIBRATED


@pytest.fixture(scope="module")
def parameters(tmp_path_factory):
    return {
        "decision_deadline_ms": 1500,
        "station_file": str(tmp_path_factory.mktemp("station") / "station.yaml"),
    }


def moved(depth, nearer_m=0.0, tilt_deg=0.0):
    """(H, W) what a camera sees that was moved so far: nearer, or tilted about its own x axis."""
    ray_y = CAMERA.rays[..., 1]
    tilt = np.deg2rad(tilt_deg)
    # Of the scene's planes, square to the axis before; distances along the new axis.
    return ((depth - nearer_m) / (np.cos(tilt) + ray_y * np.sin(tilt))).astype(np.float32)


def show(cell, box=(110, 80, 90, 70), nearer_m=0.0, tilt_deg=0.0, camera=CAMERA, damaged=False):
    """One live image, as a camera that was moved takes it."""
    rng = np.random.default_rng()
    color, depth = scene(box, damaged)
    color = np.clip(color + rng.normal(0, 2, color.shape), 0, 255).astype(np.uint8)
    depth = moved(depth, nearer_m, tilt_deg) + rng.normal(0, 0.0005, depth.shape)
    cell.publish(*cell.messages(color, depth.astype(np.float32), camera=camera))
    time.sleep(0.04)


def empty(cell, count=6, **how):
    for _ in range(count):
        show(cell, None, **how)
    cell.reports.clear()


@pytest.fixture(scope="module", autouse=True)
def calibrated(cell):
    answer = cell.calibrate("camera")
    cell.until(answer.done, beat=lambda: show(cell, None), timeout_s=15)
    assert answer.result().success, answer.result().message


def test_as_calibrated_a_good_item_passes(cell):
    empty(cell)
    cell.announce("as calibrated")
    report = cell.report_on("as calibrated", beat=lambda: show(cell))
    assert (report.verdict, report.reasons, report.detail) == (PASS, 0, "")
    level, message, values = cell.status("camera camera", beat=lambda: show(cell))
    assert (level, message) == (0, "receiving")
    assert abs(float(values["support_offset_mm"])) < 1 and float(values["support_seen"]) > 0.5


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"nearer_m": 0.02}, "20 mm nearer to the camera"),
        ({"nearer_m": -0.02}, "20 mm farther from the camera"),
        ({"nearer_m": 0.05}, "50 mm nearer to the camera"),
        ({"tilt_deg": 5.0}, "tilted by 5.0 degrees"),
        ({"tilt_deg": 45.0}, "tilted by 45.0 degrees"),
        ({"camera": replace(CAMERA, fx=2 * CAMERA.fx)}, "camera_info has fx=600"),
    ],
)
def test_what_moved_passes_nothing_and_is_said(cell, detector, how, said):
    empty(cell, **how)
    name = f"moved {said}"
    cell.announce(name)
    report = cell.report_on(name, beat=lambda: show(cell, **how), timeout_s=8)
    assert report.verdict == UNKNOWN and report.reasons & NOT_CALIBRATED
    assert said in report.detail and "camera" in report.detail
    level, message, _ = cell.status("camera camera", beat=lambda: show(cell, **how))
    assert level == 2 and said in message and "calibrate_station" in message
    assert said in detector.log
    # It comes back: nothing has to be started again.
    empty(cell)
    cell.announce(f"after {name}")
    assert cell.report_on(f"after {name}", beat=lambda: show(cell)).verdict == PASS
    assert cell.status("camera camera", beat=lambda: show(cell))[0] == 0


def test_items_that_nobody_announced_are_answered_too(cell):
    empty(cell, nearer_m=0.05)
    for number in range(3):
        cell.until(
            lambda: len(cell.reports) > number,  # noqa: B023
            beat=lambda: show(cell, nearer_m=0.05),
        )
        assert cell.reports[number].verdict == UNKNOWN
        assert cell.reports[number].reasons & NOT_CALIBRATED
        for _ in range(6):
            show(cell, None, nearer_m=0.05)
    assert len(cell.reports) == 3


def test_a_slow_drift_is_followed_and_said(cell):
    empty(cell)
    for step in range(6):
        show(cell, None, nearer_m=-0.001 * step)
    cell.announce("drifted")
    report = cell.report_on("drifted", beat=lambda: show(cell, nearer_m=-0.005))
    assert (report.verdict, report.reasons) == (PASS, 0)
    level, _, values = cell.status("camera camera", beat=lambda: show(cell, nearer_m=-0.005))
    assert level == 0 and float(values["support_offset_mm"]) == pytest.approx(-5, abs=0.5)


def test_what_is_larger_than_the_region_is_reported_and_takes_no_name(cell):
    empty(cell)
    cell.announce("patient")
    across = (0, 60, CAMERA.width, 120)
    cell.until(lambda: cell.reports, beat=lambda: show(cell, across), timeout_s=6)
    (first,) = cell.reports[:1]
    assert first.verdict == UNKNOWN
    named = cell.report_on("patient", beat=lambda: show(cell, across))
    assert named.reasons & DamageReport.REASON_NOT_FOUND
    unnamed = cell.until(
        lambda: [r for r in cell.reports if r.item_id != "patient"],
        beat=lambda: show(cell, across),
    )
    assert unnamed[0].verdict == UNKNOWN
    assert unnamed[0].reasons & DamageReport.REASON_NOT_LOCATED


def test_a_station_that_is_calibrated_anew_passes_items_again(cell):
    # The last one: the station stays as it is calibrated here.
    empty(cell, nearer_m=0.04)
    answer = cell.calibrate("camera")
    cell.until(answer.done, beat=lambda: show(cell, None, nearer_m=0.04), timeout_s=15)
    assert answer.result().success, answer.result().message
    cell.announce("calibrated anew")
    report = cell.report_on("calibrated anew", beat=lambda: show(cell, nearer_m=0.04))
    assert (report.verdict, report.reasons, report.detail) == (PASS, 0, "")
