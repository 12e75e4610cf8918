"""Whether the support is where calibration left it, in every frame.

A camera or a station that moved makes heights wrong without any error: what lies on the support
sinks below the calibrated plane, or the support itself stands above it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import CameraModel, Frame
from damage_perception.station.fit import (
    depth_noise_m,
    fit_plane,
    least_squares,
    sample_points,
)
from damage_perception.station.plane import Plane, StationError
from damage_perception.station.station import Station

# Share of the readings that the support needs to be recognised by; items hide the rest.
MIN_SUPPORT_SHARE: Final = 0.05
# Nothing lies under a support: more readings below it than on it are the support itself.
MIN_BELOW_SHARE: Final = 0.2
# Further down it is the floor beside a table.
BELOW_M: Final = 0.06
REFINEMENTS: Final = 8
CONVERGED_M: Final = 0.0005
SAMPLES: Final = 1500
# A tilt that lifts what is seen of the support by less than this is noise.
LEAST_LIFT_M: Final = 0.001
# Share of the image's larger side by which intrinsics of one calibration differ at most.
INTRINSICS_TOLERANCE: Final = 0.005

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Support:
    """Where one frame shows the support, held against the calibrated plane.

    plane     the plane under the items in this frame; None without depth
    offset_m  how much nearer to the camera it is than calibrated, where it is seen; NaN where it is
              not seen or was never calibrated
    tilt_deg  between both planes; NaN likewise
    seen      share of the readings in the region of interest that lie on it, 0..1; NaN likewise
    problem   why the calibration no longer holds; empty where it does, or there is none
    """

    plane: Plane | None
    offset_m: float = float("nan")
    tilt_deg: float = float("nan")
    seen: float = float("nan")
    problem: str = ""


class SupportWatch:
    """Finds the support of one camera's station in each of its frames.

    Within the station's limits the plane that is seen is the one to use, so that a slow drift of
    the sensor or the mount is followed; beyond them the calibration does not hold any longer.
    """

    def __init__(self) -> None:
        self._calibrated: Plane | None = None
        self._camera: CameraModel | None = None
        self._latest: Plane | None = None

    def find(self, frame: Frame, station: Station) -> Support:
        """The support in ``frame``.

        Raises StationError where the station was never calibrated and the frame shows no plane.
        """
        if station.plane is None:
            return Support(station.plane_in(frame))
        if station.plane is not self._calibrated:
            self._calibrated = self._latest = station.plane
            self._camera = station.camera or frame.camera
        changed = _other_intrinsics(frame.camera, station.camera or self._camera)
        if frame.depth_m is None:
            return Support(station.plane, problem=changed)
        try:
            points = sample_points(frame.depth_m, frame.camera, station.roi, SAMPLES)
        except StationError:
            # Hardly any depth says nothing of the support; the items lack it, too.
            return Support(station.plane, problem=changed)
        support = self._find(points, frame, station)
        return replace(support, problem=changed or support.problem)

    def _find(self, points: Points, frame: Frame, station: Station) -> Support:
        assert station.plane is not None and frame.depth_m is not None
        starts = [station.plane] if self._latest is None else [self._latest, station.plane]
        for start in starts:
            found = _refined(points, start, station.plane)
            if found is not None:
                break
        else:
            try:
                plane = fit_plane(frame.depth_m, frame.camera, station.roi).plane
            except StationError:
                plane = None
            found = None if plane is None else _refined(points, plane, station.plane)
        if found is None:
            self._latest = None
            return Support(station.plane, seen=0.0, problem="the support is not seen")
        self._latest = found.plane
        return replace(found, problem=_moved(found, station))


def _refined(points: Points, start: Plane, calibrated: Plane) -> Support | None:
    """The support near ``start``; None where hardly anything lies there, or more lies below it.

    points  (N, 3) metres in the optical frame
    """
    noise = depth_noise_m(points[:, 2])
    plane = start
    for _ in range(REFINEMENTS):
        height = points @ plane.normal + plane.offset_m
        on = np.abs(height) < 3.0 * noise
        below = (height < -3.0 * noise) & (height > -BELOW_M)
        seen, under = float(on.mean()), float(below.mean())
        if seen < MIN_SUPPORT_SHARE or under > max(seen, MIN_BELOW_SHARE):
            return None
        normal, offset = least_squares(points[on], noise[on])
        fitted = _level_where_unsure(Plane(normal, offset), calibrated, points[on])
        step = points[on] @ (fitted.normal - plane.normal) + fitted.offset_m - plane.offset_m
        if np.abs(step).max() < CONVERGED_M:
            # The rest is noise, which the plane need not follow.
            break
        plane = fitted
    centre = points[on].mean(axis=0)
    offset_m = float(centre @ calibrated.normal + calibrated.offset_m)
    offset_m -= float(centre @ fitted.normal + fitted.offset_m)
    cosine = np.clip(fitted.normal @ calibrated.normal, -1.0, 1.0)
    return Support(plane, offset_m, float(np.degrees(np.arccos(cosine))), seen)


def _level_where_unsure(fitted: Plane, calibrated: Plane, points: Points) -> Plane:
    """``fitted``; as steep as the calibrated one where too little is seen to tell of a tilt."""
    apart = points @ (fitted.normal - calibrated.normal)
    if float(np.std(apart)) >= LEAST_LIFT_M:
        return fitted
    return Plane(calibrated.normal, -float(np.median(points @ calibrated.normal)))


def _moved(support: Support, station: Station) -> str:
    """Why a support is not the calibrated one; empty where it is."""
    offset_mm, tilt_deg = 1000 * support.offset_m, support.tilt_deg
    if abs(offset_mm) <= station.max_offset_mm and tilt_deg <= station.max_tilt_deg:
        return ""
    way = "nearer to" if offset_mm > 0 else "farther from"
    return (
        f"the support is {abs(offset_mm):.0f} mm {way} the camera and tilted by {tilt_deg:.1f} "
        f"degrees against the calibration; at most {station.max_offset_mm:g} mm and "
        f"{station.max_tilt_deg:g} degrees are allowed"
    )


def _other_intrinsics(now: CameraModel, then: CameraModel | None) -> str:
    """How ``now`` differs from the intrinsics of the calibration; empty where it does not.

    Another resolution of the same field of view does not differ.
    """
    if then is None or now == then:
        return ""
    for name, scale in (
        ("fx", now.width / then.width),
        ("fy", now.height / then.height),
        ("cx", now.width / then.width),
        ("cy", now.height / then.height),
    ):
        value, expected = getattr(now, name), getattr(then, name) * scale
        if abs(value - expected) > INTRINSICS_TOLERANCE * max(now.width, now.height):
            return (
                f"camera_info has {name}={value:g}, the station was calibrated with "
                f"{expected:g} at {now.width}x{now.height}"
            )
    return ""
