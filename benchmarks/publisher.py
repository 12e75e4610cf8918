"""Publishes frames as cameras do: python -m benchmarks.publisher CAMERAS RATE WIDTH HEIGHT."""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
import rclpy
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from benchmarks.images import frames
from damage_perception.ros.messages import camera_info_message, image_message


def main() -> None:
    """Publishes until it is stopped."""
    cameras, rate = int(sys.argv[1]), float(sys.argv[2])
    rclpy.init()
    node = rclpy.create_node("benchmark_cameras")
    images = frames(int(sys.argv[3]), int(sys.argv[4]))
    header = Header()
    messages: list[tuple[Any, ...]] = [
        (
            image_message(frame.color, header),
            image_message((np.asarray(frame.depth_m) * 1000).astype(np.uint16), header),
            camera_info_message(frame.camera, header),
        )
        for frame in images
    ]
    topics = (
        (Image, "color/image_raw"),
        (Image, "depth/image_rect_raw"),
        (CameraInfo, "color/camera_info"),
    )
    publishers = [
        [
            node.create_publisher(kind, f"camera{i}/{name}", QoSProfile(depth=3))
            for kind, name in topics
        ]
        for i in range(cameras)
    ]
    start, sent = time.monotonic(), 0
    while rclpy.ok():
        for i, own in enumerate(publishers):
            stamp = node.get_clock().now().to_msg()
            for publisher, message in zip(own, messages[sent % len(messages)], strict=True):
                message.header.stamp = stamp
                message.header.frame_id = f"camera{i}"
                publisher.publish(message)
        sent += 1
        time.sleep(max(0.0, start + sent / rate - time.monotonic()))


if __name__ == "__main__":
    main()
