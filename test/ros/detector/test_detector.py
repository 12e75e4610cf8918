"""The detector over DDS: one report per item, parameters, diagnostics, lifecycle."""

import time

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")

from cell import (
    ACTIVATE,
    CAMERA,
    CLEANUP,
    CONFIGURE,
    DEACTIVATE,
    ITEM_HEIGHT_M,
    TABLE_M,
    scene,
)

from damage_perception.kinds import CODES, KINDS
from damage_perception_msgs.msg import DamageRegion, DamageReport

pytestmark = pytest.mark.ros

PASS, DIVERT, UNKNOWN = DamageReport.PASS, DamageReport.DIVERT, DamageReport.UNKNOWN


@pytest.fixture(scope="module")
def parameters():
    return {"decision_deadline_ms": 1500}


@pytest.fixture(autouse=True)
def empty_station(cell):
    """Every test begins where no item is followed."""
    cell.show(None, frames=6)
    cell.reports.clear()


def test_an_item_without_damage_passes(cell):
    cell.announce("good", "sku-1")
    stamps = []
    report = cell.report_on("good", beat=lambda: stamps.extend(cell.show(frames=1)))
    assert (report.verdict, report.reasons, report.sku) == (PASS, 0, "sku-1")
    assert report.confidence < report.threshold < 1
    assert report.frames_used == 3 and list(report.cameras) == ["camera"]
    assert not report.regions and not report.references_used and np.isnan(report.anomaly_score)
    assert (report.model_id, report.calibration_id) == ("tiny-red", "tiny-calibration")
    assert report.backend == "onnxruntime-cpu-fp32" and report.backend_reason
    assert stamp_ns(report.header.stamp) in stamps and stamp_ns(report.first_seen) == stamps[0]
    assert report.header.frame_id == "camera_optical"
    assert 0 < report.latency.sec * 1e9 + report.latency.nanosec < 1e9


def test_damage_diverts_and_is_shown_where_it_is(cell):
    cell.announce("torn")
    stamps = []
    report = cell.report_on("torn", beat=lambda: stamps.extend(cell.show(damaged=True, frames=1)))
    assert report.verdict == DIVERT and report.reasons == DamageReport.REASON_DAMAGE
    assert report.confidence >= report.threshold
    assert list(report.kinds) == [CODES[kind] for kind in KINDS]
    strongest = max(range(len(report.kinds)), key=report.kind_confidences.__getitem__)
    assert report.kinds[strongest] == DamageRegion.KIND_CRUSH
    (region,) = report.regions
    assert region.kind == DamageRegion.KIND_CRUSH and region.camera == "camera"
    # Of the image that shows it most clearly.
    assert stamp_ns(region.header.stamp) in stamps and region.header.frame_id == "camera_optical"
    # The red patch of the scene: columns 135 to 170, rows 100 to 130, 0.7 m away.
    assert abs(region.box.x_offset - 135) <= 6 and abs(region.box.width - 35) <= 10
    assert len(region.polygon.points) >= 3
    assert region.position_valid and region.position.z == pytest.approx(0.7, abs=0.01)
    assert region.position.x == pytest.approx((152 - CAMERA.cx) / CAMERA.fx * 0.7, abs=0.02)
    assert report.position_valid and report.position.z == pytest.approx(0.7, abs=0.01)


def test_every_item_has_one_report_and_no_second_while_it_stays(cell):
    for number in range(3):
        cell.until(lambda: len(cell.reports) == number + 1, beat=lambda: cell.show(frames=1))  # noqa: B023
        cell.show(frames=4)
        cell.show(None, frames=6)
        assert len(cell.reports) == number + 1
    assert len({report.item_id for report in cell.reports}) == 3


def test_two_items_in_one_image_are_two_reports(cell):
    show_until(cell, scene_of_two(), reports=2)
    assert sorted(r.verdict for r in cell.reports) == [PASS, DIVERT]


def test_whether_items_that_touch_are_told_apart_changes_at_run_time(cell):
    touching = scene_of_two(column=110, height_m=2 * ITEM_HEIGHT_M)
    show_until(cell, touching, reports=2)
    assert sorted(r.verdict for r in cell.reports) == [PASS, DIVERT]
    cell.show(None, frames=6)
    assert cell.set_parameter("separate_touching", False).successful
    cell.reports.clear()
    show_until(cell, touching, reports=1)
    for _ in range(3):
        show(cell, touching)
    assert [report.verdict for report in cell.reports] == [DIVERT]
    assert cell.set_parameter("separate_touching", True).successful


def test_an_announced_item_that_never_comes_is_answered_at_its_deadline(cell):
    deadline = cell.now_ns() + 300_000_000
    cell.announce("absent", deadline_ns=deadline)
    report = cell.report_on("absent", beat=lambda: cell.show(None, frames=1))
    assert report.verdict == UNKNOWN
    assert report.reasons & DamageReport.REASON_NOT_FOUND
    assert report.reasons & DamageReport.REASON_DEADLINE
    assert np.isnan(report.confidence)
    assert 0 <= stamp_ns(report.header.stamp) - deadline < 200_000_000
    assert report.header.frame_id == ""


def test_too_few_frames_by_the_deadline_are_unknown(cell):
    cell.announce("hasty")
    cell.show(frames=2)
    report = cell.report_on("hasty")
    assert report.verdict == UNKNOWN and report.reasons & DamageReport.REASON_DEADLINE


def test_announcements_that_cannot_be_are_refused(cell, detector):
    cell.announce("")
    cell.until(lambda: "announced item_id is empty" in detector.log)
    cell.announce("elsewhere", camera="left")
    cell.until(lambda: "'elsewhere' is announced for camera 'left'" in detector.log)


