"""What is sent to the detector, and the account of what must come of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from rcl_interfaces.msg import Parameter
from rcl_interfaces.srv import GetParameters, ListParameters, SetParameters
from rclpy.serialization import deserialize_message, serialize_message
from rclpy.task import Future

from benchmarks.fuzz.cell import NODE, Cell
from benchmarks.fuzz.images import CAMERAS, EMPTY, ITEM, Images
from benchmarks.fuzz.mutations import AFTER_STAMP, Mutations
from damage_perception.ros.messages import NANOSECONDS, stamp_of
from damage_perception.topics import CAMERA_INFO, COLOR, DEPTH, DEPTH_INFO
from damage_perception_msgs.msg import DamageReport, ItemAnnouncement

# Changed, they would change what the run counts: its clock, and how long an answer may take.
_KEPT_PARAMETERS: Final = ("use_sim_time", "decision_deadline_ms")
# A service's queue is ten deep; whoever asks more at once loses answers.
_ASKED_AT_ONCE: Final = 4
_SHARES: Final = {
    "image bytes": 40,
    "image fields": 20,
    "camera_info bytes": 8,
    "sound images": 12,
    "announcements": 8,
    "announcement bytes": 4,
    "requests": 8,
}


class Sending:
    """Sends wrong messages through ``cell``, the same ones for the same ``seed``.

    sent   messages by what was wrong with them
    undecodable  announcements that no subscriber can read
    owed   announcements that a subscriber can read, by the id that their report must have
    asked  requests, by service
    """

    def __init__(self, cell: Cell, images: Images, seed: int) -> None:
        self._cell, self._images = cell, images
        self.sent: Counter[str] = Counter()
        self.undecodable = 0
        self.owed: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self._pending: list[Future] = []
        self._parameters = self._read_parameters()
        self._wrong = Mutations(seed, (*CAMERAS, *self._parameters, "double", "damaged"))
        self._pick = self._wrong.random.choice

    def send(self, messages: int, pause_s: float) -> None:
        """Sends so many messages of all kinds, ``pause_s`` after one another."""
        actions: dict[str, Callable[[], None]] = {
            "image bytes": self._send_image_bytes,
            "image fields": self._send_image_fields,
            "camera_info bytes": self._send_info_bytes,
            "sound images": self._send_sound,
            "announcements": self._announce,
            "announcement bytes": self._announce_bytes,
            "requests": self._ask,
        }
        kinds = self._wrong.random.choices(list(_SHARES), list(_SHARES.values()), k=messages)
        for kind in kinds:
            actions[kind]()
            self.sent[kind] += 1
            time.sleep(pause_s)

    def send_headless(self, images: int, pause_s: float = 0.01) -> None:
        """Sends images of the first camera of which not even the stamp can be read."""
        for number in range(images):
            topic = (COLOR, DEPTH)[number % 2]
            message = self._images.sound(CAMERAS[0], self._cell.now_ns())[topic]
            self._cell.publish(CAMERAS[0], {topic: self._wrong.headless(message)})
            time.sleep(pause_s)

    def send_unreadable(self, pairs: int, pause_s: float = 0.03) -> None:
        """Sends pairs of the first camera whose stamps agree, and whose colour breaks off."""
        for _ in range(pairs):
            messages = self._images.sound(CAMERAS[0], self._cell.now_ns())
            messages[COLOR] = messages[COLOR][: -self._wrong.random.randrange(8, 2000)]
            self._cell.publish(CAMERAS[0], messages)
            time.sleep(pause_s)

    def settle(self) -> None:
        """Shows the empty station until all that is owed has come, and sets the parameters back.

        What has not come after half a minute stays owed.
        """
        with suppress(TimeoutError):
            self._cell.until(
                lambda: not self.unanswered and not self.waiting,
                lambda: self._cell.show(EMPTY),
            )
        parameters = [Parameter(name=n, value=value) for n, value in self._parameters.items()]
        self._cell.call(f"/{NODE}/set_parameters", SetParameters.Request(parameters=parameters))

    @property
    def waiting(self) -> int:
        """Requests that have no answer yet."""
        self._pending = [future for future in self._pending if not future.done()]
        return len(self._pending)

    @property
    def unanswered(self) -> int:
        """Announcements whose report has not come yet."""
        answers = Counter(report.item_id for report in list(self._cell.reports))
        return sum((self.owed - answers).values())

    @property
    def answers(self) -> tuple[int, int]:
        """Reports on what was announced, and how many of them refuse it."""
        heard = [r for r in list(self._cell.reports) if r.item_id in self.owed]
        refused = DamageReport.REASON_REFUSED
        return len(heard), sum(bool(report.reasons & refused) for report in heard)

    def _read_parameters(self) -> dict[str, Any]:
        listed = self._cell.call(f"/{NODE}/list_parameters", ListParameters.Request())
        names = [name for name in listed.result.names if name not in _KEPT_PARAMETERS]
        request = GetParameters.Request(names=names)
        values = self._cell.call(f"/{NODE}/get_parameters", request).values
        return dict(zip(names, values, strict=True))

    def _send_image_bytes(self) -> None:
        camera, topic = self._pick(CAMERAS), self._pick((COLOR, DEPTH))
        messages = self._images.sound(camera, self._cell.now_ns())
        # With its stamp, an image gets as far as to a decoder.
        begin = AFTER_STAMP if self._wrong.random.random() < 0.7 else 0
        messages[topic] = self._wrong.spoilt(messages[topic], begin)
        self._cell.publish(camera, messages)

    def _send_info_bytes(self) -> None:
        camera = self._pick(CAMERAS)
        topic = self._pick((CAMERA_INFO, DEPTH_INFO)) if camera == CAMERAS[1] else CAMERA_INFO
        messages = self._images.sound(camera, self._cell.now_ns())
        messages[topic] = self._wrong.spoilt(messages[topic])
        self._cell.publish(camera, messages)

    def _send_image_fields(self) -> None:
        camera, topic = self._pick(CAMERAS), self._pick((COLOR, DEPTH))
        now_ns = self._cell.now_ns()
        message = self._images.message(topic)
        change = self._wrong.image if hasattr(message, "encoding") else self._wrong.compressed
        change(message)
        message.header.stamp = stamp_of(now_ns)
        messages = self._images.sound(camera, now_ns)
        messages[topic] = serialize_message(message)
        self._cell.publish(camera, messages)

    def _send_sound(self) -> None:
        camera, scene = self._pick(CAMERAS), self._pick((EMPTY, ITEM))
        self._cell.publish(camera, self._images.sound(camera, self._cell.now_ns(), scene))

    def _announce(self) -> None:
        message = self._wrong.filled(ItemAnnouncement())
        if self._wrong.random.random() < 0.5:
            message.camera = ""
            ahead_ns = round(self._wrong.random.uniform(-1.0, 1.5) * NANOSECONDS)
            message.deadline = stamp_of(self._cell.now_ns() + ahead_ns)
        self._owe(serialize_message(message))

    def _announce_bytes(self) -> None:
        message = ItemAnnouncement(item_id=f"raw {self._wrong.text()}", sku="sku")
        self._owe(self._wrong.spoilt(serialize_message(message)))

    def _owe(self, serialized: bytes) -> None:
        # Under way the middleware fills a message up to a multiple of four bytes.
        serialized += bytes(-len(serialized) % 4)
        try:
            # What cannot be read here cannot be read there.
            read = deserialize_message(serialized, ItemAnnouncement)
        except Exception:
            self.undecodable += 1
        else:
            self.owed[read.item_id] += 1
        self._cell.announce(serialized)

    def _ask(self) -> None:
        self._cell.until(lambda: self.waiting < _ASKED_AT_ONCE)
        name = self._pick(sorted(self._cell.services))
        request = self._wrong.filled(self._cell.services[name].Request())
        if hasattr(request, "timeout"):
            # What is asked to wait for years is right to wait.
            request.timeout.sec = self._pick((-(2**31), -1, 0))
        if hasattr(request, "transition"):
            # A node that is told to stop is right to stop.
            request.transition.label = f"no {request.transition.label}"
        self.asked[name] += 1
        self._pending.append(self._cell.begin(name, request))
