"""The newest images of every camera, which cost next to nothing until somebody asks for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image

from damage_perception.image_message import ConversionError
from damage_perception.records.recording import CAMERA_INFO as CAMERA_INFO_TYPE
from damage_perception.records.recording import IMAGE, Message
from damage_perception.ros.qos import IMAGE_PROFILES
from damage_perception.ros.serialized import stamp_ns_of
from damage_perception.topics import CAMERA_INFO, COLOR, DEPTH

_TYPES: Final[dict[str, tuple[Any, str]]] = {
    COLOR: (Image, IMAGE),
    DEPTH: (Image, IMAGE),
    CAMERA_INFO: (CameraInfo, CAMERA_INFO_TYPE),
}


class ImageHistory:
    """The newest ``depth`` messages of every topic of ``cameras``, until ``destroy``.

    They wait in the middleware, which drops the oldest by itself: Python sees an image only when
    an item is kept that it may show.

    profile  of the image subscriptions, as the detector's parameter image_qos
    """

    def __init__(self, node: Node, cameras: Sequence[str], profile: str, depth: int) -> None:
        self.cameras = tuple(cameras)
        self._node = node
        usual = IMAGE_PROFILES[profile]
        qos = type(usual)(depth=depth, reliability=usual.reliability, durability=usual.durability)
        group = _NotExecuted()
        self._subscriptions = {
            (camera, name): node.create_subscription(
                kind, f"{camera}/{name}", _never_called, qos, callback_group=group, raw=True
            )
            for camera in cameras
            for name, (kind, _) in _TYPES.items()
        }
        self._messages: dict[tuple[str, str], deque[Message]] = {
            key: deque(maxlen=depth) for key in self._subscriptions
        }

    def near(self, camera: str, stamps_ns: Iterable[int], count: int) -> list[Message]:
        """Colour images of a camera with their depth and camera_info.

        Those nearest to each of ``stamps_ns``, and so many nearest to the first of them as make
        ``count``. Topics are those that a detector has for a camera of this name.
        """
        for name in _TYPES:
            self._take(camera, name)
        colors = list(self._messages[camera, COLOR])
        infos = list(self._messages[camera, CAMERA_INFO])
        if not colors or not infos:
            return []
        first, *others = stamps_ns
        chosen = sorted(colors, key=lambda color: abs(color.time_ns - first))[:count]
        chosen += [_nearest(colors, stamp_ns) for stamp_ns in others]
        unique = {color.time_ns: color for color in chosen}
        found = list(unique.values())
        depths = list(self._messages[camera, DEPTH])
        if depths:
            pairs = {one.time_ns: one for one in (_nearest(depths, s) for s in unique)}
            found += pairs.values()
        # It says the same all the time; what plays the record needs it before the first image.
        return [replace(infos[-1], time_ns=min(message.time_ns for message in found)), *found]

    def destroy(self) -> None:
        """Ends the subscriptions."""
        for subscription in self._subscriptions.values():
            self._node.destroy_subscription(subscription)

    def _take(self, camera: str, name: str) -> None:
        """Takes what the middleware has."""
        subscription = self._subscriptions[camera, name]
        messages = self._messages[camera, name]
        kind = _TYPES[name][1]
        with subscription.handle:
            while taken := subscription.handle.take_message(subscription.msg_type, True):
                data = taken[0]
                try:
                    stamp_ns = stamp_ns_of(data)
                except ConversionError:
                    continue
                messages.append(Message(f"/{camera}/{name}", kind, stamp_ns, data))


class _NotExecuted(CallbackGroup):
    """Of subscriptions that no executor waits for or takes from."""

    def can_execute(self, entity: Any) -> bool:
        return False

    def beginning_execution(self, entity: Any) -> bool:
        return False

    def ending_execution(self, entity: Any) -> None:
        pass


def _never_called(data: bytes) -> None:
    raise AssertionError("an executor took from a subscription that is read by hand")


def _nearest(messages: Sequence[Message], stamp_ns: int) -> Message:
    return min(messages, key=lambda message: abs(message.time_ns - stamp_ns))
