"""Where an image shows the corners of the board, to a few hundredths of a pixel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.calibration.board import (
    MARKER_SHARE,
    Board,
    aruco_module,
    dictionary_of,
)
from damage_perception.frame import ColorImage

# With fewer corners a view says little about where the board is.
FEWEST_CORNERS: Final = 8
# A corner is found by the pixels around it up to the next marker; by fewer it is not.
_LEAST_FREE_PX: Final = 1.5
_WIDEST_PX: Final = 12
# Corners lie in a plane: what is farther from it is something else.
_RANSAC_PX: Final = 3.0
_OFF_PX: Final = 0.4
_OFF_MEDIANS: Final = 5.0
_FEWEST_MARKERS: Final = 2
_ROUNDS: Final = 2
# Where the squares at a corner are looked at, on the way to the next marker, and how much they are
# to differ as a share of what they usually do: less is a hand, or a reflection.
_DIAGONAL: Final = 0.7
_LEAST_CONTRAST: Final = 0.4


@dataclass(frozen=True, eq=False)
class Corners:
    """Corners of a board that one image shows.

    numbers  (N,) of the corners
    pixels   (N, 2) x and y of each, in pixels; the middle of the first pixel is 0, 0
    """

    numbers: NDArray[np.intp]
    pixels: NDArray[np.float64]

    def shared(self, other: Corners) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(M, 2) pixels of the corners that both show, in this one and in the other."""
        _, own, others = np.intersect1d(self.numbers, other.numbers, return_indices=True)
        return self.pixels[own], other.pixels[others]


