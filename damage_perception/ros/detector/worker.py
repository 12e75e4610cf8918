"""The one thread that turns the newest pairs of the cameras, one by one, into reports."""

from __future__ import annotations

import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from damage_perception.frame import Frame
from damage_perception.inspector import Inspector
from damage_perception.ros.decoding import Decoder
from damage_perception.ros.detector.conditions import Conditions
from damage_perception.ros.detector.health import Health
from damage_perception.ros.detector.pairing import Drop, Pair, Pairing
from damage_perception.ros.detector.problems import Problems
from damage_perception.station import StationError
from damage_perception.verdict.camera_condition import CameraCondition
from damage_perception.verdict.report import Reason, Report

# Deadlines are kept to this, also where no frames come.
_TICK_S: Final = 0.02
# Frames do not wait longer for calls.
_CALLS_S: Final = 0.01
# Reports at once as the worker stops, and what lies between: subscribers of more lose some.
_LAST_AT_ONCE: Final = 20
_LAST_EVERY_S: Final = 0.02
# A stamp up to this much before the arrival is of ROS time; others say nothing of when.
_CLOCK_SPAN_NS: Final = 2_000_000_000

Deliver = Callable[[Sequence[Report]], None]


@dataclass(frozen=True)
class Capture:
    """A frame as the worker took it.

    taken_ns  when, in steady time
    handled   whether the inspector could look for items in it
    """

    frame: Frame
    taken_ns: int
    handled: bool = True


class Job(Protocol):
    """Something asked of the node that takes several frames."""

    def advance(self, inspector: Inspector, capture: Capture | None, now_ns: int) -> bool:
        """Takes the newest frame, None where only time has passed; whether the job is done."""

    def abandon(self, why: str) -> None:
        """Ends the job without its result."""


