"""Bundle adjustment: all cameras and all boards at once, by every corner of every view.

Triggs et al. 2000, https://doi.org/10.1007/3-540-44480-7_21; Levenberg's and Marquardt's steps with
Huber's loss. Intrinsics are known and stay. The board of one placement is the frame, so that
nothing is free to drift. The unknowns are a few hundred, so the normal equations are solved as they
are: scipy.optimize.least_squares with its sparse solver needs a thousand steps here in place of
ten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.calibration.board import Board
from damage_perception.calibration.observed import Observed, State
from damage_perception.calibration.poses import Pose, inverse
from damage_perception.calibration.views import Placement
from damage_perception.frame import CameraModel

# Until the noise is known, what is farther off than this counts less.
_FIRST_SCALE_PX: Final = 1.0
# Of the noise in x or y: what is not noise counts less.
_SCALE_NOISES: Final = 4.0
_LEAST_SCALE_PX: Final = 0.05
_MOST_STEPS: Final = 100
_LEAST_GAIN: Final = 1e-10
# Of the damping: steps get no better beyond it.
_MOST_DAMPING: Final = 1e8


@dataclass(frozen=True, eq=False)
class Adjusted:
    """Cameras and boards in the frame of one board.

    cameras       by name, from the optical frame
    boards        by the number of the placement, from its board
    residuals_px  by placement and camera, (N, 2) shown minus expected
    covariances   of the cameras in the order of ``cameras``, each (6 C, 6 C): of the small rotation
                  and translation that follow the transform from the frame to the optical frame. The
                  first takes every corner for a witness of its own, the second every placement
                  (White 1980, https://doi.org/10.2307/1912934): a board that moved between two
                  images, or is not flat, moves all its corners. The larger one is to be believed
    intrinsics    (C, 4) by how much the views would rather have them: focal lengths in x and y as
                  a share of themselves, image centre x and y in pixels; nothing follows from it
    intrinsics_deviation
                  (C, 4) standard deviations of these
    """

    cameras: Mapping[str, Pose]
    boards: Mapping[int, Pose]
    residuals_px: Mapping[tuple[int, str], NDArray[np.float64]]
    covariances: tuple[NDArray[np.float64], NDArray[np.float64]]
    intrinsics: NDArray[np.float64]
    intrinsics_deviation: NDArray[np.float64]


def adjust(
    placements: Sequence[Placement],
    board: Board,
    models: Mapping[str, CameraModel],
    cameras: Mapping[str, Pose],
    boards: Mapping[int, Pose],
    fixed: int,
) -> Adjusted:
    """The most likely poses, from where cameras and boards are about.

    cameras, boards  in any one frame; every placement has a board
    fixed            number of the placement whose board is the frame of the answer
    """
    observed = Observed.of(placements, board, models, fixed)
    back = inverse(boards[fixed])
    state = State(
        np.array([inverse(back @ cameras[name]) for name in observed.names]),
        np.array([back @ boards[number] for number in observed.numbers]),
    )
    state = _minimum(observed, state, _FIRST_SCALE_PX)
    noise_px = 1.4826 * float(np.median(np.abs(observed.residuals(state))))
    scale_px = max(_SCALE_NOISES * noise_px, _LEAST_SCALE_PX)
    state = _minimum(observed, state, scale_px)
    residuals = observed.residuals(state)
    ends = np.cumsum(observed.counts)[:-1]
    free, known = 4 * len(observed.names), 6 * len(observed.names)
    equations = observed.equations(state, scale_px)
    freed = observed.equations(state, scale_px, equations.step())
    return Adjusted(
        {n: inverse(pose) for n, pose in zip(observed.names, state.cameras, strict=True)},
        dict(zip(observed.numbers, state.boards, strict=True)),
        dict(zip(observed.views, np.split(-residuals, ends), strict=True)),
        equations.after(free).covariances(known),
        equations.step()[:free].reshape(-1, 4),
        np.sqrt([np.diag(one) for one in freed.covariances(free)]).max(axis=0).reshape(-1, 4),
    )


def _minimum(observed: Observed, state: State, scale_px: float) -> State:
    """The state of the least loss, from one nearby."""
    loss, damping = _loss(observed.residuals(state), scale_px), 1e-3
    # Intrinsics stay.
    known = 4 * len(observed.names)
    for _ in range(_MOST_STEPS):
        equations = observed.equations(state, scale_px).after(known)
        while damping < _MOST_DAMPING:
            further = state.after(equations.step(damping))
            further_loss = _loss(observed.residuals(further), scale_px)
            if further_loss < loss:
                break
            damping *= 10
        else:
            return state
        gain = (loss - further_loss) / loss
        state, loss, damping = further, further_loss, damping / 10
        if gain < _LEAST_GAIN:
            return state
    return state


def _loss(residuals: NDArray[np.float64], scale_px: float) -> float:
    size = np.linalg.norm(residuals, axis=1)
    inner = np.minimum(size, scale_px)
    return float(np.sum(inner * (2 * size - inner)))
