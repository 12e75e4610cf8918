"""From the network's maps to regions of damage in the image and in space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.kinds import KINDS
from damage_perception.verdict.geometry import ViewGeometry

# A pixel belongs to a region where its strongest kind reaches this; half of it where the peak is
# lower, so that an item called damaged always shows where.
MAP_THRESHOLD: Final = 0.4
MIN_REGION_CELLS: Final = 3
MAX_REGIONS: Final = 8
# A region has a place in space from so many depth readings on.
MIN_READINGS: Final = 4


@dataclass(frozen=True)
class Region:
    """Damage of one kind on an item as one camera sees it.

    kind        one of kinds.KINDS
    confidence  0..1, peak of the kind's map inside the region
    box         x, y, width, height in pixels of the colour image
    polygon     (P, 2) float32 outline in pixels, P >= 3
    position_m  (3,) centre on the surface in the optical frame; None without depth
    size_m      (3,) extent along the axes of the optical frame; None without depth
    area_m2     visible surface seen square to the line of sight; 0 without depth
    """

    kind: str
    confidence: float
    box: tuple[int, int, int, int]
    polygon: NDArray[np.float32]
    camera: str
    frame_id: str
    stamp_ns: int
    position_m: NDArray[np.float64] | None
    size_m: NDArray[np.float64] | None
    area_m2: float


def find_regions(maps: NDArray[np.float32], view: ViewGeometry) -> tuple[Region, ...]:
    """Regions in ``maps`` ((kinds, h, w), 0..1, over the window of ``view``), strongest first.

    Empty maps, of damage of a kind that only the model knows, show none.
    """
    strongest = maps.argmax(axis=0)
    peak = maps.max(axis=0)
    if not peak.any():
        return ()
    level = min(MAP_THRESHOLD, float(peak.max()) / 2)
    found = []
    for code in np.unique(strongest[peak >= level]):
        area = ((strongest == code) & (peak >= level)).astype(np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(area, connectivity=8)
        for label in range(1, count):
            if stats[label, cv2.CC_STAT_AREA] < MIN_REGION_CELLS:
                continue
            cells = labels == label
            found.append((float(maps[code][cells].max()), int(code), cells))
    found.sort(key=lambda entry: -entry[0])
    regions = (_region(*entry, view) for entry in found[:MAX_REGIONS])
    return tuple(region for region in regions if region is not None)


def _region(
    confidence: float, code: int, cells: NDArray[np.bool_], view: ViewGeometry
) -> Region | None:
    window = view.window
    side = (window.side, window.side)
    pixels = cv2.resize(cells.astype(np.uint8), side, interpolation=cv2.INTER_NEAREST)
    x0, y0, x1, y1 = view.part
    mask = pixels[y0 - window.y : y1 - window.y, x0 - window.x : x1 - window.x]
    if not mask.size:
        return None
    contours, _ = cv2.findContours(
        mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE, offset=(x0, y0)
    )
    if not contours:
        return None
    outline = max(contours, key=cv2.contourArea)
    left, top, across, down = (int(v) for v in cv2.boundingRect(outline))
    polygon = cv2.approxPolyDP(outline, 0.01 * cv2.arcLength(outline, True), True)[:, 0]
    if len(polygon) < 3:
        right, bottom = left + across, top + down
        polygon = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    position, size, area = _in_space(mask.astype(bool), view)
    return Region(
        KINDS[code],
        confidence,
        (left, top, across, down),
        polygon.astype(np.float32),
        view.camera_name,
        view.frame_id,
        view.stamp_ns,
        position,
        size,
        area,
    )


def _in_space(
    mask: NDArray[np.bool_], view: ViewGeometry
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None, float]:
    """Centre, extent and area of what ``mask`` covers of the view."""
    points = view.points(mask)
    if len(points) < MIN_READINGS:
        return None, None, 0.0
    low, high = np.percentile(points, (2, 98), axis=0)
    return np.median(points, axis=0), high - low, view.area_m2(points)
