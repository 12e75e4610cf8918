"""The node ``damage_recorder``: reports and images in, a file for each item worth looking at."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.serialization import deserialize_message

from damage_perception.records.item_record import Kept
from damage_perception.records.recording import REPORT, REPORT_TOPIC, Message, RecordingFormat
from damage_perception.records.reports import nanoseconds_of, record_of_report, report_of
from damage_perception.records.store import RecordStore
from damage_perception.ros import qos
from damage_perception.ros.decoding import CameraInfos, Decoder
from damage_perception.ros.detector.settings import depth_to_color
from damage_perception.ros.parameters.node_table import RECORDER
from damage_perception.ros.parameters.server import ParameterServer
from damage_perception.ros.recorder.detector_parameters import DetectorParameters
from damage_perception.ros.recorder.diagnostics import recorder_status
from damage_perception.ros.recorder.evidence import Evidence, attachments
from damage_perception.ros.recorder.image_history import ImageHistory, Shot
from damage_perception.ros.recorder.requests import Requests
from damage_perception.ros.recorder.writing import Job, Writing
from damage_perception.share import message_definitions
from damage_perception.verdict.report import Report, Verdict
from damage_perception_msgs.msg import DamageReport

_BYTES_PER_GB: Final = 1e9
_STATUS_S: Final = 1.0


class RecorderNode(Node):
    """Decides what is kept and gathers it; `Writing` puts it on the disk.

    Raises ParameterError where a parameter is unknown or out of bounds, and RecordError where the
    folder cannot be used.
    """

    def __init__(self) -> None:
        super().__init__(RECORDER.node)
        self._settings = ParameterServer(
            self, RECORDER, lambda: True, lambda values: None, lambda values: None
        )
        self._format = RecordingFormat(message_definitions())
        folder = Path(str(self._values["folder"])).expanduser()
        store = RecordStore(folder, create=True)
        removed = store.clean()
        self._writing = Writing(
            store, lambda: int(self._values["quota_gb"] * _BYTES_PER_GB), self.get_logger().error
        )
        self._writing.start()
        self._requests = Requests(self)
        self._history: ImageHistory | None = None
        self._evidence: Evidence | None = None
        self._listened: Mapping[str, Any] = {}
        detector = str(self._values["detector"])
        self._parameters = DetectorParameters(self, detector, self._listen)
        self.create_subscription(
            DamageReport,
            f"{detector}/reports",
            self._take,
            qos.EVENTS,
            event_callbacks=qos.publisher_refused(
                f"{detector}/reports", qos.EVENT_MEND, self.get_logger().error
            ),
            raw=True,
        )
        self._status_publisher = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(_STATUS_S, self._publish_status, clock=steady)
        left = f"; removed {removed} files that were not finished" if removed else ""
        self.get_logger().info(f"records in {folder}{left}")

    @property
    def _values(self) -> Mapping[str, Any]:
        return self._settings.values

    def stop(self) -> None:
        """Writes what waits for the disk."""
        self._writing.stop()

    def _listen(self, values: Mapping[str, Any]) -> None:
        """Listens to the cameras that the detector has."""
        cameras = list(values["cameras"])
        wanted = {name: values[name] for name in ("cameras", "image_qos", "image_transport")}
        wanted |= {f"{name}.depth_to_color": values[f"{name}.depth_to_color"] for name in cameras}
        if wanted == self._listened:
            return
        if self._history is not None:
            self._history.destroy()
        self._listened = wanted
        infos = CameraInfos()
        decoder = Decoder(values["image_transport"], depth_to_color(values), infos)
        self._evidence = Evidence(self._format, decoder, infos)
        depth = int(self._values["history_images"])
        self._history = ImageHistory(self, cameras, values["image_qos"], depth, decoder, infos)
        self.get_logger().info(f"cameras {', '.join(cameras)}")

    def _take(self, data: bytes) -> None:
        message = deserialize_message(data, DamageReport)
        report = report_of(message)
        done = self._requests.take(report.item_id)
        kept = self._kept(report, done is not None)
        latency_ns = nanoseconds_of(message.latency)
        record = record_of_report(
            report, time.time_ns(), latency_ns, str(self._values["site"]), kept
        )
        write = None
        # What nobody has room for need not be gathered.
        if kept is not Kept.NOT and self._writing.has_room:
            published_ns = report.stamp_ns + latency_ns
            images = self._images(report)
            reported = Message(REPORT_TOPIC, REPORT, published_ns, data)
            values = dict(self._parameters.values)
            write = partial(self._write, images, self._evidence, reported, report, values)
        self._writing.add(Job(record, write, done))

    def _kept(self, report: Report, asked: bool) -> Kept:
        if report.verdict is Verdict.DIVERT:
            return Kept.DIVERTED
        if report.verdict is Verdict.UNKNOWN:
            return Kept.UNKNOWN
        if asked:
            return Kept.ASKED
        return Kept.SAMPLED if random.random() < self._values["pass_sample"] else Kept.NOT

    def _images(self, report: Report) -> list[list[Shot]]:
        """What each camera showed."""
        if self._history is None:
            return []
        count = int(self._values["images_per_camera"])
        found = []
        for camera in self._history.cameras:
            seen = [region.stamp_ns for region in report.regions if region.camera == camera]
            found.append(self._history.near(camera, [report.stamp_ns, *seen], count))
        return found

    def _write(
        self,
        images: Sequence[Sequence[Shot]],
        evidence: Evidence | None,
        reported: Message,
        report: Report,
        values: Mapping[str, Any],
        stream: IO[bytes],
    ) -> None:
        """Fills the file of an item; in the writing thread."""
        messages = [reported]
        for shots in images:
            messages += evidence.messages(shots, report) if evidence is not None else []
        self._format.write(stream, messages, attachments(values))

    def _publish_status(self) -> None:
        self._requests.expire()
        now_ns = self.get_clock().now().nanoseconds
        cameras = self._history.cameras if self._history is not None else ()
        self._status_publisher.publish(
            recorder_status(self.get_name(), now_ns, self._writing.state, cameras)
        )
