"""Bundle adjustment, against the truth and against another solver."""

import cv2
import numpy as np
import pytest
from simulated_station import BOARD, largest_error, models, simulated

from damage_perception.calibration.adjust import adjust
from damage_perception.calibration.initial import (
    board_poses,
    common_views,
    connected,
    initial_poses,
)
from damage_perception.calibration.observed import Observed, State
from damage_perception.calibration.poses import inverse, moved, pose_from, rotations


def started(cameras, found):
    return initial_poses(found, BOARD, models(cameras))


def adjusted(cameras, found, fixed=1):
    start = started(cameras, found)
    return adjust(found, BOARD, models(cameras), *start, fixed)


def test_without_noise_the_answer_is_the_truth():
    cameras, places, found = simulated(count=6, noise_px=0)
    answer = adjusted(cameras, found)
    assert max(largest_error(answer.cameras, cameras)) < 1e-4
    assert max(largest_error(answer.boards, dict(enumerate(places, 1)))) < 1e-4
    assert all(np.abs(residuals).max() < 1e-5 for residuals in answer.residuals_px.values())


def test_the_frame_is_that_of_the_board_which_is_named():
    cameras, places, found = simulated(count=6, noise_px=0)
    answer = adjusted(cameras, found, fixed=4)
    expected = {name: inverse(places[3]) @ pose for name, pose in cameras.items()}
    assert max(largest_error(answer.cameras, expected)) < 1e-4
    assert answer.boards[4] == pytest.approx(np.eye(4))


def test_it_begins_with_poses_chained_over_cameras_that_share_no_view():
    chain = {("front", 0), ("left", 0), ("left", 1), ("rear", 1), ("rear", 2), ("right", 2)}
    cameras, _, found = simulated(count=12, sees=lambda name, number: (name, number % 3) in chain)
    assert common_views(found)["front", "right"] == 0
    start, _ = started(cameras, found)
    relative = {name: inverse(start["front"]) @ pose for name, pose in start.items()}
    true = {name: inverse(cameras["front"]) @ pose for name, pose in cameras.items()}
    apart_mm, apart_deg = largest_error(relative, true)
    assert apart_mm < 10 and apart_deg < 1
    answer = adjusted(cameras, found)
    assert largest_error(answer.cameras, cameras)[0] < 1.5


def test_slopes_are_those_of_the_residuals():
    cameras, places, found = simulated(count=4)
    observed = Observed.of(found, BOARD, models(cameras), fixed=2)
    state = State(
        np.array([inverse(cameras[name]) for name in observed.names]),
        np.array([places[number - 1] for number in observed.numbers]),
    )
    # Without the intrinsics, which come first.
    equations = observed.equations(state, scale_px=1e9).after(4 * len(cameras))
    normal, parts = equations.normal, equations.parts
    before, step = observed.residuals(state).ravel(), 1e-6
    columns = []
    for unknown in range(len(normal)):
        steps = np.zeros(len(normal))
        steps[unknown] = step
        further = observed.residuals(state.after(steps)).ravel()
        back = observed.residuals(state.after(-steps)).ravel()
        columns.append((further - back) / (2 * step))
    slopes = np.column_stack(columns)
    assert normal == pytest.approx(slopes.T @ slopes, rel=1e-5, abs=1e-2)
    assert parts.sum(axis=0) == pytest.approx(slopes.T @ before, rel=1e-4, abs=1e-2)


def test_no_solver_finds_a_better_answer():
    optimize = pytest.importorskip("scipy.optimize", reason="scipy is not installed")
    cameras, _, found = simulated(count=5, noise_px=0.1)
    answer = adjusted(cameras, found)
    names, numbers = list(answer.cameras), [n for n in answer.boards if n != 1]
    own = np.concatenate(list(answer.residuals_px.values())).ravel()

    def residuals(unknown):
        parts = unknown.reshape(-1, 6)
        poses = [pose_from(part[:3], part[3:]) for part in parts]
        of_camera = dict(zip(names, poses[: len(names)], strict=True))
        of_board = {1: np.eye(4)} | dict(zip(numbers, poses[len(names) :], strict=True))
        rows = []
        for number, name in answer.residuals_px:
            view = next(p for p in found if p.number == number).views[name]
            points = moved(
                of_camera[name] @ of_board[number], BOARD.corners_m[view.corners.numbers]
            )
            camera = models(cameras)[name]
            shown = points[:, :2] / points[:, 2:] * (camera.fx, camera.fy) + (camera.cx, camera.cy)
            rows.append(view.corners.pixels - shown)
        return np.concatenate(rows).ravel()

    start = [inverse(answer.cameras[name]) for name in names]
    start += [answer.boards[number] for number in numbers]
    unknown = np.concatenate(
        [np.append(cv2.Rodrigues(pose[:3, :3])[0].ravel(), pose[:3, 3]) for pose in start]
    )
    assert residuals(unknown) == pytest.approx(own, abs=1e-6)
    # The noise is far below the scale of the loss, so both minimise the squares.
    other = optimize.least_squares(residuals, unknown, xtol=1e-12, ftol=1e-12)
    assert np.sum(own**2) <= 2 * other.cost * (1 + 1e-3)


def test_one_corner_in_ten_that_is_wrong_hardly_matters():
    cameras, _, found = simulated(count=15)
    clean = largest_error(adjusted(cameras, found).cameras, cameras)[0]
    rng = np.random.default_rng(9)
    for placement in found:
        for view in placement.views.values():
            wrong = rng.random(len(view.corners.numbers)) < 0.1
            view.corners.pixels[wrong] += rng.normal(0, 3, (wrong.sum(), 2))
    assert largest_error(adjusted(cameras, found).cameras, cameras)[0] < 3 * clean + 0.1


def test_the_plane_seen_small_that_has_two_answers_is_taken_the_right_way():
    cameras, places, found = simulated(count=8, noise_px=0.3)
    camera = models(cameras)["front"]
    answers = [board_poses(p.views["front"].corners, BOARD, camera) for p in found]
    assert all(len(poses) == 2 for poses in answers)
    start, boards = started(cameras, found)
    for number, place in enumerate(places, start=1):
        expected = inverse(cameras["front"]) @ place
        is_ = inverse(start["front"]) @ boards[number]
        assert np.linalg.norm(is_[:3, 2] - expected[:3, 2]) < 0.1


def test_groups_are_what_pairs_connect():
    pairs = [("a", "b"), ("d", "e"), ("b", "c")]
    assert connected("abcdef", pairs) == [["a", "b", "c"], ["d", "e"], ["f"]]


def test_rotations_are_those_of_opencv():
    vectors = np.array([[0, 0, 0], [1e-9, 0, 0], [0.3, -0.2, 0.9], [3.1, 0, 0.1]])
    for vector, rotation in zip(vectors, rotations(vectors), strict=True):
        assert rotation == pytest.approx(cv2.Rodrigues(vector)[0], abs=1e-9)
