"""Messages and small rosbag2 recordings for tests, written without ROS."""

import numpy as np
import pytest

rosbag2 = pytest.importorskip("rosbags.rosbag2", reason="rosbags is not installed")
typesys = pytest.importorskip("rosbags.typesys", reason="rosbags is not installed")

STORE = typesys.get_typestore(typesys.Stores.ROS2_JAZZY)
T = STORE.types


def header(stamp_ms):
    stamp = T["builtin_interfaces/msg/Time"](stamp_ms // 1000, stamp_ms % 1000 * 1_000_000)
    return T["std_msgs/msg/Header"](stamp, "optical")


def image(stamp_ms, encoding, pixels, padding=0):
    """An image message whose rows end in ``padding`` bytes of rubbish."""
    rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(pixels.shape[0], -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=99)
    return T["sensor_msgs/msg/Image"](
        header(stamp_ms), *pixels.shape[:2], encoding, 0, rows.shape[1], rows.reshape(-1)
    )


def info(stamp_ms, camera):
    """The camera_info message of a camera model."""
    k = np.array([camera.fx, 0, camera.cx, 0, camera.fy, camera.cy, 0, 0, 1])
    roi = T["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
    return T["sensor_msgs/msg/CameraInfo"](
        header(stamp_ms), camera.height, camera.width, "plumb_bob", np.zeros(5), k,
        np.eye(3).reshape(-1), np.zeros(12), 0, 0, roi,
    )  # fmt: skip


def serialized(message):
    """A message as it goes over the wire."""
    return bytes(STORE.serialize_cdr(message, message.__msgtype__))


def write_bag(path, messages, storage="MCAP"):
    """A recording of (topic, time of recording in ms, message); its folder."""
    with rosbag2.Writer(path, version=9, storage_plugin=rosbag2.StoragePlugin[storage]) as writer:
        connections = {}
        for topic, stamp_ms, message in messages:
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=STORE)
            data = STORE.serialize_cdr(message, kind)
            writer.write(connections[topic], stamp_ms * 1_000_000, data)
    return path
