"""Where cameras and boards are about: single views, chained over what cameras saw together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.calibration.board import Board
from damage_perception.calibration.finder import Corners
from damage_perception.calibration.poses import Pose, inverse, moved, pose_from
from damage_perception.calibration.views import Placement
from damage_perception.frame import CameraModel


def camera_matrix(camera: CameraModel) -> NDArray[np.float64]:
    """(3, 3) intrinsics."""
    return np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])


def board_poses(corners: Corners, board: Board, camera: CameraModel) -> list[Pose]:
    """Where one view shows the board, the better one first: a plane seen small has two answers.

    From the frame of the board to the optical frame; by IPPE (Collins 2014,
    https://doi.org/10.1007/s11263-014-0725-5). Empty where there is no answer before the camera.
    """
    count, rotations, translations, _ = cv2.solvePnPGeneric(
        board.corners_m[corners.numbers],
        corners.pixels,
        camera_matrix(camera),
        None,
        flags=cv2.SOLVEPNP_IPPE,
    )
    answers = [np.asarray((rotations[i], translations[i]), np.float64) for i in range(count)]
    found = [pose_from(rotation.ravel(), translation) for rotation, translation in answers]
    return [pose for pose in found if np.isfinite(pose).all() and pose[2, 3] > 0]


def common_views(placements: Iterable[Placement]) -> Counter[tuple[str, str]]:
    """How many placements each two cameras saw together; names in the order of the alphabet."""
    return Counter(
        pair for placement in placements for pair in combinations(sorted(placement.views), 2)
    )


def connected(cameras: Iterable[str], pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """The groups of cameras that are connected by pairs, the largest first."""
    groups = [{camera} for camera in cameras]
    for pair in pairs:
        joined = [group for group in groups if group & set(pair)]
        groups = [group for group in groups if not group & set(pair)] + [set().union(*joined)]
    return sorted((sorted(group) for group in groups), key=lambda group: (-len(group), group))


def initial_poses(
    placements: Sequence[Placement], board: Board, models: Mapping[str, CameraModel]
) -> tuple[dict[str, Pose], dict[int, Pose]]:
    """From each optical frame, and from the board of each placement, to the frame of one camera.

    Cameras are all connected by common views. Placements without an answer are left out.
    """
    seen = {
        p.number: {name: board_poses(v.corners, board, models[name]) for name, v in p.views.items()}
        for p in placements
    }
    pairs = common_views(placements)
    root = max(models, key=lambda name: (sum(n for pair, n in pairs.items() if name in pair), name))
    cameras = {root: np.eye(4)}
    while len(cameras) < len(models):
        # The pair that saw most together leads from a known camera to a new one.
        pair = max(
            (pair for pair in pairs if len(cameras.keys() & set(pair)) == 1),
            key=lambda pair: (pairs[pair], pair),
        )
        known, new = pair if pair[0] in cameras else pair[::-1]
        both = [(views[new], views[known]) for views in seen.values() if {new, known} <= set(views)]
        cameras[new] = cameras[known] @ _between(both, board)
    boards = {}
    for placement in placements:
        candidates = [
            cameras[name] @ pose for name, poses in seen[placement.number].items() for pose in poses
        ]
        if candidates:
            errors = [_error_px(pose, placement, cameras, board, models) for pose in candidates]
            boards[placement.number] = candidates[int(np.argmin(errors))]
    return cameras, boards


def _between(both: Sequence[tuple[list[Pose], list[Pose]]], board: Board) -> Pose:
    """From one camera to another one: the answer that fits most of what both saw.

    both  of each placement the poses of the board in either camera, one or two of them
    """
    answers = [b @ inverse(a) for of_a, of_b in both for a in of_a for b in of_b]
    usable = [(of_a, of_b) for of_a, of_b in both if of_a and of_b]
    corners = board.corners_m[[0, board.columns - 2, -1]]
    # (placements, 2, corners, 3): a single answer stands for both.
    in_a, in_b = (
        np.array([[moved(pose, corners) for pose in (poses[0], poses[-1])] for poses in side])
        for side in zip(*usable, strict=True)
    )

    def misfit_m(answer: Pose) -> float:
        across = in_a @ answer[:3, :3].T + answer[:3, 3]
        apart = np.linalg.norm(across[:, :, None] - in_b[:, None], axis=-1).mean(axis=-1)
        return float(np.median(apart.min(axis=(1, 2))))

    return min(answers, key=misfit_m)


def _error_px(
    pose: Pose,
    placement: Placement,
    cameras: Mapping[str, Pose],
    board: Board,
    models: Mapping[str, CameraModel],
) -> float:
    """Mean distance of the corners, in all views, from where a board at ``pose`` shows them."""
    total = 0.0
    for name, view in placement.views.items():
        points = moved(inverse(cameras[name]) @ pose, board.corners_m[view.corners.numbers])
        if (points[:, 2] <= 0).any():
            return float("inf")
        shown = points @ camera_matrix(models[name]).T
        pixels = shown[:, :2] / shown[:, 2:]
        total += float(np.linalg.norm(pixels - view.corners.pixels, axis=1).mean())
    return total
