"""Cameras that deliver compressed images, or depth that is not registered to colour."""

import struct
import time

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")

from cell import CAMERA, ITEM_HEIGHT_M, PLANE, RED, TABLE_M, Cell, Detector, scene
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from damage_perception.frame import CameraModel
from damage_perception.records.store import RecordStore
from damage_perception.ros.messages import camera_info_message, image_message, stamp_of
from damage_perception_msgs.msg import DamageReport

pytestmark = pytest.mark.ros

BESIDE_M = 0.03
# Half the pixels of colour, and another lens.
DEPTH_CAMERA = CameraModel(160, 120, 120.0, 120.0, 79.5, 59.5)
BOX = (110, 80, 90, 70)


def start(environment, tiny_card, folder, **parameters):
    """A detector that is active, a recorder beside it, and a cell that hears both."""
    common = {"model": str(tiny_card), "autostart": True, "leave_after_ms": 100}
    common |= {"decision_deadline_ms": 1500, "camera.plane": PLANE}
    (folder / "detector").mkdir()
    (folder / "recorder").mkdir()
    detector = Detector(folder / "detector", environment, common | parameters)
    given = {"folder": str(folder / "records")}
    program = ("-m", "damage_perception.ros.recorder.process")
    recorder = Detector(folder / "recorder", environment, given, program=program)
    cell = Cell(environment, ())
    cell.until(lambda: cell.node.count_publishers("damage_detector/reports"), 20)
    cell.until(lambda: "cameras camera" in recorder.log, 20)
    return detector, recorder, cell


def shown_until_reported(cell, item_id, publishers, messages):
    """The report on an item whose images are published again and again."""
    cell.until(lambda: all(p.get_subscription_count() == 2 for p in publishers), 20)
    time.sleep(0.3)
    cell.announce(item_id)

    def beat():
        header = Header(stamp=stamp_of(cell.now_ns()), frame_id="camera_optical")
        for publisher, message in zip(publishers, messages(header), strict=True):
            publisher.publish(message)
        time.sleep(0.03)

    return cell.report_on(item_id, beat=beat)


def recorded(folder, cell):
    """The newest record that has images."""
    store = RecordStore(folder / "records")
    (record, *_) = cell.until(lambda: store.index.newest(1))
    return store.recording(record)


def stop(*processes):
    for process in processes:
        assert process.stop() == 0, process.log
        assert "Traceback" not in process.log


def test_compressed_images_are_judged_and_recorded(environment, tiny_card, tmp_path):
    detector, recorder, cell = start(environment, tiny_card, tmp_path, image_transport="compressed")
    create = cell.node.create_publisher
    publishers = [
        create(CameraInfo, "camera/color/camera_info", 10),
        create(CompressedImage, "camera/color/image_raw/compressed", 10),
        create(CompressedImage, "camera/depth/image_rect_raw/compressedDepth", 10),
    ]
    color, depth = scene(BOX, damaged=True)

    def messages(header):
        jpeg = cv2.imencode(".jpg", color[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
        png = cv2.imencode(".png", np.rint(depth * 1000).astype(np.uint16))[1]
        packed = struct.pack("<iff", 0, 0.0, 0.0) + png.tobytes()
        return (
            camera_info_message(CAMERA, header),
            CompressedImage(
                header=header, format="rgb8; jpeg compressed bgr8", data=jpeg.tobytes()
            ),
            CompressedImage(header=header, format="16UC1; compressedDepth png", data=packed),
        )

    report = shown_until_reported(cell, "torn", publishers, messages)
    assert report.verdict == DamageReport.DIVERT
    assert report.position.z == pytest.approx(TABLE_M - ITEM_HEIGHT_M, abs=0.01)
    frame = recorded(tmp_path, cell).frame("camera")
    assert np.abs(frame.color.astype(int) - color).mean() < 6
    assert np.abs(frame.color[110:120, 145:160].mean(axis=(0, 1)) - RED).max() < 15
    assert frame.depth_m == pytest.approx(depth, abs=0.001)
    cell.close()
    stop(detector, recorder)


def test_depth_of_another_camera_is_registered_in_the_node(environment, tiny_card, tmp_path):
    pose = [BESIDE_M, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]
    given = {"camera.depth_to_color": pose}
    detector, recorder, cell = start(environment, tiny_card, tmp_path, **given)
    create = cell.node.create_publisher
    publishers = [
        create(CameraInfo, "camera/color/camera_info", 10),
        create(CameraInfo, "camera/depth/camera_info", 10),
        create(Image, "camera/color/image_raw", 10),
        create(Image, "camera/depth/image_rect_raw", 10),
    ]
    color, _ = scene(BOX, damaged=True)

    def messages(header):
        return (
            camera_info_message(CAMERA, header),
            camera_info_message(DEPTH_CAMERA, header),
            image_message(color, header),
            image_message(seen_by_depth_camera(), header),
        )

    report = shown_until_reported(cell, "torn", publishers, messages)
    assert report.verdict == DamageReport.DIVERT
    # The red patch of the scene, where colour shows it: columns 135 to 170.
    (region,) = report.regions
    assert region.position.z == pytest.approx(TABLE_M - ITEM_HEIGHT_M, abs=0.01)
    assert region.position.x == pytest.approx((152 - CAMERA.cx) / CAMERA.fx * 0.7, abs=0.02)
    frame = recorded(tmp_path, cell).frame("camera")
    _, truth = scene(BOX)
    same = np.abs(frame.depth_m - truth) < 0.01
    assert frame.depth_m.shape == (240, 320) and same[40:200, 60:260].mean() > 0.97
    cell.close()
    stop(detector, recorder)


def seen_by_depth_camera():
    """(120, 160) metres: the scene's box and table, from 3 cm to the left of colour."""
    depth = np.full((120, 160), TABLE_M, np.float32)
    top_m = TABLE_M - ITEM_HEIGHT_M
    x, y, width, height = BOX

    def column(u):
        place_m = (u - CAMERA.cx) / CAMERA.fx * top_m - BESIDE_M
        return round(place_m / top_m * DEPTH_CAMERA.fx + DEPTH_CAMERA.cx)

    def row(v):
        return round((v - CAMERA.cy) / CAMERA.fy * DEPTH_CAMERA.fy + DEPTH_CAMERA.cy)

    depth[row(y) : row(y + height), column(x) : column(x + width)] = top_m
    return depth
