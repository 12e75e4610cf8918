"""Which images show the board at the same place: one placement, as several cameras saw it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from damage_perception.calibration.board import Board
from damage_perception.calibration.finder import FEWEST_CORNERS, Corners, Finder
from damage_perception.frame import Frame

# Images farther apart than this are single shots: nothing says how the board got from one to the
# other.
SHOT_GAP_NS: Final = 500_000_000
# Single shots of two cameras are of one time where their stamps are not farther apart.
SHOT_TOLERANCE_NS: Final = 20_000_000
# In a film the board is at rest where it stays so still, in images 640 wide, for so many of them.
_STILL_PX_PER_WIDTH: Final = 0.5 / 640
_FEWEST_AT_REST: Final = 3
# It may be covered for so long in between.
_COVERED_NS: Final = 5_000_000_000
_DEPTH_WINDOW_PX: Final = 5


@dataclass(frozen=True, eq=False)
class Shot:
    """One image, and the corners of the board where it shows any.

    depth_m  (N,) what the camera's depth says at each corner, metres; NaN where it says nothing
    """

    camera: str
    stamp_ns: int
    corners: Corners | None
    depth_m: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class View:
    """The board in one image, or in several between which it did not move.

    begin_ns, end_ns  first and last stamp of the images
    depth_m           (N,) as of `Shot`
    """

    camera: str
    begin_ns: int
    end_ns: int
    corners: Corners
    depth_m: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Placement:
    """The board at one place, by camera.

    number  from 1 on, in the order of time
    """

    number: int
    views: Mapping[str, View]


# Images of one camera between which the board did not move, by time; all show it.
_Rest: TypeAlias = Sequence[Shot]


def take_shot(frame: Frame, finder: Finder) -> Shot:
    """What a frame shows of the board."""
    corners = finder.find(frame.color)
    depth_m = np.zeros(0) if corners is None else _depth_at(frame, corners)
    return Shot(frame.camera_name, frame.stamp_ns, corners, depth_m)


def find_placements(
    shots: Iterable[Shot], board: Board, widths: Mapping[str, int]
) -> list[Placement]:
    """The places at which the board lay still, with what each camera saw of it there.

    shots   of all cameras, in any order, those without the board, too
    widths  of the images by camera, pixels

    Each camera says where the board was at rest, and when. What was at rest at the same time
    belongs together, so the cameras need not be triggered together. Of single shots, which have no
    others near in time, those of the same stamp belong together.
    """
    by_camera: dict[str, list[Shot]] = {}
    for shot in sorted(shots, key=lambda s: s.stamp_ns):
        by_camera.setdefault(shot.camera, []).append(shot)
    rests = [
        rest
        for camera, taken in by_camera.items()
        for rest in _rests(taken, _STILL_PX_PER_WIDTH * widths[camera])
    ]
    found = [group for cluster in _clusters(rests) for group in _simultaneous(cluster)]
    found.sort(key=lambda group: min(rest[0].stamp_ns for rest in group))
    return [Placement(n, _views(group, board)) for n, group in enumerate(found, start=1)]


def _depth_at(frame: Frame, corners: Corners) -> NDArray[np.float64]:
    if frame.depth_m is None:
        return np.full(len(corners.numbers), np.nan)
    half = _DEPTH_WINDOW_PX // 2
    padded = np.pad(frame.depth_m, half)
    found = []
    for x, y in np.rint(corners.pixels).astype(int):
        around = padded[y : y + _DEPTH_WINDOW_PX, x : x + _DEPTH_WINDOW_PX]
        known = around[around > 0]
        found.append(float(np.median(known)) if 2 * known.size > around.size else np.nan)
    return np.array(found)


def _rests(taken: Sequence[Shot], still_px: float) -> list[_Rest]:
    """The images of one camera between which the board did not move; ``taken`` by time."""
    gaps_ns = np.diff([shot.stamp_ns for shot in taken])
    far = np.concatenate(([True], gaps_ns > SHOT_GAP_NS, [True]))
    rests: list[list[Shot]] = []
    singles: list[bool] = []
    for shot, single in zip(taken, far[:-1] & far[1:], strict=True):
        if shot.corners is None:
            continue
        goes_on = bool(rests) and not single
        goes_on = goes_on and shot.stamp_ns - rests[-1][-1].stamp_ns <= _COVERED_NS
        if goes_on and _shift_px(rests[-1][0], shot) <= still_px:
            rests[-1].append(shot)
        else:
            rests.append([shot])
            singles.append(bool(single))
    return [
        rest
        for rest, single in zip(rests, singles, strict=True)
        if single or len(rest) >= _FEWEST_AT_REST
    ]


def _shift_px(before: Shot, after: Shot) -> float:
    """How far the corners moved that both show, as root mean square; infinite where too few."""
    assert before.corners is not None and after.corners is not None
    a, b = before.corners.shared(after.corners)
    if len(a) < FEWEST_CORNERS // 2:
        return float("inf")
    return float(np.sqrt(np.mean(np.sum((b - a) ** 2, axis=1))))


def _clusters(rests: Iterable[_Rest]) -> list[list[_Rest]]:
    """Rests that overlap in time, or through others that do."""
    clusters: list[list[_Rest]] = []
    end_ns = 0
    for rest in sorted(rests, key=lambda r: r[0].stamp_ns):
        if not clusters or rest[0].stamp_ns > end_ns + SHOT_TOLERANCE_NS:
            clusters.append([])
            end_ns = rest[-1].stamp_ns
        clusters[-1].append(rest)
        end_ns = max(end_ns, rest[-1].stamp_ns)
    return clusters


def _simultaneous(cluster: Sequence[_Rest]) -> list[list[_Rest]]:
    """Groups of one rest of each camera, all of one time; those of most cameras first."""
    left, groups = list(cluster), []
    while left:
        times = [rest[0].stamp_ns for rest in left]
        group = max((_lasting_at(left, time_ns) for time_ns in times), key=len)
        groups.append(group)
        left = [rest for rest in left if not any(rest is one for one in group)]
    return groups


def _lasting_at(rests: Iterable[_Rest], time_ns: int) -> list[_Rest]:
    """The rests that last at a time, one of each camera."""
    found: dict[str, _Rest] = {}
    for rest in rests:
        begin_ns, end_ns = rest[0].stamp_ns, rest[-1].stamp_ns
        if begin_ns - SHOT_TOLERANCE_NS <= time_ns <= end_ns + SHOT_TOLERANCE_NS:
            found.setdefault(rest[0].camera, rest)
    return list(found.values())


def _views(group: Sequence[_Rest], board: Board) -> dict[str, View]:
    """One view of each camera, of the time that all have: a hand that trembles does so for all."""
    begin_ns = max(rest[0].stamp_ns for rest in group) - SHOT_TOLERANCE_NS
    end_ns = min(rest[-1].stamp_ns for rest in group) + SHOT_TOLERANCE_NS
    views = {}
    for rest in group:
        common = [shot for shot in rest if begin_ns <= shot.stamp_ns <= end_ns]
        views[rest[0].camera] = _joined(common or rest, board)
    return views


def _joined(shots: Sequence[Shot], board: Board) -> View:
    """One view with the median of each corner that shows in half of the images, or often enough."""
    count = len(board.corners_m)
    pixels = np.full((len(shots), count, 2), np.nan)
    depth_m = np.full((len(shots), count), np.nan)
    for row, shot in enumerate(shots):
        assert shot.corners is not None
        pixels[row, shot.corners.numbers] = shot.corners.pixels
        depth_m[row, shot.corners.numbers] = shot.depth_m
    shown = np.isfinite(pixels[..., 0]).sum(axis=0)
    often = min(len(shots) / 2, np.sort(shown)[-FEWEST_CORNERS])
    numbers = np.flatnonzero(shown >= often)
    known = np.isfinite(depth_m[:, numbers]).any(axis=0)
    depth = np.full(len(numbers), np.nan)
    depth[known] = np.nanmedian(depth_m[:, numbers[known]], axis=0)
    return View(
        shots[0].camera,
        shots[0].stamp_ns,
        shots[-1].stamp_ns,
        Corners(numbers, np.nanmedian(pixels[:, numbers], axis=0)),
        depth,
    )
