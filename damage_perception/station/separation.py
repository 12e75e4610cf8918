"""Which raised pixels belong together: items that touch or hide one another become parts.

Solid bodies meet in concave creases or hide one another; the faces of one body meet in convex
edges (the convexity rule of Stein et al., "Object Partitioning using Local Convexity", CVPR 2014).
In inverse depth a plane is linear over the image, so one second difference shows both: it is
positive at a concave crease and on the far side of an occluding edge, negative at a convex edge,
zero on a face.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.station.fit import depth_noise_m
from damage_perception.station.masks import (
    FloatImage,
    Labels,
    Mask,
    closed,
    components,
    keep,
    shrunk,
)
from damage_perception.station.median import median
from damage_perception.station.merging import merge

# Length over which a bend is measured, and the bend that separates (depth over length).
BASELINE_M = 0.015
BEND = 0.5
# A slanting crease bends less along a row or a column than straight across.
ACROSS = 0.6
# Cores end this many pixels before the bend is measured.
MARGIN = 3
MAX_CORES = 32
# Gaps without a reading are bridged over this many pixels.
BRIDGE = 11
MIN_CORE_AREA_M2 = 0.0002


def separate(blob: Mask, depth_m: FloatImage, height_m: FloatImage, pixel_m: float) -> Labels:
    """(h, w) int32, 0 outside the blob, 1.. the parts of it that are bodies of their own.

    blob     (h, w) uint8, one connected thing
    depth_m  (h, w) float32, 0 without reading
    height_m (h, w) float32 above the support, 0 without reading
    pixel_m  width of one pixel at a distance of 1 m
    """
    one = blob.astype(np.int32)
    read = (depth_m > 0).view(np.uint8) & blob
    if not read.any():
        return one
    distance = median(depth_m[read > 0])
    reach = int(np.clip(round(BASELINE_M / (pixel_m * distance)), 2, 8))
    inside = closed(blob, 2 * reach - 1)
    inverse, known = _fill(
        np.divide(1.0, depth_m, where=read > 0, out=np.zeros_like(depth_m)), read
    )
    bends = _inward_bends(inverse, inside & known, reach)
    limit = max(BEND * reach * pixel_m * distance, 2.0 * depth_noise_m(distance)) / distance**2
    anywhere = (np.maximum(np.maximum(bends[0], bends[1]), bends[2]) > limit).view(np.uint8)
    if not anywhere.any():
        return one
    cores, count = _cores(inside & ~anywhere, MIN_CORE_AREA_M2 / (pixel_m * distance) ** 2)
    if count < 2:
        return one
    parts = _grow(cores, count, inside, inverse, reach)
    bent = tuple((bend > ACROSS * limit).view(np.uint8) for bend in bends[:2])
    parts = merge(parts, count, bent, inverse, height_m, distance, reach)
    parts[blob == 0] = 0
    return parts


def _fill(values: FloatImage, read: Mask) -> tuple[FloatImage, Mask]:
    """Values smoothed a little and bridged where there is no reading, and where they are known."""
    weight = read.astype(np.float32)
    values = values * weight
    fine, fine_weight = (cv2.boxFilter(each, -1, (3, 3)) for each in (values, weight))
    wide, wide_weight = (cv2.boxFilter(each, -1, (BRIDGE, BRIDGE)) for each in (values, weight))
    tiny = np.float32(1e-6)
    filled = np.where(read > 0, fine / (fine_weight + tiny), wide / (wide_weight + tiny))
    return filled.astype(np.float32), (wide_weight > tiny).view(np.uint8)


def _inward_bends(
    inverse: FloatImage, inside: Mask, reach: int
) -> tuple[FloatImage, FloatImage, FloatImage]:
    """Second differences in 1/m along x, along y, and the larger of both diagonals.

    0 where a neighbour is outside.
    """
    height, width = inverse.shape
    values = cv2.copyMakeBorder(inverse, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    valid = np.pad(inside, reach)

    def along(dx: int, dy: int) -> FloatImage:
        one = np.s_[reach + dy : reach + dy + height, reach + dx : reach + dx + width]
        other = np.s_[reach - dy : reach - dy + height, reach - dx : reach - dx + width]
        bend: FloatImage = (values[one] + values[other]) * np.float32(0.5)
        bend -= inverse
        bend *= valid[one] & valid[other] & inside
        return bend

    diagonal = max(1, round(reach * 0.7071))
    return (
        along(reach, 0),
        along(0, reach),
        np.maximum(along(diagonal, diagonal), along(diagonal, -diagonal)),
    )


def _cores(free: Mask, min_pixels: float) -> tuple[Labels, int]:
    """Connected regions without a bend, numbered 1 to count; thin bridges are cut."""
    labels, regions = components(shrunk(free), connectivity=4)
    large = [region for region in regions if region.area >= min_pixels]
    large = sorted(large, key=lambda region: -region.area)[:MAX_CORES]
    return keep(labels, [region.label for region in large], len(regions)), len(large)


def _grow(cores: Labels, count: int, inside: Mask, inverse: FloatImage, reach: int) -> Labels:
    """Every pixel inside goes to the core near it whose surface, continued, meets it best.

    Surfaces are continued as planes, so that two meet in the crease itself, and a jump in depth
    is not crossed. What is near no core goes to the nearest.
    """
    slopes = cv2.Sobel(inverse, -1, 1, 0, scale=1 / 8), cv2.Sobel(inverse, -1, 0, 1, scale=1 / 8)
    known = (cores > 0).astype(np.float32)
    weight = cv2.boxFilter(known, -1, (5, 5))
    slope_x, slope_y = (
        cv2.boxFilter(each * known, -1, (5, 5)) / np.maximum(weight, 1e-6) for each in slopes
    )
    rows, columns = np.nonzero((cores == 0) & (inside > 0))
    values = inverse[rows, columns]
    least = np.full(len(rows), np.inf, np.float32)
    owner = np.zeros(len(rows), np.int32)
    closest = np.full(len(rows), np.inf, np.float32)
    fallback = np.zeros(len(rows), np.int32)
    for core in range(1, count + 1):
        distance, near_row, near_column = _nearest(cores == core, rows, columns)
        continued = inverse[near_row, near_column]
        continued += slope_x[near_row, near_column] * (columns - near_column)
        continued += slope_y[near_row, near_column] * (rows - near_row)
        error = np.abs(continued - values)
        better = (error < least) & (distance <= reach + MARGIN)
        least[better] = error[better]
        owner[better] = core
        closer = distance < closest
        closest[closer] = distance[closer]
        fallback[closer] = core
    parts = cores.copy()
    parts[rows, columns] = np.where(owner > 0, owner, fallback)
    smooth = cv2.medianBlur(parts.astype(np.uint8), 3).astype(np.int32)
    return np.where((inside > 0) & (smooth > 0), smooth, parts)


def _nearest(
    core: NDArray[np.bool_], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> tuple[FloatImage, NDArray[np.intp], NDArray[np.intp]]:
    """Distance in pixels to the core, and row and column of its nearest pixel, for some pixels."""
    away, index = cv2.distanceTransformWithLabels(
        (~core).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    members = np.flatnonzero(core)
    of_index = np.zeros(int(index.max()) + 1, np.intp)
    of_index[index.ravel()[members]] = members
    near_row, near_column = np.divmod(of_index[index[rows, columns]], core.shape[1])
    return away[rows, columns].astype(np.float32), near_row, near_column
