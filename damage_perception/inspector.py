"""The whole way from frames to reports, for the node, the command line and the evaluation alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.assessing import Assessing
from damage_perception.frame import Frame
from damage_perception.gallery.references import References
from damage_perception.kinds import KINDS
from damage_perception.network.damage_network import Assessment, DamageNetwork
from damage_perception.network.detail import OFF
from damage_perception.network.session import BackendError
from damage_perception.station import Item, Station
from damage_perception.verdict.camera_condition import CameraCondition
from damage_perception.verdict.camera_watch import CameraWatch
from damage_perception.verdict.difference import Difference, ReferenceStatus
from damage_perception.verdict.evidence import Evidence, Sighting
from damage_perception.verdict.geometry import ViewGeometry
from damage_perception.verdict.picture import Picture
from damage_perception.verdict.place import Place
from damage_perception.verdict.policy import VerdictPolicy
from damage_perception.verdict.quality import QualityLimits, faults
from damage_perception.verdict.regions import Region, find_regions
from damage_perception.verdict.report import Reason, Report, Verdict
from damage_perception.verdict.tracker import Announcement, Due, ItemTracker
from damage_perception.view import View, cut_views

# Frames that come out of their order are apart by less.
_OUT_OF_ORDER_NS: Final = 200_000_000


@dataclass(frozen=True)
class MountedCamera:
    """A camera and the station it looks at.

    pose  (4, 4) transform from the camera's optical frame to the station frame, metres, whose z
          axis points up from the plane. Cameras with a pose share one station; a camera without
          looks at a station of its own.
    """

    station: Station
    pose: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class FrameResult:
    """What one frame shows, each item judged by itself; all go together by index.

    An assessment stands also where the view is unfit to judge by and the report says unknown; it is
    None where the backend failed. So does the difference from references, None where the item was
    not compared.
    """

    items: tuple[Item, ...]
    views: tuple[View, ...]
    assessments: tuple[Assessment | None, ...]
    differences: tuple[Difference | None, ...]
    reports: tuple[Report, ...]

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """What was judged of each item."""
        return tuple(picture for report in self.reports for picture in report.pictures)


@dataclass(frozen=True)
class _Look:
    """One item in one frame, as it was found, assessed and noted."""

    item: Item
    view: View
    assessment: Assessment | None
    sighting: Sighting


@dataclass
class Inspector:
    """Finds items, assesses them, follows them and decides.

    Not thread-safe: one thread calls it. Times are nanoseconds of a steady clock of the caller's,
    stamps those of the cameras'. Where the stamps of a camera jump back, what it saw is answered,
    and the inspector begins anew with it.

    camera_faults    what is wrong with a camera as a whole (stale, malformed images); the caller
                     keeps it, and reports that lack evidence carry it
    reported         is told what every report comes from; None: nobody asks, and no view is kept
    detail           when items larger than the network's view are judged by tiles, too: one of
                     network.detail.DETAILS; where the model's card has no such section, never
    references       what items are compared with; nothing until it is given a gallery
    """

    network: DamageNetwork
    cameras: Mapping[str, MountedCamera]
    policy: VerdictPolicy
    quality: QualityLimits = field(default_factory=QualityLimits)
    camera_faults: dict[str, Reason] = field(default_factory=dict)
    reported: Callable[[Report, Evidence], None] | None = None
    detail: str = OFF
    references: References = field(init=False)

    def __post_init__(self) -> None:
        self.references = References(self.network)
        self._assessing = Assessing(self.network)
        self._tracker = ItemTracker(self.policy)
        self._watches = {name: CameraWatch() for name in self.cameras}
        self._newest_ns: dict[str, int] = {}
        # Reports that go out with the next ones, whatever becomes of the frame.
        self._begun_anew: list[Report] = []

    def configure(self, policy: VerdictPolicy, quality: QualityLimits) -> None:
        """Takes new limits from the next frame on; items keep the evidence they have."""
        self.policy = self._tracker.policy = policy
        self.quality = quality

    def observe(self, frame: Frame, now_ns: int) -> list[Report]:
        """Takes in a frame; the reports that are due.

        Items that wait for their report are assessed. One that has been reported is followed, so
        that it is known not to have left. Raises StationError where the station's plane is to be
        fitted in the frame and there is none.
        """
        self._follow_stamps(frame)
        name, mounted = frame.camera_name, self.cameras[frame.camera_name]
        watch = self._watches[name]
        watch.take(frame, mounted.station, self.quality)
        plane = watch.support.plane
        items = mounted.station.locate(frame, plane, self.network.finder)
        places = [Place.of(item, frame, plane, mounted.pose) for item in items]
        tracks = self._tracker.follow(self.station_of(name), name, places, frame.stamp_ns, now_ns)
        waiting = [(i, t) for i, t in zip(items, tracks, strict=True) if not t.reported]
        looks = self._look(frame, [item for item, _ in waiting], watch, self._budget_s)
        for (_, track), look in zip(waiting, looks, strict=True):
            self._tracker.add(track, look.sighting)
            self.references.consult(track.evidence, track.sku, self.policy)
            track.evidence.keep_pictures()
        return self.tick(now_ns)

    def tick(self, now_ns: int) -> list[Report]:
        """The reports that are due by now, whether or not frames came."""
        names = {self.station_of(name) for name in self.cameras}
        stations = {name: self._cameras_of(name) for name in names}
        return self._answered() + [self._report(d) for d in self._tracker.due(now_ns, stations)]

    def announce(self, announcement: Announcement, now_ns: int) -> None:
        """Names the next item.

        Raises ValueError where that id still waits for its report, and TooManyAnnouncedError where
        too many do.
        """
        self._tracker.announce(announcement, now_ns)

    def refuse(self, item_id: str, sku: str, why: str) -> Report:
        """The report on an item whose announcement is not taken; any thread may call it."""
        return Report(
            item_id=item_id,
            sku=sku,
            verdict=Verdict.UNKNOWN,
            reasons=Reason.REFUSED,
            confidence=float("nan"),
            threshold=self.policy.threshold,
            kinds=dict.fromkeys(self.network.kinds, 0.0),
            regions=(),
            cameras=(),
            frames_used=0,
            stamp_ns=0,
            frame_id="",
            first_seen_ns=0,
            position_m=None,
            model_id=self.network.card.model_id,
            calibration_id=self.network.card.calibration_id,
            backend=self.network.backend,
            backend_reason=self.network.backend_reason,
            references=ReferenceStatus.UNAVAILABLE,
            detail=why,
        )

    def finish(self) -> list[Report]:
        """Reports on everything still waiting, before the caller stops."""
        return self._answered() + [self._report(due) for due in self._tracker.drain()]

    def judge(self, frame: Frame, sku: str = "") -> FrameResult:
        """Every item in ``frame`` by itself, from this one frame.

        sku  of the items, where it is known
        """
        policy = replace(self.policy, frames_per_camera=1)
        cameras = frozenset((frame.camera_name,))
        station = self.cameras[frame.camera_name].station
        watch = CameraWatch()
        watch.take(frame, station, self.quality)
        items = station.locate(frame, watch.support.plane, self.network.finder)
        looks = self._look(frame, items, watch)
        reports, differences = [], []
        for index, look in enumerate(looks):
            evidence = Evidence([look.sighting])
            self.references.consult(evidence, sku, policy)
            differences.append(evidence.sightings[0].difference)
            due = Due(f"item-{index + 1}", sku, None, evidence, Reason.NONE)
            reports.append(self._decide(due, policy, cameras))
        return FrameResult(
            tuple(look.item for look in looks),
            tuple(look.view for look in looks),
            tuple(look.assessment for look in looks),
            tuple(differences),
            tuple(reports),
        )

    def station_of(self, camera: str) -> str:
        """The name of the station that ``camera`` looks at."""
        return camera if self.cameras[camera].pose is None else "station"

    def _unseen(self, cameras: frozenset[str]) -> tuple[Picture, ...]:
        """What a camera shows where the item was not seen."""
        pictures = [self._watches[name].picture() for name in sorted(cameras)]
        return tuple(picture for picture in pictures if picture is not None)[:1]

    def faults_of(self, camera: str) -> Reason:
        """What is wrong with the newest frame of a camera as a whole."""
        return self._watches[camera].faults

    def condition(self, camera: str) -> CameraCondition | None:
        """What a camera is good for by its newest frame; None before there was one."""
        return self._watches[camera].condition(self.cameras[camera].station, self.quality)

    def _detail(self, reasons: Reason, evidence: Evidence, cameras: frozenset[str]) -> str:
        if Reason.NOT_CALIBRATED not in reasons:
            return ""
        now = {name: self._watches[name].support.problem for name in cameras}
        told = {s.camera: s.moved for s in evidence.sightings if s.moved}
        told |= {name: text for name, text in now.items() if text}
        return "; ".join(f"camera {name}: {text}" for name, text in sorted(told.items()))

    def _cameras_of(self, station: str | None) -> frozenset[str]:
        """The cameras that look at a station; all where it is not known."""
        if station is None:
            return frozenset(self.cameras)
        return frozenset(name for name in self.cameras if self.station_of(name) == station)

    def _follow_stamps(self, frame: Frame) -> None:
        """Answers for what a camera saw before its stamps jumped back."""
        name, stamp_ns = frame.camera_name, frame.stamp_ns
        newest_ns = self._newest_ns.get(name, stamp_ns)
        if newest_ns - stamp_ns <= _OUT_OF_ORDER_NS:
            self._newest_ns[name] = max(newest_ns, stamp_ns)
            return
        # By stamps that lie ahead, an item would not leave until they are reached again.
        self._newest_ns[name] = stamp_ns
        why = f"the stamps of camera {name} jumped back by {(newest_ns - stamp_ns) / 1e9:.1f} s"
        before = self._tracker.restart(name)
        self._begun_anew += [replace(self._report(due), detail=why) for due in before]

    def _answered(self) -> list[Report]:
        reports, self._begun_anew = self._begun_anew, []
        return reports

    @property
    def detail_problem(self) -> str:
        """Why nothing is judged by tiles that ``detail`` asks for; empty where it is."""
        if self.detail == OFF or self.network.card.detail is not None:
            return ""
        return (
            f"detail is off: the card of model {self.network.card.model_id} has no section "
            "`detail`; python -m damage_perception.training.detail_card fits one"
        )

    @property
    def _budget_s(self) -> float:
        """Time of a frame's pass with which every camera still has its frames by the deadline.

        Half of what is left for each; the other half is for transport and whatever else is done.
        """
        frames = self.policy.frames_per_camera * len(self.cameras)
        return self.policy.deadline_ns / 1e9 / frames / 2

    def _look(
        self,
        frame: Frame,
        items: Sequence[Item],
        watch: CameraWatch,
        budget_s: float = float("inf"),
    ) -> list[_Look]:
        """Assesses ``items``, all views of the frame in one batch.

        watch     of the camera, which has taken in the frame
        budget_s  time that the pass may take with tiles
        """
        if not items:
            return []
        plane = watch.support.plane
        views = cut_views(frame, items, plane, self.network.view_size)
        assessments: list[Assessment | None] = [None] * len(views)
        problem = ""
        try:
            assessments[:] = self._assessing.assess(
                frame, items, views, plane, self.detail, budget_s
            )
        except BackendError as error:
            problem = str(error)
        seen = zip(items, views, assessments, strict=True)
        return [self._note(frame, *one, watch, problem) for one in seen]

    def _note(
        self,
        frame: Frame,
        item: Item,
        view: View,
        assessment: Assessment | None,
        watch: CameraWatch,
        problem: str,
    ) -> _Look:
        found = watch.faults | faults(view, item, self.quality)
        has_depth = item.depth_share >= self.quality.min_depth_share
        regions: tuple[Region, ...] = ()
        geometry = ViewGeometry.of(frame, view.window)
        if assessment is None:
            found |= Reason.BACKEND_FAULT
        elif assessment.probability >= self.policy.threshold_of(False, not has_depth):
            regions = find_regions(assessment.maps, geometry)
        watch.judged(found)
        sighting = Sighting(
            camera=frame.camera_name,
            frame_id=frame.frame_id,
            stamp_ns=frame.stamp_ns,
            center_m=item.centroid_m,
            logit=assessment.logit if assessment else float("nan"),
            kinds=assessment.kinds if assessment else np.zeros(len(KINDS), np.float32),
            faults=found,
            problem=problem,
            has_depth=has_depth,
            moved=watch.support.problem,
            regions=regions,
            geometry=geometry,
            picture=Picture(frame.camera_name, frame.frame_id, frame.color, item.outline),
            embedding=assessment.embedding if assessment else None,
            view=view if self.reported else None,
        )
        return _Look(item, view, assessment, sighting)

    def _by_name(self, kinds: NDArray[np.float32]) -> dict[str, float]:
        """Those that the network tells apart, of (kinds,) confidences."""
        named = dict(zip(KINDS, kinds.tolist(), strict=True))
        return {kind: named[kind] for kind in self.network.kinds}

    def _report(self, due: Due) -> Report:
        cameras = self._cameras_of(due.station)
        missing = due.missing
        for name in cameras:
            missing |= self.camera_faults.get(name, Reason.NONE) | self._watches[name].faults
        report = self._decide(replace(due, missing=missing), self.policy, cameras)
        if self.reported is not None:
            self.reported(report, due.evidence)
        return report

    def _backend_reason(self, reasons: Reason, evidence: Evidence) -> str:
        why = self.network.backend_reason
        problem = evidence.problem or self.network.problem
        return f"{why}; {problem}" if problem and Reason.BACKEND_FAULT in reasons else why

    def _decide(self, due: Due, policy: VerdictPolicy, cameras: frozenset[str]) -> Report:
        evidence = due.evidence
        # What was announced late, or only now has a name, was not yet compared.
        sku, identity = self.references.consult(evidence, due.sku, policy)
        verdict, reasons, confidence = policy.decide(evidence, cameras, due.missing)
        usable = [sighting for sighting in evidence.sightings if sighting.usable]
        newest = max(usable or evidence.sightings, key=lambda s: s.stamp_ns, default=None)
        return Report(
            item_id=due.item_id,
            sku=due.sku,
            verdict=verdict,
            reasons=reasons,
            confidence=confidence,
            threshold=policy.threshold_of(evidence.compared, evidence.without_depth),
            kinds=self._by_name(evidence.kinds()),
            regions=evidence.regions() if verdict is Verdict.DIVERT else (),
            cameras=tuple(sorted(evidence.of_cameras())),
            frames_used=len(usable),
            stamp_ns=newest.stamp_ns if newest else 0,
            frame_id=newest.frame_id if newest else "",
            first_seen_ns=evidence.first_seen_ns,
            position_m=newest.center_m if newest else None,
            model_id=self.network.card.model_id,
            calibration_id=self.network.card.calibration_id,
            backend=self.network.backend,
            backend_reason=self._backend_reason(reasons, evidence),
            anomaly_score=evidence.anomaly(),
            references=self.references.status(evidence, sku),
            identity=identity,
            detail=self._detail(reasons, evidence, cameras),
            pictures=evidence.pictures(verdict is Verdict.DIVERT) or self._unseen(cameras),
            without_depth=evidence.without_depth,
        )
