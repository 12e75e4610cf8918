"""From one frame to its items: height above the plane, colour where depth is missing."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np

from damage_perception.frame import Frame
from damage_perception.station.color import unlike_border, unlike_support, without_pattern
from damage_perception.station.cutout import cut_out
from damage_perception.station.foreground import FindForeground, label_items
from damage_perception.station.item import Item
from damage_perception.station.masks import Labels, Mask, closed, components, filled, keep, opened
from damage_perception.station.median import median
from damage_perception.station.plane import Plane, slope
from damage_perception.station.region import RegionOfInterest
from damage_perception.station.separation import separate
from damage_perception.station.survey import Survey, WorkingArea, make_survey
from damage_perception.station.walls import without_walls

# Without any depth the size of a pixel may be unknown: share of the region of interest.
MIN_AREA_SHARE = 0.001
# A gap up to this is bridged where the support is not seen in it: readings are missing there.
BRIDGED_M = 0.02
MAX_GAP = 15


class Limits(NamedTuple):
    """What counts as an item; see Station."""

    min_height_m: float
    min_area_m2: float
    max_items: int
    separate_touching: bool


def locate_items(
    frame: Frame,
    plane: Plane | None,
    roi: RegionOfInterest,
    limits: Limits,
    find_foreground: FindForeground | None = None,
) -> list[Item]:
    """The items in the frame, largest first; by colour alone where there is no depth.

    find_foreground  finds them by colour; None: they are what differs from the image's border
    """
    working_area = WorkingArea.of(frame, roi, plane)
    if plane is None or frame.depth_m is None or not working_area.coarse(frame.depth_m).any():
        if find_foreground is None:
            labels = _by_color(frame, plane, working_area, limits)
        else:
            working_area = replace(working_area, stride=1)
            labels = _by_foreground(frame, plane, working_area, limits, find_foreground)
        items = cut_out(labels, frame, working_area, None)
    else:
        survey = make_survey(frame, plane, working_area, limits.min_height_m)
        labels = without_walls(_by_height(frame, survey, limits), survey, frame.camera)
        items = cut_out(labels, frame, working_area, survey)
    items.sort(key=lambda item: (-np.count_nonzero(item.mask), item.box))
    return items[: limits.max_items]


def _by_height(frame: Frame, survey: Survey, limits: Limits) -> Labels:
    """(h, w) labels at working scale, 0 where there is no item."""
    solid = survey.raised
    if survey.bare.any():
        solid = solid | _bare_items(frame, survey)
    pixel_m = survey.working_area.stride / float(np.sqrt(frame.camera.fx * frame.camera.fy))
    gap = round(BRIDGED_M / (pixel_m * survey.typical_depth_m))
    bridged = closed(solid, min(gap, MAX_GAP) | 1) & ~survey.support
    blobs, regions = components(solid | bridged)
    labels = np.zeros_like(blobs)
    found = 0
    for region in regions:
        # The typical pixel may be twice as far away as this region's.
        if region.area * (pixel_m * survey.typical_depth_m) ** 2 < 0.25 * limits.min_area_m2:
            continue
        crop = np.s_[region.y : region.y + region.height, region.x : region.x + region.width]
        blob = (blobs[crop] == region.label).view(np.uint8)
        depth = survey.depth_m[crop]
        parts = blob.astype(np.int32)
        if limits.separate_touching:
            parts = separate(blob, depth, survey.height_m[crop], pixel_m)
        for part in range(1, int(parts.max()) + 1):
            member = parts == part
            seen = depth[member & (depth > 0)]
            distance = median(seen) if len(seen) else survey.typical_depth_m
            if np.count_nonzero(member) * (pixel_m * distance) ** 2 >= limits.min_area_m2:
                found += 1
                labels[crop][member] = found
    return labels


def _bare_items(frame: Frame, survey: Survey) -> Mask:
    """What has no depth and yet is item: enclosed by one, or of another colour than the support."""
    color = survey.working_area.coarse(frame.color)
    unlike = opened(unlike_support(color, survey.support, survey.bare))
    unlike = without_pattern(unlike, survey.raised)
    return unlike | (filled(survey.raised | unlike) & survey.bare)


def _by_color(
    frame: Frame, plane: Plane | None, working_area: WorkingArea, limits: Limits
) -> Labels:
    """(h, w) labels at working scale of what differs in colour from the image's border."""
    color = cv2.blur(np.ascontiguousarray(working_area.coarse(frame.color)), (3, 3)).astype(
        np.uint8
    )
    labels, regions = components(filled(closed(opened(unlike_border(color)), 9)))
    least = _least_area(frame, plane, working_area, limits)
    kept = [region.label for region in regions if region.area >= least]
    return keep(labels, kept, len(regions))


def _by_foreground(
    frame: Frame,
    plane: Plane | None,
    working_area: WorkingArea,
    limits: Limits,
    find_foreground: FindForeground,
) -> Labels:
    """(h, w) labels of what the finder calls items."""
    color = np.ascontiguousarray(working_area.coarse(frame.color))
    least = _least_area(frame, plane, working_area, limits)
    height, width = color.shape[:2]
    return label_items(find_foreground(color), (height, width), least, limits.separate_touching)


def _least_area(
    frame: Frame, plane: Plane | None, working_area: WorkingArea, limits: Limits
) -> float:
    """Pixels below which a thing is no item, where nothing tells its distance."""
    coarse = working_area.coarse(frame.color)
    least = float(MIN_AREA_SHARE * coarse.shape[0] * coarse.shape[1])
    if plane is None:
        return least
    slopes = slope(plane, frame.camera, working_area.rows, working_area.columns)
    distance = -plane.offset_m / float(np.median(slopes))
    pixel_m = distance * working_area.stride / float(np.sqrt(frame.camera.fx * frame.camera.fy))
    return max(limits.min_area_m2 / (pixel_m * pixel_m), 20.0) if distance > 0 else least
