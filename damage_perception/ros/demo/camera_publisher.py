"""Frames on a camera's topics."""

from __future__ import annotations

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from damage_perception.frame import Frame
from damage_perception.ros.messages import camera_info_message, image_message, stamp_of
from damage_perception.ros.qos import VISUALS
from damage_perception.topics import CAMERA_INFO, COLOR, DEPTH


class CameraPublisher:
    """Publishes reliably, which every subscription hears."""

    def __init__(self, node: Node, camera: str) -> None:
        self._frame_id = f"{camera}_color_optical_frame"
        self._info = node.create_publisher(CameraInfo, f"{camera}/{CAMERA_INFO}", VISUALS)
        self._depth = node.create_publisher(Image, f"{camera}/{DEPTH}", VISUALS)
        self._color = node.create_publisher(Image, f"{camera}/{COLOR}", VISUALS)

    @property
    def heard(self) -> bool:
        """Whether somebody subscribes to all three topics."""
        return all(p.get_subscription_count() for p in (self._info, self._depth, self._color))

    def publish(self, frame: Frame, stamp_ns: int) -> None:
        """Publishes ``frame`` as taken at ``stamp_ns``; no depth message where it has no depth."""
        header = Header(stamp=stamp_of(stamp_ns), frame_id=frame.frame_id or self._frame_id)
        self._info.publish(camera_info_message(frame.camera, header))
        if frame.depth_m is not None:
            self._depth.publish(image_message(frame.depth_m, header))
        self._color.publish(image_message(frame.color, header))
