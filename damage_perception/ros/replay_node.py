"""Publishes recorded frames, an image folder or a recording, on the camera topics."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count, repeat

import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node

from damage_perception.dataset import DatasetError
from damage_perception.frame import Frame
from damage_perception.ros.camera_publisher import CameraPublisher
from damage_perception.source import Source, open_source


class Replay(Node):
    """Publishes the frames of a source, stamped as they are published.

    Parameters:
    source      path of an image folder or a recording
    camera      name to publish under, where the source has one camera; empty: its own
    rate_hz     frames a second
    repeat      how often each frame is published, as often as the detector needs to decide
    gap_frames  frames without content after each, so that what lies in one image is not taken for
                what lay in the one before
    loop        begin again at the end
    wait_s      how long to wait for a subscriber

    Raises DatasetError where the source cannot be opened.
    """

    def __init__(self) -> None:
        super().__init__("image_replay")
        self._source = open_source(str(self.declare_parameter("source", "").value))
        camera = str(self.declare_parameter("camera", "").value)
        self._rate_hz = float(self.declare_parameter("rate_hz", 10.0).value)
        self._repeat = int(self.declare_parameter("repeat", 1).value)
        self._gap_frames = int(self.declare_parameter("gap_frames", 0).value)
        self._loop = bool(self.declare_parameter("loop", False).value)
        self._wait_s = float(self.declare_parameter("wait_s", 30.0).value)
        if not self._rate_hz > 0 or self._repeat < 1:
            raise DatasetError(
                f"rate_hz is {self._rate_hz}, repeat is {self._repeat}; expected a positive rate "
                "and 1 or more"
            )
        self._names = _names(self._source, camera)
        self._cameras = {name: CameraPublisher(self, name) for name in self._names.values()}

    def wait_for_listener(self) -> bool:
        """Whether somebody listens to every camera within ``wait_s``."""
        end_s = time.monotonic() + self._wait_s
        while not all(camera.heard for camera in self._cameras.values()):
            if time.monotonic() > end_s:
                return False
            rclpy.spin_once(self, timeout_sec=0.05)
        return True

    def play(self) -> Iterator[int]:
        """Publishes; yields how many frames are out."""
        due_s = time.monotonic()
        for published, frame in enumerate(self._frames(), start=1):
            while (left_s := due_s - time.monotonic()) > 0:
                rclpy.spin_once(self, timeout_sec=left_s)
            # After a delay the rate is kept from there on, without a burst.
            due_s = max(due_s, time.monotonic() - 1 / self._rate_hz) + 1 / self._rate_hz
            camera = self._cameras[self._names[frame.camera_name]]
            camera.publish(frame, self.get_clock().now().nanoseconds)
            yield published

    def _frames(self) -> Iterator[Frame]:
        for _ in count() if self._loop else range(1):
            for record in self._source:
                try:
                    frame = record.frame()
                except DatasetError as error:
                    self.get_logger().error(f"left out: {error}")
                    continue
                yield from repeat(frame, self._repeat)
                yield from repeat(_without_content(frame), self._gap_frames)


def _without_content(frame: Frame) -> Frame:
    """What ``frame``'s camera delivers with its lens covered."""
    color = np.zeros_like(frame.color)
    depth_m = None if frame.depth_m is None else np.zeros_like(frame.depth_m)
    return replace(frame, color=color, depth_m=depth_m)


def _names(source: Source, camera: str) -> dict[str, str]:
    """The camera on whose topics each camera of the source is published."""
    if camera and len(source.cameras) > 1:
        raise DatasetError(
            f"the source has the cameras {', '.join(source.cameras)}; camera={camera} is for a "
            "source with one"
        )
    return {name: camera or name for name in source.cameras}


def main(args: list[str] | None = None) -> int:
    """Replays to the end and says how many frames went out; the exit status."""
    rclpy.init(args=args)
    published = 0
    try:
        node = Replay()
        if not node.wait_for_listener():
            node.get_logger().fatal(
                "nobody subscribes to the cameras' topics: start and activate the detector, with "
                "the same cameras, namespace and ROS domain"
            )
            return 1
        # The last number is that of the frames when somebody interrupts, too.
        for number in node.play():
            published = number
        # Reliable messages on their way are lost where their publisher is gone.
        rclpy.spin_once(node, timeout_sec=0.3)
    except DatasetError as error:
        rclpy.logging.get_logger("image_replay").fatal(str(error))
        return 1
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        rclpy.try_shutdown()
    print(f"published {published} frames")
    return 0 if published else 1


if __name__ == "__main__":
    sys.exit(main())
