"""The board that cameras are calibrated with.

A ChArUco board (Garrido-Jurado 2014, https://doi.org/10.1016/j.patcog.2014.01.005): a chessboard
whose white squares hold markers. Each of its inner corners has a number, so a part of the board is
enough, and no camera takes it for turned round.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.dataset import DatasetError

# Of a square's side; the rest of the square is the white that a marker needs around it.
MARKER_SHARE: Final = 0.7


@dataclass(frozen=True)
class Board:
    """A board as it is printed.

    Its frame has its origin in the middle of the print, x to the right, y up along the print and z
    out of it, towards who reads it.

    paper       a4 or a3
    size_mm     (width, height) of the paper, landscape
    columns, rows
                squares; the number of rows is odd, since OpenCV changed the pattern of even ones
    square_m    side of a square
    dictionary  of the markers, by its name in cv2.aruco: another one for each board, so that one
                is not taken for the other
    """

    paper: str
    size_mm: tuple[int, int]
    columns: int
    rows: int
    square_m: float
    dictionary: str

    def scaled(self, factor: float) -> Board:
        """The same board from a printer that did not keep its size."""
        return replace(self, square_m=factor * self.square_m)

    @property
    def marker_m(self) -> float:
        """Side of a marker."""
        return MARKER_SHARE * self.square_m

    @cached_property
    def corners_m(self) -> NDArray[np.float64]:
        """(C, 3) the inner corners in the frame of the board, by their numbers."""
        row, column = np.divmod(np.arange((self.columns - 1) * (self.rows - 1)), self.columns - 1)
        x = (column + 1 - self.columns / 2) * self.square_m
        y = (self.rows / 2 - row - 1) * self.square_m
        return np.column_stack((x, y, np.zeros(len(x))))

    @cached_property
    def squares_m(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(N, 2) middles of the black squares, and of the white ones in the order of markers."""
        row, column = np.indices((self.rows, self.columns)).reshape(2, -1)
        x = (column + (1 - self.columns) / 2) * self.square_m
        y = ((self.rows - 1) / 2 - row) * self.square_m
        middles, white = np.column_stack((x, y)), (row + column) % 2 == 1
        return middles[~white], middles[white]

    @cached_property
    def markers_m(self) -> NDArray[np.float64]:
        """(N, 4, 2) corners of each marker, from the upper left one on as its reader goes round."""
        ways = np.array([[-1, 1], [1, 1], [1, -1], [-1, -1]])
        return np.asarray(self.squares_m[1][:, None] + self.marker_m / 2 * ways)

    @cached_property
    def black_m(self) -> NDArray[np.float64]:
        """(R, 4) what is black in the print: x, y, width, height of rectangles in its frame.

        They do not overlap; a marker is made of strips. Raises DatasetError as `aruco_module`.
        """
        side, marker = self.square_m, self.marker_m
        found = [(x - side / 2, y - side / 2, side, side) for x, y in self.squares_m[0]]
        for number, (x, y) in enumerate(self.markers_m[:, 3]):
            found += [
                (x + marker * a, y + marker * b, marker * w, marker * h)
                for a, b, w, h in _strips(_marker(self, number))
            ]
        return np.array(found)


BOARDS: Final = {
    "a4": Board("a4", (297, 210), 7, 5, 0.036, "DICT_4X4_50"),
    "a3": Board("a3", (420, 297), 7, 5, 0.052, "DICT_5X5_50"),
}


def _marker(board: Board, number: int) -> NDArray[np.bool_]:
    """(n, n) which modules of a marker are black, its border included."""
    aruco, dictionary = aruco_module(), dictionary_of(board)
    # OpenCV 4.6 calls it drawMarker.
    draw = getattr(aruco, "generateImageMarker", None) or aruco.drawMarker
    return np.asarray(draw(dictionary, number, int(dictionary.markerSize) + 2) < 128)


def _strips(black: NDArray[np.bool_]) -> Iterator[tuple[float, float, float, float]]:
    """x, y, width and height of runs of black modules, in sides of the marker, y upwards."""
    count = len(black)
    for row, modules in enumerate(black):
        ends = np.flatnonzero(np.diff(modules, prepend=False, append=False))
        for start, end in ends.reshape(-1, 2):
            yield start / count, 1 - (row + 1) / count, (end - start) / count, 1 / count


def aruco_module() -> Any:
    """cv2.aruco. Raises DatasetError where OpenCV comes without it."""
    aruco = getattr(cv2, "aruco", None)
    if aruco is None:
        raise DatasetError(
            f"OpenCV {cv2.__version__} comes without ArUco here: pip install "
            "'opencv-python-headless>=4.7', or take python3-opencv of the distribution"
        )
    return aruco


def dictionary_of(board: Board) -> Any:
    """The markers of a board, as OpenCV has them. Raises DatasetError as `aruco_module`."""
    aruco = aruco_module()
    return aruco.getPredefinedDictionary(getattr(aruco, board.dictionary))
