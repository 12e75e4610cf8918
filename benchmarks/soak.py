"""`make soak`: a cell under load for a long time: is every item answered once, in time, for ever?

Four cameras over a tray each publish at 10 Hz. Every 1.4 s an item comes on each tray, is
announced, and lies there for a second. A recorder keeps what it keeps. Every announced item has to
be answered by exactly one report, and nothing else is to be reported. The table says how late
reports came, and how the memory of detector and recorder grew after the first minute. Results go
to benchmarks/results/soak.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import rclpy
import yaml
from rclpy.executors import SingleThreadedExecutor
from rich.console import Console
from rich.table import Table

from benchmarks.scenarios import Scenario
from damage_perception.ros.isolation import isolated_environment
from damage_perception.ros.messages import nanoseconds_of
from damage_perception.ros.qos import EVENTS
from damage_perception_msgs.msg import DamageReport, ItemAnnouncement

RESULTS: Final = Path(__file__).parent / "results" / "soak.json"
SCENARIO: Final = Scenario(640, 480, cameras=4, rate_hz=10.0, stay_frames=10)
# Items that come while the processes still load are not counted.
WARM_UP_S: Final = 60.0
_SAMPLE_S: Final = 5.0
_LAST_ANSWERS_S: Final = 5.0
# Frames without an item: longer than an item may be hidden before it is said to have left.
_PAUSE_FRAMES: Final = 4


@dataclass(frozen=True)
class Soak:
    """What came of it. Latency from the stamp of the newest image to publication, milliseconds."""

    minutes: float
    items: int
    answered_once: int
    unanswered: int
    answered_twice: int
    not_announced: int
    by_verdict: dict[str, int]
    latency_p50: float
    latency_p99: float
    latency_max: float
    detector_mb: float
    detector_growth_mb: float
    recorder_mb: float
    recorder_growth_mb: float
    machine: str


class _Listener:
    """Hears what is announced and what is answered."""

    def __init__(self) -> None:
        self._node = rclpy.create_node("soak")
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self.announced: list[str] = []
        self.reports: list[tuple[str, int, float]] = []
        for kind, name, take in (
            (ItemAnnouncement, "announcements", self._announce),
            (DamageReport, "reports", self._report),
        ):
            self._node.create_subscription(kind, f"damage_detector/{name}", take, EVENTS)

    def spin(self, seconds: float) -> None:
        """Listens for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left)

    def _announce(self, message: ItemAnnouncement) -> None:
        self.announced.append(message.item_id)

    def _report(self, message: DamageReport) -> None:
        latency_ms = nanoseconds_of(message.latency) / 1e6
        self.reports.append((message.item_id, message.verdict, latency_ms))


def soak(minutes: float, warm_up_s: float = WARM_UP_S) -> Soak:
    """Runs the cell for so long after it has warmed up."""
    listener = _Listener()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "parameters.yaml"
        recorder = {"folder": f"{folder}/records", "quota_gb": 1.0}
        nodes = {
            "damage_detector": {"ros__parameters": SCENARIO.parameters},
            "damage_recorder": {"ros__parameters": recorder},
        }
        file.write_text(yaml.safe_dump(nodes))
        bin_folder = Path(sys.executable).parent
        processes = [
            subprocess.Popen(
                [bin_folder / name, "--ros-args", "--params-file", file, "--log-level", "error"]
            )
            for name in nodes
        ]
        arguments = [*SCENARIO.publisher_arguments, str(_PAUSE_FRAMES)]
        publisher = subprocess.Popen([sys.executable, "-m", "benchmarks.publisher", *arguments])
        try:
            listener.spin(warm_up_s)
            first = len(listener.announced)
            reported = len(listener.reports)
            memory = [[_rss_mb(process.pid) for process in processes]]
            end = time.monotonic() + 60 * minutes
            while time.monotonic() < end:
                listener.spin(_SAMPLE_S)
                memory.append([_rss_mb(process.pid) for process in processes])
            last = len(listener.announced)
            listener.spin(_LAST_ANSWERS_S)
        finally:
            for process in (publisher, *processes):
                process.kill()
                process.wait()
    announced = listener.announced[first:last]
    return _result(minutes, announced, listener.reports[reported:], np.array(memory))


def _result(
    minutes: float, announced: list[str], reports: list[tuple[str, int, float]], memory: np.ndarray
) -> Soak:
    counts = Counter(item_id for item_id, _, _ in reports)
    answers = [counts[item_id] for item_id in announced]
    latencies = np.array([latency for _, _, latency in reports])
    names = {DamageReport.PASS: "pass", DamageReport.DIVERT: "divert"}
    # The medians of the first and the last minute: what is held between two samples is no growth.
    few = max(1, round(60 / _SAMPLE_S))
    start, stop = np.median(memory[:few], axis=0), np.median(memory[-few:], axis=0)
    p50, p99 = np.percentile(latencies, (50, 99))
    return Soak(
        minutes,
        len(announced),
        sum(count == 1 for count in answers),
        sum(count == 0 for count in answers),
        sum(count > 1 for count in answers),
        sum(not item_id.startswith("camera") for item_id in counts),
        dict(Counter(names.get(verdict, "unknown") for _, verdict, _ in reports)),
        round(float(p50), 1),
        round(float(p99), 1),
        round(float(latencies.max()), 1),
        round(float(stop[0]), 1),
        round(float(stop[0] - start[0]), 1),
        round(float(stop[1]), 1),
        round(float(stop[1] - start[1]), 1),
        f"{platform.machine()}, {os.cpu_count()} cores",
    )


def _rss_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def main() -> None:
    """Runs it, prints and stores the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    arguments = parser.parse_args()
    os.environ.update(isolated_environment())
    rclpy.init()
    result = soak(arguments.minutes)
    RESULTS.write_text(json.dumps(asdict(result), indent=1) + "\n")
    table = Table("figure", "value", title=f"{result.minutes:g} minutes, {result.items} items")
    for name, value in asdict(result).items():
        table.add_row(name.replace("_", " "), str(value))
    Console().print(table)


if __name__ == "__main__":
    main()
