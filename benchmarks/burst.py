"""Announces many items at once and counts the reports: python -m benchmarks.burst [ITEMS].

All share a deadline and none comes, so all are due together. The detector, the camera and every
subscriber are processes of their own. One subscriber is stopped (SIGSTOP) and never goes on.

heard     items that a subscriber of that depth had a report of
late      from the deadline to the reception of the first and the last report
frames    a second, in the seconds around the burst, by the diagnostics
slowest   publishing one of 8,000 reports to a subscriber that is stopped, by the history kept
tick      of the inspector, in this process: while 2,000 announced items wait, and where as many
          are due as are answered at once, with making their messages
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import rclpy
import yaml
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rich.console import Console

from damage_perception.inspector import Inspector, MountedCamera
from damage_perception.network.damage_network import DamageNetwork
from damage_perception.ros.isolation import isolated_environment
from damage_perception.ros.messages import report_message, stamp_of
from damage_perception.ros.qos import EVENTS
from damage_perception.share import default_model_card
from damage_perception.station import Station
from damage_perception.verdict.policy import VerdictPolicy
from damage_perception.verdict.tracker import ANSWERED_AT_ONCE, MOST_ANNOUNCED, Announcement
from damage_perception_msgs.msg import DamageReport, ItemAnnouncement

DEPTHS: Final = (1000, 50, 10)
DEADLINE_S: Final = 4.0
PATIENCE_S: Final = 30.0
PREFIX: Final = "announced "
REPORTS: Final = "damage_detector/reports"


class Subscriber:
    """A process that hears reports with a queue of ``depth``."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.burst", "listen", str(depth)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def stop(self) -> None:
        """Stops the process for good, its subscription stays."""
        self._process.send_signal(signal.SIGSTOP)

    def heard(self) -> dict[str, int]:
        """When each item's report came, system time in nanoseconds."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        heard: dict[str, int] = json.loads(self._process.stdout.readline())
        return heard

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.wait()


def listen(depth: int) -> None:
    """Subscribes until standard input ends; tells what came for each line of it."""
    heard: dict[str, int] = {}
    node = _node("subscriber")

    def hear(report: DamageReport) -> None:
        # What the camera shows has ids of the node's own.
        if report.item_id.startswith(PREFIX):
            heard.setdefault(report.item_id, time.time_ns())

    node.create_subscription(DamageReport, REPORTS, hear, depth)
    threading.Thread(target=rclpy.spin, args=(node,), daemon=True).start()
    while not node.count_publishers(REPORTS):
        time.sleep(0.05)
    print("ready", flush=True)
    for _ in sys.stdin:
        print(json.dumps(dict(heard)), flush=True)


def measure(items: int, camera: bool, stopped: bool, depth: int) -> dict[str, Any]:
    """One burst; its row. Raises RuntimeError where the detector does not listen."""
    node = _node("announcer")
    status: dict[str, str] = {}
    frames: list[tuple[float, int]] = []

    def keep(message: DiagnosticArray) -> None:
        status.update((entry.key, entry.value) for entry in message.status[0].values)
        frames.append((time.monotonic(), int(status.get("frames", "0"))))

    node.create_subscription(DiagnosticArray, "/diagnostics", keep, 10)
    announcements = node.create_publisher(ItemAnnouncement, "damage_detector/announcements", depth)
    thread = threading.Thread(target=rclpy.spin, args=(node,), daemon=True)
    thread.start()
    with tempfile.TemporaryDirectory() as folder:
        processes = _processes(Path(folder), camera)
        subscribers = [Subscriber(depth) for depth in DEPTHS]
        hanging = Subscriber(DEPTHS[0])
        try:
            _wait(lambda: bool(announcements.get_subscription_count()))
            time.sleep(3.0)
            if stopped:
                hanging.stop()
            rss_mb = _rss_mb(processes[0].pid)
            start_ns = time.time_ns()
            deadline_ns = start_ns + int(DEADLINE_S * 1e9)
            for number in range(items):
                announcements.publish(
                    ItemAnnouncement(item_id=f"{PREFIX}{number}", deadline=stamp_of(deadline_ns))
                )
            published_s = (time.time_ns() - start_ns) / 1e9
            _wait(lambda: len(subscribers[0].heard()) >= items, PATIENCE_S, give_up=True)
            time.sleep(1.5)
            heard = [subscriber.heard() for subscriber in subscribers]
            times = sorted(heard[0].values()) or [deadline_ns]
            (first_s, before), (last_s, after) = frames[-8], frames[-1]
            return {
                "items": items,
                "camera": camera,
                "stopped": stopped,
                "announced_with_depth": depth,
                "published_s": round(published_s, 3),
                "heard": {s.depth: len(h) for s, h in zip(subscribers, heard, strict=True)},
                "first_late_ms": round((times[0] - deadline_ns) / 1e6),
                "last_late_ms": round((times[-1] - deadline_ns) / 1e6),
                "frames_per_s": round((after - before) / (last_s - first_s), 1),
                "refused": status.get("announcements_refused"),
                "rss_before_mb": round(rss_mb),
                "rss_after_mb": round(_rss_mb(processes[0].pid)),
            }
        finally:
            for subscriber in (*subscribers, hanging):
                subscriber.close()
            for process in processes:
                process.kill()
                process.wait()
            rclpy.shutdown()
            thread.join()


def measure_history(name: str, history: QoSProfile) -> dict[str, Any]:
    """Publishing reports with ``history`` to a subscriber that is stopped."""
    node = _node("publisher")
    publisher = node.create_publisher(DamageReport, REPORTS, history)
    hanging = Subscriber(50)
    try:
        time.sleep(1.0)
        hanging.stop()
        took_ms, failed = [], 0
        for number in range(8000):
            start_s = time.perf_counter()
            try:
                publisher.publish(DamageReport(item_id=str(number), backend_reason="x" * 200))
            except RuntimeError:
                failed += 1
            took_ms.append((time.perf_counter() - start_s) * 1e3)
        slowest_ms, sum_s = round(max(took_ms), 1), round(sum(took_ms) / 1e3, 2)
        return {"history": name, "slowest_ms": slowest_ms, "all_s": sum_s, "failed": failed}
    finally:
        hanging.close()
        node.destroy_node()
        rclpy.shutdown()


def measure_tick() -> dict[str, float]:
    """Milliseconds of announcing and of a tick; medians of 50 and the longest."""
    network = DamageNetwork.load(default_model_card())
    cameras = {"camera": MountedCamera(Station())}
    inspector = Inspector(network, cameras, VerdictPolicy.at(0.5))
    announced = [Announcement(f"{PREFIX}{n}", "sku", 1 + n) for n in range(MOST_ANNOUNCED)]
    start_s = time.perf_counter()
    for announcement in announced:
        inspector.announce(announcement, 0)
    announce_ms = (time.perf_counter() - start_s) * 1e3
    waiting_ms, due_ms = [], []
    now_ns = 0
    for _ in range(50):
        start_s = time.perf_counter()
        inspector.tick(0)
        waiting_ms.append((time.perf_counter() - start_s) * 1e3)
    for _ in range(MOST_ANNOUNCED // ANSWERED_AT_ONCE):
        now_ns += 1_000_000_000
        start_s = time.perf_counter()
        for report in inspector.tick(now_ns):
            report_message(report, now_ns)
        due_ms.append((time.perf_counter() - start_s) * 1e3)
    return {
        "announcing_2000_ms": round(announce_ms, 1),
        "tick_while_2000_wait_ms": round(float(np.median(waiting_ms)), 2),
        "tick_with_answers_ms": round(float(np.median(due_ms)), 2),
        "longest_tick_ms": round(max(waiting_ms + due_ms), 2),
    }


def _processes(folder: Path, camera: bool) -> list[subprocess.Popen[bytes]]:
    file = folder / "parameters.yaml"
    parameters = {"autostart": True, "cameras": ["camera0"]}
    file.write_text(yaml.safe_dump({"damage_detector": {"ros__parameters": parameters}}))
    detector = [sys.executable, "-m", "damage_perception.ros.detector.process", "--ros-args"]
    commands = [[*detector, "--params-file", str(file), "--log-level", "fatal"]]
    if camera:
        arguments = ["1", "15", "640", "480", "1000000"]
        commands.append([sys.executable, "-m", "benchmarks.publisher", *arguments])
    return [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in commands]


def _node(name: str) -> Node:
    rclpy.init()
    return rclpy.create_node(name)


def _wait(condition: Any, timeout_s: float = PATIENCE_S, give_up: bool = False) -> None:
    end_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end_s:
            if give_up:
                return
            raise RuntimeError("the detector does not listen")
        time.sleep(0.1)


def _rss_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def main() -> None:
    """Measures and prints."""
    if sys.argv[1:2] == ["listen"]:
        listen(int(sys.argv[2]))
        return
    os.environ.update(isolated_environment())
    items = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    console = Console(width=160)
    console.print(measure_tick())
    keep_all = QoSProfile(history=HistoryPolicy.KEEP_ALL, reliability=ReliabilityPolicy.RELIABLE)
    for name, history in (("keep last 5000", EVENTS), ("keep all", keep_all)):
        console.print(measure_history(name, history))
    for camera, stopped, depth in (
        (False, False, 1000),
        (False, True, 1000),
        (True, False, 1000),
        (True, True, 1000),
        (False, False, 50),
        (False, False, 10),
    ):
        console.print(measure(items, camera, stopped, depth))


if __name__ == "__main__":
    main()