class Finder:
    """Finds a board in images.

    OpenCV finds markers, which say about where all corners are. Each corner is then made exact by
    the pixels around it up to the next marker. OpenCV's own search for the corners is not used:
    that of 4.6 is half a pixel off, and that of 5 leaves out corners whose markers are blurred.

    Raises DatasetError where OpenCV comes without ArUco.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        aruco, dictionary = aruco_module(), dictionary_of(board)
        if hasattr(aruco, "ArucoDetector"):
            detect = aruco.ArucoDetector(dictionary).detectMarkers
        else:
            # OpenCV 4.6, which Ubuntu 24.04 has.
            detect = partial(aruco.detectMarkers, dictionary=dictionary)
        self._detect: Callable[..., Any] = detect

    def find(self, color: ColorImage) -> Corners | None:
        """The corners of the board in an RGB image (H, W, 3); None where it shows too few."""
        grey = np.asarray(cv2.cvtColor(color, cv2.COLOR_RGB2GRAY), np.uint8)
        plane = self._plane_of_markers(grey)
        # Markers are found less exactly than corners, and may lie at one end of the board.
        for _ in range(_ROUNDS):
            if plane is None:
                return None
            found = self._corners(grey, plane)
            plane = _plane(self._board.corners_m[found.numbers, :2], found.pixels)
        if plane is None:
            return None
        expected = _on(plane, self._board.corners_m[found.numbers, :2])
        off = np.linalg.norm(found.pixels - expected, axis=1)
        fits = off <= max(_OFF_PX, _OFF_MEDIANS * float(np.median(off)))
        if np.count_nonzero(fits) < FEWEST_CORNERS:
            return None
        return Corners(found.numbers[fits], found.pixels[fits])

    def _plane_of_markers(self, grey: NDArray[np.uint8]) -> NDArray[np.float64] | None:
        corners, numbers, _ = self._detect(grey)
        if numbers is None or len(numbers) < _FEWEST_MARKERS:
            return None
        numbers = np.asarray(numbers, np.intp).reshape(-1)
        known = numbers < len(self._board.markers_m)
        pixels = np.asarray(corners, np.float64).reshape(-1, 4, 2)[known].reshape(-1, 2)
        return _plane(self._board.markers_m[numbers[known]].reshape(-1, 2), pixels)

    def _corners(self, grey: NDArray[np.uint8], plane: NDArray[np.float64]) -> Corners:
        """The corners that show near where the plane has them."""
        corners = self._board.corners_m[:, :2]
        free_m = (1 - MARKER_SHARE) / 2 * self._board.square_m
        ways = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])
        about = _on(plane, corners)
        arms = _on(plane, (corners[:, None] + free_m * ways).reshape(-1, 2)).reshape(-1, 4, 2)
        arms -= about[:, None]
        # A window between two arms is as high as their parallelogram.
        after = np.roll(arms, -1, axis=1)
        area = np.abs(arms[..., 0] * after[..., 1] - arms[..., 1] * after[..., 0])
        longest = np.maximum(np.linalg.norm(arms, axis=2), np.linalg.norm(after, axis=2))
        free_px = (area / longest).min(axis=1)
        last = np.array(grey.shape[::-1]) - 1 - free_px[:, None]
        usable = np.all((about >= free_px[:, None]) & (about <= last), axis=1)
        usable &= free_px >= _LEAST_FREE_PX
        usable &= self._shows_corners(grey, about, arms)
        numbers = np.flatnonzero(usable)
        return Corners(numbers, _refined(grey, about[usable], free_px[usable]))

    def _shows_corners(
        self, grey: NDArray[np.uint8], about: NDArray[np.float64], arms: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """(C,) whether the squares around each corner are black and white as they should be."""
        diagonals = about[:, None] + _DIAGONAL * (arms + np.roll(arms, -1, axis=1))
        # Of a plane that is none, from markers that are none, corners may lie anywhere.
        diagonals = np.clip(np.nan_to_num(diagonals, nan=-1), -1, max(grey.shape))
        columns, rows = np.rint(diagonals).astype(int).transpose(2, 0, 1)
        inside = (columns >= 0) & (columns < grey.shape[1]) & (rows >= 0) & (rows < grey.shape[0])
        values = grey[np.where(inside, rows, 0), np.where(inside, columns, 0)].astype(np.float64)
        column = np.arange(len(about)) % (self._board.columns - 1)
        row = np.arange(len(about)) // (self._board.columns - 1)
        # To the upper right of the first corner is a white square.
        swapped = (row + column) % 2 == 1
        values[swapped] = np.roll(values[swapped], 1, axis=1)
        contrast = values[:, ::2].min(axis=1) - values[:, 1::2].max(axis=1)
        contrast[~inside.all(axis=1)] = -np.inf
        shown = contrast > 0
        usual = float(np.median(contrast[shown])) if shown.any() else 0.0
        return np.asarray(shown & (contrast >= _LEAST_CONTRAST * usual), np.bool_)


def _plane(
    points_m: NDArray[np.float64], pixels: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """(3, 3) from metres on the board to pixels; None where too few points lie in one."""
    if len(points_m) < FEWEST_CORNERS:
        return None
    if np.linalg.matrix_rank(points_m - points_m.mean(axis=0), tol=1e-6) < 2:
        return None
    found, _ = cv2.findHomography(points_m, pixels, cv2.RANSAC, _RANSAC_PX)
    return None if found is None else np.asarray(found, np.float64)


def _on(plane: NDArray[np.float64], points_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 2) pixels of points (N, 2) on the board."""
    return np.asarray(cv2.perspectiveTransform(points_m[:, None], plane), np.float64)[:, 0]


def _refined(
    grey: NDArray[np.uint8], about: NDArray[np.float64], free_px: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(N, 2) the saddle points near ``about``, by windows of ``free_px`` to each side."""
    exact = about.astype(np.float32)
    end = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_COUNT, 50, 1e-3)
    for number, free in enumerate(free_px):
        half = int(np.clip(free, 2, _WIDEST_PX))
        exact[number] = cv2.cornerSubPix(
            grey, exact[number].reshape(1, 1, 2).copy(), (half, half), (-1, -1), end
        ).reshape(2)
    return exact.astype(np.float64)
