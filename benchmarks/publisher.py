"""Publishes frames as cameras do: python -m benchmarks.publisher CAMERAS RATE WIDTH HEIGHT STAY.

An item stays at its place for STAY frames. With a further argument, PAUSE, each item is announced
as it comes, and the tray is empty for so many frames before the next. Messages are serialized
beforehand and stamped as they go out: what is measured is the node behind the cameras, and a
driver in C++ costs next to nothing.
"""

from __future__ import annotations

import struct
import sys
import time

import numpy as np
import rclpy
from rclpy.qos import QoSProfile
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from benchmarks.images import empty_frame, frames
from damage_perception.ros.messages import camera_info_message, image_message
from damage_perception.ros.qos import EVENTS
from damage_perception.topics import CAMERA_INFO, COLOR, DEPTH
from damage_perception_msgs.msg import ItemAnnouncement

# Seconds and nanoseconds, after the four bytes that every serialized message begins with.
STAMP, STAMP_OFFSET = struct.Struct("<iI"), 4


def main() -> None:
    """Publishes until it is stopped."""
    cameras, rate = int(sys.argv[1]), float(sys.argv[2])
    width, height, stay = (int(value) for value in sys.argv[3:6])
    pause = int(sys.argv[6]) if len(sys.argv) > 6 else 0
    rclpy.init()
    node = rclpy.create_node("benchmark_cameras")
    header = Header(frame_id="camera_optical")
    *places, empty = [
        [
            bytearray(serialize_message(message))
            for message in (
                image_message(frame.color, header),
                image_message((np.asarray(frame.depth_m) * 1000).astype(np.uint16), header),
                camera_info_message(frame.camera, header),
            )
        ]
        for frame in (*frames(width, height), empty_frame(width, height))
    ]
    publishers = [
        [
            node.create_publisher(kind, f"camera{i}/{name}", QoSProfile(depth=3))
            for kind, name in ((Image, COLOR), (Image, DEPTH), (CameraInfo, CAMERA_INFO))
        ]
        for i in range(cameras)
    ]
    announcements = None
    if pause:
        announcements = node.create_publisher(
            ItemAnnouncement, "damage_detector/announcements", EVENTS
        )
    start, sent = time.monotonic(), 0
    while rclpy.ok():
        item, age = divmod(sent, stay + pause)
        messages = places[item % len(places)] if age < stay else empty
        for i, own in enumerate(publishers):
            stamp = node.get_clock().now().to_msg()
            if announcements is not None and age == 0:
                announcements.publish(
                    ItemAnnouncement(
                        header=Header(stamp=stamp),
                        item_id=f"camera{i}-{item}",
                        camera=f"camera{i}",
                    )
                )
            for publisher, message in zip(own, messages, strict=True):
                STAMP.pack_into(message, STAMP_OFFSET, stamp.sec, stamp.nanosec)
                publisher.publish(bytes(message))
        sent += 1
        time.sleep(max(0.0, start + sent / rate - time.monotonic()))


if __name__ == "__main__":
    main()
