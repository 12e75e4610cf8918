"""The newest images of every camera, which cost next to nothing until somebody asks for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo

from damage_perception.bag import PAIR_TOLERANCE_NS
from damage_perception.image_message import ConversionError
from damage_perception.ros.decoding import CameraInfos, Decoder
from damage_perception.ros.qos import IMAGE_PROFILES
from damage_perception.ros.serialized import stamp_ns_of


@dataclass(frozen=True)
class Shot:
    """Serialized images of one instant; ``depth`` is None where none came for it."""

    camera: str
    stamp_ns: int
    color: bytes
    depth: bytes | None


class ImageHistory:
    """The newest ``depth`` messages of every topic of ``cameras``, until ``destroy``.

    They wait in the middleware, which drops the oldest by itself: Python sees an image only when
    an item is kept that it may show.

    profile  of the image subscriptions, as the detector's parameter image_qos
    decoder  says what to subscribe to
    infos    the newest CameraInfo of each camera is kept there, when images are asked for
    """

    def __init__(
        self,
        node: Node,
        cameras: Sequence[str],
        profile: str,
        depth: int,
        decoder: Decoder,
        infos: CameraInfos,
    ) -> None:
        self.cameras = tuple(cameras)
        self._node = node
        self._infos = infos
        usual = IMAGE_PROFILES[profile]
        qos = type(usual)(depth=depth, reliability=usual.reliability, durability=usual.durability)
        group = _NotExecuted()

        def subscribe(camera: str, topic: str, kind: Any) -> _Waiting:
            subscription = node.create_subscription(
                kind, f"{camera}/{topic}", _never_called, qos, callback_group=group, raw=True
            )
            return _Waiting(subscription, deque(maxlen=depth))

        topics = {camera: decoder.topics(camera) for camera in cameras}
        self._colors = {name: subscribe(name, *of.color) for name, of in topics.items()}
        self._depths = {name: subscribe(name, *of.depth) for name, of in topics.items()}
        self._color_infos = {
            name: subscribe(name, of.color_info, CameraInfo) for name, of in topics.items()
        }
        self._depth_infos = {
            name: subscribe(name, of.depth_info, CameraInfo)
            for name, of in topics.items()
            if of.depth_info
        }

    def near(self, camera: str, stamps_ns: Sequence[int], count: int) -> list[Shot]:
        """Images of a camera: those nearest to each of ``stamps_ns``, and as many nearest to the
        first of them as make ``count``; oldest first."""
        colors, depths = self._colors[camera].take(), self._depths[camera].take()
        if infos := self._color_infos[camera].take():
            self._infos.color[camera] = infos[-1][1]
        if camera in self._depth_infos and (infos := self._depth_infos[camera].take()):
            self._infos.depth[camera] = infos[-1][1]
        if not colors:
            return []
        chosen = sorted(colors, key=lambda color: abs(color[0] - stamps_ns[0]))[:count]
        chosen += [_nearest(colors, stamp_ns) for stamp_ns in stamps_ns[1:]]
        return [
            Shot(camera, stamp_ns, color, _partner(depths, stamp_ns))
            for stamp_ns, color in sorted(dict(chosen).items())
        ]

    def destroy(self) -> None:
        """Ends the subscriptions."""
        for topics in (self._colors, self._depths, self._color_infos, self._depth_infos):
            for waiting in topics.values():
                self._node.destroy_subscription(waiting.subscription)


@dataclass(frozen=True)
class _Waiting:
    """A subscription that is read by hand, and what was read of it: stamp and message."""

    subscription: Any
    messages: deque[tuple[int, bytes]]

    def take(self) -> list[tuple[int, bytes]]:
        """The newest messages, with what the middleware has got since the last time."""
        handle = self.subscription.handle
        with handle:
            while taken := handle.take_message(self.subscription.msg_type, True):
                try:
                    self.messages.append((stamp_ns_of(taken[0]), taken[0]))
                except ConversionError:
                    continue
        return list(self.messages)


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


def _nearest(messages: Sequence[tuple[int, bytes]], stamp_ns: int) -> tuple[int, bytes]:
    return min(messages, key=lambda message: abs(message[0] - stamp_ns))


def _partner(depths: Sequence[tuple[int, bytes]], stamp_ns: int) -> bytes | None:
    if not depths:
        return None
    found_ns, depth = _nearest(depths, stamp_ns)
    return depth if abs(found_ns - stamp_ns) <= PAIR_TOLERANCE_NS else None
