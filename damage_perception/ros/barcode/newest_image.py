"""The newest colour image of a camera, which costs next to nothing until somebody asks for it."""

from __future__ import annotations

from typing import Any, Final

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CompressedImage, Image

from damage_perception.frame import ColorImage
from damage_perception.image_message import read_color, read_compressed_color
from damage_perception.ros.decoding import COMPRESSED
from damage_perception.ros.qos import IMAGE_MEND, IMAGE_PROFILES, publisher_refused
from damage_perception.ros.serialized import SerializedCompressedImage, SerializedImage
from damage_perception.topics import COLOR

# Only the newest is asked for; the middleware drops the others by itself.
_DEPTH: Final = 1


class NewestImage:
    """Colour images of ``camera``, read by hand: Python sees none that nobody asks for.

    transport  raw or compressed, as the detector's parameter image_transport
    profile    as its parameter image_qos
    """

    def __init__(self, node: Node, camera: str, transport: str, profile: str) -> None:
        self._compressed = transport == COMPRESSED
        topic = f"{camera}/{COLOR}" + ("/compressed" if self._compressed else "")
        usual = IMAGE_PROFILES[profile]
        self._subscription: Any = node.create_subscription(
            CompressedImage if self._compressed else Image,
            topic,
            _never_called,
            QoSProfile(depth=_DEPTH, reliability=usual.reliability, durability=usual.durability),
            callback_group=_NotExecuted(),
            event_callbacks=publisher_refused(topic, IMAGE_MEND, node.get_logger().error),
            raw=True,
        )

    def take(self) -> tuple[ColorImage, int] | None:
        """(H, W, 3) uint8 RGB and its stamp in nanoseconds; None where no new one came.

        Raises ConversionError, and what OpenCV and cv_bridge raise, where it cannot be read.
        """
        newest: bytes | None = None
        handle = self._subscription.handle
        with handle:
            while taken := handle.take_message(self._subscription.msg_type, True):
                newest = taken[0]
        if newest is None:
            return None
        if self._compressed:
            packed = SerializedCompressedImage.read(newest)
            return read_compressed_color(packed), packed.stamp_ns
        image = SerializedImage.read(newest)
        return read_color(image), image.stamp_ns


class _NotExecuted(CallbackGroup):
    """Of a subscription that no executor waits for or takes from."""

    def can_execute(self, entity: Any) -> bool:
        return False

    def beginning_execution(self, entity: Any) -> bool:
        return False

    def ending_execution(self, entity: Any) -> None:
        pass


def _never_called(data: bytes) -> None:
    raise AssertionError("an executor took from a subscription that is read by hand")
