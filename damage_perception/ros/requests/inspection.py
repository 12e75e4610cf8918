"""Judging what lies on the station now, on request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from damage_perception.inspector import Inspector
from damage_perception.ros.detector.worker import Capture
from damage_perception.verdict.report import Reason, Report, Verdict
from damage_perception.verdict.tracker import Announcement

# Only the request's own deadline ends an attempt: no time of an item is due before, all are then.
_NEVER_NS: Final = 1 << 62
_END_NS: Final = 1 << 63


class Inspection:
    """A job: attempts, each with the usual number of frames, until every item is decided.

    name          first part of the items' ids, unique while the node runs
    sku           of the item, or the largest of them; empty where not known
    requested_ns  images taken before do not count; steady time
    deadline_ns   when the answer is due at the latest; steady time
    done          called once, with the reports and an error, one of the two empty
    """

    def __init__(
        self,
        name: str,
        sku: str,
        requested_ns: int,
        deadline_ns: int,
        done: Callable[[list[Report], str], None],
    ) -> None:
        self._name = name
        self._sku = sku
        self._requested_ns = requested_ns
        self._deadline_ns = deadline_ns
        self._done = done
        self._attempt: Inspector | None = None
        self._frames: Counter[str] = Counter()
        self._reports: list[Report] = []
        self._last: list[Report] = []

    def advance(self, inspector: Inspector, capture: Capture | None, now_ns: int) -> bool:
        """Takes the newest frame; whether the request is answered."""
        attempt = self._attempt or self._begin(inspector, now_ns)
        # A station may have been calibrated meanwhile, and references may have changed.
        attempt.configure(cameras=inspector.cameras)
        attempt.use_gallery(inspector.gallery)
        if capture is not None and capture.handled and capture.taken_ns >= self._requested_ns:
            self._frames[capture.frame.camera_name] += 1
            self._reports += attempt.observe(capture.frame, now_ns, inspector.camera_faults)
        needed = attempt.policy.frames_per_camera
        if all(self._frames[name] >= needed for name in attempt.cameras):
            self._last = self._reports + attempt.tick(_END_NS, inspector.camera_faults)
            if self._last and all(r.verdict is not Verdict.UNKNOWN for r in self._last):
                return self._answer(self._last)
            attempt = self._begin(inspector, now_ns)
        if now_ns < self._deadline_ns:
            return False
        reports = self._last or self._reports + attempt.tick(_END_NS, inspector.camera_faults)
        return self._answer(reports or self._nothing(attempt, inspector.camera_faults, now_ns))

    def abandon(self, why: str) -> None:
        """Answers with an error."""
        self._done([], why)

    def _begin(self, inspector: Inspector, now_ns: int) -> Inspector:
        """A fresh attempt with the node's limits, apart from the items that the node follows."""
        self._attempt = Inspector(
            inspector.network,
            inspector.cameras,
            replace(inspector.policy, deadline_ns=_NEVER_NS),
            inspector.quality,
            inspector.gallery,
            inspector.identify,
            belt=inspector.belt,
        )
        if self._sku:
            self._attempt.announce(Announcement(self._name, self._sku), now_ns)
        self._frames.clear()
        self._reports = []
        return self._attempt

    def _answer(self, reports: list[Report]) -> bool:
        named = [
            replace(report, item_id=f"{self._name}-{number}")
            for number, report in enumerate(reports, start=1)
        ]
        self._done(named, "")
        return True

    def _nothing(
        self, attempt: Inspector, faults: Mapping[str, Reason], now_ns: int
    ) -> list[Report]:
        """The report on an item that was asked for and not found."""
        attempt.announce(Announcement(self._name), now_ns)
        return attempt.tick(_END_NS, faults)
