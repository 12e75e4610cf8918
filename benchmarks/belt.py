"""Items on a belt past two cameras, one silent for a while: every item is answered once.

python -m benchmarks.belt --items 1000

The belt runs at 1 m/s. Camera `first` sees an item before camera `second` does, and for 0.2 s
neither does. Each item has a colour of its own, by which the images in its report are known.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import CameraModel, Frame
from damage_perception.inspector import Inspector, MountedCamera
from damage_perception.station import Plane, Station
from damage_perception.verdict.belt import Belt
from damage_perception.verdict.policy import VerdictPolicy
from damage_perception.verdict.report import Reason, Report
from damage_perception.verdict.tracker import Announcement

RESULTS: Final = Path(__file__).parent / "results" / "belt.json"
SECOND_NS: Final = 1_000_000_000
START_NS: Final = 1_000 * SECOND_NS
SPEED_MPS: Final = 1.0
SPACING_M: Final = 0.35
RATE_HZ: Final = 15.0
HEIGHT_M: Final = 0.7
# Length along the belt, width, height.
ITEM_M: Final = (0.12, 0.1, 0.08)
CAMERA: Final = CameraModel(320, 240, 300.0, 300.0, 159.5, 119.5)
# Where each camera hangs along the belt.
CAMERAS: Final = {"first": 0.0, "second": 0.95}
# Past the first camera and the second, with a second to spare.
DEADLINE_NS: Final = round(3.5 * SECOND_NS)
LEAVE_NS: Final = round(1.2 * SECOND_NS)
STALE_NS: Final = SECOND_NS // 2
_COLORS: Final = 17
RED: Final = (230, 20, 20)


@dataclass(frozen=True)
class Outcome:
    """What the reports were."""

    items: int
    reports: int
    unanswered: int
    twice: int
    of_another_item: int
    by_verdict: dict[str, int]
    seen_by_both: int


def ink_of(number: int) -> tuple[int, int, int]:
    """The colour of an item, far from red."""
    hue = 40 + 100 * (number % _COLORS) / _COLORS
    pixel = np.array([[[hue, 140, 150]]], np.uint8)
    red, green, blue = cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0]
    return int(red), int(green), int(blue)


def picture_of(camera: str, stamp_ns: int, items: int, damaged: frozenset[int]) -> Frame:
    """What a camera sees of the belt."""
    time_s = (stamp_ns - START_NS) / SECOND_NS
    color = np.full((CAMERA.height, CAMERA.width, 3), 70, np.uint8)
    color += np.random.default_rng(stamp_ns % 2**32).integers(0, 12, color.shape, np.uint8)
    depth = np.full(color.shape[:2], HEIGHT_M, np.float32)
    length, width, height = ITEM_M
    top_m = HEIGHT_M - height
    for number in range(items):
        middle = time_s * SPEED_MPS - number * SPACING_M - CAMERAS[camera]
        if abs(middle) > 1.0:
            continue
        left, right = (
            round((middle + side * length / 2) / top_m * CAMERA.fx + CAMERA.cx) for side in (-1, 1)
        )
        up, down = (round(side * width / 2 / top_m * CAMERA.fy + CAMERA.cy) for side in (-1, 1))
        part = np.s_[max(up, 0) : max(down, 0), max(left, 0) : max(right, 0)]
        color[part] = ink_of(number)
        depth[part] = top_m
        # A seam, so that the item has an edge that can be sharp.
        cv2.line(color[part], (0, 0), (right - left, down - up), (20, 20, 20), 1)
        if number in damaged and left > 0 and right < CAMERA.width:
            color[part][10:25, 10:25] = RED
    return Frame(color, depth, CAMERA, camera, f"{camera}_optical", stamp_ns)


def belt_inspector(network: Any, belt: Belt | None) -> Inspector:
    """An inspector of both cameras over the belt."""
    plane = Station(plane=Plane(np.array([0.0, 0.0, -1.0]), HEIGHT_M))
    mounted = {}
    for name, along_m in CAMERAS.items():
        pose = np.diag([1.0, -1.0, -1.0, 1.0])
        pose[:3, 3] = along_m, 0.0, HEIGHT_M
        mounted[name] = MountedCamera(plane, pose)
    policy = VerdictPolicy.at(
        0.8,
        frames_per_camera=2,
        deadline_ns=DEADLINE_NS,
        leave_ns=LEAVE_NS,
        pieces_within_m=0.0,
    )
    return Inspector(network, mounted, policy, belt=belt)


def run(
    network: Any,
    items: int,
    silent: tuple[int, int] = (0, 0),
    damaged: frozenset[int] = frozenset(),
    belt: Belt | None = None,
) -> Outcome:
    """Runs ``items`` past the cameras.

    silent   the second camera delivers nothing while these items pass the first one, from the one
             to the other
    """
    velocity = np.array([SPEED_MPS, 0.0, 0.0])
    inspector = belt_inspector(network, belt or Belt(velocity))
    reports: list[Report] = []
    announced = 0
    last_ns = dict.fromkeys(CAMERAS, START_NS)
    for stamp_ns in _stamps(items):
        entered = int(((stamp_ns - START_NS) / SECOND_NS * SPEED_MPS + 0.5) / SPACING_M)
        while announced < min(entered, items):
            name = f"belt-{announced}"
            entry = Announcement(
                name, camera="first", stamp_ns=stamp_ns, deadline_ns=stamp_ns + DEADLINE_NS
            )
            inspector.announce(entry, stamp_ns)
            announced += 1
        for camera in CAMERAS:
            is_silent = silent[0] <= announced < silent[1] and camera == "second"
            if not is_silent:
                last_ns[camera] = stamp_ns
            stale = {
                name: Reason.STALE_CAMERA
                for name, seen_ns in last_ns.items()
                if stamp_ns - seen_ns > STALE_NS
            }
            if not is_silent:
                frame = picture_of(camera, stamp_ns, items, damaged)
                reports += inspector.observe(frame, stamp_ns, stale)
            reports += inspector.tick(stamp_ns, stale)
    reports += inspector.finish()
    return _outcome(items, reports)


def _stamps(items: int) -> Iterator[int]:
    length_m = items * SPACING_M + CAMERAS["second"] + 5.0
    for number in range(int(length_m / SPEED_MPS * RATE_HZ)):
        yield START_NS - SECOND_NS + round(number / RATE_HZ * SECOND_NS)


def _outcome(items: int, reports: list[Report]) -> Outcome:
    counts = Counter(report.item_id for report in reports)
    names = {f"belt-{number}" for number in range(items)}
    return Outcome(
        items,
        len(reports),
        len(names - counts.keys()),
        sum(count - 1 for count in counts.values()),
        sum(_shows_another(report) for report in reports),
        dict(Counter(report.verdict.name for report in reports)),
        sum(len(report.cameras) == len(CAMERAS) for report in reports),
    )


def _shows_another(report: Report) -> bool:
    """Whether a picture of the report has the colour of another item, or it is of none."""
    if not report.item_id.startswith("belt-"):
        return True
    ink = np.array(ink_of(int(report.item_id.removeprefix("belt-"))))
    return any(
        np.abs(_color_inside(picture.color, picture.outline) - ink).max() > 12
        for picture in report.pictures
        if picture.outline
    )


def _color_inside(
    color: NDArray[np.uint8], outline: tuple[NDArray[np.int32], ...]
) -> NDArray[np.float64]:
    mask = np.zeros(color.shape[:2], np.uint8)
    cv2.drawContours(mask, outline, -1, 1, cv2.FILLED)
    inside = color[cv2.erode(mask, np.ones((5, 5), np.uint8)) > 0]
    return np.asarray(np.median(inside, axis=0))


def main() -> None:
    """Runs it, prints and stores the figures."""
    from damage_perception.network import DamageNetwork
    from damage_perception.share import default_model_card

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1000)
    arguments = parser.parse_args()
    items: int = arguments.items
    network = DamageNetwork.load(default_model_card(), "int8")
    outcome = run(network, items, (items * 3 // 10, items * 4 // 10))
    print(outcome)
    RESULTS.write_text(json.dumps(asdict(outcome), indent=1) + "\n")


if __name__ == "__main__":
    main()
