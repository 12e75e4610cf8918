"""What a camera is good for: whether its newest frame could show an item at all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from damage_perception.frame import Frame
from damage_perception.station import RegionOfInterest, Support
from damage_perception.verdict.camera_agreement import CameraOffset
from damage_perception.verdict.quality import QualityLimits
from damage_perception.verdict.report import Reason

# Pixels along a side of the region that are looked at, at most.
_SAMPLED: Final = 160
# A region of which more is lost shows nothing, or hardly anything.
_BLIND_SHARE: Final = 0.95
_WEAK_SHARE: Final = 0.6
# Grey levels between the 5th and the 95th percentile below which an image is one grey.
_LEAST_CONTRAST: Final = 2.0
_LEAST_DEPTH: Final = 0.02
_UNSEEN: Final = (
    "the colour image does not show an item that the depth image shows: check that both are of one "
    "camera, registered and live"
)


@dataclass(frozen=True)
class CameraCondition:
    """One frame as a whole, within the region of interest.

    depth_share  share of its pixels with a depth reading, 0..1; 0 without depth images
    brightness   mean grey level, 0..255
    lost_share   share of pixels too dark or too bright to say anything, 0..1
    contrast     grey levels between the 5th and the 95th percentile
    sharpness    99th percentile of the absolute Laplacian, grey levels; low also where nothing but
                 a plain support is seen
    support      where it is seen
    offset       from where other cameras see the same items; None: too few were seen by several
    blind        why no item can pass on this camera, with the mend; empty where one can
    weak         what makes items unknown now and then, likewise
    """

    depth_share: float
    brightness: float
    lost_share: float
    contrast: float
    sharpness: float
    support: Support
    offset: CameraOffset | None = None
    blind: str = ""
    weak: str = ""

    @staticmethod
    def of(
        frame: Frame,
        roi: RegionOfInterest,
        limits: QualityLimits,
        support: Support,
        faults: Reason,
        unseen: bool = False,
    ) -> CameraCondition:
        """The condition of the camera of ``frame``.

        faults  of the frame as a whole
        unseen  whether the newest item that depth showed was not seen in colour
        """
        left, top, right, bottom = roi.pixels(frame.camera.width, frame.camera.height)
        stride = max(1, max(right - left, bottom - top) // _SAMPLED)
        part = np.s_[top:bottom:stride, left:right:stride]
        color = np.ascontiguousarray(frame.color[part])
        grey = np.asarray(cv2.cvtColor(color, cv2.COLOR_RGB2GRAY), np.uint8)
        dark, bright = color.max(axis=2) <= limits.dark, color.min(axis=2) >= limits.bright
        depth_share = 0.0
        if frame.depth_m is not None:
            depth_share = float((frame.depth_m[part] > 0).mean())
        low, high = np.percentile(grey, (5, 95))
        # Neighbouring pixels: what is thinned out looks sharper than it is.
        middle = (top + bottom) // 2
        rows = np.s_[max(top, middle - _SAMPLED // 2) : middle + _SAMPLED // 2, left:right, 1]
        edges = cv2.Laplacian(np.ascontiguousarray(frame.color[rows]), cv2.CV_16S, ksize=1)
        seen = CameraCondition(
            depth_share,
            float(grey.mean()),
            float((dark | bright).mean()),
            float(high - low),
            float(np.percentile(np.abs(edges), 99)),
            support,
        )
        seen = seen._judged(frame.depth_m is not None, float(dark.mean()), limits, faults)
        if unseen and not seen.blind and not seen.weak:
            return replace(seen, weak=_UNSEEN)
        return seen

    def beside(self, offset: CameraOffset | None) -> CameraCondition:
        """This condition with what the other cameras of the station say."""
        problem = "" if offset is None else offset.problem
        weak = "; ".join(filter(None, (self.weak, problem)))
        return replace(self, offset=offset, weak=weak)

    def _judged(
        self, has_depth: bool, dark_share: float, limits: QualityLimits, faults: Reason
    ) -> CameraCondition:
        blind, weak = [], []
        if self.lost_share > _BLIND_SHARE:
            black = 2 * dark_share > self.lost_share
            blind.append(
                f"the colour image is {'black' if black else 'white'}: check light, lens and "
                "exposure"
            )
        elif self.contrast < _LEAST_CONTRAST:
            blind.append("the colour image is one grey: check lens and driver")
        elif self.lost_share > _WEAK_SHARE:
            weak.append(
                f"{self.lost_share:.0%} of the colour image are too dark or too bright: check "
                "light and exposure"
            )
        if faults & Reason.FROZEN:
            blind.append("the camera repeats its images to the bit: start its driver again")
        if faults & Reason.COLOR_MISMATCH:
            blind.append("the colour image is noise or torn: check cable and driver")
        blind += self._without_depth(has_depth) if limits.require_depth else []
        if not blind and limits.require_depth and self.depth_share < limits.min_depth_share:
            weak.append(
                f"{self.depth_share:.0%} of the region of interest have a depth reading: check "
                "distance, light and region_of_interest"
            )
        if self.support.problem:
            blind.append(
                f"{self.support.problem}: clear the view; where camera or station moved, empty the "
                "station and call ~/calibrate_station"
            )
        return replace(self, blind="; ".join(blind), weak="; ".join(weak))

    def _without_depth(self, has_depth: bool) -> list[str]:
        if not has_depth:
            return ["no depth images come with the colour: start the depth stream, or remap it"]
        if self.depth_share < _LEAST_DEPTH:
            return ["the depth image is empty: check the depth sensor, or its distance"]
        return []
