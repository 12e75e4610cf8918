"""Which of the bodies found are the walls of a tote around an item."""

from __future__ import annotations

import cv2
import numpy as np

from damage_perception.frame import CameraModel
from damage_perception.station.masks import Labels, closed, hull, keep
from damage_perception.station.plane import slope
from damage_perception.station.scene import Scene

# Seen from above, a wall is no wider than this, with the noise of its depth.
WALL_M = 0.03
CELL_M = 0.005
# Bounds where rays meet the plane, near the horizon.
MOST_SLANTED = -0.1
# What lies in a tote lies within the hull of its walls by at least this share.
ENCLOSED_SHARE = 0.85


def without_walls(labels: Labels, scene: Scene, camera: CameraModel) -> Labels:
    """(h, w) int32, without the bodies that are thin on the plane and together enclose another.

    What is thin and encloses nothing stays: an opened carton may show no more than its sides.
    """
    count = int(labels.max())
    if count < 2:
        return labels
    wide = [each for each in range(1, count + 1) if _width_m(labels, each, scene, camera) > WALL_M]
    if len(wide) == count:
        return labels
    solid = np.isin(labels, wide)
    inside = hull(((labels > 0) & ~solid).view(np.uint8)) > 0
    for each in wide:
        member = labels == each
        if np.count_nonzero(inside[member]) > ENCLOSED_SHARE * np.count_nonzero(member):
            return keep(labels, wide, count)
    return labels


def _width_m(labels: Labels, label: int, scene: Scene, camera: CameraModel) -> float:
    """The largest width of a body's visible surface, projected on the plane, in metres.

    Where the body has no depth it is taken to lie on the plane.
    """
    rows, columns = np.nonzero(labels == label)
    window = scene.window
    z = scene.depth_m[rows, columns].astype(np.float64)
    slopes = window.coarse(slope(scene.plane, camera))[rows, columns]
    z = np.where(z > 0, z, -scene.plane.offset_m / np.minimum(slopes, MOST_SLANTED))
    x = (window.left + window.stride * columns - camera.cx) / camera.fx * z
    y = (window.top + window.stride * rows - camera.cy) / camera.fy * z
    cell = max(CELL_M, 1.5 * window.stride * scene.typical_depth_m / camera.fx)
    normal = scene.plane.normal
    right = np.cross(normal, (0.0, 1.0, 0.0))
    right /= np.linalg.norm(right)
    axes = np.stack((right, np.cross(normal, right)))
    place = np.floor(axes @ (x, y, z) / cell).astype(np.intp)
    place -= place.min(axis=1, keepdims=True)
    footprint = np.zeros(place.max(axis=1) + 5, np.uint8)
    footprint[place[0] + 2, place[1] + 2] = 1
    away = cv2.distanceTransform(closed(footprint, 3), cv2.DIST_L2, 3)
    return float(2 * away.max() - 1) * cell
