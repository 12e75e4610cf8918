"""All corners of all views, and how they depend on where cameras and boards are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.calibration.board import Board
from damage_perception.calibration.poses import cross, rotations
from damage_perception.calibration.views import Placement
from damage_perception.frame import CameraModel

# Damping with which what no view shows becomes very uncertain, and the rest stays as it is.
_UNSEEN: Final = 1e-12


@dataclass(frozen=True, eq=False)
class Equations:
    """Normal equations of U unknowns.

    normal    (U, U) of the weighted slopes
    parts     (B, U) of the gradient, by placement
    variance  of one corner in x or y
    """

    normal: NDArray[np.float64]
    parts: NDArray[np.float64]
    variance: float

    def after(self, known: int) -> Equations:
        """Those of the unknowns after the first ones, which are known."""
        return Equations(self.normal[known:, known:], self.parts[:, known:], self.variance)

    def step(self, damping: float = _UNSEEN) -> NDArray[np.float64]:
        """(U,) to the minimum, shorter with damping."""
        return np.asarray(-np.linalg.solve(self._damped(damping), self.parts.sum(axis=0)))

    def covariances(self, wanted: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Of the first ``wanted`` unknowns, by corners and by placements: see `adjust.Adjusted`."""
        back = np.linalg.inv(self._damped(_UNSEEN))[:wanted]
        placements = len(self.parts)
        # Few placements are fitted too well to show how much they scatter.
        few = placements / max(1.0, placements - wanted / 6)
        pulls = self.parts @ back.T
        return np.asarray(self.variance * back[:, :wanted]), np.asarray(few * pulls.T @ pulls)

    def _damped(self, damping: float) -> NDArray[np.float64]:
        return np.asarray(self.normal + damping * np.diag(np.diag(self.normal)))


@dataclass(frozen=True, eq=False)
class State:
    """What is looked for.

    cameras  (C, 4, 4) from the frame to each optical frame
    boards   (B, 4, 4) from each board to the frame; the last one is fixed
    """

    cameras: NDArray[np.float64]
    boards: NDArray[np.float64]

    def after(self, step: NDArray[np.float64]) -> State:
        """Six numbers further of each, rotation and translation."""
        steps = np.concatenate((step.reshape(-1, 6), np.zeros((1, 6))))
        poses = np.concatenate((self.cameras, self.boards))
        poses[:, :3, :3] = rotations(steps[:, :3]) @ poses[:, :3, :3]
        poses[:, :3, 3] += steps[:, 3:]
        return State(poses[: len(self.cameras)], poses[len(self.cameras) :])


