"""From one frame to its items: height above the plane, colour where depth is missing."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import Frame
from damage_perception.station.color import unlike_border, unlike_support
from damage_perception.station.item import Item
from damage_perception.station.plane import Plane, slope
from damage_perception.station.region import RegionOfInterest
from damage_perception.station.scene import SQUARE, Mask, Scene, Window, survey
from damage_perception.station.separation import separate

# Without any depth the size of a pixel on the support is unknown: share of the region of interest.
MIN_AREA_SHARE = 0.001


class Limits(NamedTuple):
    """What counts as an item; see Station."""

    min_height_m: float
    min_area_m2: float
    max_items: int
    separate_touching: bool


def locate_items(
    frame: Frame, plane: Plane | None, roi: RegionOfInterest, limits: Limits
) -> list[Item]:
    """The items in the frame, largest first."""
    window = Window.of(frame, roi)
    if plane is None or frame.depth_m is None or not window.coarse(frame.depth_m).any():
        labels = _by_color(frame, plane, window, limits)
        items = _items(labels, frame, window, None)
    else:
        scene = survey(frame, plane, window, limits.min_height_m)
        labels = _by_height(frame, scene, limits)
        items = _items(labels, frame, window, (plane, scene))
    items.sort(key=lambda item: (-np.count_nonzero(item.mask), item.box))
    return items[: limits.max_items]


def _by_height(frame: Frame, scene: Scene, limits: Limits) -> NDArray[np.int32]:
    """(h, w) labels at working scale, 0 where there is no item."""
    solid = scene.raised
    if scene.bare.any():
        solid = solid | _bare_items(frame, scene)
    count, blobs, stats, _ = cv2.connectedComponentsWithStats(solid)
    labels = np.zeros_like(blobs)
    camera = frame.camera
    pixel_m = scene.window.stride / np.sqrt(camera.fx * camera.fy)
    typical = scene.typical_depth_m
    found = 0
    for blob in range(1, count):
        x, y, width, height, area = (int(each) for each in stats[blob])
        if area * (pixel_m * typical) ** 2 < 0.25 * limits.min_area_m2:
            continue
        crop = np.s_[y : y + height, x : x + width]
        mask = (blobs[crop] == blob).view(np.uint8)
        depth = scene.depth_m[crop]
        parts = separate(mask, depth, pixel_m) if limits.separate_touching else mask
        for part in range(1, int(parts.max()) + 1):
            member = parts == part
            seen = depth[member & (depth > 0)]
            distance = float(np.median(seen)) if len(seen) else typical
            if np.count_nonzero(member) * (pixel_m * distance) ** 2 < limits.min_area_m2:
                continue
            found += 1
            labels[crop][member] = found
    return labels


def _bare_items(frame: Frame, scene: Scene) -> Mask:
    """What has no depth and yet is item: enclosed by one, or of another colour than the support."""
    unlike = unlike_support(scene.window.coarse(frame.color), scene.support, scene.bare)
    found = cv2.morphologyEx(unlike, cv2.MORPH_OPEN, SQUARE)
    contours, _ = cv2.findContours(scene.raised | found, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    filled = cv2.drawContours(np.zeros_like(found), contours, -1, 1, cv2.FILLED)
    return found | (filled & scene.bare)


def _by_color(
    frame: Frame, plane: Plane | None, window: Window, limits: Limits
) -> NDArray[np.int32]:
    color = cv2.blur(np.ascontiguousarray(window.coarse(frame.color)), (3, 3))
    unlike = cv2.morphologyEx(unlike_border(color), cv2.MORPH_OPEN, SQUARE)
    unlike = cv2.morphologyEx(unlike, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    contours, _ = cv2.findContours(unlike, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    filled = cv2.drawContours(np.zeros_like(unlike), contours, -1, 1, cv2.FILLED)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(filled)
    least = MIN_AREA_SHARE * labels.size
    if plane is not None:
        slopes = window.coarse(slope(plane, frame.camera))
        distance = -plane.offset_m / float(np.median(slopes))
        if distance > 0:
            pixel_m = distance * window.stride / np.sqrt(frame.camera.fx * frame.camera.fy)
            least = limits.min_area_m2 / pixel_m**2
    number = np.zeros(count, np.int32)
    large = np.flatnonzero(stats[1:, cv2.CC_STAT_AREA] >= least) + 1
    number[large] = np.arange(1, len(large) + 1)
    return number[labels]


def _items(
    labels: NDArray[np.int32],
    frame: Frame,
    window: Window,
    measured: tuple[Plane, Scene] | None,
) -> list[Item]:
    items = []
    for label in range(1, int(labels.max()) + 1):
        part = (labels == label).view(np.uint8)
        x, y, width, height = cv2.boundingRect(part)
        if width == 0:
            continue
        crop = np.s_[max(y - 1, 0) : y + height + 1, max(x - 1, 0) : x + width + 1]
        items.append(_item(labels[crop], label, crop, frame, window, measured))
    return [item for item in items if item is not None]


def _item(
    labels: NDArray[np.int32],
    label: int,
    crop: tuple[slice, slice],
    frame: Frame,
    window: Window,
    measured: tuple[Plane, Scene] | None,
) -> Item | None:
    stride = window.stride
    top = window.top + stride * crop[0].start
    left = window.left + stride * crop[1].start
    own = np.repeat(np.repeat(labels == label, stride, 0), stride, 1)
    own = own[: window.bottom - top, : window.right - left]
    rows, columns = own.shape
    full = np.s_[top : top + rows, left : left + columns]
    if measured is not None and frame.depth_m is not None:
        plane, scene = measured
        depth = frame.depth_m[full]
        height = depth * slope(plane, frame.camera)[full] + np.float32(plane.offset_m)
        limit = float(np.median(scene.limit_m[crop][labels == label]))
        free = np.repeat(np.repeat((labels == 0) | (labels == label), stride, 0), stride, 1)
        free = free[:rows, :columns]
        kernel = np.ones((2 * stride - 1,) * 2, np.uint8)
        wide = cv2.dilate(own.view(np.uint8), kernel) > 0
        core = cv2.erode(own.view(np.uint8), kernel) > 0
        raised = (depth > 0) & (height > limit)
        own = core | (own & (depth <= 0)) | (wide & free & raised)
    if not own.any():
        return None
    mask = np.zeros(frame.color.shape[:2], bool)
    mask[full] = own
    x, y, width, height_px = cv2.boundingRect(own.view(np.uint8))
    box = (left + x, top + y, width, height_px)
    cut_off = (
        box[0] <= window.left + 1
        or box[1] <= window.top + 1
        or box[0] + width >= window.right - 1
        or box[1] + height_px >= window.bottom - 1
    )
    centroid, share = None, 0.0
    if frame.depth_m is not None:
        seen = np.where(own, frame.depth_m[full], np.float32(0))
        count = np.count_nonzero(seen)
        share = count / np.count_nonzero(own)
        if count:
            camera = frame.camera
            u = (np.arange(left, left + columns) - camera.cx) / camera.fx
            v = (np.arange(top, top + rows) - camera.cy) / camera.fy
            along_x, along_y = seen.sum(axis=0, dtype=np.float64), seen.sum(axis=1, dtype=np.float64)
            centroid = np.array([u @ along_x, v @ along_y, along_x.sum()]) / count
    return Item(mask, box, centroid, share, cut_off)
