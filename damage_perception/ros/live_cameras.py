"""Live frames of a cell's cameras for people who look at them, and at no cost while nobody does."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Any, Final, NamedTuple

import numpy as np
import rclpy
from numpy.typing import NDArray
from rclpy.clock import Clock, ClockType
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import CameraInfo

from damage_perception.frame import Frame
from damage_perception.ros.decoding import RAW, CameraInfos, Decoder
from damage_perception.ros.detector.problems import Problems
from damage_perception.ros.qos import IMAGE_PROFILES
from damage_perception.ros.serialized import stamp_ns_of

_NODE: Final = "damage_review"
# Stamps of one instant are not farther apart.
_TOLERANCE_NS: Final = 20_000_000
# What is older is not live; colour whose depth is overdue for so long goes without.
_FRESH_S: Final = 2.0
# A camera that nobody asks for so long is unsubscribed from.
_IDLE_S: Final = 10.0
# Images of one topic that wait for their partner.
_WAITING: Final = 4
_STOP_S: Final = 5.0


class _Image(NamedTuple):
    stamp_ns: int
    serialized: bytes
    arrived_s: float


class _Pair(NamedTuple):
    color: _Image
    depth: _Image | None


def _waiting() -> deque[_Image]:
    return deque(maxlen=_WAITING)


@dataclass
class _Stream:
    """What has come of a camera since it was subscribed to; times are of a steady clock."""

    since_s: float
    asked_s: float
    colors: deque[_Image] = field(default_factory=_waiting)
    depths: deque[_Image] = field(default_factory=_waiting)
    pair: _Pair | None = None
    # What was made of a pair last, so that whoever asks again soon costs nothing.
    frame: tuple[_Pair, Frame] | None = None
    subscriptions: list[Any] = field(default_factory=list)

    def newest(self, now_s: float) -> _Pair | None:
        """The newest colour with its depth, without where none came; None where it is not live."""
        if self.pair is not None and now_s - self.pair.color.arrived_s <= _FRESH_S:
            return self.pair
        overdue = now_s - self.since_s >= _FRESH_S
        if overdue and self.colors and now_s - self.colors[-1].arrived_s <= _FRESH_S:
            return _Pair(self.colors[-1], None)
        return None

    def add(self, image: _Image, is_color: bool) -> None:
        """Takes in an image and joins it with its partner, where that is there already."""
        own, others = (self.colors, self.depths) if is_color else (self.depths, self.colors)
        own.append(image)
        other = min(others, key=lambda one: abs(one.stamp_ns - image.stamp_ns), default=None)
        if other is not None and abs(other.stamp_ns - image.stamp_ns) <= _TOLERANCE_NS:
            self.pair = _Pair(image, other) if is_color else _Pair(other, image)


class LiveCameras:
    """The newest frames of cameras, by a node of its own in a thread of its own; a context manager.

    names           of the cameras; their topics are those of the detector
    arguments       of ROS, as `ros2 run` takes them: --ros-args -r front/depth/image_rect_raw:=...
    transport       raw or compressed, as the detector's image_transport
    depth_to_color  by camera, where depth is not registered to colour: see `Decoder`
    idle_s          a camera that nobody has asked for so long is unsubscribed from

    Images stay as they arrive until somebody asks for them. Any number of threads may ask.

    ```
    with LiveCameras(("front", "top")) as cameras:
        frame = cameras.newest("front")
    ```
    """

    def __init__(
        self,
        names: Sequence[str],
        arguments: Sequence[str] = (),
        transport: str = RAW,
        depth_to_color: Mapping[str, NDArray[np.float64]] | None = None,
        idle_s: float = _IDLE_S,
    ) -> None:
        self._names = tuple(names)
        self._arguments = list(arguments)
        self._idle_s = idle_s
        self._streams: dict[str, _Stream] = {}
        self._changed = threading.Condition()
        self._infos = CameraInfos()
        self._decoder = Decoder(transport, depth_to_color or {}, self._infos)
        # The decoder is for one thread at a time.
        self._decoding = threading.Lock()

    def __enter__(self) -> LiveCameras:
        # A context of its own: whoever serves the page deals with signals.
        self._context = Context()
        self._context.init(args=self._arguments)
        self._node = rclpy.create_node(_NODE, context=self._context)
        self._problems = Problems(self._node.get_logger().error)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._node.create_timer(min(1.0, self._idle_s / 2), self._drop_idle, clock=steady)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._executor.spin, name=_NODE, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._executor.shutdown()
        self._thread.join(_STOP_S)
        self._node.destroy_node()
        self._context.try_shutdown()

    @property
    def names(self) -> tuple[str, ...]:
        """Of all cameras."""
        return self._names

    def newest(self, name: str) -> Frame | None:
        """The newest frame of a camera; None where nothing has come for two seconds.

        Who asks first waits for it, two seconds at most. Depth is None where no depth image comes
        that was taken within 20 ms of a colour image. Raises KeyError where there is no such
        camera.
        """
        if name not in self._names:
            raise KeyError(name)
        with self._changed:
            stream = self._watched(name)
            left_s = stream.since_s + _FRESH_S - time.monotonic()
            self._changed.wait_for(
                lambda: stream.pair and name in self._infos.color, max(0.0, left_s)
            )
            pair, made = stream.newest(time.monotonic()), stream.frame
        if pair is None:
            return None
        if made is not None and made[0] == pair:
            return made[1]
        depth = None if pair.depth is None else pair.depth.serialized
        try:
            with self._decoding:
                frame = self._decoder.frame(name, pair.color.serialized, depth, pair.color.stamp_ns)
        except Exception as error:  # of OpenCV and cv_bridge, besides ValueError
            self._problems.note(name, error)
            return None
        self._problems.clear(name)
        stream.frame = (pair, frame)
        return frame

    def _watched(self, name: str) -> _Stream:
        """The stream of a camera, subscribed to from now on."""
        now_s = time.monotonic()
        stream = self._streams.get(name)
        if stream is None:
            stream = self._streams[name] = _Stream(now_s, now_s)
            # In the thread that waits for images, which alone touches the node.
            self._executor.create_task(self._subscribe, name, stream)
        # Whoever waits for the first frame asks until then.
        stream.asked_s = max(now_s, stream.since_s + _FRESH_S)
        return stream

    def _subscribe(self, name: str, stream: _Stream) -> None:
        topics = self._decoder.topics(name)
        receivers: list[tuple[str, Any, Callable[[bytes], None]]] = [
            (*topics.color, partial(self._receive, name, stream, True)),
            (*topics.depth, partial(self._receive, name, stream, False)),
            (topics.color_info, CameraInfo, partial(self._keep, self._infos.color, name)),
        ]
        if topics.depth_info:
            keep = partial(self._keep, self._infos.depth, name)
            receivers.append((topics.depth_info, CameraInfo, keep))
        qos = IMAGE_PROFILES["sensor_data"]
        stream.subscriptions += [
            self._node.create_subscription(kind, f"{name}/{topic}", receive, qos, raw=True)
            for topic, kind, receive in receivers
        ]

    def _receive(self, name: str, stream: _Stream, is_color: bool, serialized: bytes) -> None:
        try:
            stamp_ns = stamp_ns_of(serialized)
        except ValueError as error:
            self._problems.note(name, error)
            return
        with self._changed:
            stream.add(_Image(stamp_ns, serialized, time.monotonic()), is_color)
            self._changed.notify_all()

    def _keep(self, infos: dict[str, bytes], name: str, serialized: bytes) -> None:
        with self._changed:
            infos[name] = serialized
            self._changed.notify_all()

    def _drop_idle(self) -> None:
        now_s = time.monotonic()
        with self._changed:
            idle = [
                name
                for name, stream in self._streams.items()
                # Not one whose subscriptions are still to be made.
                if stream.subscriptions and now_s - stream.asked_s > self._idle_s
            ]
            dropped = [self._streams.pop(name) for name in idle]
            for name in idle:
                self._infos.color.pop(name, None)
                self._infos.depth.pop(name, None)
        for stream in dropped:
            for subscription in stream.subscriptions:
                self._node.destroy_subscription(subscription)