@dataclass(frozen=True, eq=False)
class Observed:
    """All corners of all views, one after the other; M corners in V views.

    names      of the cameras
    numbers    of the placements, the fixed one last
    views      (V) placement and camera of each
    counts     (V,) corners of each
    of_camera, of_board
               (V,) which camera and which placement, by their places in names and numbers
    points_m   (M, 3) corners in the frame of the board
    pixels     (M, 2) where they show
    focal_px, centre_px
               (M, 2) intrinsics of the camera of each
    """

    names: tuple[str, ...]
    numbers: tuple[int, ...]
    views: tuple[tuple[int, str], ...]
    counts: NDArray[np.intp]
    of_camera: NDArray[np.intp]
    of_board: NDArray[np.intp]
    points_m: NDArray[np.float64]
    pixels: NDArray[np.float64]
    focal_px: NDArray[np.float64]
    centre_px: NDArray[np.float64]

    @staticmethod
    def of(
        placements: Sequence[Placement],
        board: Board,
        models: Mapping[str, CameraModel],
        fixed: int,
    ) -> Observed:
        """As `adjust` takes them."""
        names = tuple(models)
        # Sorting is stable: the others keep their order.
        numbers = tuple(sorted((p.number for p in placements), key=lambda n: n == fixed))
        seen = [(p.number, name, view) for p in placements for name, view in p.views.items()]
        counts = np.array([len(view.corners.numbers) for _, _, view in seen])
        intrinsics = [(m.fx, m.fy, m.cx, m.cy) for m in (models[name] for _, name, _ in seen)]
        of_corners = np.repeat(np.array(intrinsics, np.float64), counts, axis=0)
        return Observed(
            names,
            numbers,
            tuple((number, name) for number, name, _ in seen),
            counts,
            np.array([names.index(name) for _, name, _ in seen]),
            np.array([numbers.index(number) for number, _, _ in seen]),
            np.concatenate([board.corners_m[view.corners.numbers] for _, _, view in seen]),
            np.concatenate([view.corners.pixels for _, _, view in seen]),
            of_corners[:, :2],
            of_corners[:, 2:],
        )

    def residuals(self, state: State) -> NDArray[np.float64]:
        """(M, 2) pixels, expected minus shown."""
        *_, points = self._points(state)
        expected = self.focal_px * points[:, :2] / points[:, 2:] + self.centre_px
        return np.asarray(expected - self.pixels)

    def equations(
        self, state: State, scale_px: float, step: NDArray[np.float64] | None = None
    ) -> Equations:
        """The normal equations at a state, or those after a further step, if all were straight.

        The unknowns are the four intrinsics of each camera, then six of the pose of each camera,
        then six of each board but the fixed one: U = 10 C + 6 (B - 1).
        """
        residuals, slopes = self.residuals(state), self._slopes(state)
        weights = weights_of(residuals, scale_px)[:, None]
        own = self._own_unknowns(state)
        if step is not None:
            steps = np.append(step, np.zeros(6))[np.repeat(own, self.counts, axis=0)]
            residuals = residuals + np.einsum("mij,mj->mi", slopes, steps)
        weighted = slopes * weights[:, None]
        first = np.cumsum(self.counts) - self.counts
        squares = np.add.reduceat(np.einsum("mij,mik->mjk", weighted, slopes), first)
        gradients = np.add.reduceat(np.einsum("mij,mi->mj", weighted, residuals), first)
        size = 10 * len(state.cameras) + 6 * len(state.boards)
        normal, parts = np.zeros((size, size)), np.zeros((len(state.boards), size))
        for view, places in enumerate(own):
            normal[np.ix_(places, places)] += squares[view]
            parts[self.of_board[view], places] += gradients[view]
        freedom = max(1, residuals.size - size + 6)
        variance = float(np.sum(weights * residuals**2)) / freedom
        return Equations(normal[:-6, :-6], parts[:, :-6], variance)

    def _own_unknowns(self, state: State) -> NDArray[np.intp]:
        """(V, 16) which unknowns a view depends on, in the order of its slopes."""
        cameras = len(state.cameras)
        starts = (
            (4 * self.of_camera, 4),
            (4 * cameras + 6 * self.of_camera, 6),
            (10 * cameras + 6 * self.of_board, 6),
        )
        return np.concatenate([start[:, None] + np.arange(n) for start, n in starts], axis=1)

    def _points(self, state: State) -> tuple[NDArray[np.float64], ...]:
        """(M, 3) each corner turned as its board, the same turned as its camera, and in the end."""
        boards = np.repeat(state.boards[self.of_board], self.counts, axis=0)
        cameras = np.repeat(state.cameras[self.of_camera], self.counts, axis=0)
        on_board = np.einsum("mij,mj->mi", boards[:, :3, :3], self.points_m)
        turned = np.einsum("mij,mj->mi", cameras[:, :3, :3], on_board + boards[:, :3, 3])
        return on_board, turned, turned + cameras[:, :3, 3]

    def _slopes(self, state: State) -> NDArray[np.float64]:
        """(M, 2, 16) how pixels change with steps of intrinsics, camera and board."""
        on_board, turned, points = self._points(state)
        x, y, z = points.T
        (fx, fy), by_point = self.focal_px.T, np.zeros((len(x), 2, 3))
        by_point[:, 0, 0], by_point[:, 1, 1] = fx / z, fy / z
        by_point[:, 0, 2], by_point[:, 1, 2] = -fx * x / z**2, -fy * y / z**2
        cameras = np.repeat(state.cameras[self.of_camera, :3, :3], self.counts, axis=0)
        in_frame = by_point @ cameras
        by_intrinsics = np.zeros((len(x), 2, 4))
        by_intrinsics[:, 0, 0], by_intrinsics[:, 1, 1] = fx * x / z, fy * y / z
        by_intrinsics[:, 0, 2] = by_intrinsics[:, 1, 3] = 1
        by_camera = (-by_point @ cross(turned), by_point)
        by_board = (-in_frame @ cross(on_board), in_frame)
        return np.concatenate((by_intrinsics, *by_camera, *by_board), axis=2)


def weights_of(residuals: NDArray[np.float64], scale_px: float) -> NDArray[np.float64]:
    """(M,) of residuals (M, 2) by Huber's loss: 1 within the scale, less beyond it."""
    size = np.linalg.norm(residuals, axis=1)
    return np.asarray(scale_px / np.maximum(size, scale_px))
