"""From the network's maps to regions of damage in the image and in space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.kinds import KINDS
from damage_perception.verdict.dents import Dents
from damage_perception.verdict.geometry import ViewGeometry
from damage_perception.verdict.severity import Extent, Severity

# There is a region where the strongest kind reaches this, or half of the view's peak where that is
# less, so that an item called damaged always shows where.
MAP_THRESHOLD: Final = 0.4
MIN_REGION_CELLS: Final = 3
# A region reaches as far as its kind has this share of the region's peak: maps run far over the
# edges of damage, and at the threshold regions are twice as large as it.
EDGE_SHARE: Final = 0.8
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
    depth_m     greatest depth below the surface around it; 0 where nothing is pressed in, NaN
                without depth
    item_share  share of the visible item, 0..1
    severity    of it by itself, by the bounds of the site
    by_references  whether references alone show it: then its kind is a guess
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
    depth_m: float = float("nan")
    item_share: float = float("nan")
    severity: Severity = Severity.UNKNOWN
    by_references: bool = False

    @property
    def extent(self) -> Extent:
        """What was measured of it."""
        area_cm2 = float("nan") if self.position_m is None else 1e4 * self.area_m2
        return Extent(area_cm2, 1e3 * self.depth_m, self.item_share)


def find_regions(
    maps: NDArray[np.float32], view: ViewGeometry, edge_share: float = EDGE_SHARE
) -> tuple[Region, ...]:
    """Regions in ``maps`` ((kinds, h, w), 0..1, over the window of ``view``), strongest first.

    edge_share  see EDGE_SHARE; 0: all that reaches the threshold

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
            inside = np.where(labels == label, maps[code], 0)
            highest = float(inside.max())
            found.append((highest, int(code), (inside > 0) & (inside >= edge_share * highest)))
    found.sort(key=lambda entry: -entry[0])
    reaching = _mask(peak >= level, view)
    if not found or not reaching.size:
        return ()
    # What is damaged is no face of the item, up to where the maps run.
    dents = Dents(view, view.thinned(reaching))
    regions = (
        _region(highest, code, _mask(cells, view), view, dents)
        for highest, code, cells in found[:MAX_REGIONS]
    )
    return tuple(region for region in regions if region is not None)


def _mask(cells: NDArray[np.bool_], view: ViewGeometry) -> NDArray[np.bool_]:
    """``cells`` of a map as pixels of the part that the image holds of the view."""
    window = view.window
    side = (window.side, window.side)
    pixels = cv2.resize(cells.astype(np.uint8), side, interpolation=cv2.INTER_NEAREST)
    x0, y0, x1, y1 = view.part
    return pixels[y0 - window.y : y1 - window.y, x0 - window.x : x1 - window.x] > 0


def _region(
    confidence: float, code: int, mask: NDArray[np.bool_], view: ViewGeometry, dents: Dents
) -> Region | None:
    x0, y0, _, _ = view.part
    contours, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE, offset=(x0, y0)
    )
    if not contours:
        return None
    outline = max(contours, key=cv2.contourArea)
    left, top, across, down = (int(v) for v in cv2.boundingRect(outline))
    polygon = cv2.approxPolyDP(outline, 0.01 * cv2.arcLength(outline, True), True)[:, 0]
    if len(polygon) < 3:
        right, bottom = left + across, top + down
        polygon = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    position, size, area = _in_space(mask, view)
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
        dents.depth_m(view.thinned(mask)),
        view.item_share(mask),
    )


def _in_space(
    mask: NDArray[np.bool_], view: ViewGeometry
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None, float]:
    """Centre, extent and area of what ``mask`` covers of the view."""
    thinned = view.thinned(mask)
    points = view.points(thinned)
    if len(points) < MIN_READINGS:
        return None, None, 0.0
    low, high = np.percentile(points, (2, 98), axis=0)
    return np.median(points, axis=0), high - low, view.area_m2(thinned, points)
