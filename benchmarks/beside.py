"""What a frame costs beside network and transport: python -m benchmarks.beside.

Serialized images go through decoder and inspector into the message of a report, in one thread, as
in the detector. Every frame shows an item that no frame before has shown, so that each is found,
cut out, judged and reported. In place of a pass through the network its outputs of an earlier pass
are taken, as if a GPU had done it. Results go to benchmarks/results/beside.json.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import cv2
import numpy as np
from numpy.typing import NDArray
from rclpy.serialization import serialize_message
from rich.console import Console
from rich.table import Table
from std_msgs.msg import Header

from benchmarks.images import BOX_HEIGHT_M, DISTANCE_M, frames, station
from damage_perception import inspector as inspecting
from damage_perception.frame import CameraModel
from damage_perception.inspector import Inspector, MountedCamera
from damage_perception.network import DamageNetwork, OnnxRuntimeBackend
from damage_perception.network.session import Arrays, OnnxRuntimeSession
from damage_perception.registration import DepthRegistration
from damage_perception.ros.decoding import CameraInfos, Decoder
from damage_perception.ros.messages import (
    camera_info_message,
    image_message,
    report_message,
    stamp_of,
)
from damage_perception.share import default_model_card
from damage_perception.station import Station
from damage_perception.verdict.camera_watch import CameraWatch
from damage_perception.verdict.policy import VerdictPolicy

RESULT: Final = Path(__file__).parent / "results" / "beside.json"
SIZES: Final = ((640, 480), (1280, 720))
CAMERAS: Final = (1, 4)
# Noise of a place, so that no image repeats one before.
_NOISES: Final = 4
_PERIOD_NS: Final = 100_000_000
_START_NS: Final = 1_000_000_000_000
STAGES: Final[tuple[tuple[str, Any, str], ...]] = (
    ("decode", Decoder, "frame"),
    ("watch camera and support", CameraWatch, "take"),
    ("find items", Station, "locate"),
    ("cut views", inspecting, "cut_views"),
    ("fit to judge by", inspecting, "faults"),
)


class _Recalled:
    """A session whose outputs are those of its first pass."""

    def __init__(self) -> None:
        self._outputs: dict[tuple[int, ...], Arrays] = {}

    def run(
        self, run: Callable[..., Arrays], session: OnnxRuntimeSession, inputs: Mapping[str, Any]
    ) -> Arrays:
        """What ``session`` gave for inputs of these sizes."""
        key = (id(session), *(len(values) for values in inputs.values()))
        if key not in self._outputs:
            self._outputs[key] = run(session, inputs)
        return self._outputs[key]


def measure(width: int, height: int, cameras: int, count: int) -> dict[str, float]:
    """Median milliseconds of a frame, of the whole and of its stages.

    count  frames, of all cameras together
    """
    names = [f"camera{number}" for number in range(cameras)]
    network = DamageNetwork.load(default_model_card(), backend=OnnxRuntimeBackend(threads=2))
    # Reported at once and forgotten at once.
    policy = VerdictPolicy.at(0.99, frames_per_camera=1, leave_ns=0, join_radius_m=0.02)
    mounted = {name: MountedCamera(station()) for name in names}
    inspector = Inspector(network, mounted, policy)
    infos = CameraInfos()
    decoder = Decoder("raw", {}, infos)
    pairs = itertools.cycle(_pairs(width, height, infos, names))
    times: dict[str, list[float]] = defaultdict(list)
    reports = 0
    with _timed(times):
        for number in range(count):
            camera = names[number % cameras]
            stamp_ns = _START_NS + number // cameras * _PERIOD_NS
            if number % cameras == 0:
                color, depth = next(pairs)
            spent = {name: len(values) for name, values in times.items()}
            start = time.perf_counter()
            frame = decoder.frame(camera, color, depth, stamp_ns)
            found = inspector.observe(frame, stamp_ns)
            for report in found:
                serialize_message(report_message(report, stamp_ns))
            times["all"].append(1e3 * (time.perf_counter() - start))
            reports += len(found)
            assert all(len(times[name]) == before + 1 for name, before in spent.items())
    if reports < 0.9 * count:
        raise RuntimeError(f"{count} frames have {reports} reports: items were not found")
    tenth = count // 10
    medians = {name: statistics.median(values[tenth:]) for name, values in times.items()}
    others = medians["all"] - sum(medians[name] for name, _, _ in STAGES)
    medians = {"all": medians.pop("all"), **medians, "track, decide, message": others}
    return {name: round(value, 2) for name, value in medians.items()}


def registration_ms(count: int = 100) -> float:
    """Median milliseconds of registering 848x480 depth to 1920x1080 colour, 5 cm beside it."""
    depth = CameraModel(848, 480, 425.0, 425.0, 423.5, 239.5)
    color = CameraModel(1920, 1080, 1380.0, 1380.0, 959.5, 539.5)
    beside = np.eye(4)
    beside[0, 3] = 0.05
    register = DepthRegistration(depth, color, beside)
    rng = np.random.default_rng(0)
    depth_m = rng.normal(DISTANCE_M, 0.001, (depth.height, depth.width)).astype(np.float32)
    depth_m[160:320, 300:500] -= BOX_HEIGHT_M
    times = []
    for _ in range(count):
        start = time.perf_counter()
        register(depth_m)
        times.append(1e3 * (time.perf_counter() - start))
    return round(statistics.median(times[count // 10 :]), 2)


def _pairs(
    width: int, height: int, infos: CameraInfos, names: list[str]
) -> list[tuple[bytes, bytes]]:
    """Serialized colour and depth of each place, some times with other noise."""
    rng = np.random.default_rng(0)
    pairs = []
    for _ in range(_NOISES):
        for frame in frames(width, height):
            header = Header(stamp=stamp_of(_START_NS), frame_id="camera_optical")
            assert frame.depth_m is not None
            color = _noisy(frame.color, 3, rng)
            depth_mm = _noisy((frame.depth_m * 1000).astype(np.uint16), 1, rng)
            messages = (image_message(color, header), image_message(depth_mm, header))
            pairs.append((serialize_message(messages[0]), serialize_message(messages[1])))
            info = serialize_message(camera_info_message(frame.camera, header))
            infos.color.update(dict.fromkeys(names, info))
    return pairs


def _noisy(image: NDArray[Any], sigma: float, rng: np.random.Generator) -> NDArray[Any]:
    top = np.iinfo(image.dtype).max
    return (image + rng.normal(0, sigma, image.shape)).round().clip(0, top).astype(image.dtype)


@contextmanager
def _timed(times: dict[str, list[float]]) -> Iterator[None]:
    """Times every stage; the network's passes are recalled."""
    recalled, run = _Recalled(), OnnxRuntimeSession.run

    def recall(session: OnnxRuntimeSession, inputs: Mapping[str, Any]) -> Arrays:
        return recalled.run(run, session, inputs)

    def timing(stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            start = time.perf_counter()
            result = function(*arguments, **named)
            times[stage].append(1e3 * (time.perf_counter() - start))
            return result

        return timed

    patches = [patch.object(OnnxRuntimeSession, "run", recall)]
    for stage, owner, name in STAGES:
        patches.append(patch.object(owner, name, timing(stage, getattr(owner, name))))
    for each in patches:
        each.start()
    try:
        yield
    finally:
        for each in patches:
            each.stop()


def main() -> None:
    """Measures, prints and stores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=600)
    parser.add_argument("--size", help="WIDTHxHEIGHT, and nothing is stored")
    given = parser.parse_args()
    # As in the detector's process.
    cv2.setNumThreads(1)
    sizes = [tuple(map(int, given.size.split("x")))] if given.size else SIZES
    rows = [
        {"size": f"{w}x{h}", "cameras": cameras, **measure(w, h, cameras, given.frames)}
        for w, h in sizes
        for cameras in CAMERAS
    ]
    table = Table(*rows[0], title="milliseconds a frame, medians")
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console(width=160).print(table)
    if not given.size:
        content = {
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "rows": rows,
            "registration_ms": registration_ms(),
        }
        print(f"registering 848x480 depth to 1920x1080 colour: {content['registration_ms']} ms")
        RESULT.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