class Worker:
    """Runs ``inspector`` in a thread of its own from ``start`` to ``stop``.

    decoder    makes frames of pairs
    now_ns     a steady clock
    ros_ns     ROS time, which stamps the images; it may stand still and jump
    deliver    called in the thread with the reports due
    log_error  called in the thread with one line of text, or a traceback; not with the same
               one twice in a row

    An exception costs the pass in which it was raised; the thread goes on.
    """

    def __init__(
        self,
        inspector: Inspector,
        pairing: Pairing,
        decoder: Decoder,
        now_ns: Callable[[], int],
        ros_ns: Callable[[], int],
        deliver: Deliver,
        health: Health,
        log_error: Callable[[str], Any],
    ) -> None:
        self._health = health
        self._inspector = inspector
        self._pairing = pairing
        self._decoder = decoder
        self._now_ns = now_ns
        self._ros_ns = ros_ns
        self._deliver = deliver
        self._log_error = log_error
        self._calls: deque[Callable[[Inspector], None]] = deque()
        self._jobs: list[Job] = []
        # Cameras whose newest image has a stamp of another clock than ROS time.
        self._other_clocks: set[str] = set()
        self._image_faults: dict[str, Reason] = {}
        self._camera_faults: dict[str, Reason] = {}
        self._problems = Problems(log_error)
        self._conditions = Conditions(log_error)
        self._backend_problem = ""
        self._failure = ""
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="damage_worker", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread; what still waits is reported, what was asked for is abandoned."""
        self._stopping = True
        self._pairing.wake()
        self._thread.join()
        self._run_calls(float("inf"))
        for job in self._jobs:
            job.abandon("the node was deactivated")
        self._deliver_last(self._inspector.finish())

    def call(self, action: Callable[[Inspector], None]) -> None:
        """Has the thread run ``action`` before its next frames."""
        self._calls.append(action)
        self._pairing.wake()

    def add(self, job: Job) -> None:
        """Has the thread advance ``job`` with every pass until it is done."""
        self.call(lambda _: self._jobs.append(job))

    @property
    def stamped_in_ros_time(self) -> bool:
        """Whether the newest image of every camera has a stamp near ROS time."""
        return not self._other_clocks

    def problem(self, camera: str) -> str:
        """Why the newest images of a camera could not be handled; empty where they could."""
        return self._problems.of(camera)

    def condition(self, camera: str) -> CameraCondition | None:
        """What a camera was good for a moment ago; None before its first frame."""
        return self._conditions.of(camera)

    def _deliver_last(self, reports: Sequence[Report]) -> None:
        for start in range(0, len(reports), _LAST_AT_ONCE):
            if start:
                time.sleep(_LAST_EVERY_S)
            self._deliver(reports[start : start + _LAST_AT_ONCE])

    def _run(self) -> None:
        while not self._stopping:
            self._pairing.wait(_TICK_S)
            try:
                self._pass()
            except Exception as error:
                self._fail(error)

    def _pass(self) -> None:
        self._run_calls()
        # Before and after the inference, which takes the longest: no deadline waits for two.
        self._tick()
        start_s = time.perf_counter()
        pair = self._pairing.take(self._now_ns())
        capture = None if pair is None else self._capture(pair)
        if capture is not None:
            self._note_faults(judged=capture.frame.camera_name)
            capture = self._observe(capture)
            self._conditions.follow(self._inspector, capture.frame.camera_name)
            self._note_backend()
            self._health.processed(time.perf_counter() - start_s)
            self._tick()
        self._jobs = [job for job in self._jobs if not self._advance(job, capture)]

    def _tick(self) -> None:
        # Said of what goes unseen; before an observation, a past problem says nothing of it.
        broken = self._inspector.network.problem
        self._note_faults(Reason.BACKEND_FAULT if broken else Reason.NONE)
        self._deliver(self._inspector.tick(self._now_ns(), self._camera_faults))

    def _run_calls(self, most_s: float = _CALLS_S) -> None:
        end_s = time.monotonic() + most_s
        while self._calls and time.monotonic() < end_s:
            action = self._calls.popleft()
            try:
                action(self._inspector)
            except Exception as error:
                self._fail(error)

    def _capture(self, pair: Pair) -> Capture | None:
        name = pair.camera
        try:
            frame = self._decoder.frame(name, pair.color, pair.depth, pair.stamp_ns)
        except Exception as error:  # of OpenCV and cv_bridge, besides ValueError
            self._reject(name, error)
            return None
        blind = frame.depth_m is None or not frame.depth_m.any()
        self._image_faults[name] = Reason.NO_DEPTH if blind else Reason.NONE
        return Capture(frame, self._taken_ns(pair))

    def _taken_ns(self, pair: Pair) -> int:
        """When the colour image of ``pair`` was taken, in steady time, as far as its stamp says."""
        taken_ns = self._now_ns() - (self._ros_ns() - pair.stamp_ns)
        age_ns = pair.arrived_ns - taken_ns
        if abs(age_ns) <= _CLOCK_SPAN_NS:
            self._other_clocks.discard(pair.camera)
        else:
            self._other_clocks.add(pair.camera)
        return taken_ns if 0 <= age_ns <= _CLOCK_SPAN_NS else pair.arrived_ns

    def _note_faults(self, of_all: Reason = Reason.NONE, judged: str = "") -> None:
        """Takes down what is wrong with every camera.

        judged  the camera whose next frame is about to be: its last one says nothing of that
        """
        now_ns = self._now_ns()
        for name in self._inspector.cameras:
            fault = of_all | self._image_faults.get(name, Reason.NONE)
            # Kept with the cameras, so that an inspection on request, too, knows of a frozen one.
            if name != judged:
                fault |= self._inspector.faults_of(name)
            if self._pairing.is_stale(name, now_ns):
                fault |= Reason.STALE_CAMERA
            self._camera_faults[name] = fault

    def _note_backend(self) -> None:
        problem = self._inspector.network.problem
        if problem:
            self._health.failed(problem)
            if problem != self._backend_problem:
                self._log_error(problem)
        self._backend_problem = problem

    def _observe(self, capture: Capture) -> Capture:
        """Reports on what ``capture`` shows; it comes back as handled or not."""
        try:
            reports = self._inspector.observe(capture.frame, self._now_ns(), self._camera_faults)
        except Exception as error:
            self._refuse(capture.frame.camera_name, error)
            return replace(capture, handled=False)
        self._problems.clear(capture.frame.camera_name)
        self._deliver(reports)
        return capture

    def _refuse(self, name: str, error: Exception) -> None:
        if isinstance(error, StationError):
            self._image_faults[name] = Reason.NO_DEPTH
            self._problems.note(name, error)
        elif isinstance(error, ValueError):
            self._reject(name, error)
        else:
            self._health.failed(f"{type(error).__name__}: {error}")
            self._image_faults[name] = Reason.BACKEND_FAULT
            self._problems.note(name, error, "".join(traceback.format_exception(error)))

    def _reject(self, name: str, error: Exception) -> None:
        self._pairing.count(name, Drop.MALFORMED)
        self._image_faults[name] = Reason.MALFORMED_INPUT
        self._problems.note(name, error)

    def _advance(self, job: Job, capture: Capture | None) -> bool:
        try:
            return job.advance(self._inspector, capture, self._now_ns())
        except Exception as error:
            self._fail(error)
            job.abandon(f"{type(error).__name__}: {error}")
            return True

    def _fail(self, error: Exception) -> None:
        self._health.failed(f"{type(error).__name__}: {error}")
        text = "".join(traceback.format_exception(error))
        # An error of every pass would fill the log.
        if text != self._failure:
            self._failure = text
            self._log_error(text)
