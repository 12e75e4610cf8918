"""Marks of damage: which image they are drawn on, the network's own ones, and their outlines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import Frame
from damage_perception.kinds import CODES, KINDS, name_of
from damage_perception.records.item_record import Shape
from damage_perception.records.recording import Recording

# Strokes are drawn so many times larger, so that their outlines are smooth.
_FINER: Final = 4
# An outline that is nowhere so wide shows no pixel.
_THINNEST_PX: Final = 1.0


@dataclass(frozen=True)
class Outlines:
    """What a mark covers of an image.

    polygons  (N, 2) float64 each: x = column, y = row, in pixels; they do not overlap
    area_px   that all cover together
    """

    polygons: tuple[NDArray[np.float64], ...]
    area_px: float


def marked_frame(recording: Recording, camera: str) -> Frame:
    """The image of a camera that people see, and that marks are drawn on.

    The one in which damage was reported, otherwise the one nearest to the report's stamp, otherwise
    the newest. Raises RecordError where the recording has no image of the camera.
    """
    report = recording.report
    if report is None:
        return recording.frame(camera)
    seen = [region.header for region in report.regions if region.camera == camera]
    stamp = [*seen, report.header][0].stamp
    return recording.frame(camera, int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec))


def reported_marks(report: Any) -> list[Shape]:
    """The regions of a report (None: there is none) as marks; of kinds that this version knows."""
    marks = []
    for region in [] if report is None else report.regions:
        points = tuple((float(point.x), float(point.y)) for point in region.polygon.points)
        kind = name_of(region.kind)
        if kind in KINDS and len(points) >= 3:
            marks.append(Shape(region.camera, kind, "polygon", points))
    return marks


def outlines(mark: Shape, width: int, height: int) -> Outlines:
    """What a mark covers of an image of that size; nothing where it shows no pixel.

    A stroke that runs back into itself covers what it encloses.
    """
    size = np.array((width, height), np.float64)
    points = np.clip(np.asarray(mark.points, np.float64), 0.0, size)
    if mark.tool == "box":
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
        points = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    reach = mark.width_px / 2 if mark.tool == "brush" else 0.0
    first = np.floor(np.maximum(points.min(axis=0) - reach - 1, 0))
    last = np.ceil(np.minimum(points.max(axis=0) + reach + 1, size))
    fine_points = np.rint((points - first) * _FINER).astype(np.int32)
    columns, rows = ((last - first) * _FINER).astype(int)
    drawn = np.zeros((max(rows, 1), max(columns, 1)), np.uint8)
    if mark.tool == "brush":
        wide = max(1, round(mark.width_px * _FINER))
        # A line of one point alone draws nothing.
        cv2.circle(drawn, fine_points[0].tolist(), wide // 2, 1, -1)
        cv2.polylines(drawn, [fine_points], False, 1, wide)
    else:
        cv2.fillPoly(drawn, [fine_points], 1)
    thickness = 2 * float(cv2.distanceTransform(np.pad(drawn, 1), cv2.DIST_L2, 3).max()) / _FINER
    if thickness < _THINNEST_PX:
        return Outlines((), 0.0)
    contours = cv2.findContours(drawn, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
    area = sum(cv2.contourArea(contour) for contour in contours) / _FINER**2
    if mark.tool != "brush":
        return Outlines((points,), area)
    simpler = (cv2.approxPolyDP(contour, 1.0, True).reshape(-1, 2) for contour in contours)
    polygons = ((one + 0.5) / _FINER + first for one in simpler if len(one) >= 3)
    return Outlines(tuple(polygons), area)


def kinds_drawn(marks: Iterable[Shape], width: int, height: int) -> NDArray[np.uint8]:
    """(H, W) uint8 codes of kinds.CODES where marks are, 0 elsewhere; the last one lies on top."""
    codes = np.zeros((height, width), np.uint8)
    for mark in marks:
        for polygon in outlines(mark, width, height).polygons:
            # To OpenCV the centres of pixels are whole numbers, to an outline they are halves.
            cv2.fillPoly(codes, [np.rint(polygon - 0.5).astype(np.int32)], CODES[mark.kind])
    return codes
