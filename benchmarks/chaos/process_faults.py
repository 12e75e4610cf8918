"""Faults of processes, of the network and of who asks: what each does to the detector."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from rclpy.task import Future

from benchmarks.chaos.fault import Fault
from benchmarks.chaos.namespace import set_loopback
from benchmarks.chaos.pace import Beat
from benchmarks.chaos.processes import LOSABLE, NodeProcess, Setup
from damage_perception.verdict.policy import VerdictPolicy

if TYPE_CHECKING:
    from benchmarks.chaos.cell import Cell

_STORM_HZ: Final = 100.0
_STORMED: Final = "leave_after_ms"
_STORE_ANSWERS_S: Final = 30.0


class _Storm:
    """Sets a parameter again and again, to one of two values that are nearly the same."""

    def begin(self, cell: Cell) -> None:
        """Starts to ask."""
        self._answers: list[Future] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, args=(cell,), daemon=True)
        self._thread.start()

    def end(self, cell: Cell) -> None:
        """Asks no more."""
        self._over.set()
        self._thread.join()
        taken = sum(
            answer.done() and answer.result().results[0].successful for answer in self._answers
        )
        cell.notes.append(f"{taken} of {len(self._answers)} requests to set {_STORMED} were met")

    def _ask(self, cell: Cell) -> None:
        beat = Beat(_STORM_HZ)
        usual_ms = VerdictPolicy.leave_ns / 1e6
        while not self._over.is_set():
            self._answers.append(cell.set_parameter(_STORMED, usual_ms + len(self._answers) % 2))
            beat.wait()


def _burst(cell: Cell) -> None:
    for number in range(200):
        cell.ask(f"burst-{number:03d}")
    cell.show_empty(3.0)


def _refused(cell: Cell, item_id: str) -> None:
    cell.ask(f"{item_id}-elsewhere", camera="elsewhere", refused=True)
    cell.ask("", refused=True)
    cell.ask(item_id, refused=True)


def _kill(cell: Cell) -> None:
    cell.processes.detector.kill()
    cell.processes.detector.start()


def _recorder_of(cell: Cell) -> NodeProcess:
    recorder = cell.processes.recorder
    assert recorder is not None
    return recorder


_storm = _Storm()
_PARAMETER_STORM: Final = Fault(
    "parameter_storm", begin=_storm.begin, end=_storm.end, seconds=5, harmless=True
)
_SECOND_DETECTOR: Final = Fault(
    "second_detector",
    begin=lambda cell: cell.processes.second.start(),
    # Not waited for: the camera must not fall silent for that.
    end=lambda cell: cell.processes.second.interrupt(),
    seconds=10,
    tells=("another node publishes",),
)
_RECORDER_HANGS: Final = Fault(
    "recorder_hangs",
    begin=lambda cell: _recorder_of(cell).pause(),
    end=lambda cell: _recorder_of(cell).resume(),
    seconds=10,
    harmless=True,
    setup=Setup(recorder=True),
)
_STORE_ANSWERS_LATE: Final = Fault(
    "store_answers_late",
    tells=("has not answered for",),
    setup=Setup(store_answers_s=_STORE_ANSWERS_S),
)
PROCESS_FAULTS: Final = (
    Fault("burst_of_200", begin=_burst, seconds=3),
    Fault("refused_announcements", announcing=_refused),
    Fault("kill_9", begin=_kill, seconds=0.1, starts_anew=True),
    Fault(
        "dds_cut_5s",
        begin=lambda cell: set_loopback(False),
        end=lambda cell: set_loopback(True),
        seconds=5,
        loses=True,
        setup=Setup(udp_only=True),
    ),
    _PARAMETER_STORM,
    _SECOND_DETECTOR,
    _RECORDER_HANGS,
    _STORE_ANSWERS_LATE,
    Fault(
        "gpu_lost",
        begin=lambda cell: cell.processes.lost.touch(),
        end=lambda cell: cell.processes.lost.unlink(),
        seconds=5,
        blind=True,
        tells=("fallen off the bus",),
        setup=Setup(program=LOSABLE),
    ),
)
# Those that leave everything to judge by.
LASTING: Final = (_PARAMETER_STORM, _SECOND_DETECTOR, _RECORDER_HANGS, _STORE_ANSWERS_LATE)
