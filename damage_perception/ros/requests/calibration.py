"""Learning the plane of the empty station, on request."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from damage_perception.frame import Frame
from damage_perception.inspector import Inspector
from damage_perception.ros.detector.worker import Capture
from damage_perception.station import PlaneFit, Station, StationError, fit_plane, save_stations

# The median of so many images is free of what passes through one of them.
FRAMES: Final = 5
_NOT_KEPT: Final = "in use until the node is cleaned up, not kept: set station_file to keep it"


@dataclass(frozen=True)
class CalibratedCamera:
    """One camera's station as it was learned."""

    camera: str
    fit: PlaneFit

    @property
    def tilt_deg(self) -> float:
        """Between the plane's normal and the optical axis."""
        return math.degrees(math.acos(min(1.0, abs(float(self.fit.plane.normal[2])))))

    @property
    def distance_m(self) -> float:
        """From the camera to the plane along the optical axis; infinite where it runs beside it."""
        depth = -float(self.fit.plane.normal[2])
        return self.fit.plane.offset_m / depth if depth > 0 else math.inf


class StationCalibration:
    """A job: the next depth images of ``cameras`` become their stations, all or none.

    requested_ns  images taken before do not count; steady time
    deadline_ns   when the answer is due at the latest; steady time
    file          where stations are kept; None: only in the running node
    done          called once, with what was learned and a text; nothing learned where it failed
    """

    def __init__(
        self,
        cameras: Sequence[str],
        requested_ns: int,
        deadline_ns: int,
        file: Path | None,
        done: Callable[[list[CalibratedCamera], str], None],
    ) -> None:
        self._requested_ns = requested_ns
        self._deadline_ns = deadline_ns
        self._file = file
        self._done = done
        self._frames: dict[str, list[Frame]] = {camera: [] for camera in cameras}

    def advance(self, inspector: Inspector, capture: Capture | None, now_ns: int) -> bool:
        """Takes the newest frame; whether the request is answered."""
        if capture is not None and capture.taken_ns >= self._requested_ns:
            frame = capture.frame
            frames = self._frames.get(frame.camera_name)
            if frames is not None and frame.depth_m is not None and len(frames) < FRAMES:
                frames.append(frame)
        lacking = [name for name, frames in self._frames.items() if len(frames) < FRAMES]
        if not lacking:
            self._finish(inspector)
            return True
        if now_ns >= self._deadline_ns:
            self.abandon(
                f"no depth images of {', '.join(lacking)}: check the depth topic; /diagnostics "
                "says what was dropped and why"
            )
            return True
        return False

    def abandon(self, why: str) -> None:
        """Answers with an error."""
        self._done([], why)

    def _finish(self, inspector: Inspector) -> None:
        learned, stations = [], {}
        try:
            for name, frames in self._frames.items():
                fit, stations[name] = _learn(frames, inspector.cameras[name].station)
                learned.append(CalibratedCamera(name, fit))
            if self._file is not None:
                save_stations(self._file, stations)
        except ValueError as error:
            self.abandon(str(error))
            return
        cameras = {
            name: replace(mounted, station=stations.get(name, mounted.station))
            for name, mounted in inspector.cameras.items()
        }
        inspector.configure(cameras=cameras)
        self._done(learned, f"kept in {self._file}" if self._file else _NOT_KEPT)


def _learn(frames: Sequence[Frame], station: Station) -> tuple[PlaneFit, Station]:
    """The plane in the median of one camera's frames, and its station with that plane.

    Raises ValueError where there is no plane, or something stands on it.
    """
    depth_m = np.median([frame.depth_m for frame in frames], axis=0).astype(np.float32)
    empty = replace(frames[-1], depth_m=depth_m)
    fit = fit_plane(depth_m, empty.camera, station.roi)
    learned = replace(station, plane=fit.plane, camera=empty.camera)
    items = learned.locate(empty)
    if items:
        things = "1 thing stands" if len(items) == 1 else f"{len(items)} things stand"
        raise StationError(
            f"{things} on the station of camera {empty.camera_name}: empty it, or narrow its "
            "region of interest to the tray or belt"
        )
    return fit, learned
