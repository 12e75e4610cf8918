"""Bad input over DDS: never a crash, never a pass, always a counted drop or a reason."""

import copy
import time
from array import array

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")

from cell import CAMERA, PLANE, scene

from damage_perception.frame import CameraModel
from damage_perception_msgs.msg import DamageReport

pytestmark = pytest.mark.ros

PASS, DIVERT, UNKNOWN = DamageReport.PASS, DamageReport.DIVERT, DamageReport.UNKNOWN
DEADLINE_NS = 500_000_000


@pytest.fixture(scope="module")
def parameters():
    return {
        "cameras": ["camera", "side"],
        "camera": {"plane": PLANE},
        "side": {"plane": list(PLANE)},
        "source_timeout_ms": 300,
    }


@pytest.fixture(autouse=True)
def empty_station(cell):
    """Every test begins with sound images of the empty station, and ends with an item judged."""
    cell.show(None, frames=6)
    cell.reports.clear()
    yield
    cell.show(None, frames=6)
    cell.announce("sound")
    report = cell.report_on("sound", timeout_s=10, beat=lambda: cell.show(frames=1))
    assert report.verdict == PASS, "the node did not go on"


def report_after(cell, item_id, beat):
    """The report on an item announced while ``beat`` publishes."""
    cell.announce(item_id, deadline_ns=cell.now_ns() + DEADLINE_NS)
    return cell.report_on(item_id, timeout_s=10, beat=beat)


def drops(cell, camera="camera"):
    _, _, values = cell.status(f"camera {camera}")
    dropped = "dropped_"
    return {k.removeprefix(dropped): int(v) for k, v in values.items() if k.startswith(dropped)}


def unreadable(change):
    """A beat that publishes the scene with its messages spoilt by ``change``."""

    def beat(cell):
        color, depth, info = cell.messages(*scene())
        change(color, depth, info)
        cell.publish(color, depth, info)
        time.sleep(0.03)

    return beat


def set_data(message, length):
    message.data = array("B", bytes(length))


