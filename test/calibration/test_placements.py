"""Which images show the board at the same place."""

import numpy as np
import pytest

from damage_perception.calibration.board import BOARDS
from damage_perception.calibration.finder import Corners
from damage_perception.calibration.views import Shot, find_placements

BOARD = BOARDS["a4"]
WIDTHS = {"front": 640, "side": 640}
HERE, THERE = (100.0, 80.0), (260.0, 200.0)
GRID = np.stack(np.meshgrid(np.arange(6), np.arange(4)), axis=-1).reshape(-1, 2) * 25.0


def shot(camera, ms, place=None, noise_px=0.0, rng=None, numbers=None, depth=np.nan):
    """An image with the board at ``place`` in pixels; None: without it."""
    if place is None:
        return Shot(camera, ms * 1_000_000, None, np.zeros(0))
    pixels = GRID + place
    if noise_px:
        pixels = pixels + rng.normal(0, noise_px, pixels.shape)
    numbers = np.arange(24) if numbers is None else np.array(numbers)
    corners = Corners(numbers, pixels[numbers])
    return Shot(camera, ms * 1_000_000, corners, np.full(len(numbers), depth))


def film(camera, start_ms, end_ms, place, period_ms=100):
    return [shot(camera, ms, place) for ms in range(start_ms, end_ms, period_ms)]


def carried(camera, start_ms, end_ms, period_ms=100):
    """The board on its way."""
    times = range(start_ms, end_ms, period_ms)
    return [shot(camera, ms, (100 + 0.1 * ms, 90 + 0.05 * ms)) for ms in times]


def cameras_of(placements):
    return [sorted(placement.views) for placement in placements]


def test_single_shots_of_one_time_are_one_place():
    shots = [
        shot("front", 0, HERE),
        shot("side", 15, THERE),
        shot("front", 9_000, THERE),
        shot("side", 9_030, HERE),
    ]
    placements = find_placements(shots, BOARD, WIDTHS)
    assert cameras_of(placements) == [["front", "side"], ["front"], ["side"]]
    assert [placement.number for placement in placements] == [1, 2, 3]
    assert placements[0].views["side"].corners.pixels == pytest.approx(GRID + THERE)


def test_in_a_film_the_board_counts_where_it_is_at_rest():
    front = film("front", 0, 1000, HERE) + carried("front", 1000, 2000)
    front += film("front", 2000, 3000, THERE)
    # The other camera takes its images at other times.
    side = film("side", 37, 1000, THERE) + carried("side", 1037, 2000)
    side += film("side", 2037, 3000, HERE)
    placements = find_placements(front + side, BOARD, WIDTHS)
    assert cameras_of(placements) == [["front", "side"], ["front", "side"]]
    first, second = placements
    assert first.views["front"].corners.pixels == pytest.approx(GRID + HERE)
    assert second.views["front"].corners.pixels == pytest.approx(GRID + THERE)
    assert first.views["side"].begin_ns == 37_000_000


def test_a_board_that_is_never_at_rest_has_no_place():
    shots = carried("front", 0, 3000) + carried("side", 30, 3000)
    assert find_placements(shots, BOARD, WIDTHS) == []


def test_one_image_in_a_film_is_no_single_shot():
    shots = [shot("front", ms) for ms in range(0, 3000, 100) if ms != 1000]
    assert find_placements([*shots, shot("front", 1000, HERE)], BOARD, WIDTHS) == []


def test_what_lay_still_for_one_camera_only_is_joined_with_the_place_that_lasted():
    """The board moved along the line of sight of one camera, which hardly shows there."""
    front = film("front", 0, 3000, HERE)
    side = film("side", 30, 1300, HERE) + film("side", 1330, 3000, THERE)
    placements = find_placements(front + side, BOARD, WIDTHS)
    assert sorted(cameras_of(placements)) == [["front", "side"], ["side"]]


def test_a_hand_before_the_board_does_not_make_a_new_place():
    film_of = film("front", 0, 1000, HERE)
    film_of += [shot("front", ms) for ms in range(1000, 2500, 100)]
    film_of += film("front", 2500, 3000, HERE)
    assert len(find_placements(film_of, BOARD, WIDTHS)) == 1


def test_images_of_one_place_are_joined_by_their_median():
    rng = np.random.default_rng(0)
    shots = [shot("front", 100 * n, HERE, 0.1, rng, depth=0.7) for n in range(30)]
    shots[7] = shot("front", 700, HERE, numbers=range(8), depth=0.7)
    (placement,) = find_placements(shots, BOARD, WIDTHS)
    view = placement.views["front"]
    off = view.corners.pixels - (GRID + HERE)
    assert np.sqrt(np.mean(off**2)) < 0.1 / np.sqrt(30) * 1.6
    assert view.depth_m == pytest.approx(0.7)
    assert (view.begin_ns, view.end_ns) == (0, 2_900_000_000)


def test_a_view_is_of_the_time_that_all_cameras_have():
    """The board moves, still enough, and the other camera sees only the end of it."""
    front = [shot("front", 100 * n, (100 + 0.02 * n, 80)) for n in range(20)]
    side = [shot("side", 30 + 100 * n, HERE) for n in range(15, 20)]
    (placement,) = find_placements(front + side, BOARD, WIDTHS)
    view = placement.views["front"]
    assert view.begin_ns >= 1_500_000_000
    assert np.median(view.corners.pixels - GRID, axis=0)[0] == pytest.approx(100.34, abs=0.02)


def test_a_corner_that_showed_once_is_not_kept():
    shots = [shot("front", 100 * n, HERE, numbers=range(12)) for n in range(9)]
    shots.append(shot("front", 900, HERE))
    (placement,) = find_placements(shots, BOARD, WIDTHS)
    assert placement.views["front"].corners.numbers.tolist() == list(range(12))


def test_a_larger_image_may_move_more():
    shots = [shot("front", 100 * n, (100 + 0.4 * n, 80)) for n in range(3)]
    assert find_placements(shots, BOARD, {"front": 640}) == []
    assert len(find_placements(shots, BOARD, {"front": 1280})) == 1
