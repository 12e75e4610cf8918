"""Which of the bodies found are the walls of a tote around an item."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import CameraModel
from damage_perception.station.masks import (
    Labels,
    Mask,
    closed,
    components,
    filled,
    hull,
    keep,
    opened,
)
from damage_perception.station.survey import Survey

# Seen from above, a wall is no wider than this, with the noise of its depth.
WALL_M = 0.03
CELL_M = 0.005
THINNED = 2
# Bounds where rays meet the plane, near the horizon.
MOST_SLANTED = -0.1
# What lies in a tote lies within the hull of its walls by at least this share; less of it where it
# hides a part of them, which are then surely behind it.
ENCLOSED_SHARE = 0.85
ENCLOSED_SHARE_BEFORE = 0.6
# A body with so much of the support in its hull may be walls with an item before them.
HOLLOW_SHARE = 0.2
# In pixels at working scale: missing readings in an item's surface, and the least item cut free.
GAP = 15
MIN_CUT_PIXELS = 60

Places = NDArray[np.intp]


def without_walls(labels: Labels, survey: Survey, camera: CameraModel) -> Labels:
    """(h, w) int32, without the bodies that are thin on the plane and together enclose another.

    An item that hides a part of a wall, or touches it, is cut free of it first. What is thin and
    encloses nothing stays: an opened carton may show no more than its sides.
    """
    labels, walls = _cut_free(labels, survey, camera)
    count = int(labels.max())
    if count < 2:
        return labels
    widths_m = _widths_m(labels, survey, camera)
    wide = [n for n in range(1, count + 1) if widths_m[n - 1] > WALL_M and n not in walls]
    if len(wide) == count:
        return labels
    solid = np.isin(labels, wide)
    inside = hull(((labels > 0) & ~solid).view(np.uint8)) > 0
    for each in wide:
        member = labels == each
        if np.count_nonzero(inside[member]) > ENCLOSED_SHARE * np.count_nonzero(member):
            return keep(labels, wide, count)
    return labels


def _cut_free(labels: Labels, survey: Survey, camera: CameraModel) -> tuple[Labels, set[int]]:
    """(h, w) int32 with what is wide and inside a hollow body apart from it; the bodies so cut."""
    cut, walls = labels.copy(), set()
    count = int(labels.max())
    support = survey.support & (labels == 0)
    for label in range(1, count + 1):
        member = labels == label
        around = hull(member.view(np.uint8))
        if np.count_nonzero(around & support) < HOLLOW_SHARE * np.count_nonzero(around):
            continue
        read = member & (survey.depth_m > 0)
        wide = _wide_part(read, survey, camera)
        thin = read & (wide == 0)
        upright = opened(thin.view(np.uint8))
        if not upright.any():
            continue
        inside = hull(upright) > 0
        parts, regions = components(filled(closed(wide, GAP)) & (member & ~thin).view(np.uint8))
        for region in regions:
            part = parts == region.label
            enclosed = np.count_nonzero(inside[part]) > ENCLOSED_SHARE_BEFORE * region.area
            if enclosed and region.area >= MIN_CUT_PIXELS:
                count += 1
                cut[part] = count
                walls.add(label)
    return cut, walls


def _wide_part(body: NDArray[np.bool_], survey: Survey, camera: CameraModel) -> Mask:
    """(h, w) uint8, 1 where a body's surface, projected on the plane, is wider than a wall."""
    part = np.zeros(body.shape, np.uint8)
    rows, columns = np.nonzero(body)
    if not len(rows):
        return part
    place, cell = _on_plane(rows, columns, survey, camera, 1)
    place = place - place.min(axis=1, keepdims=True) + 2
    footprint = np.zeros(place.max(axis=1) + 3, np.uint8)
    footprint[place[0], place[1]] = 1
    wide = opened(closed(footprint, 3), max(3, round(WALL_M / cell) | 1))
    part[rows, columns] = wide[place[0], place[1]]
    return part


def _widths_m(labels: Labels, survey: Survey, camera: CameraModel) -> list[float]:
    """The largest width of every body's visible surface, projected on the plane, in metres."""
    thinned = np.s_[::THINNED, ::THINNED]
    rows, columns = np.nonzero(labels[thinned])
    owner = labels[thinned][rows, columns]
    place, cell = _on_plane(THINNED * rows, THINNED * columns, survey, camera, THINNED)
    widths = []
    for label in range(1, int(labels.max()) + 1):
        own = place[:, owner == label]
        own = own - own.min(axis=1, keepdims=True, initial=np.iinfo(np.intp).max)
        footprint = np.zeros(own.max(axis=1, initial=0) + 5, np.uint8)
        footprint[own[0] + 2, own[1] + 2] = 1
        away = cv2.distanceTransform(closed(footprint, 3), cv2.DIST_L2, 3)
        widths.append(max(0.0, float(2 * away.max() - 1)) * cell)
    return widths


def _on_plane(
    rows: Places, columns: Places, survey: Survey, camera: CameraModel, step: int
) -> tuple[Places, float]:
    """(2, N) cells of the plane that pixels at working scale are above, and a cell's side in m.

    Where a pixel has no depth it is taken to lie on the plane. ``step`` is the distance of the
    pixels from one another, below which no cell can be filled.
    """
    working_area = survey.working_area
    z = survey.depth_m[rows, columns]
    rays = (
        (working_area.left + working_area.stride * columns - camera.cx) / camera.fx,
        ((working_area.top + working_area.stride * rows - camera.cy) / camera.fy),
    )
    nx, ny, nz = survey.plane.normal
    slopes = nx * rays[0] + ny * rays[1] + nz
    z = np.where(z > 0, z, -survey.plane.offset_m / np.minimum(slopes, MOST_SLANTED))
    cell = max(CELL_M, 1.2 * step * working_area.stride * survey.typical_depth_m / camera.fx)
    normal = survey.plane.normal
    right = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
    right /= np.linalg.norm(right)
    axes = np.stack((right, np.cross(normal, right))) / cell
    return (axes @ np.stack((rays[0] * z, rays[1] * z, z))).astype(np.intp), cell
