"""Live frames over DDS: of the newest instant, only what is live, and only while somebody asks."""

import threading
import time

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")

from cell import CAMERA, TABLE_M, Cell, scene
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage, Image

from damage_perception.ros.decoding import COMPRESSED
from damage_perception.ros.live_cameras import LiveCameras

pytestmark = pytest.mark.ros
IDLE_S = 1.0


@pytest.fixture(scope="module")
def publishing(environment):
    """A cell that publishes images of two cameras."""
    node = Cell(environment, ("front", "top"))
    yield node
    node.close()


@pytest.fixture
def cameras(publishing):
    """Live cameras of that cell, and one that nobody publishes."""
    with LiveCameras(("front", "top", "gone"), idle_s=IDLE_S) as live:
        yield live


def heard(publishing, camera):
    """How many subscribers a camera's three topics have."""
    return [publisher.get_subscription_count() for publisher in publishing._publishers[camera]]


def listen(publishing, cameras, camera):
    """Has a camera subscribed to."""
    threading.Thread(target=cameras.newest, args=(camera,)).start()
    publishing.until(lambda: all(heard(publishing, camera)))


def shown(publishing, cameras, camera="front", **given):
    """Publishes a scene until there is a live frame of it; the frame and the newest stamp."""
    listen(publishing, cameras, camera)
    found = []

    def newest():
        stamps = publishing.show(frames=1, camera=camera, **given)
        frame = cameras.newest(camera)
        if frame is not None and frame.stamp_ns == stamps[-1]:
            found[:] = [frame, stamps[-1]]
        return found

    return publishing.until(newest)


def test_the_newest_frame_is_what_was_published_last(publishing, cameras):
    frame, stamp_ns = shown(publishing, cameras)
    color, depth = scene()
    assert np.array_equal(frame.color, color) and np.array_equal(frame.depth_m, depth)
    assert (frame.camera, frame.camera_name, frame.frame_id) == (CAMERA, "front", "camera_optical")
    assert frame.stamp_ns == stamp_ns


def test_cameras_are_kept_apart(publishing, cameras):
    shown(publishing, cameras, "front")
    frame, _ = shown(publishing, cameras, "top", box=None)
    assert frame.camera_name == "top" and (frame.depth_m == np.float32(TABLE_M)).all()
    assert cameras.newest("front").depth_m.min() < TABLE_M


def test_the_same_frame_is_read_once(publishing, cameras):
    frame, _ = shown(publishing, cameras)
    assert cameras.newest("front") is frame


def test_what_came_two_seconds_ago_is_not_live(publishing, cameras):
    shown(publishing, cameras)
    end = time.monotonic() + 2.1
    while time.monotonic() < end:
        cameras.newest("front")
        time.sleep(0.2)
    assert cameras.newest("front") is None


def test_of_a_camera_that_sends_nothing_there_is_no_frame(cameras):
    started_s = time.monotonic()
    assert cameras.newest("gone") is None
    assert 1.5 < time.monotonic() - started_s < 3
    started_s = time.monotonic()
    assert cameras.newest("gone") is None
    assert time.monotonic() - started_s < 0.5


def test_an_unknown_camera_is_refused(cameras):
    with pytest.raises(KeyError):
        cameras.newest("side")


def test_depth_of_another_instant_is_not_joined(publishing, cameras):
    listen(publishing, cameras, "front")
    color, depth = scene()

    def newest():
        now_ns = publishing.now_ns()
        image, _, info = publishing.messages(color, None, now_ns)
        _, late, _ = publishing.messages(color, depth, now_ns + 30_000_000)
        publishing.publish(image, late, info, camera="front")
        time.sleep(0.1)
        return cameras.newest("front")

    frame = publishing.until(newest)
    assert frame.depth_m is None and np.array_equal(frame.color, color)


def test_topics_can_be_remapped(publishing):
    topics = ("color/image_raw", "depth/image_rect_raw", "color/camera_info")
    remaps = [word for topic in topics for word in ("-r", f"side/{topic}:=top/{topic}")]
    with LiveCameras(("side",), ["--ros-args", *remaps]) as cameras:
        threading.Thread(target=cameras.newest, args=("side",)).start()
        publishing.until(lambda: all(heard(publishing, "top")))
        publishing.until(lambda: publishing.show(frames=1, camera="top") and cameras.newest("side"))


def test_compressed_images_are_read(publishing):
    color, _ = scene()
    pictures = publishing.node.create_publisher(
        CompressedImage, "top/color/image_raw/compressed", 10
    )
    packed = cv2.imencode(".png", color[..., ::-1])[1].tobytes()

    def newest():
        image, _, info = publishing.messages(color, None)
        publishing.publish(info=info, camera="top")
        pictures.publish(CompressedImage(header=image.header, format="rgb8; png", data=packed))
        return cameras.newest("top")

    with LiveCameras(("top",), transport=COMPRESSED) as cameras:
        threading.Thread(target=cameras.newest, args=("top",)).start()
        publishing.until(pictures.get_subscription_count)
        frame = publishing.until(newest)
    assert np.array_equal(frame.color, color) and frame.depth_m is None
    publishing.node.destroy_publisher(pictures)


def test_without_a_calibration_there_is_no_frame(publishing, cameras):
    listen(publishing, cameras, "front")
    color, depth = scene()
    for _ in range(20):
        image, distances, _ = publishing.messages(color, depth)
        publishing.publish(image, distances, camera="front")
        assert cameras.newest("front") is None
        time.sleep(0.02)
    assert shown(publishing, cameras)


def test_nothing_is_subscribed_to_while_nobody_asks(publishing, cameras):
    assert heard(publishing, "top") == [0, 0, 0]
    shown(publishing, cameras, "top")
    assert heard(publishing, "top") == [1, 1, 1]
    publishing.until(lambda: heard(publishing, "top") == [0, 0, 0], IDLE_S + 5)
    assert shown(publishing, cameras, "top")


def test_whoever_keeps_asking_keeps_the_subscription(publishing, cameras):
    shown(publishing, cameras)
    end = time.monotonic() + 2 * IDLE_S + 0.5
    while time.monotonic() < end:
        cameras.newest("front")
        assert heard(publishing, "front") == [1, 1, 1]
        time.sleep(0.1)


def test_a_publisher_that_may_lose_images_is_heard(publishing, cameras):
    threading.Thread(target=cameras.newest, args=("gone",)).start()
    publisher = publishing.node.create_publisher(
        Image, "gone/color/image_raw", qos_profile_sensor_data
    )
    publishing.until(publisher.get_subscription_count)
    publishing.node.destroy_publisher(publisher)
