"""How well the cameras of a station are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.calibration.adjust import Adjusted
from damage_perception.calibration.board import Board
from damage_perception.calibration.initial import board_poses, common_views
from damage_perception.calibration.poses import Pose, cross, inverse, moved
from damage_perception.calibration.views import Placement
from damage_perception.frame import CameraModel

# Cells of a camera's image, of which a share is to have seen corners.
_GRID: Final = (6, 4)
# Intrinsics that are off by less cost less than a millimetre; chance is to stay below so many
# standard deviations.
_FOCAL_SHARE: Final = 0.001
_CENTRE_PX: Final = 0.7
_DEVIATIONS: Final = 5.0


@dataclass(frozen=True)
class IntrinsicsCheck:
    """By how much the views of a camera would rather have its intrinsics; they stay as they are.

    focal_share  by how much longer the focal lengths in x and y, and the larger standard deviation
    centre_px    how far to the right and down the image centre, and the larger one
    """

    focal_share: tuple[float, float]
    focal_deviation: float
    centre_px: tuple[float, float]
    centre_deviation_px: float

    @property
    def is_off(self) -> bool:
        """Whether it is more than chance, and more than is of no account."""
        focal, centre = max(map(abs, self.focal_share)), max(map(abs, self.centre_px))
        return (focal > max(_FOCAL_SHARE, _DEVIATIONS * self.focal_deviation)) or (
            centre > max(_CENTRE_PX, _DEVIATIONS * self.centre_deviation_px)
        )

    def words(self) -> str:
        """How the camera_info would have to change, for people."""
        (fx, fy), (x, y) = self.focal_share, self.centre_px
        return f"focal lengths {fx:+.2%} {fy:+.2%}, image centre {x:+.1f} {y:+.1f} px"


@dataclass(frozen=True)
class CameraFit:
    """How well one camera is known.

    views         placements that it saw
    rms_px        of the corners from where they should show; x and y together
    worst_px      the same of its worst view, and the number of that placement
    coverage      share of the cells of its image that show a corner in some view
    position_mm   uncertainty of its position in the station, one standard deviation
    angle_deg     the same of its direction
    agreement_mm  median distance from where it sees the middle of the board by itself to where all
                  cameras together see it
    depth_scale   distances of the board by its depth, as share of those by the size of the board;
                  None without depth
    intrinsics    what the views say of its camera_info
    """

    views: int
    rms_px: float
    worst_px: float
    worst_placement: int
    coverage: float
    position_mm: float
    angle_deg: float
    agreement_mm: float
    depth_scale: float | None
    intrinsics: IntrinsicsCheck


@dataclass(frozen=True)
class PairFit:
    """How well two cameras are known to each other.

    common       placements that both saw
    position_mm  uncertainty of the position of one in the frame of the other, one standard
                 deviation, and of the angle between them
    """

    common: int
    position_mm: float
    angle_deg: float


@dataclass(frozen=True, eq=False)
class StationFit:
    """The cameras of a station.

    poses       by name, (4, 4) from the optical frame to the frame of the station
    boards      by placement, (4, 4) from the board to the frame of the station
    models      intrinsics, by name
    cameras     how well each is known
    pairs       the same of each two
    station     number of the placement that lay on the support
    left_out    placement and camera of views that do not fit the others
    """

    poses: Mapping[str, Pose]
    boards: Mapping[int, Pose]
    models: Mapping[str, CameraModel]
    cameras: Mapping[str, CameraFit]
    pairs: Mapping[tuple[str, str], PairFit]
    station: int
    left_out: tuple[tuple[int, str], ...]

    @property
    def depth_scale(self) -> float | None:
        """Size of the board by depth, as share of what it should be; None without any depth."""
        known = [fit.depth_scale for fit in self.cameras.values() if fit.depth_scale is not None]
        return float(np.median(known)) if known else None


def camera_fit(
    name: str,
    found: Adjusted,
    placements: Sequence[Placement],
    board: Board,
    model: CameraModel,
) -> CameraFit:
    """How well the camera ``name`` is known, by the placements that were used."""
    own = {n: r for (n, camera), r in found.residuals_px.items() if camera == name}
    worst = max(own, key=lambda number: rms(own[number]))
    to_camera = inverse(found.cameras[name])
    cells: set[tuple[int, ...]] = set()
    apart, scales = [], []
    for placement in placements:
        if (view := placement.views.get(name)) is None:
            continue
        size = np.array([model.width, model.height])
        cells.update(map(tuple, (view.corners.pixels / size * _GRID).astype(int)))
        at = to_camera @ found.boards[placement.number]
        expected_m = moved(at, board.corners_m[view.corners.numbers])[:, 2]
        scales.append(view.depth_m / expected_m)
        seen = board_poses(view.corners, board, model)
        apart += [min(np.linalg.norm(pose[:3, 3] - at[:3, 3]) for pose in seen)] if seen else []
    position_mm, angle_deg = _uncertainty(_step_of_pose(name, found), found)
    depths = np.concatenate(scales)
    row = list(found.cameras).index(name)
    fx, fy, x, y = found.intrinsics[row].tolist()
    deviations = found.intrinsics_deviation[row].tolist()
    return CameraFit(
        len(own),
        rms(np.concatenate(list(own.values()))),
        rms(own[worst]),
        worst,
        len(cells) / (_GRID[0] * _GRID[1]),
        position_mm,
        angle_deg,
        1000 * float(np.median(apart)) if apart else 0.0,
        float(np.nanmedian(depths)) if np.isfinite(depths).any() else None,
        IntrinsicsCheck((fx, fy), max(deviations[:2]), (x, y), max(deviations[2:])),
    )


def pair_fits(found: Adjusted, placements: Sequence[Placement]) -> dict[tuple[str, str], PairFit]:
    """How well each two cameras that saw something together are known to each other."""
    common = common_views(placements)
    return {
        pair: PairFit(count, *_uncertainty(_step_between(*pair, found), found))
        for pair, count in sorted(common.items())
    }


def _step_of_pose(name: str, found: Adjusted) -> NDArray[np.float64]:
    """(6, 6 C) how rotation and position of a camera in the frame follow the steps of all."""
    pose = found.cameras[name]
    turn, shift = pose[:3, :3], inverse(pose)[:3, 3]
    steps = np.zeros((6, 6 * len(found.cameras)))
    first = 6 * list(found.cameras).index(name)
    steps[:3, first : first + 3] = -turn
    steps[3:, first : first + 3] = -turn @ cross(shift[None])[0]
    steps[3:, first + 3 : first + 6] = -turn
    return steps


def _step_between(a: str, b: str, found: Adjusted) -> NDArray[np.float64]:
    """(6, 6 C) how the transform from the frame of b to that of a follows the steps of all."""
    names = list(found.cameras)
    of_a, of_b = 6 * names.index(a), 6 * names.index(b)
    turn = (inverse(found.cameras[a]) @ found.cameras[b])[:3, :3]
    shift = turn @ inverse(found.cameras[b])[:3, 3]
    steps = np.zeros((6, 6 * len(names)))
    steps[:3, of_a : of_a + 3], steps[:3, of_b : of_b + 3] = np.eye(3), -turn
    steps[3:, of_a + 3 : of_a + 6], steps[3:, of_b + 3 : of_b + 6] = np.eye(3), -turn
    steps[3:] += cross(shift[None])[0] @ steps[:3]
    return steps


def _uncertainty(steps: NDArray[np.float64], found: Adjusted) -> tuple[float, float]:
    """Of a position in millimetres and of an angle in degrees, the larger by both covariances."""
    spreads = [np.diag(steps @ covariance @ steps.T) for covariance in found.covariances]
    angle, position = (
        max(float(np.sqrt(np.sum(spread[part]))) for spread in spreads)
        for part in (slice(0, 3), slice(3, 6))
    )
    return 1000 * position, float(np.degrees(angle))


def rms(residuals_px: NDArray[np.float64]) -> float:
    """Root mean square distance, of (N, 2)."""
    return float(np.sqrt(np.mean(np.sum(residuals_px**2, axis=1))))
