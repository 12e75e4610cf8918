"""Images that show nothing of the item, under live depth: nothing passes, and it is said why."""

import time

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")

from cell import PLANE, scene

from damage_perception_msgs.msg import DamageReport

pytestmark = pytest.mark.ros

PASS, UNKNOWN = DamageReport.PASS, DamageReport.UNKNOWN
MISMATCH, FROZEN = DamageReport.REASON_COLOR_MISMATCH, DamageReport.REASON_FROZEN
BOX = (110, 80, 90, 70)
RNG = np.random.default_rng(0)
EMPTY = scene(None)[0]


@pytest.fixture(scope="module")
def parameters():
    return {
        "decision_deadline_ms": 1200,
        "frozen_after_ms": 500,
        "camera": {"plane": list(PLANE)},
    }


def live(color):
    return np.clip(color + RNG.normal(0, 2, color.shape), 0, 255).astype(np.uint8)


def noise(color):
    return RNG.integers(0, 256, color.shape, np.uint8)


def frozen(color):
    return EMPTY


def of_the_empty_station(color):
    return live(EMPTY)


def half_black(color):
    color = live(color)
    color[115:] = 0
    return color


def torn(color):
    color = live(color)
    color[115:] = live(EMPTY)[115:]
    return color


def black(color):
    return np.zeros_like(color)


def white(color):
    return np.full_like(color, 255)


def grey(color):
    return np.full_like(color, 128)


def show(cell, box=BOX, image=live, depth=True):
    """One image whose colour is what ``image`` makes of it; depth is live, empty or absent."""
    color, metres = scene(box)
    metres = (metres + RNG.normal(0, 0.0005, metres.shape)).astype(np.float32)
    if depth == "empty":
        metres = np.zeros_like(metres)
    cell.publish(*cell.messages(image(color), metres if depth else None))
    time.sleep(0.04)


@pytest.fixture(autouse=True)
def empty_station(cell):
    for _ in range(6):
        show(cell, None)
    cell.reports.clear()


def answered(cell, name, **how):
    cell.announce(name)
    return cell.report_on(name, beat=lambda: show(cell, **how), timeout_s=8)


def test_a_live_item_passes(cell):
    assert answered(cell, "live").verdict == PASS
    level, message, values = cell.status("camera camera", beat=lambda: show(cell))
    assert (level, message) == (0, "receiving")
    assert float(values["depth_share"]) > 0.99 and 60 < float(values["brightness"]) < 160
    assert 5 < float(values["pairs_per_s"]) < 40 and float(values["sharpness"]) > 4
    assert values["publishers /camera/color/image_raw"] == "1" and values["qos_mismatch"] == ""


@pytest.mark.parametrize(
    ("image", "reason", "said"),
    [
        (noise, MISMATCH, "noise or torn"),
        (frozen, FROZEN, "repeats its images"),
        (of_the_empty_station, MISMATCH, ""),
        (half_black, MISMATCH, ""),
        (torn, MISMATCH, ""),
        (black, DamageReport.REASON_EXPOSURE, "the colour image is black"),
        (white, DamageReport.REASON_EXPOSURE, "the colour image is white"),
        (grey, DamageReport.REASON_BLUR, "the colour image is one grey"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_colour_that_does_not_show_the_item_does_not_pass(cell, detector, image, reason, said):
    report = answered(cell, image.__name__, image=image)
    assert report.verdict == UNKNOWN and report.reasons & reason, report.reasons
    if said:
        level, message, _ = cell.status("camera camera", beat=lambda: show(cell, image=image))
        assert level == 2 and said in message
        assert said in detector.log
    for _ in range(8):
        show(cell, None)
    assert answered(cell, f"after {image.__name__}").verdict == PASS
    assert cell.status("camera camera", beat=lambda: show(cell))[0] == 0


@pytest.mark.parametrize(
    ("depth", "said"), [(False, "no depth images"), ("empty", "the depth image is empty")]
)
def test_a_camera_without_depth_is_said_to_be_blind(cell, detector, depth, said):
    # Depth that is absent is waited for at first.
    for _ in range(25):
        show(cell, depth=depth)
    report = answered(cell, f"blind {said}", depth=depth)
    assert report.verdict == UNKNOWN and report.reasons & DamageReport.REASON_NO_DEPTH
    level, message, values = cell.status("camera camera", beat=lambda: show(cell, depth=depth))
    assert level == 2 and said in message and float(values["depth_share"]) == 0
    assert detector.log.count(said) == 1


def test_a_camera_that_repeats_both_images_is_frozen_after_a_time(cell):
    color, depth = live(scene(None)[0]), scene(None)[1]
    cell.announce("behind a frozen camera")

    def repeat():
        cell.publish(*cell.messages(color, depth))
        time.sleep(0.04)

    report = cell.report_on("behind a frozen camera", beat=repeat)
    assert report.verdict == UNKNOWN and report.reasons & FROZEN
    level, message, _ = cell.status("camera camera", beat=repeat)
    assert level == 2 and "repeats its images" in message


def test_an_inspection_on_request_knows_of_a_frozen_camera(cell):
    for _ in range(4):
        show(cell, image=frozen)
    answer = cell.until_done(cell.inspect(1.0), beat=lambda: show(cell, image=frozen))
    assert {report.verdict for report in answer.reports} == {UNKNOWN}
    assert all(report.reasons & FROZEN for report in answer.reports)


def test_what_a_site_knows_to_stand_still_may_be_told(cell):
    assert cell.set_parameter("frozen_after_ms", 0.0).successful
    color, depth = live(scene(BOX)[0]), scene(BOX)[1]
    cell.announce("still")
    report = cell.report_on(
        "still", beat=lambda: (cell.publish(*cell.messages(color, depth)), time.sleep(0.04))
    )
    assert report.verdict == PASS
    assert cell.set_parameter("frozen_after_ms", 500.0).successful
