"""A simulated cell on the camera's topics: items come, are announced, and go.

Renders first, has the detector learn the empty station, and enroll pristine pieces of the products
where it has a gallery, then shows every item for some frames. The ground truth goes to standard
output as JSON lines, so that nothing but images, names and skus reaches the detector.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Generator, Iterator
from itertools import cycle, islice
from typing import Any, Final

import rclpy
from rclpy.client import Client
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from std_msgs.msg import Header

from damage_perception.frame import Frame
from damage_perception.ros import qos
from damage_perception.ros.demo.camera_publisher import CameraPublisher
from damage_perception.ros.messages import NANOSECONDS, stamp_of
from damage_perception.simulation.cell import (
    CellItem,
    CellStream,
    render_ahead,
    station_camera,
)
from damage_perception_msgs.msg import ItemAnnouncement
from damage_perception_msgs.srv import CalibrateStation, EnrollReference

_DEADLINE_NS: Final = NANOSECONDS
# Gives up where nobody listens, or the station cannot be learned, for so long.
_PATIENCE_S: Final = 60.0
# More processes than this render no faster than their images are handed over.
_MOST_RENDERING: Final = 4


class CellFailure(RuntimeError):
    """Why the cell cannot run."""


class SimulatedCell(Node):
    """Publishes a script of frames at a fixed rate; ``finished`` when it is over.

    Of its parameters, ``references`` says how many pristine pieces of each product are enrolled
    before the items come; 0: none, for a detector without a gallery. ``width`` and ``height`` are
    the camera's pixels; its lens suits the items.
    """

    def __init__(self) -> None:
        super().__init__("simulated_cell")
        self._rate_hz = float(self._parameter("rate_hz", 15.0))
        self._items = int(self._parameter("items", 24))
        self._item_frames = int(self._parameter("item_frames", 10))
        self._empty_frames = int(self._parameter("empty_frames", 5))
        self._references = int(self._parameter("references", 0))
        detector = str(self._parameter("detector", "damage_detector"))
        self._camera = CameraPublisher(self, str(self._parameter("camera", "camera")))
        self._announcements = self.create_publisher(
            ItemAnnouncement, f"{detector}/announcements", qos.EVENTS
        )
        self._calibration = self.create_client(CalibrateStation, f"{detector}/calibrate_station")
        self._enrolment = self.create_client(EnrollReference, f"{detector}/enroll_reference")
        self._seed = int(self._parameter("seed", 1))
        width, height = self._parameter("width", 1280), self._parameter("height", 720)
        self._lens = station_camera(int(width), int(height))
        self._empty = cycle(CellStream(self._seed, camera=self._lens).empty)
        self._rendered: list[CellItem] = []
        self._pristine: dict[str, tuple[Frame, ...]] = {}
        self._script: Iterator[Frame] = iter(())
        self.finished = False

    def render(self) -> None:
        """Renders every item and its references, telling of each."""
        workers = min(_MOST_RENDERING, os.cpu_count() or 1)
        rendered = render_ahead(self._seed, self._items, self._references, self._lens, workers)
        for item, pristine in rendered:
            self._rendered.append(item)
            if pristine:
                self._pristine.setdefault(item.truth.sku, pristine)
            _tell(event="rendered", item_id=item.item_id)

    def start(self) -> None:
        """Begins to publish."""
        self._script = self._play()
        self.create_timer(1.0 / self._rate_hz, self._tick)

    def _tick(self) -> None:
        frame = next(self._script, None)
        if frame is None:
            self.finished = True
        else:
            self._camera.publish(frame, self.get_clock().now().nanoseconds)

    def _play(self) -> Iterator[Frame]:
        yield from self._await_listeners()
        yield from self._calibrate()
        yield from self._enroll()
        for item in self._rendered:
            self._announce(item)
            yield from islice(cycle(item.frames), self._item_frames)
            yield from islice(self._empty, self._empty_frames)

    def _await_listeners(self) -> Iterator[Frame]:
        end_s = time.monotonic() + _PATIENCE_S
        # The detector listens for announcements, and so does the controller.
        while not self._camera.heard or self._announcements.get_subscription_count() < 2:
            if time.monotonic() > end_s:
                raise CellFailure(
                    f"nobody listened for {_PATIENCE_S:.0f} s: start the detector, activate it, "
                    "and start a controller, in the same ROS domain"
                )
            yield next(self._empty)

    def _calibrate(self) -> Iterator[Frame]:
        result = yield from self._call(self._calibration, CalibrateStation.Request(), self._empty)
        if not result.success:
            raise CellFailure(f"the station could not be learned: {result.message}")
        _tell(event="calibrated", distance_m=list(result.distance_m))

    def _enroll(self) -> Iterator[Frame]:
        for sku, frames in self._pristine.items():
            request = EnrollReference.Request(sku=sku, views=len(frames), by=self.get_name())
            result = yield from self._call(self._enrolment, request, cycle(frames))
            if not (result.success or result.refused):
                raise CellFailure(f"{sku} could not be enrolled: {result.message}")
            _tell(event="enrolled", sku=sku, accepted=result.accepted, refused=result.refused)
        if self._pristine:
            yield from islice(self._empty, self._empty_frames)

    def _call(
        self, client: Client, request: Any, shown: Iterator[Frame]
    ) -> Generator[Frame, None, Any]:
        """Shows frames until a service has answered; the answer."""
        if not client.wait_for_service(_PATIENCE_S):
            raise CellFailure(f"no service {client.srv_name}: start the detector")
        answer = client.call_async(request)
        end_s = time.monotonic() + _PATIENCE_S
        while not answer.done():
            if time.monotonic() > end_s:
                raise CellFailure(f"{client.srv_name} gave no answer")
            yield next(shown)
        return answer.result()

    def _announce(self, item: CellItem) -> None:
        now_ns = self.get_clock().now().nanoseconds
        truth = item.truth
        _tell(
            event="item",
            item_id=item.item_id,
            sku=truth.sku,
            damaged=truth.damaged,
            kind=truth.kind,
            form=truth.form,
            severity=float(truth.severity),
            printed_decoy=truth.printed_decoy,
        )
        self._announcements.publish(
            ItemAnnouncement(
                header=Header(stamp=stamp_of(now_ns)),
                item_id=item.item_id,
                sku=truth.sku,
                deadline=stamp_of(now_ns + _DEADLINE_NS),
            )
        )

    def _parameter(self, name: str, default: Any) -> Any:
        return self.declare_parameter(name, default).value


def _tell(**fields: Any) -> None:
    print(json.dumps(fields), flush=True)


def main(args: list[str] | None = None) -> int:
    """Runs the cell to the end of its items; the exit status."""
    rclpy.init(args=args)
    node = SimulatedCell()
    try:
        node.render()
        node.start()
        while not node.finished:
            rclpy.spin_once(node)
    except CellFailure as error:
        node.get_logger().fatal(str(error))
        return 1
    except (KeyboardInterrupt, ExternalShutdownException):
        return 0
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