SPOILT = {
    "colour of a wrong encoding": lambda c, d, i: setattr(c, "encoding", "yuv422_yuy2"),
    "depth of a wrong encoding": lambda c, d, i: setattr(d, "encoding", "8UC3"),
    "colour data too short": lambda c, d, i: set_data(c, len(c.data) - 1),
    "colour data too long": lambda c, d, i: set_data(c, len(c.data) + 7),
    "depth data too short": lambda c, d, i: set_data(d, 10),
    "depth data too long": lambda c, d, i: set_data(d, len(d.data) * 2),
    "colour rows too short": lambda c, d, i: setattr(c, "step", 17),
    "colour of no size": lambda c, d, i: (setattr(c, "height", 0), set_data(c, 0)),
    "depth of no size": lambda c, d, i: (setattr(d, "width", 0), set_data(d, 0)),
    "depth of another size": lambda c, d, i: (
        setattr(d, "height", d.height // 2),
        set_data(d, len(d.data) // 2),
    ),
    "a focal length of zero": lambda c, d, i: setattr(i, "k", [0.0] * 9),
    "a focal length that is no number": lambda c, d, i: setattr(i, "k", [float("nan")] * 9),
    "camera_info of another size": lambda c, d, i: setattr(i, "width", 100),
}


@pytest.mark.parametrize("fault", SPOILT)
def test_what_cannot_be_read_is_counted_and_never_passes(cell, detector, fault):
    before = drops(cell)["malformed"]
    spoilt = unreadable(SPOILT[fault])
    report = report_after(cell, fault, lambda: spoilt(cell))
    assert report.verdict == UNKNOWN
    assert report.reasons & DamageReport.REASON_MALFORMED_INPUT
    assert np.isnan(report.confidence) and report.frames_used == 0
    assert drops(cell)["malformed"] > before
    assert "camera camera: " in detector.log


def test_sound_images_of_every_encoding_are_read(cell):
    def as_bgr(color, depth, info):
        pixels = np.frombuffer(color.data, np.uint8).reshape(-1, 3)
        color.encoding, color.data = "bgr8", array("B", pixels[:, ::-1].tobytes())

    def as_rgba(color, depth, info):
        pixels = np.frombuffer(color.data, np.uint8).reshape(-1, 3)
        rgba = np.concatenate([pixels, np.full((len(pixels), 1), 255, np.uint8)], axis=1)
        color.encoding, color.step = "rgba8", color.width * 4
        color.data = array("B", rgba.tobytes())

    def as_big_endian_millimetres_in_padded_rows(color, depth, info):
        metres = np.frombuffer(depth.data, np.float32).reshape(depth.height, depth.width)
        rows = (metres * 1000).astype(">u2").view(np.uint8)
        padded = np.pad(rows, ((0, 0), (0, 30)), constant_values=9)
        depth.encoding, depth.is_bigendian, depth.step = "16UC1", 1, padded.shape[1]
        depth.data = array("B", padded.tobytes())

    for change in (as_bgr, as_rgba, as_big_endian_millimetres_in_padded_rows):
        beat = unreadable(change)
        cell.announce(change.__name__)
        report = cell.report_on(change.__name__, timeout_s=10, beat=lambda: beat(cell))  # noqa: B023
        assert report.verdict == PASS, change.__name__
        assert report.position.z == pytest.approx(0.7, abs=0.01)
        cell.show(None, frames=6)


def test_black_and_white_colour_is_judged(cell):
    def as_mono(color, depth, info):
        pixels = np.frombuffer(color.data, np.uint8).reshape(-1, 3)
        color.encoding, color.step = "mono8", color.width
        color.data = array("B", pixels[:, 0].tobytes())

    beat = unreadable(as_mono)
    cell.announce("grey")
    assert cell.report_on("grey", timeout_s=10, beat=lambda: beat(cell)).verdict == PASS


@pytest.mark.parametrize("level", [0, 255], ids=["black", "white"])
def test_an_image_all_black_or_white_is_unknown(cell, level):
    _, depth = scene()
    color = np.full((*depth.shape, 3), level, np.uint8)

    def beat():
        cell.publish(*cell.messages(color, depth))
        time.sleep(0.03)

    report = report_after(cell, f"level {level}", beat)
    assert report.verdict == UNKNOWN and report.reasons & DamageReport.REASON_EXPOSURE


@pytest.mark.parametrize("reading", [np.nan, np.inf, -np.inf, -1.0, 0.0])
def test_depth_that_is_no_distance_is_no_depth(cell, reading):
    color, depth = scene()
    item = depth < 0.75
    depth[item] = reading

    def beat():
        cell.publish(*cell.messages(color, depth))
        time.sleep(0.03)

    report = report_after(cell, f"depth {reading}", beat)
    assert report.verdict == UNKNOWN
    found = DamageReport.REASON_NO_DEPTH | DamageReport.REASON_NOT_FOUND
    assert report.reasons & found


def test_scattered_holes_in_depth_do_not_keep_an_item_from_passing(cell):
    color, depth = scene()
    holes = np.random.default_rng(2).random(depth.shape) < 0.1
    depth[holes] = np.nan
    depth[::40, ::40] = np.inf

    def beat():
        cell.publish(*cell.messages(color, depth))
        time.sleep(0.03)

    cell.announce("holes")
    assert cell.report_on("holes", timeout_s=10, beat=beat).verdict == PASS


def test_lost_depth_is_a_reason(cell):
    color, _ = scene()

    def beat():
        color_message, _, info = cell.messages(color, None)
        cell.publish(color_message, None, info)
        time.sleep(0.03)

    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        beat()
    report = report_after(cell, "flat", beat)
    assert report.verdict == UNKNOWN and report.reasons & DamageReport.REASON_NO_DEPTH


def test_images_that_find_no_partner_are_counted_and_the_camera_goes_stale(cell):
    before = drops(cell)["unpaired"]
    color, depth = scene()

    def beat():
        now = cell.now_ns()
        color_message, _, info = cell.messages(color, None, now)
        _, depth_message, _ = cell.messages(color, depth, now - 15 * 10**9)
        cell.publish(color_message, depth_message, info)
        time.sleep(0.03)

    report = report_after(cell, "out of step", beat)
    assert report.verdict == UNKNOWN and report.reasons & DamageReport.REASON_STALE_CAMERA
    assert drops(cell)["unpaired"] > before


def test_stamps_that_stand_still_are_dropped_as_stale(cell):
    before = drops(cell)["stale"]
    stamp = cell.now_ns()

    def beat():
        cell.publish(*cell.messages(*scene(), stamp))
        time.sleep(0.03)

    report = report_after(cell, "frozen", beat)
    assert report.verdict == UNKNOWN and report.frames_used <= 1
    assert drops(cell)["stale"] > before


def test_stamps_that_jump_back_do_not_stop_the_node(cell):
    past = cell.now_ns() - 3600 * 10**9
    stamps = iter(range(past, past + 10**12, 40_000_000))
    cell.announce("yesterday")

    def beat():
        cell.publish(*cell.messages(*scene(), next(stamps)))
        time.sleep(0.03)

    report = cell.report_on("yesterday", timeout_s=10, beat=beat)
    assert report.verdict == PASS
    assert report.header.stamp.sec - past // 10**9 < 100


def test_a_silent_camera_is_stale_in_report_and_diagnostics(cell):
    cell.show(frames=2)
    report = report_after(cell, "unseen", lambda: time.sleep(0.05))
    assert report.verdict == UNKNOWN
    assert report.reasons & DamageReport.REASON_STALE_CAMERA
    level, message, _ = cell.status("camera camera")
    assert level == 2 and message.startswith("stale: no new pair")


def test_a_camera_without_camera_info_is_malformed(cell, detector):
    color, depth = scene()

    def beat():
        color_message, depth_message, _ = cell.messages(color, depth)
        cell.publish(color_message, depth_message, None, camera="side")
        time.sleep(0.03)

    report = report_after(cell, "uncalibrated", beat)
    assert report.verdict == UNKNOWN
    assert report.reasons & DamageReport.REASON_MALFORMED_INPUT
    assert drops(cell, "side")["malformed"] > 0
    assert "no message on side/color/camera_info" in detector.log


def test_a_camera_whose_size_changes_is_followed(cell):
    small = CameraModel(160, 120, 150.0, 150.0, 79.5, 59.5)
    color, depth = scene()

    def beat():
        messages = cell.messages(
            np.ascontiguousarray(color[::2, ::2]),
            np.ascontiguousarray(depth[::2, ::2]),
            None,
            small,
        )
        cell.publish(*copy.copy(messages))
        time.sleep(0.03)

    cell.announce("small")
    assert cell.report_on("small", timeout_s=10, beat=beat).verdict == PASS
    assert CAMERA.width == 320
