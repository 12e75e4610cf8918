"""Publishes recorded frames, an image folder or a recording, on the camera topics."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import count, repeat
from typing import Any, Final, TypeAlias

import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node

from damage_perception.dataset import DatasetError, ImageFolder
from damage_perception.frame import Frame
from damage_perception.ros.demo.camera_publisher import CameraPublisher
from damage_perception.source import Source, open_source
from damage_perception.topics import CAMERA_INFO, COLOR, DEPTH, Topics

# Images of a folder are of different items. As long as the detector's decision_deadline_ms, and
# twice its leave_after_ms, gives every item of every image its one report.
FOLDER_HOLD_S: Final = 1.0
FOLDER_GAP_S: Final = 0.6
_BY_SOURCE: Final = -1.0

# Passes the names of the images on as they are out; how many come, None where there is no end.
Shown: TypeAlias = Callable[[Iterable[str], int | None], Iterable[str]]


class Unheard(RuntimeError):
    """Nobody subscribes to what would be published."""


class Replay(Node):
    """Publishes the frames of a source, stamped as they are published.

    Parameters:
    source       path of an image folder or a recording
    camera_file  camera.json to read in place of an image folder's own; empty: its own
    color_topic, depth_topic, info_topic
                 what the topics of a recording end in
    camera       name to publish under, where the source has one camera; empty: its own
    rate_hz      frames a second of each camera
    hold_s       how long each frame is shown, again and again; 0: once
    gap_s        how long nothing is shown before each frame, so that what lies in it is not taken
                 for what lay in the one before. Both negative by default: 1 and 0.6 for an image
                 folder, 0 for a recording
    loop         begin again at the end
    wait_s       how long to wait for a subscriber

    Raises DatasetError where the source cannot be opened or a parameter is out of its range.
    """

    def __init__(self) -> None:
        super().__init__("image_replay")
        self.published = 0
        self._source = open_source(
            self._parameter("source", ""),
            self._parameter("camera_file", "") or None,
            Topics(
                self._parameter("color_topic", COLOR),
                self._parameter("depth_topic", DEPTH),
                self._parameter("info_topic", CAMERA_INFO),
            ),
        )
        camera = self._parameter("camera", "")
        rate_hz = self._parameter("rate_hz", 10.0)
        hold_s = self._parameter("hold_s", _BY_SOURCE)
        gap_s = self._parameter("gap_s", _BY_SOURCE)
        self._loop = self._parameter("loop", False)
        self._wait_s = self._parameter("wait_s", 30.0)
        if not rate_hz > 0:
            raise DatasetError(f"rate_hz is {rate_hz}; expected frames a second, above 0")
        of_folder = isinstance(self._source, ImageFolder)
        if hold_s < 0:
            hold_s = FOLDER_HOLD_S if of_folder else 0.0
        if gap_s < 0:
            gap_s = FOLDER_GAP_S if of_folder else 0.0
        # The cameras of a recording take turns.
        self._period_s = 1 / (rate_hz * len(self._source.cameras))
        self._hold_frames = max(1, round(hold_s / self._period_s))
        self._gap_frames = round(gap_s / self._period_s)
        self._names = _names(self._source, camera)
        self._cameras = {name: CameraPublisher(self, name) for name in self._names.values()}

    @property
    def images(self) -> int | None:
        """How many images are shown; None where it goes on without end."""
        return None if self._loop else len(self._source)

    def await_listener(self) -> None:
        """Waits until somebody listens to every camera. Raises Unheard after ``wait_s``."""
        end_s = time.monotonic() + self._wait_s
        while not all(camera.heard for camera in self._cameras.values()):
            if time.monotonic() > end_s:
                raise Unheard(
                    f"nobody subscribes to {', '.join(f'{c}/{COLOR}' for c in self._cameras)} and "
                    "what goes with it: start and activate the detector, with the same camera "
                    "names, namespace and ROS domain"
                )
            rclpy.spin_once(self, timeout_sec=0.05)

    def play(self) -> Iterator[str]:
        """Publishes; yields the name of each image that has been shown."""
        due_s = time.monotonic()
        for _ in count() if self._loop else range(1):
            for record in self._source:
                try:
                    frames = self._shots(record.frame())
                except DatasetError as error:
                    self.get_logger().error(f"left out: {error}")
                    frames = iter(())
                for frame in frames:
                    self._wait_until(due_s)
                    # After a delay the rate is kept from there on, without a burst.
                    due_s = max(due_s, time.monotonic() - self._period_s) + self._period_s
                    camera = self._cameras[self._names[frame.camera_name]]
                    camera.publish(frame, self.get_clock().now().nanoseconds)
                    self.published += 1
                yield record.name

    def _shots(self, frame: Frame) -> Iterator[Frame]:
        yield from repeat(_without_content(frame), self._gap_frames)
        yield from repeat(frame, self._hold_frames)

    def _wait_until(self, due_s: float) -> None:
        while (left_s := due_s - time.monotonic()) > 0:
            rclpy.spin_once(self, timeout_sec=left_s)

    def _parameter(self, name: str, default: Any) -> Any:
        return self.declare_parameter(name, default).value


def _without_content(frame: Frame) -> Frame:
    """What ``frame``'s camera delivers with its lens covered."""
    color = np.zeros_like(frame.color)
    depth_m = None if frame.depth_m is None else np.zeros_like(frame.depth_m)
    return replace(frame, color=color, depth_m=depth_m)


def _names(source: Source, camera: str) -> dict[str, str]:
    """The camera on whose topics each camera of the source is published."""
    if camera and len(source.cameras) > 1:
        raise DatasetError(
            f"the source has the cameras {', '.join(source.cameras)}; the camera name {camera} is "
            "for a source with one"
        )
    # A recording's camera of the topics /cell/left/... is called cell-left.
    return {name: camera or name.replace("-", "/") for name in source.cameras}


def replay(args: list[str] | None = None, shown: Shown = lambda images, _: images) -> int:
    """Replays to the end, or until somebody interrupts; how many frames went out.

    Raises DatasetError where the source or a parameter is wrong, Unheard where nobody listens.
    """
    rclpy.init(args=args)
    try:
        node = Replay()
        with suppress(KeyboardInterrupt, ExternalShutdownException):
            node.await_listener()
            for _ in shown(node.play(), node.images):
                pass
            # Reliable messages on their way are lost where their publisher is gone.
            rclpy.spin_once(node, timeout_sec=0.3)
        return node.published
    finally:
        rclpy.try_shutdown()


def main(args: list[str] | None = None) -> int:
    """Replays and says how many frames went out; the exit status."""
    try:
        published = replay(args)
    except (DatasetError, Unheard) as error:
        rclpy.logging.get_logger("image_replay").fatal(str(error))
        return 1
    print(f"published {published} frames")
    return 0 if published else 1


if __name__ == "__main__":
    sys.exit(main())
