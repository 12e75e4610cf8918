"""Two cameras with a pose look at one station: one item, one report, both names."""

import time

import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")

from cell import CAMERA, ITEM_HEIGHT_M, PLANE, TABLE_M, scene

from damage_perception_msgs.msg import DamageReport

pytestmark = pytest.mark.ros

# The right camera stands so far along the left one's x; what it sees lies further left by so much.
APART_M = 0.14
LOOKING_DOWN = (1.0, 0.0, 0.0, 0.0)
SHIFT_PX = round(CAMERA.fx * APART_M / (TABLE_M - ITEM_HEIGHT_M))
BOX = {"left": (150, 80, 90, 70), "right": (150 - SHIFT_PX, 80, 90, 70)}


@pytest.fixture(scope="module")
def parameters():
    return {
        "cameras": ["left", "right"],
        "left": {"plane": list(PLANE), "pose": [0.0, 0.0, TABLE_M, *LOOKING_DOWN]},
        "right": {"plane": list(PLANE), "pose": [APART_M, 0.0, TABLE_M, *LOOKING_DOWN]},
        "source_timeout_ms": 300,
    }


@pytest.fixture(autouse=True)
def empty_station(cell):
    """Every test begins where no item is followed."""
    for _ in range(6):
        show(cell, boxes=dict.fromkeys(BOX))
    cell.reports.clear()


def show(cell, damaged=(), boxes=BOX):
    """Publishes one image of each camera in ``boxes``."""
    for camera, box in boxes.items():
        cell.publish(*cell.messages(*scene(box, camera in damaged)), camera=camera)
    time.sleep(0.04)


def test_one_item_is_one_report_of_both_cameras(cell):
    cell.until(lambda: cell.reports, beat=lambda: show(cell))
    for _ in range(4):
        show(cell)
    (report,) = cell.reports
    assert (report.verdict, list(report.cameras)) == (DamageReport.PASS, ["left", "right"])
    assert report.frames_used >= 6


def test_damage_that_one_camera_sees_diverts(cell):
    cell.announce("torn on the right")
    report = cell.report_on("torn on the right", beat=lambda: show(cell, damaged=("right",)))
    assert report.verdict == DamageReport.DIVERT
    assert list(report.cameras) == ["left", "right"]
    assert {region.camera for region in report.regions} == {"right"}


def test_an_item_that_one_camera_has_not_seen_does_not_pass(cell):
    cell.announce("half seen")
    report = cell.report_on("half seen", beat=lambda: show(cell, boxes={"left": BOX["left"]}))
    assert (report.verdict, list(report.cameras)) == (DamageReport.UNKNOWN, ["left"])
    assert report.reasons & DamageReport.REASON_STALE_CAMERA
    assert report.reasons & DamageReport.REASON_DEADLINE
