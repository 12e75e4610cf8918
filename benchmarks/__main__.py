"""`make bench`: times the network, then the detector and a plain node, each behind real cameras.

The publisher, the node and this receiver are processes of their own; latency is from the stamp at
publication to the reception of the report. Results go to benchmarks/results/.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import rclpy
import yaml
from rclpy.node import Node
from rich.console import Console
from rich.table import Table

from benchmarks.images import DISTANCE_M, frames
from damage_perception.network import DamageNetwork
from damage_perception.ros.isolation import isolated_environment
from damage_perception.ros.messages import nanoseconds_of
from damage_perception.share import default_model_card
from damage_perception.station import Plane, Station
from damage_perception.view import cut_items
from damage_perception_msgs.msg import DamageReport

SIZES = ((640, 480), (1280, 720))
CAMERAS = (1, 2, 4)
LATENCY_RATE_HZ, FLOOD_RATE_HZ = 10.0, 30.0
WARM_UP_S, MEASURED_S = 1.5, 6.0
START_TIMEOUT_S = 30.0
THREADS = 2
RESULTS = Path(__file__).parent / "results"


def station() -> Station:
    """The tray that the frames show, calibrated."""
    return Station(plane=Plane(np.array([0.0, 0.0, -1.0]), DISTANCE_M))


@dataclass(frozen=True)
class Row:
    """One node behind some cameras. Times in milliseconds, CPU in cores."""

    node: str
    width: int
    height: int
    cameras: int
    rate_hz: float
    latency_p50: float
    latency_p99: float
    frames_per_s: float
    cpu: float
    rss_mb: float


def network_ms(width: int, height: int, passes: int = 100) -> float:
    """Median time of the network alone on one view, nothing else running."""
    network = DamageNetwork.load(default_model_card(), THREADS)
    ((_, view),) = cut_items(frames(width, height)[0], station(), network.view_size)
    times = []
    for _ in range(passes):
        start = time.perf_counter()
        network.assess([view])
        times.append(time.perf_counter() - start)
    return statistics.median(times[passes // 10 :]) * 1e3


def measure(node: Node, kind: str, size: tuple[int, int], cameras: int, rate_hz: float) -> Row:
    """Runs a node of ``kind`` behind ``cameras`` and receives its reports."""
    arrivals: list[tuple[float, float]] = []

    def receive(report: DamageReport) -> None:
        now = node.get_clock().now().nanoseconds
        arrivals.append((time.monotonic(), (now - nanoseconds_of(report.header.stamp)) / 1e6))

    subscription = node.create_subscription(DamageReport, "damage_detector/reports", receive, 50)
    with tempfile.TemporaryDirectory() as folder:
        command = _command(kind, cameras, Path(folder))
        detector = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        publisher = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.publisher"]
            + [str(value) for value in (cameras, rate_hz, *size)]
        )
        try:
            _spin(node, START_TIMEOUT_S, lambda: bool(arrivals))
            if not arrivals:
                raise RuntimeError(f"{kind} node gave no report within {START_TIMEOUT_S:.0f} s")
            _spin(node, WARM_UP_S)
            arrivals.clear()
            cpu, start = _cpu_s(detector.pid), time.monotonic()
            _spin(node, MEASURED_S)
            elapsed = time.monotonic() - start
            cpu = (_cpu_s(detector.pid) - cpu) / elapsed
            rss = _rss_mb(detector.pid)
        finally:
            # Killed, because how a node ends is not what is measured.
            for process in (publisher, detector):
                process.kill()
                process.wait()
            node.destroy_subscription(subscription)
    latencies = [latency for _, latency in arrivals]
    p50, p99 = np.percentile(latencies, (50, 99))
    return Row(
        kind, *size, cameras, rate_hz, round(float(p50), 2), round(float(p99), 2),
        round(len(arrivals) / elapsed, 1), round(cpu, 2), round(rss),
    )  # fmt: skip


def _command(kind: str, cameras: int, folder: Path) -> list[str]:
    if kind == "plain":
        return [sys.executable, "-m", "benchmarks.plain_node", str(cameras)]
    names = [f"camera{i}" for i in range(cameras)]
    parameters: dict[str, object] = {
        "autostart": True,
        "cameras": names,
        "threads": THREADS,
        # Every frame is to be an item of its own: reported at once and forgotten at once.
        "frames_per_camera": 1,
        "leave_after_ms": 0.0,
        "join_radius_m": 0.02,
    }
    parameters |= {f"{name}.plane": [0.0, 0.0, -1.0, DISTANCE_M] for name in names}
    file = folder / "parameters.yaml"
    file.write_text(yaml.safe_dump({"damage_detector": {"ros__parameters": parameters}}))
    script = Path(sys.executable).with_name("damage_detector")
    return [str(script), "--ros-args", "--params-file", str(file), "--log-level", "error"]


def _spin(node: Node, seconds: float, until: object = None) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not (callable(until) and until()):
        rclpy.spin_once(node, timeout_sec=0.05)


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
    node = rclpy.create_node("benchmark")
    network = {f"{w}x{h}": round(network_ms(w, h), 2) for w, h in SIZES}
    rows = []
    console = Console(width=130)
    for size in SIZES:
        for cameras in CAMERAS:
            for rate in (LATENCY_RATE_HZ, FLOOD_RATE_HZ):
                for kind in ("detector", "plain"):
                    rows.append(measure(node, kind, size, cameras, rate))
                    console.print(str(rows[-1]))
    content = {
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
    for name in ("node", "image", "cameras", "Hz each", "network ms", "p50 ms", "p99 ms",
                 "p50 / network", "frames/s", "CPU cores", "RSS MB"):  # fmt: skip
        table.add_column(name, justify="right")
    for row in rows:
        image = f"{row.width}x{row.height}"
        ratio = f"{row.latency_p50 / network[image]:.2f}"
        values = (row.node, image, row.cameras, row.rate_hz, network[image], row.latency_p50,
                  row.latency_p99, ratio, row.frames_per_s, row.cpu, row.rss_mb)  # fmt: skip
        table.add_row(*(str(value) for value in values))
    return table


if __name__ == "__main__":
    main()
