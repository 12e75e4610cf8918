"""Faults of cameras and clocks: what each changes in the images."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks.chaos.fault import Before, Change, Fault, Shot
from benchmarks.chaos.items import Move
from damage_perception.frame import ColorImage

if TYPE_CHECKING:
    from benchmarks.chaos.cell import Cell

_MINUTES_NS: Final = 5 * 60 * 10**9
_SPILL_DEPTH_M, _GAP_M = 0.03, 0.04


def _nothing(shot: Shot, before: Before) -> None:
    return None


def _camera(shot: Shot, before: Before) -> Shot:
    return replace(shot, camera=replace(shot.camera, fx=2 * shot.camera.fx))


def _colored(color_of: Callable[[Shot, Before], ColorImage]) -> Change:
    return lambda shot, before: replace(shot, color=color_of(shot, before))


def _uniform(level: int) -> Change:
    return _colored(lambda shot, before: np.full_like(shot.color, level))


def _lower_half(shot: Shot, lower: ColorImage) -> ColorImage:
    color = shot.color.copy()
    middle = len(color) // 2
    color[middle:] = lower[middle:]
    return color


class _Torn:
    """Every second image: the lower half of the colour is that of the image before, to the bit."""

    def __init__(self) -> None:
        self._newest: ColorImage | None = None

    def __call__(self, shot: Shot, before: Before) -> Shot:
        newest, self._newest = self._newest, None
        if newest is not None:
            return replace(shot, color=_lower_half(shot, newest))
        self._newest = shot.color
        return shot


def _half_of_former(shot: Shot, before: Before) -> ColorImage:
    former = before.former.frames[0] if before.former else before.scenery.empty[0]
    return _lower_half(shot, before.noise.color(former.color))


def _frozen(shot: Shot, before: Before) -> Shot:
    held = before.last or shot
    return replace(shot, color=held.color, depth_m=held.depth_m)


def _stamped(shift_ns: int) -> Change:
    return lambda shot, before: replace(shot, stamp_ns=shot.stamp_ns + shift_ns)


def _spill_below(shot: Shot, before: Before) -> Shot:
    if shot.item is None or shot.depth_m is None:
        return shot
    lower = np.where(shot.item.spill & (shot.depth_m > 0), _SPILL_DEPTH_M, 0)
    return replace(shot, depth_m=(shot.depth_m + lower).astype(np.float32))


def _in_two(shot: Shot, before: Before) -> Shot:
    """A damaged item with a gap across its length, through which the station shows."""
    item, empty = shot.item, before.scenery.empty[0]
    if item is None or not item.damaged or shot.depth_m is None or empty.depth_m is None:
        return shot
    rows, columns = np.nonzero(item.mask)
    along = 1 if np.ptp(columns) > np.ptp(rows) else 0
    middle = (rows, columns)[along].mean()
    half_px = _GAP_M / 2 * shot.camera.fx / float(np.median(shot.depth_m[item.mask]))
    gap = item.mask & (abs(np.indices(item.mask.shape)[along] - middle) < half_px)
    color, depth_m = shot.color.copy(), shot.depth_m.copy()
    color[gap] = before.noise.color(empty.color)[gap]
    depth_m[gap] = before.noise.depth(empty.depth_m)[gap]
    return replace(shot, color=color, depth_m=depth_m)


def _fuzz(cell: Cell, shot: Shot) -> None:
    rng = cell.before.rng
    for topic, serialized in cell.serialized(shot).items():
        broken = bytearray(serialized)
        if rng.random() < 0.5:
            broken = broken[: int(rng.integers(1, min(200, len(broken))))]
        for place in rng.integers(0, min(120, len(broken)), int(rng.integers(1, 12))):
            broken[place] = int(rng.integers(256))
        cell.publish_serialized(topic, bytes(broken))


def _without_clock(cell: Cell) -> None:
    cell.processes.detector.stop()
    time.sleep(1.0)
    cell.processes.detector.start("-p", "use_sim_time:=true")
    cell.connect()


def _moved(
    name: str, farther_m: float = 0.0, tilt_deg: float = 0.0, announced: bool = True
) -> Fault:
    return Fault(name, move=Move(farther_m, tilt_deg), blind=True, announced=announced)


FUZZED: Final = Fault("fuzzed_images", each=_fuzz)
IMAGE_FAULTS: Final = (
    _moved("depth_2cm_farther", farther_m=0.02),
    _moved("depth_2cm_nearer", farther_m=-0.02),
    _moved("tilted_5deg", tilt_deg=5),
    _moved("tilted_45deg", tilt_deg=45),
    _moved("nearer_5cm_unannounced", farther_m=-0.05, announced=False),
    Fault("fx_doubled", _camera, blind=True),
    Fault("spill_below_plane", _spill_below),
    Fault(
        "colour_noise",
        _colored(lambda shot, before: before.rng.integers(0, 256, shot.color.shape, np.uint8)),
        blind=True,
    ),
    Fault(
        "colour_frozen_empty",
        _colored(lambda shot, before: before.scenery.empty[0].color),
        blind=True,
    ),
    Fault(
        "colour_empty_live",
        _colored(lambda shot, before: before.noise.color(before.scenery.empty[0].color)),
        blind=True,
    ),
    Fault(
        "colour_half_black",
        _colored(lambda shot, before: _lower_half(shot, np.zeros_like(shot.color))),
        blind=True,
    ),
    Fault("colour_torn", _Torn()),
    Fault("colour_half_of_former", _colored(_half_of_former)),
    Fault("camera_frozen", _frozen, seconds=10, blind=True),
    Fault("depth_stopped", lambda shot, before: replace(shot, depth_m=None), blind=True),
    Fault(
        "depth_zero",
        lambda shot, before: replace(shot, depth_m=np.zeros(shot.color.shape[:2], np.float32)),
        blind=True,
    ),
    Fault("colour_black", _uniform(0), blind=True),
    Fault("colour_white", _uniform(255), blind=True),
    Fault("colour_grey", _uniform(128), blind=True),
    Fault("no_clock", begin=_without_clock, deadlines=False),
    Fault("no_clock_no_images", _nothing, begin=_without_clock, deadlines=False, blind=True),
    Fault("stamps_5min_ahead", _stamped(_MINUTES_NS), seconds=5),
    Fault("stamps_5min_back", _stamped(-_MINUTES_NS), seconds=5),
    Fault("camera_silent_3s", _nothing, seconds=3),
    Fault("images_100hz", rate_hz=100),
    FUZZED,
    Fault("item_in_two_pieces", _in_two, blind=True),
)
