"""Where an image shows the corners of a board."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("cv2.aruco", reason="this OpenCV comes without ArUco")

from benchmarks.cameras import LARGE, SMALL
from damage_perception.calibration.board import BOARDS
from damage_perception.calibration.finder import Corners, Finder
from damage_perception.calibration.poses import moved, pose_from
from damage_perception.calibration.rendered import Imaging, render

BOARD = BOARDS["a4"]
FINDER = Finder(BOARD)
TOWARDS = pose_from(np.array([np.pi, 0, 0]), np.zeros(3))


def facing(x=0.0, y=0.0, distance=0.7, tilt_deg=0.0, around_deg=0.0, turned_deg=0.0):
    """A pose of the board before a camera."""
    around = np.radians(around_deg)
    axis = np.radians(tilt_deg) * np.array([np.cos(around), np.sin(around), 0])
    turned = pose_from(np.array([0, 0, np.radians(turned_deg)]), np.zeros(3))
    placed = pose_from(np.eye(3), np.array([x, y, distance]))
    return placed @ TOWARDS @ turned @ pose_from(axis, np.zeros(3))


def taken(pose, camera=SMALL, seed=0, imaging=None, board=BOARD):
    return render(board, camera, pose, np.random.default_rng(seed), imaging or Imaging())


def errors(found, pose, camera=SMALL):
    """(N, 2) pixels, of the corners found against the truth."""
    points = moved(pose, BOARD.corners_m[found.numbers])
    focal, centre = (camera.fx, camera.fy), (camera.cx, camera.cy)
    return found.pixels - (points[:, :2] / points[:, 2:] * focal + centre)


@pytest.mark.parametrize("camera", [SMALL, LARGE], ids=["640x480", "1280x720"])
@pytest.mark.parametrize("tilt_deg", [0, 25, 45])
def test_all_corners_are_found_to_a_few_hundredths_of_a_pixel(camera, tilt_deg):
    off = []
    for seed in range(6):
        pose = facing(0.03, -0.02, 0.7, tilt_deg, 60 * seed, 40 * seed)
        found = FINDER.find(taken(pose, camera, seed))
        assert len(found.numbers) == len(BOARD.corners_m)
        off.append(errors(found, pose, camera))
    off = np.concatenate(off)
    assert np.sqrt(np.mean(off**2)) < (0.05 if tilt_deg < 40 else 0.1)
    # Half a pixel, by which OpenCV 4.6 is off itself, would be half a millimetre.
    assert np.abs(off.mean(axis=0)).max() < 0.02


def test_blur_and_noise_do_not_lose_the_board():
    pose = facing(0.02, 0.01, 0.6, 20, 30, 15)
    found = FINDER.find(taken(pose, imaging=Imaging(blur_px=1.4, noise=8)))
    assert len(found.numbers) >= 20
    assert np.sqrt(np.mean(errors(found, pose) ** 2)) < 0.2


def test_a_board_that_is_partly_outside_shows_the_corners_inside():
    pose = facing(x=0.33)
    found = FINDER.find(taken(pose))
    assert 8 <= len(found.numbers) < len(BOARD.corners_m)
    assert np.abs(errors(found, pose)).max() < 0.3


def test_corners_under_a_hand_are_left_out():
    pose = facing()
    image = taken(pose)
    points = moved(pose, BOARD.corners_m)
    pixels = points[:, :2] / points[:, 2:] * (SMALL.fx, SMALL.fy) + (SMALL.cx, SMALL.cy)
    hand = tuple(int(value) for value in pixels[9])
    cv2.ellipse(image, hand, (38, 28), 30, 0, 360, (150, 120, 100), -1)
    found = FINDER.find(image)
    covered = np.hypot(*((pixels - pixels[9]) / (38, 28)).T) < 0.6
    assert covered.any() and not set(np.flatnonzero(covered)) & set(found.numbers)
    assert len(found.numbers) >= 12
    assert np.abs(errors(found, pose)).max() < 0.45


def test_the_other_board_is_not_taken_for_this_one():
    other = BOARDS["a3"]
    image = taken(facing(), board=other)
    assert FINDER.find(image) is None
    assert Finder(other).find(image) is not None


def test_an_image_without_the_board_shows_none():
    noise = np.random.default_rng(1).integers(0, 255, (480, 640, 3), np.uint8)
    assert FINDER.find(noise) is None
    assert FINDER.find(np.zeros((480, 640, 3), np.uint8)) is None


def test_a_board_too_small_to_read_is_not_guessed():
    assert FINDER.find(taken(facing(distance=4.0))) is None


@settings(max_examples=25, deadline=None)
@given(
    st.floats(-0.15, 0.15),
    st.floats(-0.1, 0.1),
    st.floats(0.4, 1.0),
    st.floats(0, 50),
    st.floats(0, 360),
    st.floats(0, 360),
)
def test_no_corner_is_far_from_where_it_is(x, y, distance, tilt, around, turned):
    pose = facing(x, y, distance, tilt, around, turned)
    found = FINDER.find(taken(pose))
    if found is not None:
        assert np.abs(errors(found, pose)).max() < 1.5
        assert np.abs(np.median(errors(found, pose), axis=0)).max() < 0.15


def test_views_share_the_corners_that_both_have():
    a = Corners(np.array([1, 4, 7]), np.array([[1.0, 1], [4, 4], [7, 7]]))
    b = Corners(np.array([4, 5, 7]), np.array([[40.0, 4], [50, 5], [70, 7]]))
    of_a, of_b = a.shared(b)
    assert of_a.tolist() == [[4, 4], [7, 7]] and of_b.tolist() == [[40, 4], [70, 7]]
