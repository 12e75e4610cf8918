"""Publishes recorded frames, an image folder or a recording, on the camera topics."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from itertools import count

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node

from damage_perception.dataset import DatasetError
from damage_perception.frame import Frame
from damage_perception.ros.camera_publisher import CameraPublisher
from damage_perception.source import Source, open_source


class Replay(Node):
    """Publishes the frames of a source, each ``repeat`` times, stamped as they are published.

    Parameters: ``source`` path; ``camera`` name, where the source has one camera and another name
    is wanted; ``rate_hz`` frames a second; ``repeat`` how often each frame is published, as often
    as the detector needs to decide; ``loop`` from the start again, without end; ``wait_s`` how long
    to wait for a subscriber.

    Raises DatasetError where the source cannot be opened.
    """

    def __init__(self) -> None:
        super().__init__("image_replay")
        self._source = open_source(str(self.declare_parameter("source", "").value))
        camera = str(self.declare_parameter("camera", "").value)
        self._rate_hz = float(self.declare_parameter("rate_hz", 10.0).value)
        self._repeat = int(self.declare_parameter("repeat", 1).value)
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
        published = 0
        due_s = time.monotonic()
        for frame in self._frames():
            while (left_s := due_s - time.monotonic()) > 0:
                rclpy.spin_once(self, timeout_sec=left_s)
            # After a delay the rate is kept from there on, without a burst.
            due_s = max(due_s, time.monotonic() - 1 / self._rate_hz) + 1 / self._rate_hz
            camera = self._cameras[self._names[frame.camera_name]]
            camera.publish(frame, self.get_clock().now().nanoseconds)
            published += 1
            yield published

    def _frames(self) -> Iterator[Frame]:
        for _ in count() if self._loop else range(1):
            for record in self._source:
                try:
                    frame = record.frame()
                except DatasetError as error:
                    self.get_logger().error(f"left out: {error}")
                    continue
                for _ in range(self._repeat):
                    yield frame


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
        for published in node.play():
            pass
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
