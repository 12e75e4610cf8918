"""The detector as a process, and a cell around it that plays items over DDS."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import rclpy
import yaml
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from benchmarks.chaos.faults import Before, Fault, Shot
from benchmarks.chaos.items import Item, Scenery
from damage_perception.frame import Frame
from damage_perception.ros.messages import (
    NANOSECONDS,
    camera_info_message,
    image_message,
    nanoseconds_of,
    stamp_of,
)
from damage_perception.topics import CAMERA_INFO, COLOR, DEPTH
from damage_perception_msgs.msg import DamageReport, ItemAnnouncement
from damage_perception_msgs.srv import CalibrateStation

_CAMERA: Final = "camera"
_RATE_HZ: Final = 10.0
_SHOWN, _GAP = 8, 5
# Where in an item a fault begins that does not last from the first to the last.
_BEGINS: Final = 4
_DEADLINE_NS: Final = NANOSECONDS
_LATE_NS: Final = 1_500_000_000
_PATIENCE_S: Final = 30.0
_THRESHOLD: Final = 0.5


class Detector:
    """The detector's process; its log is kept in ``folder``."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._log = folder / "detector.log"
        self._parameters = folder / "parameters.yaml"
        values = {
            "autostart": True,
            "station_file": str(folder / "station.yaml"),
            # Whether a fault lets broken items pass is asked, not where the card's threshold lies.
            "damage_threshold": _THRESHOLD,
        }
        self._parameters.write_text(yaml.safe_dump({"/**": {"ros__parameters": values}}))

    def start(self, *arguments: str) -> None:
        """Starts the process with further ROS arguments."""
        command = [sys.executable, "-m", "damage_perception.ros.detector.process", "--ros-args"]
        command += ["--params-file", str(self._parameters), *arguments]
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                command, env=self._environment, stdout=log, stderr=subprocess.STDOUT
            )

    @property
    def exit_status(self) -> int | None:
        """Of a process that ended by itself; None while it runs."""
        return self._process.poll()

    def stop(self) -> None:
        """Ends the process as an operator would."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Ends the process at once."""
        self._process.kill()
        self._process.wait()


@dataclass(frozen=True)
class Asked:
    """A report that is owed.

    begun_ns   when the item was announced, or first shown
    announced  False: the report is known by the time at which its item was first seen
    refused    the announcement must be refused, and that be said
    """

    item_id: str
    damaged: bool
    begun_ns: int
    deadline_ns: int
    announced: bool = True
    refused: bool = False


@dataclass(frozen=True)
class Heard:
    """A message, and when it came."""

    message: Any
    received_ns: int


