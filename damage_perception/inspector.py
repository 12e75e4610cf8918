"""The whole way from frames to reports, for the node, the command line and the evaluation alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import Frame
from damage_perception.network.damage_network import Assessment, DamageNetwork
from damage_perception.network.session import BackendError
from damage_perception.station import Item, Plane, Station
from damage_perception.verdict.evidence import Evidence, Sighting
from damage_perception.verdict.policy import VerdictPolicy
from damage_perception.verdict.quality import QualityLimits, faults
from damage_perception.verdict.regions import Region, find_regions
from damage_perception.verdict.report import Reason, Report, Verdict
from damage_perception.verdict.tracker import Announcement, Due, ItemTracker
from damage_perception.view import View, cut_items


@dataclass(frozen=True)
class MountedCamera:
    """A camera and the station it looks at.

    pose  (4, 4) transform from the camera's optical frame to the station frame, metres. Cameras
          with a pose share one station; a camera without looks at a station of its own.
    """

    station: Station
    pose: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class FrameResult:
    """What one frame shows, each item judged by itself; the three go together by index.

    An assessment stands also where the view is unfit to judge by and the report says unknown; it is
    None where the backend failed.
    """

    items: tuple[Item, ...]
    assessments: tuple[Assessment | None, ...]
    reports: tuple[Report, ...]


@dataclass
class Inspector:
    """Finds items, assesses them, follows them and decides.

    Not thread-safe: one thread calls it. Times are nanoseconds of one clock of the caller's.
    ``camera_faults`` says what is wrong with a camera as a whole (stale, malformed images); the
    caller keeps it, and reports that lack evidence carry it.
    """

    network: DamageNetwork
    cameras: Mapping[str, MountedCamera]
    policy: VerdictPolicy
    quality: QualityLimits = field(default_factory=QualityLimits)
    camera_faults: dict[str, Reason] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tracker = ItemTracker(self.policy)

    def configure(self, policy: VerdictPolicy, quality: QualityLimits) -> None:
        """Takes new limits from the next frame on; items keep the evidence they have."""
        self.policy = self.tracker.policy = policy
        self.quality = quality

    def observe(self, frames: Sequence[Frame], now_ns: int) -> list[Report]:
        """Takes in the newest frames, at most one of each camera; the reports that are due."""
        for frame, sightings in zip(frames, self._look(frames), strict=True):
            self.tracker.update(
                frame.camera_name,
                self.station_of(frame.camera_name),
                [sighting for _, sighting in sightings],
                now_ns,
            )
        return self.tick(now_ns)

    def tick(self, now_ns: int) -> list[Report]:
        """The reports that are due by now, whether or not frames came."""
        names = {self.station_of(name) for name in self.cameras}
        stations = {name: self._cameras_of(name) for name in names}
        return [self._report(due) for due in self.tracker.due(now_ns, stations)]

    def announce(self, announcement: Announcement, now_ns: int) -> None:
        """Names the next item. Raises ValueError where that id still waits for its report."""
        self.tracker.announce(announcement, now_ns)

    def finish(self) -> list[Report]:
        """Reports on everything still waiting, before the caller stops."""
        return [self._report(due) for due in self.tracker.drain()]

    def judge(self, frame: Frame) -> FrameResult:
        """Every item in ``frame`` by itself, from this one frame."""
        policy = replace(self.policy, frames_per_camera=1)
        found = self._look([frame])[0]
        reports = []
        for index, (_, sighting) in enumerate(found):
            verdict, reasons, confidence = policy.decide(
                Evidence([sighting]), frozenset((frame.camera_name,)), Reason.NONE
            )
            evidence = Evidence([sighting])
            reports.append(
                self._make_report(f"item-{index + 1}", "", evidence, verdict, reasons, confidence)
            )
        return FrameResult(
            tuple(item for item, _ in found),
            tuple(sighting.assessment for _, sighting in found),
            tuple(reports),
        )

    def station_of(self, camera: str) -> str:
        """The name of the station that ``camera`` looks at."""
        return camera if self.cameras[camera].pose is None else "station"

    def _cameras_of(self, station: str) -> frozenset[str]:
        return frozenset(name for name in self.cameras if self.station_of(name) == station)

    def _look(self, frames: Sequence[Frame]) -> list[list[tuple[Item, Sighting]]]:
        """What each frame shows; all views of all frames in one batch."""
        located = [self._locate(frame) for frame in frames]
        views = [view for found in located for _, view in found]
        fault = Reason.NONE
        assessments: list[Assessment | None] = [None] * len(views)
        try:
            assessments[:] = self.network.assess(views)
        except BackendError:
            fault = Reason.BACKEND_FAULT
        remaining = iter(assessments)
        return [
            [
                (item, self._sighting(frame, item, view, next(remaining), fault))
                for item, view in found
            ]
            for frame, found in zip(frames, located, strict=True)
        ]

    def _locate(self, frame: Frame) -> list[tuple[Item, View]]:
        return cut_items(frame, self.cameras[frame.camera_name].station, self.network.view_size)

    def _sighting(
        self, frame: Frame, item: Item, view: View, assessment: Assessment | None, fault: Reason
    ) -> Sighting:
        regions: tuple[Region, ...] = ()
        if assessment is not None and assessment.probability >= self.policy.threshold:
            regions = find_regions(assessment.maps, view.window, frame)
        mounted = self.cameras[frame.camera_name]
        position = item.centroid_m
        if position is None:
            position = _where_it_stands(frame, item, mounted.station.plane)
        if mounted.pose is not None:
            position = mounted.pose[:3, :3] @ position + mounted.pose[:3, 3]
        return Sighting(
            frame.camera_name,
            frame.frame_id,
            frame.stamp_ns,
            self.station_of(frame.camera_name),
            position,
            item.centroid_m,
            item.box,
            assessment,
            faults(view, item, self.quality) | fault,
            regions,
        )

    def _report(self, due: Due) -> Report:
        track = due.track
        cameras = self._cameras_of(track.station)
        missing = due.missing
        for name in cameras or self.cameras:
            missing |= self.camera_faults.get(name, Reason.NONE)
        verdict, reasons, confidence = self.policy.decide(track.evidence, cameras, missing)
        return self._make_report(
            track.item_id, track.sku, track.evidence, verdict, reasons, confidence
        )

    def _make_report(
        self,
        item_id: str,
        sku: str,
        evidence: Evidence,
        verdict: Verdict,
        reasons: Reason,
        confidence: float,
    ) -> Report:
        usable = [sighting for sighting in evidence.sightings if sighting.usable]
        last_of_camera = {sighting.camera: sighting for sighting in usable}
        regions = tuple(r for s in last_of_camera.values() for r in s.regions)
        newest = max(usable or evidence.sightings, key=lambda s: s.stamp_ns, default=None)
        return Report(
            item_id=item_id,
            sku=sku,
            verdict=verdict,
            reasons=reasons,
            confidence=confidence,
            threshold=self.policy.threshold,
            kind_confidences=evidence.kinds(),
            regions=regions if verdict is Verdict.DIVERT else (),
            cameras=tuple(sorted(last_of_camera)),
            frames_used=len(usable),
            stamp_ns=newest.stamp_ns if newest else 0,
            frame_id=newest.frame_id if newest else "",
            first_seen_ns=min((s.stamp_ns for s in evidence.sightings), default=0),
            position_m=newest.center_m if newest else None,
            model_id=self.network.card.model_id,
            calibration_id=self.network.card.calibration_id,
            backend=self.network.backend,
        )


def _where_it_stands(frame: Frame, item: Item, plane: Plane | None) -> NDArray[np.float64]:
    """(3,) where the ray through the middle of an item without depth meets the plane.

    Without a plane, a point on that ray: the direction alone still tells items apart.
    """
    x, y, width, height = item.box
    row = min(y + height // 2, frame.camera.height - 1)
    ray = frame.camera.rays[row, min(x + width // 2, frame.camera.width - 1)].astype(np.float64)
    if plane is None or (slope := float(plane.normal @ ray)) > -1e-3:
        return np.asarray(ray)
    return np.asarray(ray * (-plane.offset_m / slope))
