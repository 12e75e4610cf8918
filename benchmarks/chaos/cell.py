"""A cell around a detector that plays items over DDS."""

from __future__ import annotations

import threading
import time
from typing import Final

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.srv import SetParameters
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from rclpy.serialization import serialize_message
from rclpy.task import Future
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from benchmarks.chaos.answers import LATE_NS, Asked, Heard, answers
from benchmarks.chaos.fault import Before, Fault, Shot
from benchmarks.chaos.items import Item, Scenery
from benchmarks.chaos.pace import SHOWN, Beat, script, span
from benchmarks.chaos.processes import Processes
from damage_perception.frame import Frame
from damage_perception.ros.messages import (
    NANOSECONDS,
    camera_info_message,
    image_message,
    stamp_of,
)
from damage_perception.topics import CAMERA_INFO, COLOR, DEPTH
from damage_perception_msgs.msg import DamageReport, ItemAnnouncement
from damage_perception_msgs.srv import CalibrateStation

_CAMERA: Final = "camera"
_RATE_HZ: Final = 10.0
_DEADLINE_NS: Final = NANOSECONDS
_PATIENCE_S: Final = 30.0


class Cell:
    """Camera, controller and operator of one detector.

    asked holds what has to be answered, reports and diagnostics what was heard since the items
    began to come; ended_ns is when the fault was over, 0 where it lasted; before what was shown;
    notes what a fault has to say of itself.
    """

    def __init__(self, processes: Processes) -> None:
        self.processes = processes
        self.asked: list[Asked] = []
        self.reports: list[Heard] = []
        self.diagnostics: list[Heard] = []
        self.notes: list[str] = []
        self.ended_ns = 0
        self.before: Before
        self._context = Context()
        self._context.init(domain_id=int(processes.environment["ROS_DOMAIN_ID"]))
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
            # As many as there are at once, while this process has something else to do.
            (DamageReport, "damage_detector/reports", self.reports, deep),
            (DiagnosticArray, "/diagnostics", self.diagnostics, 50),
        ):
            self._node.create_subscription(
                kind, name, lambda m, heard=heard: heard.append(Heard(m, self.now_ns())), depth
            )
        self._calibration = self._node.create_client(
            CalibrateStation, "damage_detector/calibrate_station"
        )
        self._parameters = self._node.create_client(SetParameters, "damage_detector/set_parameters")
        self._fault: Fault | None = None
        self._beside: Fault | None = None
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
        """Waits until the detector listens and is heard, by all of them. Raises TimeoutError."""
        publishers = [*self._publishers.values(), self._announcements]
        listeners = 1 if self.processes.recorder is None else 2
        end_s = time.monotonic() + _PATIENCE_S
        while not (
            all(publisher.get_subscription_count() for publisher in publishers)
            and self._node.count_publishers("damage_detector/reports")
            and self._node.count_subscribers("damage_detector/reports") >= listeners
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
        for former in (self.asked, self.reports, self.diagnostics, self.notes):
            former.clear()
        try:
            self._play(scenery, fault)
        finally:
            for lasting in (self._fault, self._beside):
                if lasting is not None and lasting.end is not None:
                    lasting.end(self)
            self._fault = self._beside = None

    def _play(self, scenery: Scenery, fault: Fault) -> None:
        scale = round(fault.rate_hz / _RATE_HZ)
        begins, ends = span(fault, len(scenery.items), scale)
        if begins == 0:
            self._begin(fault)
        if fault.beside is not None:
            self._beside = fault.beside
            if fault.beside.begin is not None:
                fault.beside.begin(self)
        beat = Beat(fault.rate_hz)
        for number, (item, frame) in enumerate(script(scenery, scale)):
            if number == begins > 0:
                self._begin(fault)
            if number == ends:
                self._end(fault)
            if item is not None and frame == 0:
                self._announce(item, fault)
            self._show(item, frame)
            if item is not None and frame == SHOWN * scale - 1:
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
        beat = Beat(_RATE_HZ)
        for number in range(round(seconds * _RATE_HZ)):
            self._show(None, number)
            beat.wait()
        self._fault = fault

    def set_parameter(self, name: str, value: float) -> Future:
        """Asks the detector to set a parameter; its answer is to come."""
        asked = Parameter(name, value=value).to_parameter_msg()
        return self._parameters.call_async(SetParameters.Request(parameters=[asked]))

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
        return answers(asked, self.asked, self.reports, self.now_ns())

    def _begin(self, fault: Fault) -> None:
        self._fault = fault
        if fault.begin is not None:
            fault.begin(self)

    def _end(self, fault: Fault) -> None:
        self._fault = None
        if fault.end is not None:
            fault.end(self)
        self.ended_ns = self.now_ns()

    def _announce(self, item: Item, fault: Fault) -> None:
        if not fault.announced:
            now_ns = self.now_ns()
            self.asked.append(
                Asked(item.item_id, item.damaged, now_ns, now_ns + _DEADLINE_NS, announced=False)
            )
            return
        self.ask(item.item_id, item.damaged, deadline=fault.deadlines)
        for active in (self._beside, self._fault):
            if active is not None and active.announcing is not None:
                active.announcing(self, item.item_id)

    def _show(self, item: Item | None, number: int) -> None:
        """Publishes one frame, each with noise of its own, as the fault has it."""
        frames = item.frames if item else self.before.scenery.empty
        shot = self._shot(frames[number % len(frames)], item)
        if self._fault is None:
            self.before.last = shot
        active = [fault for fault in (self._beside, self._fault) if fault is not None]
        for fault in active:
            changed = fault.change(shot, self.before)
            if changed is None:
                return
            shot = changed
        for topic, serialized in self.serialized(shot).items():
            self.publish_serialized(topic, serialized)
        for fault in active:
            if fault.each is not None:
                fault.each(self, shot)

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
            now_ns < asked.deadline_ns + LATE_NS and not self.answers(asked) for asked in self.asked
        )
