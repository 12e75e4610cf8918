"""Counts and times of the running node, written by the worker and read by the diagnostics."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

_KEPT: Final = 500


@dataclass(frozen=True)
class Snapshot:
    """What happened so far.

    frames_per_s    frames handled since the snapshot before
    latency_ms      from the stamp of the newest image to the report: median, 99th percentile; NaN
                    before the first report
    processing_ms   of one frame: median, 99th percentile
    faults          passes that failed
    new_faults      those since the snapshot before
    last_fault      the text of the last one, empty without any
    refused         announcements that were not taken
    new_refused     those since the snapshot before
    overflowed      those of all refused for which there was no room
    last_refusal    why the last one was not taken, empty without any
    """

    frames: int
    reports: int
    frames_per_s: float
    latency_ms: tuple[float, float]
    processing_ms: tuple[float, float]
    faults: int
    new_faults: int
    last_fault: str
    refused: int
    new_refused: int
    overflowed: int
    last_refusal: str


class Health:
    """Any thread may call it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latency_ms: deque[float] = deque(maxlen=_KEPT)
        self._processing_ms: deque[float] = deque(maxlen=_KEPT)
        self._frames = self._reports = self._faults = 0
        self._refused = self._overflowed = 0
        self._last_fault = self._last_refusal = ""
        self._frames_before = self._faults_before = self._refused_before = 0
        self._time_before_s = time.monotonic()

    def processed(self, duration_s: float) -> None:
        """A frame was handled in ``duration_s``."""
        with self._lock:
            self._frames += 1
            self._processing_ms.append(duration_s * 1e3)

    def reported(self, latency_ns: int | None) -> None:
        """A report went out; ``latency_ns`` after its newest image, None where it had none."""
        with self._lock:
            self._reports += 1
            if latency_ns is not None:
                self._latency_ms.append(latency_ns / 1e6)

    def failed(self, fault: str) -> None:
        """A pass raised an exception, or the newest inference had failed."""
        with self._lock:
            self._faults += 1
            self._last_fault = fault

    def refused(self, why: str, overflowed: bool) -> None:
        """An announcement was not taken; ``overflowed`` where there was no room for it."""
        with self._lock:
            self._refused += 1
            self._overflowed += overflowed
            self._last_refusal = why

    def snapshot(self) -> Snapshot:
        """What happened so far; ends the interval of what is counted since the snapshot before."""
        with self._lock:
            now_s = time.monotonic()
            interval_s = max(now_s - self._time_before_s, 1e-3)
            rate = (self._frames - self._frames_before) / interval_s
            new_faults = self._faults - self._faults_before
            self._frames_before, self._time_before_s = self._frames, now_s
            new_refused = self._refused - self._refused_before
            self._faults_before, self._refused_before = self._faults, self._refused
            return Snapshot(
                self._frames,
                self._reports,
                rate,
                _percentiles(self._latency_ms),
                _percentiles(self._processing_ms),
                self._faults,
                new_faults,
                self._last_fault,
                self._refused,
                new_refused,
                self._overflowed,
                self._last_refusal,
            )


def _percentiles(values: deque[float]) -> tuple[float, float]:
    if not values:
        return float("nan"), float("nan")
    median, high = np.percentile(values, (50, 99))
    return float(median), float(high)
