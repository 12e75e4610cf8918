"""The board: the same in our words, in OpenCV's and on paper."""

import re
import shutil
import subprocess

import cv2
import numpy as np
import pytest

pytest.importorskip("cv2.aruco", reason="this OpenCV comes without ArUco")

from cv2 import aruco

from damage_perception.calibration.board import BOARDS
from damage_perception.calibration.finder import Finder
from damage_perception.calibration.sheet import write_sheet
from damage_perception.dataset import DatasetError

POINTS_PER_MM = 72 / 25.4
DPI = 300


@pytest.fixture(params=BOARDS)
def board(request):
    return BOARDS[request.param]


def drawn_by_opencv(board, side_px):
    """OpenCV's own picture of the board, whatever its version calls that."""
    size = (board.columns * side_px, board.rows * side_px)
    sides = (board.square_m, board.marker_m)
    dictionary = aruco.getPredefinedDictionary(getattr(aruco, board.dictionary))
    if hasattr(aruco, "CharucoBoard_create"):
        made = aruco.CharucoBoard_create(board.columns, board.rows, *sides, dictionary)
        return made.draw(size)
    return aruco.CharucoBoard((board.columns, board.rows), *sides, dictionary).generateImage(size)


def test_it_is_the_board_that_opencv_has_under_that_name(board):
    side_px = 120
    expected = drawn_by_opencv(board, side_px) < 128
    found = np.zeros_like(expected)
    scale = side_px / board.square_m
    middle = np.array([board.columns, board.rows]) * side_px / 2
    for x, y, across, up in board.black_m:
        left, top = middle[0] + scale * x, middle[1] - scale * (y + up)
        ends = np.rint([left, left + scale * across, top, top + scale * up]).astype(int)
        found[ends[2] : ends[3], ends[0] : ends[1]] = True
    # Modules of markers are no whole pixels, and versions round them differently.
    picture, window = found.astype(np.uint8), np.ones((7, 7), np.uint8)
    inside = cv2.dilate(picture, window) == cv2.erode(picture, window)
    assert np.mean(inside) > 0.7 and np.array_equal(found[inside], expected[inside])
    black, white = (board.squares_m[n][0] for n in (0, 1))
    assert not np.array_equal(black, white)


def test_its_frame_is_in_the_middle_with_x_to_the_right_and_y_up(board):
    corners = board.corners_m
    assert corners.mean(axis=0) == pytest.approx((0, 0, 0), abs=1e-12)
    right, down = corners[1] - corners[0], corners[board.columns - 1] - corners[0]
    assert right == pytest.approx((board.square_m, 0, 0))
    assert down == pytest.approx((0, -board.square_m, 0))
    assert len(corners) == (board.columns - 1) * (board.rows - 1)


def test_a_print_of_another_scale_is_a_board_of_another_scale(board):
    assert board.scaled(0.97).corners_m == pytest.approx(0.97 * board.corners_m)
    assert board.scaled(0.97).markers_m == pytest.approx(0.97 * board.markers_m)


def test_it_fits_on_its_paper_with_room_for_the_printer(board):
    width_mm, height_mm = board.size_mm
    assert width_mm - 1000 * board.columns * board.square_m >= 2 * 10
    assert height_mm - 1000 * board.rows * board.square_m >= 2 * 10


def test_the_page_has_the_size_of_the_paper(board, tmp_path):
    pytest.importorskip("matplotlib")
    write_sheet(board, tmp_path / "new" / "board.pdf")
    text = (tmp_path / "new" / "board.pdf").read_bytes().decode("latin-1")
    box = re.search(r"/MediaBox \[ ?([\d. ]+)\]", text)[1].split()
    assert [float(value) / POINTS_PER_MM for value in box] == pytest.approx(
        [0, 0, *board.size_mm], abs=0.01
    )


def printed(board, folder):
    """The page as a grey picture, at DPI."""
    pytest.importorskip("matplotlib")
    if shutil.which("pdftoppm") is None:
        pytest.skip("poppler-utils is not installed")
    write_sheet(board, folder / "board.pdf")
    command = ["pdftoppm", "-r", str(DPI), "-gray", "-singlefile", "board.pdf", "page"]
    subprocess.run(command, cwd=folder, check=True)
    return cv2.imread(str(folder / "page.pgm"), cv2.IMREAD_GRAYSCALE)


def test_the_print_has_every_corner_where_it_should_be(board, tmp_path):
    page = printed(board, tmp_path)
    small = cv2.resize(page, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    found = Finder(board).find(np.repeat(small[..., None], 3, axis=2))
    assert len(found.numbers) == len(board.corners_m)
    px_per_mm = DPI / 2 / 25.4
    middle_px = np.array(board.size_mm) / 2 * px_per_mm - 0.5
    expected = 1000 * board.corners_m[:, :2] * (px_per_mm, -px_per_mm) + middle_px
    assert np.abs(found.pixels - expected).max() / px_per_mm < 0.05


def test_the_ruler_is_100_mm_long(tmp_path):
    page = printed(BOARDS["a4"], tmp_path)
    px_per_mm = DPI / 25.4
    # The line of the ruler is the longest dark row below the board.
    below = page[round(197 * px_per_mm) : round(202 * px_per_mm)] < 160
    columns = np.flatnonzero(below[np.argmax(below.sum(axis=1))])
    assert (columns[-1] - columns[0]) / px_per_mm == pytest.approx(100, abs=0.2)


def test_an_opencv_without_aruco_says_so(monkeypatch):
    monkeypatch.delattr(cv2, "aruco")
    with pytest.raises(DatasetError, match="without ArUco"):
        Finder(BOARDS["a4"])
