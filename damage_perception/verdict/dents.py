"""How deep dents are: how far what lies in a region is below the faces of the item."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.verdict.geometry import ViewGeometry

Points = NDArray[np.float64]
# A face is the plane of so many of the item's readings, within the noise of a depth camera.
_LEAST_SHARE: Final = 0.15
_NOISE_M: Final = 0.003
# A camera sees three faces of a box; the third is seen aslant and mostly noise.
_MOST_FACES: Final = 2
_FEWEST: Final = 20
# Readings that faces are looked for in, and triples of them that are tried (RANSAC).
_MOST_READINGS: Final = 3000
_TRIES: Final = 60
# The deepest readings are noise, and those at its outline are of what lies behind.
_DEEPEST: Final = 97


class Dents:
    """Depths below the faces of an item, which are found where no damage is.

    damage  (h, w) bool, all regions of the view, as from `ViewGeometry.thinned`
    """

    def __init__(self, view: ViewGeometry, damage: NDArray[np.bool_]) -> None:
        self._below: NDArray[np.float32] | None = None
        if view.depth_m is None:
            return
        square = np.ones((3, 3), np.uint8)
        inside = cv2.erode(view.item.astype(np.uint8), square) > 0
        self._known = inside & (view.depth_m > 0)
        whole = self._known & ~(cv2.dilate(damage.astype(np.uint8), square) > 0)
        points = view.points(self._known)
        faces = _faces(points[whole[self._known]])
        if faces:
            # Where two faces meet, a point is below the item's surface only where it is below both.
            depths = [-(points @ normal + offset) for normal, offset in faces]
            below = np.zeros(self._known.shape, np.float32)
            below[self._known] = np.min(depths, axis=0)
            self._below = np.asarray(cv2.medianBlur(below, 3))

    def depth_m(self, region: NDArray[np.bool_]) -> float:
        """Greatest depth in a region, 0 where nothing is pressed in; NaN where it is not known.

        region  (h, w) bool, as from `ViewGeometry.thinned`
        """
        if self._below is None:
            return float("nan")
        found = self._below[region & self._known]
        return max(0.0, float(np.percentile(found, _DEEPEST))) if len(found) else float("nan")


def _faces(points: Points) -> list[tuple[Points, float]]:
    """Planes through most of (N, 3) points: normal towards the camera, and offset."""
    rng = np.random.default_rng(0)
    left = rng.permutation(points)[:_MOST_READINGS]
    fewest = max(_FEWEST, round(_LEAST_SHARE * len(left)))
    found: list[tuple[Points, float]] = []
    while len(found) < _MOST_FACES and len(left) >= fewest:
        near = _largest_plane(left, rng)
        if near.sum() < fewest:
            break
        normal, offset = _fitted(left[near])
        found.append((normal, offset))
        left = left[np.abs(left @ normal + offset) >= _NOISE_M]
    return found


def _largest_plane(points: Points, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which of (N, 3) points lie in the plane that holds most of them."""
    corners = points[rng.integers(len(points), size=(_TRIES, 3))]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    normals = normals[lengths > 0] / lengths[lengths > 0, None]
    offsets = (normals * corners[lengths > 0, 0]).sum(axis=1)
    if not len(normals):
        return np.zeros(len(points), np.bool_)
    near = np.abs(points @ normals.T - offsets) < _NOISE_M
    best = near[:, near.sum(axis=0).argmax()]
    normal, offset = _fitted(points[best])
    return np.asarray(np.abs(points @ normal + offset) < _NOISE_M)


def _fitted(points: Points) -> tuple[Points, float]:
    """The plane of least squares; its normal points towards the camera."""
    centre = points.mean(axis=0)
    normal = np.linalg.svd(points - centre, full_matrices=False)[2][2]
    if normal[2] > 0:
        normal = -normal
    return normal, -float(normal @ centre)
