"""A frame at working scale: what is support, what stands on it, what has no depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import Frame
from damage_perception.station.fit import depth_noise_m
from damage_perception.station.masks import FloatImage, Mask, components, hull, keep, opened, shrunk
from damage_perception.station.median import median
from damage_perception.station.plane import Plane, slope
from damage_perception.station.region import RegionOfInterest

WORKING_WIDTH = 320
WORKING_PIXEL_M = 0.0025
MIN_SUPPORT_SHARE = 0.05
MAX_DEVIATION = 10.0
MIN_REGION_SHARE = 0.05
HULL_STRIDE = 4
# The support's own rim is ragged in depth: what has no reading there tells nothing.
RIM = 9

Kind = TypeVar("Kind", bound=np.generic)


@dataclass(frozen=True, eq=False)
class WorkingArea:
    """Every ``stride``-th pixel of the region of interest; (left, top, right, bottom) in pixels."""

    stride: int
    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def of(cls, frame: Frame, roi: RegionOfInterest, plane: Plane | None) -> WorkingArea:
        """As coarse as WORKING_WIDTH allows, and no finer than WORKING_PIXEL_M on the plane."""
        camera = frame.camera
        stride = camera.width / WORKING_WIDTH
        if plane is not None:
            stride = max(stride, WORKING_PIXEL_M * camera.fx / plane.offset_m)
        stride = max(1, round(stride))
        return cls(stride, *roi.pixels(camera.width, camera.height))

    @property
    def rows(self) -> NDArray[np.intp]:
        """(h,) of the image."""
        return np.arange(self.top, self.bottom, self.stride)

    @property
    def columns(self) -> NDArray[np.intp]:
        """(w,) of the image."""
        return np.arange(self.left, self.right, self.stride)

    def coarse(self, image: NDArray[Kind]) -> NDArray[Kind]:
        """(h, w[, C]) the part of a full-size image (H, W[, C]), as a view."""
        return image[self.top : self.bottom : self.stride, self.left : self.right : self.stride]


@dataclass(frozen=True, eq=False)
class Survey:
    """One frame at working scale, all images (h, w).

    depth_m   float32, 0 without reading
    height_m  float32 above the plane, 0 without reading
    limit_m   float32, the height from which a pixel counts as raised: the noise grows with depth
    raised    uint8, stands on the support
    bare      uint8, no reading, where the support is around it
    support   uint8, lies on the plane
    typical_depth_m  median of what has a reading
    """

    plane: Plane
    working_area: WorkingArea
    depth_m: FloatImage
    height_m: FloatImage
    limit_m: FloatImage
    raised: Mask
    bare: Mask
    support: Mask
    typical_depth_m: float


def make_survey(
    frame: Frame, plane: Plane, working_area: WorkingArea, min_height_m: float
) -> Survey:
    """Divide the frame into support, raised and bare pixels. The frame must have depth."""
    assert frame.depth_m is not None
    depth = np.ascontiguousarray(working_area.coarse(frame.depth_m))
    slopes = slope(plane, frame.camera, working_area.rows, working_area.columns)
    read = depth > 0
    height = depth * slopes
    height += np.float32(plane.offset_m)
    height *= read
    noise = depth_noise_m(depth)
    noise *= np.float32(3.0) * _excess_noise(height, noise)
    limit = np.maximum(noise, np.float32(min_height_m), out=noise)
    raised = (height > limit).view(np.uint8)
    support = ((np.abs(height) <= limit) & read).view(np.uint8)
    area = _supported_area(support)
    if area is not None:
        raised = _standing_on(area, raised, height, depth, frame, plane, working_area)
    raised = opened(raised)
    bare = (~read).view(np.uint8)
    if area is not None:
        bare &= shrunk(area, RIM)
    sample = depth[::HULL_STRIDE, ::HULL_STRIDE]
    sample = sample[sample > 0]
    typical = median(sample) if len(sample) else float(depth.max())
    return Survey(plane, working_area, depth, height, limit, raised, bare, support, typical)


def _excess_noise(height: FloatImage, noise: FloatImage) -> np.float32:
    """How much noisier the support is than a depth camera should be; 1 or more."""
    sample = np.s_[::HULL_STRIDE, ::HULL_STRIDE]
    deviation = np.abs(height[sample]) / noise[sample]
    deviation = deviation[(deviation > 0) & (deviation < MAX_DEVIATION)]
    if len(deviation) < MIN_SUPPORT_SHARE * height[sample].size:
        return np.float32(1.0)
    return np.float32(max(1.0, 1.4826 * median(deviation)))


def _supported_area(support: Mask) -> Mask | None:
    """The convex hull of the support; None where hardly any of it is seen."""
    small = np.ascontiguousarray(support[::HULL_STRIDE, ::HULL_STRIDE])
    labels, regions = components(small, connectivity=4)
    least = max(MIN_REGION_SHARE * max((region.area for region in regions), default=0), 5)
    large = [region for region in regions if region.area >= least]
    if sum(region.area for region in large) < MIN_SUPPORT_SHARE * small.size:
        return None
    kept = (keep(labels, [region.label for region in large], len(regions)) > 0).view(np.uint8)
    height, width = support.shape
    area = np.repeat(np.repeat(hull(kept), HULL_STRIDE, axis=0), HULL_STRIDE, axis=1)
    return np.ascontiguousarray(area[:height, :width])


def _standing_on(
    area: Mask,
    raised: Mask,
    height: FloatImage,
    depth: FloatImage,
    frame: Frame,
    plane: Plane,
    working_area: WorkingArea,
) -> Mask:
    """The raised pixels that stand on the supported area.

    What lies beyond the table or belt may be raised too. A pixel outside the area counts only
    where its foot on the plane is inside: the top of a tall item, not the wall behind.
    """
    camera = frame.camera
    rows, columns = np.nonzero((raised & ~area & 1).view(np.bool_))
    z = depth[rows, columns]
    h = height[rows, columns]
    nx, ny, nz = (np.float32(each) for each in plane.normal)
    u = np.float32(working_area.stride) * columns.astype(np.float32) + np.float32(working_area.left)
    v = np.float32(working_area.stride) * rows.astype(np.float32) + np.float32(working_area.top)
    foot_z = np.maximum(z - h * nz, np.float32(1e-3))
    foot_u = ((u - camera.cx) * z - camera.fx * h * nx) / foot_z + camera.cx
    foot_v = ((v - camera.cy) * z - camera.fy * h * ny) / foot_z + camera.cy
    column = ((foot_u - working_area.left) / working_area.stride).astype(np.int32)
    row = ((foot_v - working_area.top) / working_area.stride).astype(np.int32)
    inside = (column >= 0) & (row >= 0) & (column < area.shape[1]) & (row < area.shape[0])
    # A foot outside the image is hidden by the image's border, not known to be off the support.
    off = inside.copy()
    off[inside] = area[row[inside], column[inside]] == 0
    standing = raised.copy()
    standing[rows[off], columns[off]] = 0
    return standing
