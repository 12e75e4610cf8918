"""Whether a calibration is good enough to use, why not, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from damage_perception.calibration.fit import StationFit


@dataclass(frozen=True)
class Limits:
    """What a calibration needs.

    common         placements that each camera has in common with some other one
    coverage       share of the cells of a camera's image that show a corner
    rms_px         of the corners, in images 640 wide; more in larger ones
    position_mm, angle_deg
                   uncertainty between two cameras, one standard deviation; the first a metre away
                   at most, more farther away
    station_factor
                   so much more for a camera in the station: all cameras are off alike
    agreement_mm   between where a camera sees the board and where all do, a metre away; more with
                   the square of the distance, as depth by size has it
    scale_error    of the board by depth, and of one camera against the others
    intrinsics     error of the focal length and, as a share of it, of the image centre
    below_m        a board may lie so much below the one that is to lie on the support
    """

    common: int = 8
    coverage: float = 0.25
    rms_px: float = 1.0
    position_mm: float = 1.0
    angle_deg: float = 0.1
    station_factor: float = 3.0
    agreement_mm: float = 4.0
    scale_error: float = 0.02
    intrinsics: float = 0.01
    below_m: float = 0.01


def shortcomings(fit: StationFit, limits: Limits = Limits()) -> list[str]:
    """Why the calibration is not to be used, each with what to do; empty where it is good."""
    return [
        *_too_few(fit, limits),
        *_poor_cover(fit, limits),
        *_poor_fit(fit, limits),
        *_wrong_intrinsics(fit, limits),
        *_uncertain(fit, limits),
        *_wrong_scale(fit, limits),
        *_below(fit, limits),
    ]


def _too_few(fit: StationFit, limits: Limits) -> list[str]:
    common = {
        name: max((pair.common for both, pair in fit.pairs.items() if name in both), default=0)
        for name in fit.cameras
    }
    few = {name: count for name, count in common.items() if count < limits.common}
    if not few:
        return []
    return [
        f"too few places of the board are seen together with another camera, by {_listed(few)}: "
        f"show it in {limits.common} or more, better in 20"
    ]


def _poor_cover(fit: StationFit, limits: Limits) -> list[str]:
    poor = {
        n: f"{one.coverage:.0%}" for n, one in fit.cameras.items() if one.coverage < limits.coverage
    }
    if not poor:
        return []
    return [
        f"the board covered too little of the image of {_listed(poor)}: show it in other parts of "
        f"the image, too; {limits.coverage:.0%} are needed"
    ]


def _poor_fit(fit: StationFit, limits: Limits) -> list[str]:
    found = []
    off = {
        name: f"{one.rms_px:.2f} px"
        for name, one in fit.cameras.items()
        if one.rms_px > limits.rms_px * max(1.0, fit.models[name].width / 640)
    }
    if off:
        found.append(
            f"corners are too far off where they should be, in {_listed(off)}: publish rectified "
            "images with their own camera_info, keep the board flat, and hold it still"
        )
    apart = {
        name: f"{one.agreement_mm:.1f} mm"
        for name, one in fit.cameras.items()
        if one.agreement_mm > limits.agreement_mm * max(0.5, _distance_m(fit, name)) ** 2
    }
    if apart:
        found.append(
            f"cameras by themselves see the board too far from where all see it, {_listed(apart)}: "
            "check their camera_info (focal length and image centre), and hold the board still"
        )
    return found


def _uncertain(fit: StationFit, limits: Limits) -> list[str]:
    found = []
    away_m = {name: max(1.0, _distance_m(fit, name)) for name in fit.cameras}
    between = {
        f"{a} and {b}": f"{pair.position_mm:.2f} mm and {pair.angle_deg:.3f} degrees"
        for (a, b), pair in fit.pairs.items()
        if pair.position_mm > limits.position_mm * max(away_m[a], away_m[b])
        or pair.angle_deg > limits.angle_deg
    }
    if between:
        found.append(
            f"cameras are not known well enough to each other, {_listed(between)}; "
            f"{limits.position_mm:g} mm and {limits.angle_deg:g} degrees at most are usable: show "
            "the board in more places that both see, larger in the image and tilted differently, "
            "and put it down instead of holding it"
        )
    factor = limits.station_factor
    within = {
        name: f"{one.position_mm:.2f} mm and {one.angle_deg:.3f} degrees"
        for name, one in fit.cameras.items()
        if one.position_mm > factor * limits.position_mm * away_m[name]
        or one.angle_deg > factor * limits.angle_deg
    }
    if within and not between:
        found.append(
            f"cameras are not known well enough in the station, {_listed(within)}: lay the board "
            "where more cameras see it larger, or name another place with --station-board"
        )
    return found


def _wrong_intrinsics(fit: StationFit, limits: Limits) -> list[str]:
    wrong = {}
    for name, one in fit.cameras.items():
        check = one.intrinsics
        centre_share = max(map(abs, check.centre_px)) / fit.models[name].fx
        if check.is_off and max(*map(abs, check.focal_share), centre_share) > limits.intrinsics:
            wrong[name] = check.words()
    if not wrong:
        return []
    return [
        f"camera_info is wrong, by what the views say, of {_listed(wrong)}: publish that of the "
        "resolution in use, or calibrate the camera by itself first"
    ]


def _wrong_scale(fit: StationFit, limits: Limits) -> list[str]:
    scale = fit.depth_scale
    if scale is None:
        return []
    found = []
    if abs(scale - 1) > limits.scale_error:
        found.append(
            f"by depth the board has {scale:.1%} of its size: measure the ruler on the print; "
            "where it is not 100 mm, give --ruler-mm, or print again without fitting to the page; "
            "where it is, the depth of the cameras is wrong"
        )
    others = {
        name: f"{one.depth_scale / scale:.1%}"
        for name, one in fit.cameras.items()
        if one.depth_scale is not None and abs(one.depth_scale / scale - 1) > limits.scale_error
    }
    if others:
        found.append(
            f"distances by depth differ from those by the board, in {_listed(others)}: calibrate "
            "the depth of these cameras, and check their camera_info"
        )
    return found


def _below(fit: StationFit, limits: Limits) -> list[str]:
    """A station whose origin is in the air has items below it."""
    deepest = min(fit.boards, key=lambda number: fit.boards[number][2, 3])
    below_m = float(fit.boards[fit.station][2, 3] - fit.boards[deepest][2, 3])
    if below_m <= limits.below_m:
        return []
    return [
        f"in place {deepest} the board lies {1000 * below_m:.0f} mm below place {fit.station}, "
        "which is to lie on the support: name one that does with --station-board"
    ]


def _distance_m(fit: StationFit, name: str) -> float:
    """From a camera to the middle of the boards, in the median."""
    at = fit.poses[name][:3, 3]
    return float(np.median([np.linalg.norm(b[:3, 3] - at) for b in fit.boards.values()]))


def _listed(figures: Mapping[str, object]) -> str:
    return ", ".join(f"{name} ({figure})" for name, figure in figures.items())
