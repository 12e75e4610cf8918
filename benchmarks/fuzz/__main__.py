"""``python -m benchmarks.fuzz``: a detector process is sent what no sound cell would send.

Fuzzed are the bytes of images and camera_info (flipped, cut, extended, moved, other lengths), the
fields of images (encoding, size, step, data), announcements (any text, any time, and their bytes)
and the requests to every service of the node. Sound images come in between, so that what is wrong
meets items that are followed. Not sent: what stops the node (lifecycle transitions that it has), a
clock of its own (use_sim_time), requests to wait for years, more than four requests at once.

Afterwards images are counted, in two rounds: those of which nothing can be read, and pairs whose
colour breaks off. Image topics are best-effort: what the node had no time to take nobody counts.

Ends with status 1 where the process ended, an announcement or a request went unanswered, the node
found a fault of its own, memory grew, or the item that was judged before is judged otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

import yaml
from rich import print as show

from benchmarks.fuzz.cell import Cell
from benchmarks.fuzz.images import CAMERAS, COMPRESSED, CROWD, NOISE, RAW, Images, parameters
from benchmarks.fuzz.result import Judged, Result, failures
from benchmarks.fuzz.sending import Sending
from damage_perception.ros.isolation import isolated_environment
from damage_perception.share import default_model_card
from damage_perception_msgs.msg import DamageReport

RESULT: Final = Path(__file__).parents[1] / "results" / "fuzz.json"
# Memory is looked at in so many steps; the first ones are the warm-up.
_STEPS, _WARM_UP = 10, 2
_MOST: Final = 5


@contextmanager
def started(
    folder: Path, card: Path, transport: str
) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, str]]]:
    """A detector's process and its environment; its log is in ``folder``."""
    environment = isolated_environment()
    os.environ.update(environment)
    values = {"model": str(card), "autostart": True, **parameters(transport)}
    file = folder / "parameters.yaml"
    file.write_text(yaml.safe_dump({"/**": {"ros__parameters": values}}))
    command = [sys.executable, "-m", "damage_perception.ros.detector.process", "--ros-args"]
    with (folder / "detector.log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--params-file", str(file)],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process, environment
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run(
    folder: Path,
    card: Path,
    transport: str,
    messages: int,
    pause_s: float,
    seed: int,
    counted: int = 300,
) -> Result:
    """Fuzzes a detector of its own.

    Raises TimeoutError where it does not go on, and ChildProcessError where its process ended.

    folder   of its log
    counted  images that are counted in each round
    """
    images = Images(transport)
    with started(folder, card, transport) as (process, environment):
        cell = Cell(environment, images)
        try:
            begin_s = time.monotonic()
            sending = Sending(cell, images, seed)
            before = cell.judge("before")
            # What a frame's work takes at most is taken before memory is looked at.
            for scene in [CROWD] * _MOST + [NOISE] * _MOST:
                cell.show(scene, period_s=0.2)
            rss_mb = []
            for step in range(_STEPS):
                sending.send(messages // _STEPS, pause_s)
                rss_mb.append(_memory_mb(process.pid, "VmRSS"))
                if step < _WARM_UP:
                    # From here on the kernel notes the most anew (proc(5), clear_refs).
                    Path(f"/proc/{process.pid}/clear_refs").write_text("5")
            sending.settle()
            rss_mb.append(_memory_mb(process.pid, "VmRSS"))
            state, drops = cell.state()
            answered, refused = sending.answers
            after = cell.judge("after")
            headless = _counted(cell, sending.send_headless, counted)
            unreadable = _counted(cell, sending.send_unreadable, counted)
            return Result(
                messages=messages,
                sent=dict(sending.sent),
                announced=sum(sending.owed.values()),
                answered=answered,
                undecodable=sending.undecodable,
                refused=refused,
                refused_counted=int(state["announcements_refused"]),
                asked=sum(sending.asked.values()),
                unanswered_requests=sending.waiting,
                headless=counted,
                headless_counted=headless,
                unreadable=counted,
                unreadable_counted=unreadable,
                drops=drops,
                frames=int(state["frames"]),
                faults=int(state["faults"]),
                last_fault=state["last_fault"],
                rss_mb=tuple(rss_mb[_WARM_UP - 1 :]),
                peak_mb=_memory_mb(process.pid, "VmHWM"),
                log_mb=round((folder / "detector.log").stat().st_size / 1e6, 2),
                before=_judged(before),
                after=_judged(after),
                seconds=round(time.monotonic() - begin_s, 1),
            )
        except TimeoutError as error:
            if process.poll() is None:
                raise
            raise ChildProcessError(f"the detector ended: {process.returncode}") from error
        finally:
            cell.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs, prints and stores; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz")
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--transport", choices=(RAW, COMPRESSED), default=RAW)
    parser.add_argument("--model", type=Path, default=default_model_card(), help="a model card")
    parser.add_argument("--pause-ms", type=float, default=4.0, help="between two messages")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULT, help="JSON file of the result")
    parser.add_argument("--logs", type=Path, help="folder in which the detector's log is kept")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.logs or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        result = run(
            folder, given.model, given.transport, given.messages, given.pause_ms / 1e3, given.seed
        )
    show(result)
    content = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "model": given.model.name,
        "transport": given.transport,
        "seed": given.seed,
        **asdict(result),
    }
    given.out.write_text(json.dumps(content, indent=1) + "\n")
    found = failures(result)
    print("", *found, sep="\n")
    return 1 if found else 0


def _counted(cell: Cell, send: Callable[[int], None], images: int) -> int:
    """How many of the images that ``send`` sends are counted as malformed or as overtaken."""
    before = cell.state()[1][CAMERAS[0]]
    send(images)
    after = cell.state()[1][CAMERAS[0]]
    return sum(after[cause] - before[cause] for cause in ("malformed", "superseded"))


def _judged(report: DamageReport) -> Judged:
    return Judged(int(report.verdict), round(float(report.confidence), 3), int(report.reasons))


def _memory_mb(pid: int, which: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return round(int(status.split(f"{which}:")[1].split()[0]) / 1024, 1)


if __name__ == "__main__":
    sys.exit(main())
