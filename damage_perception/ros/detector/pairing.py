"""Colour and depth of one instant, and the hand-over of the newest pair to the worker.

Plain Python: times are nanoseconds, stamps those of the images, ``now_ns`` a steady clock.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple

# Images of one topic that wait for their partner, however long they may: memory is not endless.
_WAITING: Final = 60


class Drop(Enum):
    """Why an image, or a pair, did not reach the network."""

    UNPAIRED = "unpaired"
    SUPERSEDED = "superseded"
    MALFORMED = "malformed"
    STALE = "stale"


@dataclass(frozen=True)
class Pair:
    """Serialized images of one instant; ``depth`` is None where the camera's depth is lost."""

    camera: str
    color: bytes
    depth: bytes | None
    stamp_ns: int
    arrived_ns: int


class _Image(NamedTuple):
    stamp_ns: int
    serialized: bytes
    arrived_ns: int


@dataclass
class _Stream:
    """One topic: what waits for its partner, newest last."""

    waiting: deque[_Image] = field(default_factory=deque)
    newest_ns: int | None = None

    def clear(self) -> int:
        """Forgets everything; how many images waited."""
        count = len(self.waiting)
        self.waiting.clear()
        self.newest_ns = None
        return count


@dataclass
class _Camera:
    color: _Stream = field(default_factory=_Stream)
    depth: _Stream = field(default_factory=_Stream)
    ready: Pair | None = None
    paired_ns: int = 0
    # When the first colour image since the last depth image came; None after a depth image.
    depthless_ns: int | None = None
    drops: Counter[Drop] = field(default_factory=Counter)
    pairs: int = 0


