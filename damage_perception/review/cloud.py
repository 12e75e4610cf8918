"""The item of an image as coloured points, for a browser to turn around."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import DepthImage, Frame
from damage_perception.kinds import COLORS
from damage_perception.records.item_record import Shape
from damage_perception.records.marks import kinds_drawn
from damage_perception.station import StationError, fit_plane

MOST_POINTS: Final = 30_000
# What stands so high above the plane is no noise of it.
_STANDS_M: Final = 0.012
# How far around the item its surroundings are shown, and within which bounds all of it.
_AROUND: Final = 1.45
_LEAST_RADIUS_M, _MOST_RADIUS_M = 0.08, 0.6
# Where nothing stands out.
_USUAL_RADIUS_M: Final = 0.25
# How far at most the search for the item goes on a coarser image, pixels.
_COARSE: Final = 160
# So much of a mark's colour is mixed into that of the points.
_TINT: Final = 0.45


def cloud(frame: Frame, marks: Sequence[Shape] = ()) -> bytes | None:
    """The item and what is around it; None where the camera has no depth.

    Little-endian: uint32 count; float32 x, y, z of each point in metres, in the axes of the optical
    frame (REP 103: x right, y down, z forward), with the item's centre in the middle; uint8 red,
    green, blue of each. Points within ``marks`` have some of the colour of the kind.
    """
    depth = frame.depth_m
    if depth is None or not depth.any():
        return None
    centre, radius = _item_at(frame, depth, marks)
    points = frame.camera.rays * depth[..., None]
    near = (depth > 0) & (np.linalg.norm(points - centre, axis=2) <= radius)
    # Whole rows and columns are left out, so that what stays lies evenly.
    step = max(1, int(np.sqrt(near.sum() / MOST_POINTS)))
    while np.count_nonzero(near[::step, ::step]) > MOST_POINTS:
        step += 1
    kept = near[::step, ::step]
    color = _tinted(frame, marks)[::step, ::step][kept]
    centred = (points[::step, ::step][kept] - centre).astype("<f4")
    return bytes(struct.pack("<I", len(color)) + centred.tobytes() + color.tobytes())


def _item_at(
    frame: Frame, depth: DepthImage, marks: Sequence[Shape]
) -> tuple[NDArray[np.float32], float]:
    """Where the item is: the middle of it (3,) and a radius that holds it, metres."""
    step = max(1, max(depth.shape) // _COARSE)
    seed = _seed(frame, marks)
    thing = _thing(_standing(frame, depth)[::step, ::step], seed / step)
    if thing is None:
        row, column = _nearest(depth > 0, seed)
        return frame.camera.rays[row, column] * depth[row, column], _USUAL_RADIUS_M
    inside = (frame.camera.rays[::step, ::step] * depth[::step, ::step, None])[thing]
    centre = (np.percentile(inside, 2, axis=0) + np.percentile(inside, 98, axis=0)) / 2
    reach = float(np.percentile(np.linalg.norm(inside - centre, axis=1), 98)) * _AROUND
    return centre.astype(np.float32), float(np.clip(reach, _LEAST_RADIUS_M, _MOST_RADIUS_M))


def _seed(frame: Frame, marks: Sequence[Shape]) -> NDArray[np.float64]:
    """A pixel (x, y) of the item: amid the marks, without any amid the image."""
    corners = [np.asarray(mark.points, np.float64) for mark in marks]
    if not corners:
        return np.array((frame.camera.width / 2, frame.camera.height / 2))
    together = np.concatenate(corners)
    return np.asarray((together.min(axis=0) + together.max(axis=0)) / 2, np.float64)


def _standing(frame: Frame, depth: DepthImage) -> NDArray[np.bool_]:
    """(H, W) what stands on the support; nothing where no support is seen."""
    try:
        plane = fit_plane(depth, frame.camera).plane
    except StationError:
        return np.zeros(depth.shape, np.bool_)
    return np.asarray(plane.height(depth, frame.camera) > _STANDS_M, np.bool_)


def _thing(standing: NDArray[np.bool_], seed: NDArray[np.float64]) -> NDArray[np.bool_] | None:
    """(H, W) the connected thing that is nearest to a pixel; None where nothing is large enough."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(standing.astype(np.uint8))
    areas = stats[:, cv2.CC_STAT_AREA]
    # Specks of noise are no items.
    large = [label for label in range(1, count) if areas[label] >= 0.003 * standing.size]
    if not large:
        return None
    row, column = _nearest(np.isin(labels, large), seed)
    return np.asarray(labels == labels[row, column], np.bool_)


def _nearest(where: NDArray[np.bool_], seed: NDArray[np.float64]) -> tuple[int, int]:
    """Row and column of the pixel of ``where`` that is nearest to a pixel (x, y)."""
    rows, columns = np.nonzero(where)
    nearest = int(np.argmin(np.hypot(columns - seed[0], rows - seed[1])))
    return int(rows[nearest]), int(columns[nearest])


def _tinted(frame: Frame, marks: Sequence[Shape]) -> NDArray[np.uint8]:
    codes = kinds_drawn(marks, frame.camera.width, frame.camera.height)
    table = np.array([(0, 0, 0), *COLORS.values()], np.float32)
    mixed = (1 - _TINT) * frame.color + _TINT * table[codes]
    return np.where(codes[..., None] > 0, mixed, frame.color).astype(np.uint8)
