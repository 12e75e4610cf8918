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
THINNED = 2
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
    widths_m = _widths_m(labels, scene, camera)
    wide = [each for each in range(1, count + 1) if widths_m[each - 1] > WALL_M]
    if len(wide) == count:
        return labels
    solid = np.isin(labels, wide)
    inside = hull(((labels > 0) & ~solid).view(np.uint8)) > 0
    for each in wide:
        member = labels == each
        if np.count_nonzero(inside[member]) > ENCLOSED_SHARE * np.count_nonzero(member):
            return keep(labels, wide, count)
    return labels


def _widths_m(labels: Labels, scene: Scene, camera: CameraModel) -> list[float]:
    """The largest width of every body's visible surface, projected on the plane, in metres.

    Where a body has no depth it is taken to lie on the plane.
    """
    window, thinned = scene.window, np.s_[::THINNED, ::THINNED]
    rows, columns = np.nonzero(labels[thinned])
    owner = labels[thinned][rows, columns]
    z = scene.depth_m[thinned][rows, columns]
    slopes = window.coarse(slope(scene.plane, camera))[thinned][rows, columns]
    z = np.where(z > 0, z, -scene.plane.offset_m / np.minimum(slopes, MOST_SLANTED))
    step = window.stride * THINNED
    rays = (
        (window.left + step * columns - camera.cx) / camera.fx,
        ((window.top + step * rows - camera.cy) / camera.fy),
    )
    cell = max(CELL_M, 1.2 * step * scene.typical_depth_m / camera.fx)
    normal = scene.plane.normal
    right = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
    right /= np.linalg.norm(right)
    axes = np.stack((right, np.cross(normal, right))) / cell
    place = (axes @ np.stack((rays[0] * z, rays[1] * z, z))).astype(np.intp)
    widths = []
    for label in range(1, int(labels.max()) + 1):
        own = place[:, owner == label]
        own = own - own.min(axis=1, keepdims=True, initial=np.iinfo(np.intp).max)
        footprint = np.zeros(own.max(axis=1, initial=0) + 5, np.uint8)
        footprint[own[0] + 2, own[1] + 2] = 1
        away = cv2.distanceTransform(closed(footprint, 3), cv2.DIST_L2, 3)
        widths.append(max(0.0, float(2 * away.max() - 1)) * cell)
    return widths
