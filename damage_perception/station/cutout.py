"""From labels at working scale to items at the image's own resolution."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import Frame
from damage_perception.station.item import Item
from damage_perception.station.masks import Labels, grown, shrunk
from damage_perception.station.median import median
from damage_perception.station.plane import slope
from damage_perception.station.survey import Survey, WorkingArea


def cut_out(
    labels: Labels, frame: Frame, working_area: WorkingArea, survey: Survey | None
) -> list[Item]:
    """One item per label, its outline refined by the full-size depth where a survey is given."""
    items = []
    for label in range(1, int(labels.max()) + 1):
        x, y, width, height = cv2.boundingRect((labels == label).view(np.uint8))
        # One pixel around: the full-size outline may lie outside the coarse one.
        crop = np.s_[max(y - 1, 0) : y + height + 1, max(x - 1, 0) : x + width + 1]
        top, left = working_area.top + working_area.stride * crop[0].start, working_area.left
        left += working_area.stride * crop[1].start
        own = _enlarged(labels[crop] == label, working_area, top, left)
        if survey is not None:
            free = (labels[crop] == 0) | (labels[crop] == label)
            limit_m = median(survey.limit_m[crop][labels[crop] == label])
            own = _refined(
                own, _enlarged(free, working_area, top, left), frame, survey, top, left, limit_m
            )
        if own.any():
            items.append(_item(own, frame, working_area, top, left))
    return items


def _enlarged(
    coarse: NDArray[np.bool_], working_area: WorkingArea, top: int, left: int
) -> NDArray[np.bool_]:
    full = np.repeat(np.repeat(coarse, working_area.stride, axis=0), working_area.stride, axis=1)
    return full[: working_area.bottom - top, : working_area.right - left]


def _refined(
    own: NDArray[np.bool_],
    free: NDArray[np.bool_],
    frame: Frame,
    survey: Survey,
    top: int,
    left: int,
    limit_m: float,
) -> NDArray[np.bool_]:
    """The enlarged mask with its outline where the full-size height passes ``limit_m``."""
    assert frame.depth_m is not None
    bottom, right = top + own.shape[0], left + own.shape[1]
    depth = frame.depth_m[top:bottom, left:right]
    rows, columns = np.arange(top, bottom), np.arange(left, right)
    height = depth * slope(survey.plane, frame.camera, rows, columns)
    height += np.float32(survey.plane.offset_m)
    read = depth > 0
    size = 2 * survey.working_area.stride - 1
    around = grown(own.view(np.uint8), size).view(np.bool_) & free
    inner = shrunk(own.view(np.uint8), size).view(np.bool_)
    return inner | (own & ~read) | (around & read & (height > limit_m))


def _item(
    own: NDArray[np.bool_], frame: Frame, working_area: WorkingArea, top: int, left: int
) -> Item:
    rows, columns = own.shape
    full = np.s_[top : top + rows, left : left + columns]
    mask = np.zeros(frame.color.shape[:2], np.bool_)
    mask[full] = own
    x, y, width, height = cv2.boundingRect(own.view(np.uint8))
    x, y = left + x, top + y
    left_end, right_end = x <= working_area.left + 1, x + width >= working_area.right - 1
    top_end, bottom_end = y <= working_area.top + 1, y + height >= working_area.bottom - 1
    cut_off = left_end or right_end or top_end or bottom_end
    oversized = (left_end and right_end) or (top_end and bottom_end)
    centroid, share = None, 0.0
    if frame.depth_m is not None:
        seen = np.where(own, frame.depth_m[full], np.float32(0))
        count = np.count_nonzero(seen)
        share = count / np.count_nonzero(own)
        if count:
            camera = frame.camera
            u = (np.arange(left, left + columns) - camera.cx) / camera.fx
            v = (np.arange(top, top + rows) - camera.cy) / camera.fy
            per_column = seen.sum(axis=0, dtype=np.float64)
            per_row = seen.sum(axis=1, dtype=np.float64)
            centroid = np.array([u @ per_column, v @ per_row, per_row.sum()]) / count
    return Item(mask, (x, y, width, height), centroid, share, cut_off, oversized)