class Cell:
    """Camera, controller and operator of one detector.

    asked holds what has to be answered, reports and diagnostics what was heard since the items
    began to come; ended_ns is when the fault was over, 0 where it lasted; before what was shown.
    """

    def __init__(self, environment: Mapping[str, str], detector: Detector) -> None:
        self.detector = detector
        self.asked: list[Asked] = []
        self.reports: list[Heard] = []
        self.diagnostics: list[Heard] = []
        self.ended_ns = 0
        self.before: Before
        self._context = Context()
        self._context.init(domain_id=int(environment["ROS_DOMAIN_ID"]))
        self._node = rclpy.create_node("chaos", context=self._context)
        deep = QoSProfile(depth=1000)
        self._announcements = self._node.create_publisher(
            ItemAnnouncement, "damage_detector/announcements", deep
        )
        self._publishers = {
            topic: self._node.create_publisher(kind, f"{_CAMERA}/{topic}", 5)
            for topic, kind in ((CAMERA_INFO, CameraInfo), (DEPTH, Image), (COLOR, Image))
        }
        for kind, name, heard, depth in (
            (DamageReport, "damage_detector/reports", self.reports, 50),
            (DiagnosticArray, "/diagnostics", self.diagnostics, 50),
        ):
            self._node.create_subscription(
                kind, name, lambda m, heard=heard: heard.append(Heard(m, self.now_ns())), depth
            )
        self._calibration = self._node.create_client(
            CalibrateStation, "damage_detector/calibrate_station"
        )
        self._fault: Fault | None = None
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._executor.spin, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the node and its thread."""
        self._executor.shutdown()
        self._thread.join(5)
        self._node.destroy_node()
        self._context.try_shutdown()

    def now_ns(self) -> int:
        """The clock of this machine."""
        return int(self._node.get_clock().now().nanoseconds)

    def connect(self) -> None:
        """Waits until the detector listens and is heard. Raises TimeoutError."""
        publishers = [*self._publishers.values(), self._announcements]
        end_s = time.monotonic() + _PATIENCE_S
        while not (
            all(publisher.get_subscription_count() for publisher in publishers)
            and self._node.count_publishers("damage_detector/reports")
        ):
            if time.monotonic() > end_s:
                raise TimeoutError(f"the detector did not listen within {_PATIENCE_S:.0f} s")
            time.sleep(0.05)
        # Matched on this side is not yet matched on the other.
        time.sleep(0.3)

    def calibrate(self, scenery: Scenery) -> None:
        """Has the detector learn the empty station. Raises RuntimeError where it cannot."""
        self._fault, self.before = None, Before(scenery)
        if not self._calibration.wait_for_service(_PATIENCE_S):
            raise RuntimeError("the detector has no service calibrate_station")
        answer = self._calibration.call_async(CalibrateStation.Request())
        end_s = time.monotonic() + _PATIENCE_S
        while not answer.done() and time.monotonic() < end_s:
            self.show_empty(0.2)
        if not answer.done() or not answer.result().success:
            why = answer.result().message if answer.done() else "no answer"
            raise RuntimeError(f"the station could not be calibrated: {why}")

    def play(self, scenery: Scenery, fault: Fault) -> None:
        """Shows every item of ``scenery`` under ``fault``, until all is answered or late."""
        self.before = Before(scenery)
        self.ended_ns = 0
        for former in (self.asked, self.reports, self.diagnostics):
            former.clear()
        scale = round(fault.rate_hz / _RATE_HZ)
        begins, ends = _span(fault, len(scenery.items), scale)
        if begins == 0:
            self._begin(fault)
        beat = _Beat(fault.rate_hz)
        for number, (item, frame) in enumerate(_script(scenery, scale)):
            if number == begins > 0:
                self._begin(fault)
            if number == ends:
                self._fault, self.ended_ns = None, self.now_ns()
            if item is not None and frame == 0:
                self._announce(item, fault)
            self._show(item, frame)
            if item is not None and frame == _SHOWN * scale - 1:
                self.before.former = item
            beat.wait()
        while self._waits():
            self._show(None, 0)
            beat.wait()

    def ask(
        self,
        item_id: str,
        damaged: bool = False,
        camera: str = "",
        refused: bool = False,
        deadline: bool = True,
    ) -> None:
        """Announces an item and remembers that a report on it is owed."""
        now_ns = self.now_ns()
        deadline_ns = now_ns + _DEADLINE_NS
        self.asked.append(Asked(item_id, damaged, now_ns, deadline_ns, refused=refused))
        self._announcements.publish(
            ItemAnnouncement(
                header=Header(stamp=stamp_of(now_ns)),
                item_id=item_id,
                camera=camera,
                deadline=stamp_of(deadline_ns if deadline else 0),
            )
        )

    def show_empty(self, seconds: float) -> None:
        """Shows the empty station, without a fault."""
        fault, self._fault = self._fault, None
        beat = _Beat(_RATE_HZ)
        for number in range(round(seconds * _RATE_HZ)):
            self._show(None, number)
            beat.wait()
        self._fault = fault

    def serialized(self, shot: Shot) -> dict[str, bytes]:
        """The messages of a shot by topic, camera_info first."""
        header = Header(stamp=stamp_of(shot.stamp_ns), frame_id="camera_optical")
        messages = {CAMERA_INFO: camera_info_message(shot.camera, header)}
        if shot.depth_m is not None:
            messages[DEPTH] = image_message(shot.depth_m, header)
        messages[COLOR] = image_message(shot.color, header)
        return {topic: serialize_message(message) for topic, message in messages.items()}

    def publish_serialized(self, topic: str, serialized: bytes) -> None:
        """Publishes bytes as they are."""
        self._publishers[topic].publish(serialized)

    def answers(self, asked: Asked) -> list[Heard]:
        """The reports on what was asked that came in time."""
        next_ns = min(
            (other.begun_ns for other in self.asked if other.begun_ns > asked.begun_ns),
            default=self.now_ns(),
        )

        def meant(report: DamageReport) -> bool:
            if not asked.announced:
                return bool(asked.begun_ns <= nanoseconds_of(report.first_seen) < next_ns)
            refused = bool(report.reasons & DamageReport.REASON_REFUSED)
            return report.item_id == asked.item_id and refused == asked.refused

        return [
            heard
            for heard in list(self.reports)
            if heard.received_ns <= asked.deadline_ns + _LATE_NS and meant(heard.message)
        ]

    def _begin(self, fault: Fault) -> None:
        self._fault = fault
        if fault.begin is not None:
            fault.begin(self)

    def _announce(self, item: Item, fault: Fault) -> None:
        if not fault.announced:
            now_ns = self.now_ns()
            self.asked.append(
                Asked(item.item_id, item.damaged, now_ns, now_ns + _DEADLINE_NS, announced=False)
            )
            return
        self.ask(item.item_id, item.damaged, deadline=fault.deadlines)
        if self._fault is not None and self._fault.announcing is not None:
            self._fault.announcing(self, item.item_id)

    def _show(self, item: Item | None, number: int) -> None:
        """Publishes one frame, each with noise of its own, as the fault has it."""
        frames = item.frames if item else self.before.scenery.empty
        shot = self._shot(frames[number % len(frames)], item)
        if self._fault is None:
            self.before.last = shot
        else:
            changed = self._fault.change(shot, self.before)
            if changed is None:
                return
            shot = changed
        for topic, serialized in self.serialized(shot).items():
            self.publish_serialized(topic, serialized)
        if self._fault is not None and self._fault.each is not None:
            self._fault.each(self, shot)

    def _shot(self, frame: Frame, item: Item | None) -> Shot:
        noise = self.before.noise
        assert frame.depth_m is not None
        return Shot(
            noise.color(frame.color),
            noise.depth(frame.depth_m),
            frame.camera,
            self.now_ns(),
            item,
        )

    def _waits(self) -> bool:
        """Whether a report is owed that may still come in time."""
        now_ns = self.now_ns()
        return any(
            now_ns < asked.deadline_ns + _LATE_NS and not self.answers(asked)
            for asked in self.asked
        )


class _Beat:
    """Keeps a rate; what was missed is not made up for."""

    def __init__(self, rate_hz: float) -> None:
        self._period_s = 1.0 / rate_hz
        self._next_s = time.monotonic()

    def wait(self) -> None:
        """Sleeps until the next beat."""
        self._next_s = max(self._next_s + self._period_s, time.monotonic())
        time.sleep(max(0.0, self._next_s - time.monotonic()))


def _script(scenery: Scenery, scale: int) -> Iterator[tuple[Item | None, int]]:
    for item in scenery.items:
        yield from ((item, number) for number in range(_SHOWN * scale))
        yield from ((None, number) for number in range(_GAP * scale))


def _span(fault: Fault, items: int, scale: int) -> tuple[int, int]:
    """The frames before which a fault begins and ends; it ends at -1 where it lasts."""
    if not fault.seconds:
        return 0, -1
    begins = (max(1, items // 4) * (_SHOWN + _GAP) + _BEGINS) * scale
    return begins, begins + max(1, round(fault.seconds * fault.rate_hz))