def test_overlay_and_markers_come_while_somebody_looks(cell):
    subscriptions = cell.look()
    time.sleep(0.4)
    cell.announce("seen")
    report = cell.report_on("seen", beat=lambda: cell.show(damaged=True, frames=1))
    cell.until(lambda: cell.overlays and cell.markers)
    (overlay,) = cell.overlays
    assert overlay.header.stamp == report.header.stamp and overlay.encoding == "rgb8"
    assert (overlay.width, overlay.height) == (CAMERA.width, CAMERA.height)
    text, box = cell.markers[0].markers
    assert "seen divert" in text.text
    assert box.pose.position == report.regions[0].position
    for subscription in subscriptions:
        cell.node.destroy_subscription(subscription)
    time.sleep(0.4)
    cell.show(None, frames=6)
    cell.until(lambda: len(cell.reports) == 2, beat=lambda: cell.show(damaged=True, frames=1))
    assert len(cell.overlays) == 1 and len(cell.markers) == 1


def test_thresholds_and_region_of_interest_change_at_run_time(cell):
    assert cell.set_parameter("damage_threshold", 0.99999).successful
    cell.announce("tolerated")
    report = cell.report_on("tolerated", beat=lambda: cell.show(damaged=True, frames=1))
    assert report.verdict == PASS
    assert cell.set_parameter("damage_threshold", 0.0).successful
    cell.show(None, frames=6)
    # The box lies in the left part of the image.
    assert cell.set_parameter("camera.region_of_interest", [0.7, 0.0, 0.3, 1.0]).successful
    cell.announce("outside")
    report = cell.report_on("outside", beat=lambda: cell.show(frames=1))
    assert report.verdict == UNKNOWN and report.reasons & DamageReport.REASON_NOT_FOUND
    assert cell.set_parameter("camera.region_of_interest", [0.0, 0.0, 1.0, 1.0]).successful


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("camera.region_of_interest", [0.5, 0.0, 0.9, 1.0], "region of interest ends"),
        ("camera.region_of_interest", [0.5, 0.0], "has 2 values"),
        ("dark_level", 253, "expected the first below"),
        ("threads", 1, "deactivate and clean up first"),
        ("cameras", ["left"], "start it again"),
        ("no_such_thing", 1.0, "undeclared parameter"),
        ("false_diverts_per_1000", 0.1, "parameter false_diverts_per_1000: "),
    ],
)
def test_a_change_that_cannot_be_is_refused_with_a_reason(cell, name, value, reason):
    result = cell.set_parameter(name, value)
    assert not result.successful and reason in result.reason


@pytest.mark.parametrize(
    ("name", "value", "bounds"),
    [
        ("damage_threshold", 1.5, (0, 1)),
        ("frames_per_camera", 0, (1, 20)),
        ("camera.region_of_interest", [2.5, 0.0, 1.0, 1.0], (0, 1)),
    ],
)
def test_a_value_out_of_bounds_is_refused_with_name_value_and_bounds(cell, name, value, bounds):
    result = cell.set_parameter(name, value)
    assert not result.successful
    for word in (name, value, *bounds):
        assert str(word) in result.reason


def test_diagnostics_tell_backend_model_ages_drops_and_latency(cell):
    cell.announce("counted")
    cell.report_on("counted", beat=lambda: cell.show(frames=1))
    level, message, values = cell.status("detector")
    assert (level, message) == (0, "active")
    assert values["backend"] == "onnxruntime-cpu-fp32" and values["model_id"] == "tiny-red"
    assert float(values["latency_ms_p50"]) <= float(values["latency_ms_p99"])
    assert int(values["reports"]) > 0 and int(values["frames"]) > 0
    assert float(values["threshold"]) > 0
    _, _, values = cell.status("camera camera")
    assert {"age_ms", "dropped_unpaired", "dropped_stale", "dropped_malformed"} <= set(values)
    assert cell.status("transport")[0] == 0


def test_the_lifecycle_runs_round_and_nothing_goes_unanswered(cell, detector):
    cell.announce("waiting")
    time.sleep(0.2)
    assert cell.change_state(DEACTIVATE) and cell.state() == "inactive"
    report = cell.report_on("waiting")
    assert report.verdict == UNKNOWN
    response = cell.until_done(cell.inspect(1.0))
    assert not response.success and "not active" in response.message
    assert cell.change_state(CLEANUP) and cell.state() == "unconfigured"
    assert cell.set_parameter("threads", 1).successful
    assert cell.change_state(CONFIGURE) and cell.change_state(ACTIVATE)
    cell.connect()
    cell.announce("again")
    report = cell.report_on("again", beat=lambda: cell.show(frames=1))
    assert report.verdict == PASS


def show(cell, images):
    """Publishes colour and depth once."""
    cell.publish(*cell.messages(*images))
    time.sleep(0.04)


def show_until(cell, images, reports):
    """Publishes colour and depth until there are so many reports."""
    cell.until(lambda: len(cell.reports) == reports, beat=lambda: show(cell, images))


def stamp_ns(stamp):
    return stamp.sec * 10**9 + stamp.nanosec


def scene_of_two(column=200, height_m=ITEM_HEIGHT_M):
    """A box in columns 40 to 110, and a damaged one from ``column`` on of that height."""
    color, depth = scene((40, 80, 70, 60))
    other_color, other_depth = scene((column, 80, 70, 60), damaged=True)
    other = other_depth < TABLE_M
    color[other], depth[other] = other_color[other], TABLE_M - height_m
    return color, depth