class Pairing:
    """Joins colour and depth by stamp; newest pair wins. Any thread may call it.

    A stamp that stands still brings nothing new and is dropped as stale; one that jumps back
    starts the camera anew. An image waits ``timeout_ns`` for its partner. Depth that is absent for
    so long while colour comes is lost, and colour goes on without it.
    """

    def __init__(
        self, cameras: Iterable[str], tolerance_ns: int, timeout_ns: int, now_ns: int
    ) -> None:
        self._condition = threading.Condition()
        self._woken = False
        # The camera whose turn comes next is first.
        self._cameras = OrderedDict((name, _Camera()) for name in cameras)
        for camera in self._cameras.values():
            camera.paired_ns = now_ns
        self.configure(tolerance_ns, timeout_ns)

    def configure(self, tolerance_ns: int, timeout_ns: int) -> None:
        """Takes new limits from the next image on."""
        self._tolerance_ns = tolerance_ns
        self._timeout_ns = timeout_ns

    def add_color(self, name: str, stamp_ns: int, serialized: bytes, now_ns: int) -> None:
        """Takes in a colour image of camera ``name``."""
        with self._condition:
            camera = self._cameras[name]
            image = _Image(stamp_ns, serialized, now_ns)
            if not self._admit(camera, camera.color, image):
                return
            depth = self._partner(camera.depth, stamp_ns)
            if depth is not None:
                self._join(name, image, depth, now_ns)
                return
            if camera.depthless_ns is None:
                camera.depthless_ns = now_ns
            if now_ns - camera.depthless_ns > self._timeout_ns:
                self._hand_over(Pair(name, serialized, None, stamp_ns, now_ns))
            else:
                self._wait_for_partner(camera, camera.color, image)

    def add_depth(self, name: str, stamp_ns: int, serialized: bytes, now_ns: int) -> None:
        """Takes in a depth image of camera ``name``."""
        with self._condition:
            camera = self._cameras[name]
            image = _Image(stamp_ns, serialized, now_ns)
            if not self._admit(camera, camera.depth, image):
                return
            camera.depthless_ns = None
            color = self._partner(camera.color, stamp_ns)
            if color is not None:
                self._join(name, color, image, now_ns)
            else:
                self._wait_for_partner(camera, camera.depth, image)

    def wait(self, timeout_s: float) -> None:
        """Blocks until a pair is ready, ``wake`` is called, or the time is over."""
        with self._condition:
            self._condition.wait_for(self._has_news, timeout_s)
            self._woken = False

    def wake(self) -> None:
        """Ends a ``wait`` from another thread, or the next one."""
        with self._condition:
            self._woken = True
            self._condition.notify_all()

    def take(self, now_ns: int) -> Pair | None:
        """The newest pair of the camera whose turn it is, None where no camera has one.

        Cameras take turns. What waited too long is dropped as stale.
        """
        with self._condition:
            for name, camera in self._cameras.items():
                pair, camera.ready = camera.ready, None
                if pair is None:
                    continue
                if now_ns - pair.arrived_ns <= self._timeout_ns:
                    self._cameras.move_to_end(name)
                    return pair
                camera.drops[Drop.STALE] += 1
        return None

    def count(self, name: str, drop: Drop) -> None:
        """Counts a drop that happened after ``take``."""
        with self._condition:
            self._cameras[name].drops[drop] += 1

    def drops(self, name: str) -> dict[Drop, int]:
        """How many images and pairs of a camera were dropped so far, by cause."""
        with self._condition:
            return {cause: self._cameras[name].drops[cause] for cause in Drop}

    def pairs(self, name: str) -> int:
        """How many pairs of a camera came so far."""
        with self._condition:
            return self._cameras[name].pairs

    def age_ns(self, name: str, now_ns: int) -> int:
        """Since the newest pair of a camera arrived, or since the start."""
        with self._condition:
            # A pair may have come since ``now_ns``.
            return max(0, now_ns - self._cameras[name].paired_ns)

    def is_stale(self, name: str, now_ns: int) -> bool:
        """Whether a camera has delivered no pair for the timeout."""
        return self.age_ns(name, now_ns) > self._timeout_ns

    def _admit(self, camera: _Camera, stream: _Stream, image: _Image) -> bool:
        if stream.newest_ns is not None:
            if image.stamp_ns == stream.newest_ns:
                camera.drops[Drop.STALE] += 1
                return False
            if image.stamp_ns < stream.newest_ns:
                camera.drops[Drop.UNPAIRED] += camera.color.clear() + camera.depth.clear()
        stream.newest_ns = image.stamp_ns
        for waiting in (camera.color.waiting, camera.depth.waiting):
            while waiting and image.arrived_ns - waiting[0].arrived_ns > self._timeout_ns:
                waiting.popleft()
                camera.drops[Drop.UNPAIRED] += 1
        return True

    def _partner(self, other: _Stream, stamp_ns: int) -> _Image | None:
        nearest = min(other.waiting, key=lambda image: abs(image.stamp_ns - stamp_ns), default=None)
        if nearest is None or abs(nearest.stamp_ns - stamp_ns) > self._tolerance_ns:
            return None
        return nearest

    def _join(self, name: str, color: _Image, depth: _Image, now_ns: int) -> None:
        camera = self._cameras[name]
        for stream, used in ((camera.color, color), (camera.depth, depth)):
            while stream.waiting and stream.waiting[0].stamp_ns <= used.stamp_ns:
                if stream.waiting.popleft() is not used:
                    camera.drops[Drop.UNPAIRED] += 1
        self._hand_over(Pair(name, color.serialized, depth.serialized, color.stamp_ns, now_ns))

    def _hand_over(self, pair: Pair) -> None:
        camera = self._cameras[pair.camera]
        if camera.ready is not None:
            camera.drops[Drop.SUPERSEDED] += 1
        camera.ready = pair
        camera.pairs += 1
        camera.paired_ns = pair.arrived_ns
        self._condition.notify_all()

    def _wait_for_partner(self, camera: _Camera, stream: _Stream, image: _Image) -> None:
        if len(stream.waiting) == _WAITING:
            stream.waiting.popleft()
            camera.drops[Drop.UNPAIRED] += 1
        stream.waiting.append(image)

    def _has_news(self) -> bool:
        return self._woken or any(camera.ready for camera in self._cameras.values())
