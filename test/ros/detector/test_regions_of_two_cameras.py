"""Regions and pictures of a report are of the camera and the image that showed the damage."""

import time

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")
pytest.importorskip("lancedb", reason="lancedb is not installed")

from cell import CAMERA, ITEM_HEIGHT_M, PLANE, TABLE_M, scene
from gallery_cell import GREEN, enroll_here

from damage_perception.gallery.store.store import GalleryStore
from damage_perception.image_message import read_color
from damage_perception.overlay import VERDICT_COLORS
from damage_perception.verdict.report import Verdict
from damage_perception_msgs.msg import DamageReport

pytestmark = pytest.mark.ros

APART_M = 0.14
LOOKING_DOWN = (1.0, 0.0, 0.0, 0.0)
SHIFT_PX = round(CAMERA.fx * APART_M / (TABLE_M - ITEM_HEIGHT_M))
BOX = {"left": (150, 80, 90, 70), "right": (150 - SHIFT_PX, 80, 90, 70)}
# The black spot of the scene, in the image of the left camera.
SPOT_X, SPOT_Y, SPOT_WIDTH, SPOT_HEIGHT = 175, 100, 35, 30


@pytest.fixture(scope="module")
def tiny_card(tmp_path_factory):
    pytest.importorskip("onnx", reason="onnx is needed to write the tiny model")
    from tiny_model import write_model

    return write_model(tmp_path_factory.mktemp("comparing"), references=True)


@pytest.fixture(scope="module")
def parameters(tmp_path_factory, tiny_card):
    gallery = tmp_path_factory.mktemp("galleries") / "gallery"
    enroll_here(GalleryStore.open(gallery, create=True), "green", GREEN, tiny_card)
    return {
        "cameras": ["left", "right"],
        "left": {"plane": list(PLANE), "pose": [0.0, 0.0, TABLE_M, *LOOKING_DOWN]},
        "right": {"plane": list(PLANE), "pose": [APART_M, 0.0, TABLE_M, *LOOKING_DOWN]},
        "gallery": str(gallery),
        # Nothing is compared before the announcement says with what.
        "identify": False,
        "frames_per_camera": 4,
        "decision_deadline_ms": 3000,
    }


def show(cell, cameras=("left", "right"), boxes=BOX, damaged=()):
    """One image of each camera; the left one alone sees a spot that only references tell of."""
    for camera in cameras:
        spot = camera == "left" and boxes[camera] is not None and not damaged
        color, depth = scene(boxes[camera], camera in damaged, GREEN, hole=spot)
        messages = cell.messages(color, depth)
        for message in messages:
            message.header.frame_id = f"{camera}_optical"
        cell.publish(*messages, camera=camera)
    time.sleep(0.05)


def empty(cell):
    for _ in range(10):
        show(cell, boxes=dict.fromkeys(BOX))
    cell.reports.clear()
    cell.overlays.clear()


@pytest.fixture(autouse=True)
def watched(cell):
    """Somebody looks at the overlay of a station that is empty at first."""
    subscriptions = cell.look()
    time.sleep(0.4)
    empty(cell)
    yield
    for subscription in subscriptions:
        cell.node.destroy_subscription(subscription)


def test_a_late_announcement_shows_damage_where_the_camera_saw_it(cell):
    before_ns = cell.now_ns()
    for _ in range(2):
        show(cell)
    # The newest image when the comparison is made is the right camera's, which sees no damage.
    cell.announce("spotted", "green", stamp_ns=before_ns)
    report = cell.report_on("spotted", beat=lambda: show(cell))
    assert report.verdict == DamageReport.DIVERT
    assert report.references == DamageReport.REFERENCES_USED
    (region,) = report.regions
    assert (region.camera, region.header.frame_id) == ("left", "left_optical")
    middle = region.box.x_offset + region.box.width / 2, region.box.y_offset + region.box.height / 2
    assert middle[0] == pytest.approx(SPOT_X + SPOT_WIDTH / 2, abs=12)
    assert middle[1] == pytest.approx(SPOT_Y + SPOT_HEIGHT / 2, abs=12)
    depth_m = TABLE_M - ITEM_HEIGHT_M
    assert region.position.z == pytest.approx(depth_m, abs=0.01)
    assert region.position.x == pytest.approx(
        (middle[0] - CAMERA.cx) / CAMERA.fx * depth_m, abs=0.02
    )
    assert region.position.y == pytest.approx(
        (middle[1] - CAMERA.cy) / CAMERA.fy * depth_m, abs=0.02
    )

    # One picture, of the camera that saw damage.
    (overlay,) = cell.until(lambda: list(cell.overlays))
    assert overlay.header.frame_id == "left_optical"
    assert overlay.header.stamp == report.header.stamp


def test_what_is_reported_as_it_leaves_is_shown_as_it_was_judged(cell):
    cell.announce("fleeting")
    for _ in range(2):
        show(cell)
    report = cell.report_on("fleeting", beat=lambda: show(cell, boxes=dict.fromkeys(BOX)))
    assert report.verdict == DamageReport.UNKNOWN and report.reasons & DamageReport.REASON_LEFT
    (overlay,) = cell.until(lambda: list(cell.overlays))
    x, y, _, height = BOX[overlay.header.frame_id.removesuffix("_optical")]
    color = np.array(VERDICT_COLORS[Verdict.UNKNOWN])
    edge = read_color(overlay)[y + 10 : y + height - 10, x - 3 : x + 4].astype(int)
    assert (np.abs(edge - color).max(axis=2) < 40).any(axis=1).mean() > 0.9


def test_every_camera_that_saw_damage_has_a_picture(cell):
    cell.announce("torn")
    report = cell.report_on("torn", beat=lambda: show(cell, damaged=("left", "right")))
    assert {region.camera for region in report.regions} == {"left", "right"}
    overlays = cell.until(lambda: len(cell.overlays) == 2 and list(cell.overlays))
    assert {o.header.frame_id for o in overlays} == {"left_optical", "right_optical"}
