"""The node ``damage_barcodes``: codes in, announcements out."""

from __future__ import annotations

import time
from itertools import count
from typing import Any, Final

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from std_msgs.msg import Header, String

from damage_perception.barcodes import CodeWatch, is_sku, product_of, read_codes
from damage_perception.frame import ColorImage
from damage_perception.ros import qos
from damage_perception.ros.barcode.diagnostics import Counts, barcode_status
from damage_perception.ros.barcode.newest_image import NewestImage
from damage_perception.ros.detector.problems import Problems
from damage_perception.ros.messages import stamp_of
from damage_perception.ros.parameters.node_table import BARCODES
from damage_perception.ros.parameters.parameter import Value
from damage_perception.ros.parameters.server import ParameterServer
from damage_perception_msgs.msg import ItemAnnouncement

_STATUS_S: Final = 1.0
_NANOSECONDS_PER_MS: Final = 1e6
# A camera that is slower than this is said to be silent.
_SILENT_S: Final = 2.0
# Weight of the newest image in the time that reading one takes.
_NEWEST: Final = 0.2
_SHOWN: Final = 80
_NOTHING: Final = np.zeros((1, 1), np.uint8)


class BarcodeNode(Node):
    """Reads the newest image of every camera at a rate, and announces what is new.

    Raises ParameterError where a parameter is unknown or out of bounds, and NoReaderError where
    codes are to be read from images and the reader is not installed.
    """

    def __init__(self) -> None:
        super().__init__(BARCODES.node)
        self._settings = ParameterServer(
            self, BARCODES, lambda: True, lambda values: None, self._apply
        )
        values: Any = self._settings.values
        self._watch = CodeWatch(_gone_after_ns(values))
        self._problems = Problems(self.get_logger().error)
        self._counts = Counts(images=dict.fromkeys(values["cameras"], 0))
        # Unique also after this node was started again.
        self._numbers = count(time.time_ns() // 1_000_000)
        announcements = f"{values['detector']}/announcements"
        self._announcements = self.create_publisher(ItemAnnouncement, announcements, qos.EVENTS)
        self._cameras = {
            name: NewestImage(self, name, values["image_transport"], values["image_qos"])
            for name in values["cameras"]
        }
        self._heard_s = dict.fromkeys(self._cameras, time.monotonic())
        if self._cameras:
            # It fails now where the reader is missing, and not at the first image.
            read_codes(_NOTHING, values["formats"])
        if values["scanner_topic"]:
            self.create_subscription(
                String,
                values["scanner_topic"],
                self._take_scanned,
                qos.EVENTS,
                event_callbacks=qos.publisher_refused(
                    values["scanner_topic"], qos.EVENT_MEND, self.get_logger().error
                ),
            )
        self._status_publisher = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        # Simulated time may stand still; images come all the same.
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(_STATUS_S, self._publish_status, clock=self._steady)
        self._reading = self.create_timer(
            1.0 / values["rate_hz"], self._read_images, clock=self._steady
        )

    def _apply(self, values: dict[str, Value]) -> None:
        self._watch.gone_after_ns = _gone_after_ns(values)
        self._reading.timer_period_ns = round(1e9 / float(values["rate_hz"]))  # type: ignore[arg-type]

    def _read_images(self) -> None:
        for name, camera in self._cameras.items():
            try:
                taken = camera.take()
                if taken is None:
                    continue
                self._heard_s[name] = time.monotonic()
                self._read_image(name, *taken)
            except Exception as error:  # of OpenCV and cv_bridge, besides ValueError
                self._counts.malformed += 1
                self._problems.note(name, error)

    def _read_image(self, camera: str, image: ColorImage, stamp_ns: int) -> None:
        values: Any = self._settings.values
        start_s = time.perf_counter()
        texts = [code.text for code in read_codes(image, values["formats"])]
        took_ms = 1e3 * (time.perf_counter() - start_s)
        counts = self._counts
        counts.reading_ms += _NEWEST * (took_ms - counts.reading_ms)
        counts.images[camera] += 1
        counts.codes += len(texts)
        self._problems.clear(camera)
        named = camera if values["name_camera"] else ""
        for text, since_ns in self._watch.look(camera, texts, stamp_ns, time.monotonic_ns()):
            self._announce(text, named, since_ns)

    def _take_scanned(self, message: String) -> None:
        self._counts.scanned += 1
        # Scanners end a code as a keyboard ends a line.
        text = message.data.strip()
        if self._watch.scan(text, time.monotonic_ns()):
            self._announce(text, "", int(self.get_clock().now().nanoseconds))

    def _announce(self, text: str, camera: str, stamp_ns: int) -> None:
        sku = product_of(text)
        if not is_sku(sku):
            self._counts.unfit += 1
            self._counts.last_unfit = ascii(text[:_SHOWN])
            return
        item_id = f"{sku}-{next(self._numbers)}"
        self._announcements.publish(
            ItemAnnouncement(
                header=Header(stamp=stamp_of(stamp_ns)), item_id=item_id, sku=sku, camera=camera
            )
        )
        self._counts.announced += 1
        self._counts.last = item_id

    def _publish_status(self) -> None:
        now_s = time.monotonic()
        silent = [name for name, s in self._heard_s.items() if now_s - s > _SILENT_S]
        problems = {name: self._problems.of(name) for name in self._cameras}
        self._status_publisher.publish(
            barcode_status(
                self.get_fully_qualified_name().lstrip("/"),
                self.get_clock().now().nanoseconds,
                self._counts,
                silent,
                {name: problem for name, problem in problems.items() if problem},
                self._announcements.get_subscription_count(),
            )
        )


def _gone_after_ns(values: Any) -> int:
    return round(float(values["gone_after_ms"]) * _NANOSECONDS_PER_MS)
