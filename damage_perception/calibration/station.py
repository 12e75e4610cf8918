"""From placements of the board to the poses of a station's cameras, and how good they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from damage_perception.calibration.adjust import Adjusted, adjust
from damage_perception.calibration.board import Board
from damage_perception.calibration.fit import StationFit, camera_fit, pair_fits, rms
from damage_perception.calibration.initial import common_views, connected, initial_poses
from damage_perception.calibration.poses import Pose, pose_from
from damage_perception.calibration.views import Placement
from damage_perception.dataset import DatasetError
from damage_perception.frame import CameraModel

# A view so much worse than most is of a board that moved, or of another thing.
_OUTLIER_MEDIANS: Final = 6.0
_OUTLIER_PX: Final = 1.0
_MOST_OUTLIER_SHARE: Final = 0.2


class CalibrationError(DatasetError):
    """Views that cameras cannot be calibrated by; the text says what to do."""


def fit_station(
    placements: Sequence[Placement],
    board: Board,
    models: Mapping[str, CameraModel],
    station: int | None = None,
    thickness_m: float = 0.0,
) -> StationFit:
    """The poses of all cameras, from what they saw of the board.

    models       of all cameras, by name
    station      number of the placement that lay on the support; None: the first one
    thickness_m  from the support to the print

    The station's frame has its origin on the support under the middle of that board; z is up, x and
    y are to the right and up along the print. Raises CalibrationError where nothing can be said.
    """
    _check(placements, models)
    numbers = [placement.number for placement in placements]
    station = numbers[0] if station is None else station
    if station not in numbers:
        raise CalibrationError(
            f"there is no place {station} of the board; there are {numbers[0]} to {numbers[-1]}"
        )
    cameras: Mapping[str, Pose]
    boards: Mapping[int, Pose]
    cameras, boards = initial_poses(placements, board, models)
    used = [placement for placement in placements if placement.number in boards]
    if station not in boards:
        raise CalibrationError(
            f"place {station} does not show where the board is: name another one"
        )
    left_out: list[tuple[int, str]] = []
    most = round(_MOST_OUTLIER_SHARE * sum(len(placement.views) for placement in used))
    while True:
        found = adjust(used, board, models, cameras, boards, station)
        worst = _outlier(found, station)
        if worst is None or len(left_out) >= most:
            break
        left_out.append(worst)
        used = [p for p in (_without(p, worst) for p in used) if p.views]
        _check(used, models)
        cameras, boards = found.cameras, found.boards
    # From the print to the support.
    up = pose_from(np.eye(3), np.array([0, 0, thickness_m]))
    return StationFit(
        {name: up @ pose for name, pose in found.cameras.items()},
        {number: up @ found.boards[number] for number in sorted(found.boards)},
        models,
        {name: camera_fit(name, found, used, board, models[name]) for name in models},
        pair_fits(found, used),
        station,
        tuple(left_out),
    )


def _check(placements: Sequence[Placement], models: Mapping[str, CameraModel]) -> None:
    """Raises CalibrationError where not all cameras are connected."""
    if len(models) < 2:
        raise CalibrationError(
            f"there is one camera, {', '.join(models)}; expected two or more that see the board "
            "together. One camera alone needs no pose: calibrate_station learns its plane"
        )
    counts = Counter(name for placement in placements for name in placement.views)
    if blind := sorted(set(models) - set(counts)):
        raise CalibrationError(
            f"camera {', '.join(blind)} never sees the board at rest: show it the whole board, "
            "nearer, in focus and without glare, and hold it still for a second"
        )
    groups = connected(models, common_views(placements))
    if len(groups) > 1:
        raise CalibrationError(
            f"{' and '.join(' + '.join(group) for group in groups)} never see the board at the "
            "same time: hold it still for a second where a camera of each group sees it"
        )


def _outlier(found: Adjusted, station: int) -> tuple[int, str] | None:
    """The view that fits worst, where it is far worse than most."""
    errors = {view: rms(residuals) for view, residuals in found.residuals_px.items()}
    limit = max(_OUTLIER_PX, _OUTLIER_MEDIANS * float(np.median(list(errors.values()))))
    # Without its last view, the board that is the frame would be nowhere.
    kept = [view for view in errors if view[0] == station]
    candidates = errors.keys() - (kept if len(kept) == 1 else [])
    worst = max(candidates, key=errors.__getitem__)
    return worst if errors[worst] > limit else None


def _without(placement: Placement, view: tuple[int, str]) -> Placement:
    number, camera = view
    if placement.number != number:
        return placement
    left = {name: one for name, one in placement.views.items() if name != camera}
    return replace(placement, views=left)
