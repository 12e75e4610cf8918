"""`make bench`: times the network, then the detector and a plain node, each behind real cameras.

Publisher, node and this receiver are processes of their own.

latency   from the stamp, set as the image is published, of the newest image that a report comes
          from to the reception of that report here
handled   frames a second that the node took through pairing and finding items: for the detector
          what its diagnostics count, for the plain node those it reported on, which is every one
          that it does not lose
reports   reports a second: one per item from the detector, one per frame from the plain node
network   time of the network alone on one view, nothing else running: what latency is compared with

In the first scenarios every frame shows an item of its own, so that both nodes have to run the
network on every frame; in the last ones items stay for a second, as in a cell, and the detector
needs `frames_per_camera` frames of each. The node called `recorded` is the detector with a recorder
beside it, which keeps what it keeps by default. Results go to benchmarks/results/.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rclpy
import yaml
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rich.console import Console
from rich.table import Table

from benchmarks.network import network_ms
from benchmarks.scenarios import (
    BESIDE_A_RECORDER,
    EVERY_FRAME_AN_ITEM,
    ITEMS_THAT_STAY,
    Scenario,
)
from damage_perception.ros.isolation import isolated_environment
from damage_perception.ros.messages import nanoseconds_of
from damage_perception_msgs.msg import DamageReport

WARM_UP_S, MEASURED_S = 1.5, 10.0
START_TIMEOUT_S = 30.0
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Row:
    """One node in one scenario. Times in milliseconds, CPU in cores."""

    node: str
    width: int
    height: int
    cameras: int
    rate_hz: float
    stay_frames: int
    latency_p50: float
    latency_p99: float
    handled_per_s: float
    reports_per_s: float
    cpu: float
    rss_mb: float


class Receiver:
    """Hears the reports and the diagnostics of the node that runs."""

    def __init__(self) -> None:
        self._node = rclpy.create_node("benchmark")
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._node.create_subscription(DamageReport, "damage_detector/reports", self._report, 50)
        self._node.create_subscription(DiagnosticArray, "/diagnostics", self._diagnostics, 50)
        self.clear()

    def clear(self) -> None:
        """Forgets what was heard."""
        self.latencies_ms: list[float] = []
        self._frames: list[tuple[float, int]] = []

    def spin(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Listens for so long, or until something is so."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not until():
            self._executor.spin_once(timeout_sec=left)

    def handled_per_s(self) -> float:
        """Frames a second by the diagnostics; NaN where there were none."""
        if len(self._frames) < 2:
            return float("nan")
        (start_s, before), (end_s, after) = self._frames[0], self._frames[-1]
        return (after - before) / (end_s - start_s)

    def _report(self, report: DamageReport) -> None:
        now_ns = self._node.get_clock().now().nanoseconds
        self.latencies_ms.append((now_ns - nanoseconds_of(report.header.stamp)) / 1e6)

    def _diagnostics(self, message: DiagnosticArray) -> None:
        for entry in message.status[0].values:
            if entry.key == "frames":
                stamp_s = nanoseconds_of(message.header.stamp) / 1e9
                self._frames.append((stamp_s, int(entry.value)))


def measure(receiver: Receiver, kind: str, scenario: Scenario) -> Row:
    """Runs a node of ``kind`` and hears its reports. Raises RuntimeError where it gives none."""
    receiver.clear()
    with tempfile.TemporaryDirectory() as folder:
        detector = subprocess.Popen(
            _command(kind, scenario, Path(folder)), stdout=subprocess.DEVNULL
        )
        beside = [
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.publisher", *scenario.publisher_arguments]
            )
        ]
        if kind == "recorded":
            records = ["-p", f"folder:={folder}/records"]
            beside.append(subprocess.Popen([_script("damage_recorder"), "--ros-args", *records]))
        try:
            receiver.spin(START_TIMEOUT_S, lambda: bool(receiver.latencies_ms))
            if not receiver.latencies_ms:
                raise RuntimeError(f"{kind} node gave no report within {START_TIMEOUT_S:.0f} s")
            receiver.spin(WARM_UP_S)
            receiver.clear()
            cpu, start = _cpu_s(detector.pid), time.monotonic()
            receiver.spin(MEASURED_S)
            elapsed = time.monotonic() - start
            cpu = (_cpu_s(detector.pid) - cpu) / elapsed
            rss = _rss_mb(detector.pid)
        finally:
            # Killed, because how a node ends is not what is measured.
            for process in (*beside, detector):
                process.kill()
                process.wait()
    p50, p99 = np.percentile(receiver.latencies_ms, (50, 99))
    reports_per_s = len(receiver.latencies_ms) / elapsed
    handled_per_s = reports_per_s if kind == "plain" else receiver.handled_per_s()
    return Row(
        kind, scenario.width, scenario.height, scenario.cameras, scenario.rate_hz,
        scenario.stay_frames, round(float(p50), 2), round(float(p99), 2),
        round(handled_per_s, 1), round(reports_per_s, 1), round(cpu, 2), round(rss),
    )  # fmt: skip


def _command(kind: str, scenario: Scenario, folder: Path) -> list[str]:
    if kind == "plain":
        return [sys.executable, "-m", "benchmarks.plain_node", str(scenario.cameras)]
    file = folder / "parameters.yaml"
    parameters = {"damage_detector": {"ros__parameters": scenario.parameters}}
    file.write_text(yaml.safe_dump(parameters))
    script = _script("damage_detector")
    return [script, "--ros-args", "--params-file", str(file), "--log-level", "error"]


def _script(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def main() -> None:
    """Measures, prints and stores."""
    cv2.setNumThreads(1)
    os.environ.update(isolated_environment())
    rclpy.init()
    scenarios = [*EVERY_FRAME_AN_ITEM, *ITEMS_THAT_STAY]
    sizes = {(scenario.width, scenario.height) for scenario in scenarios}
    network = {f"{w}x{h}": round(network_ms(w, h), 2) for w, h in sorted(sizes)}
    receiver, rows, console = Receiver(), [], Console(width=140)
    pairs = [(scenario, ("detector", "plain")) for scenario in scenarios]
    pairs += [(scenario, ("detector", "recorded")) for scenario in BESIDE_A_RECORDER]
    for scenario, kinds in pairs:
        for kind in kinds:
            rows.append(measure(receiver, kind, scenario))
            console.print(str(rows[-1]))
    content: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {_processor()}",
        "python": platform.python_version(),
        "network_ms": network,
        "rows": [asdict(row) for row in rows],
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "detector.json").write_text(json.dumps(content, indent=1) + "\n")
    console.print(_table(rows, network))


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown processor"


def _table(rows: list[Row], network: dict[str, float]) -> Table:
    table = Table(title="from the stamp at publication to the report's reception")
    for name in ("node", "image", "cameras", "Hz each", "frames an item stays", "network ms",
                 "p50 ms", "p99 ms", "p50 / network", "frames handled/s", "reports/s",
                 "CPU cores", "RSS MB"):  # fmt: skip
        table.add_column(name, justify="right")
    for row in rows:
        image = f"{row.width}x{row.height}"
        ratio = f"{row.latency_p50 / network[image]:.2f}"
        values = (row.node, image, row.cameras, row.rate_hz, row.stay_frames, network[image],
                  row.latency_p50, row.latency_p99, ratio, row.handled_per_s, row.reports_per_s,
                  row.cpu, row.rss_mb)  # fmt: skip
        table.add_row(*(str(value) for value in values))
    return table


if __name__ == "__main__":
    main()
