"""The whole way from frames to reports, for the node, the command line and the evaluation alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.assessing import Assessing
from damage_perception.frame import Frame
from damage_perception.gallery.comparison.references import References
from damage_perception.gallery.gallery import Gallery
from damage_perception.kinds import KINDS
from damage_perception.network.damage_network import Assessment, DamageNetwork
from damage_perception.network.detail import OFF
from damage_perception.network.session import BackendError
from damage_perception.odds import probability
from damage_perception.station import Item, Station
from damage_perception.verdict.belt import Belt
from damage_perception.verdict.camera_agreement import CameraAgreement, CameraOffset
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
    not compared. Evidence is what the report came from.
    """

    items: tuple[Item, ...]
    views: tuple[View, ...]
    assessments: tuple[Assessment | None, ...]
    differences: tuple[Difference | None, ...]
    evidence: tuple[Evidence, ...]
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

    Not thread-safe: one thread calls it, and sets no attribute of it. Times are nanoseconds of a
    steady clock of the caller's, stamps those of the cameras'. Where the stamps of a camera jump
    back, what it saw is answered, and the inspector begins anew with it.

    gallery   references to compare items with; None: nothing is compared
    identify  whether an item without an announced sku is compared with what it looks like
    detail    when items larger than the network's view are judged by tiles, too: one of
              network.detail.DETAILS; where the model's card has no such section, never
    reported  is told what every report comes from; None: nobody asks, and no view is kept
    belt      what carries the items past the cameras; None: they lie, or are moved one by one

    camera_faults is what is wrong with cameras as a whole, as it was told last.
    """

    network: DamageNetwork
    cameras: Mapping[str, MountedCamera]
    policy: VerdictPolicy
    quality: QualityLimits = field(default_factory=QualityLimits)
    gallery: Gallery | None = None
    identify: bool = True
    detail: str = OFF
    reported: Callable[[Report, Evidence], None] | None = None
    belt: Belt | None = None

    def __post_init__(self) -> None:
        self._references = References(self.network, self.gallery, self.identify)
        self.camera_faults: Mapping[str, Reason] = {}
        self._assessing = Assessing(self.network)
        self._tracker = ItemTracker(self.policy)
        self._watches = {name: CameraWatch() for name in self.cameras}
        self._agreement = CameraAgreement()
        self._offsets: Mapping[str, CameraOffset] = {}
        self._newest_ns: dict[str, int] = {}
        # Reports that go out with the next ones, whatever becomes of the frame.
        self._begun_anew: list[Report] = []

    def configure(
        self,
        policy: VerdictPolicy | None = None,
        quality: QualityLimits | None = None,
        *,
        cameras: Mapping[str, MountedCamera] | None = None,
        identify: bool | None = None,
        detail: str | None = None,
    ) -> None:
        """Takes new settings from the next frame on; items keep the evidence they have.

        cameras  the same ones, by name, with other stations

        What is None stays as it is.
        """
        self.policy = self._tracker.policy = policy or self.policy
        self.quality = quality or self.quality
        self.cameras = self.cameras if cameras is None else cameras
        self.detail = self.detail if detail is None else detail
        if identify is not None:
            self.identify = self._references.identify = identify

    def use_gallery(self, gallery: Gallery | None) -> None:
        """Compares items with other references from the next frame on; None: with none."""
        self.gallery = self._references.gallery = gallery

    @property
    def comparison_problem(self) -> str:
        """Why the newest comparison with references failed; empty where it did not."""
        return self._references.problem

    def observe(
        self, frame: Frame, now_ns: int, faults: Mapping[str, Reason] | None = None
    ) -> list[Report]:
        """Takes in a frame; the reports that are due.

        faults  see `tick`

        Items that wait for their report are assessed. One that has been reported is followed, so
        that it is known not to have left. Raises StationError where the station's plane is to be
        fitted in the frame and there is none.
        """
        self.camera_faults = dict(faults or {})
        self._follow_stamps(frame)
        name, mounted = frame.camera_name, self.cameras[frame.camera_name]
        watch = self._watches[name]
        watch.take(frame, mounted.station, self.quality)
        plane = watch.support.plane
        items = mounted.station.locate(frame, plane, self.network.finder)
        places = [Place.of(item, frame, plane, mounted.pose) for item in items]
        if self.belt is not None:
            places = [self.belt.on_belt(place) for place in places]
        tracks = self._tracker.follow(self.station_of(name), name, places, frame.stamp_ns, now_ns)
        waiting = [(i, t) for i, t in zip(items, tracks, strict=True) if not t.reported]
        looks = self._look(frame, [item for item, _ in waiting], watch, self._budget_s)
        for (_, track), look in zip(waiting, looks, strict=True):
            self._tracker.add(track, look.sighting)
            self._references.compare(track.evidence, track.sku, self.policy)
            track.evidence.keep_pictures()
        return self.tick(now_ns, faults)

    def tick(self, now_ns: int, faults: Mapping[str, Reason] | None = None) -> list[Report]:
        """The reports that are due by now, whether or not frames came.

        faults  what is wrong with cameras as a whole (stale, malformed images), by name; reports
                that lack evidence carry it
        """
        self.camera_faults = dict(faults or {})
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
            threshold=self.policy.threshold(sku=sku),
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
        station = self.cameras[frame.camera_name].station
        watch = CameraWatch()
        watch.take(frame, station, self.quality)
        items = station.locate(frame, watch.support.plane, self.network.finder)
        looks = self._look(frame, items, watch)
        evidence = [Evidence([look.sighting]) for look in looks]
        for one in evidence:
            self._references.compare(one, sku, self.policy)
        result = FrameResult(
            tuple(look.item for look in looks),
            tuple(look.view for look in looks),
            tuple(look.assessment for look in looks),
            tuple(one.sightings[0].difference for one in evidence),
            tuple(evidence),
            (),
        )
        return replace(result, reports=self.decide(frame.camera_name, result, sku, self.policy))

    def decide(
        self, camera: str, result: FrameResult, sku: str, policy: VerdictPolicy
    ) -> tuple[Report, ...]:
        """What ``policy`` makes of the items that ``judge`` found in a frame of a camera.

        sku  as it was told to ``judge``
        """
        policy = replace(policy, frames_per_camera=1)
        return tuple(
            self._decide(
                Due(f"item-{number}", sku, None, evidence, Reason.NONE),
                policy,
                frozenset((camera,)),
            )
            for number, evidence in enumerate(result.evidence, start=1)
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
        seen = self._watches[camera].condition(self.cameras[camera].station, self.quality)
        return None if seen is None else seen.beside(self._offsets.get(camera))

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
        geometry = ViewGeometry.of(frame, item, view.window)
        if assessment is None:
            found |= Reason.BACKEND_FAULT
        elif self.policy.may_divert(
            assessment.probability, camera=frame.camera_name, without_depth=not has_depth
        ):
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
            beside=assessment.beside if assessment else float("-inf"),
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
        if report.verdict is not Verdict.UNKNOWN and len(due.places) > 1:
            self._agreement.take({name: at.position_m for name, at in due.places.items()})
            self._offsets = self._agreement.offsets()
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
        self._references.compare(evidence, due.sku, policy)
        of = self._references.identified(evidence, due.sku)
        decision = policy.decide(evidence, of.sku, bool(due.sku), cameras, due.missing)
        damage = decision.damage
        damaged = bool(damage.regions) or decision.verdict is Verdict.DIVERT
        usable = [sighting for sighting in evidence.sightings if sighting.usable]
        newest = max(usable or evidence.sightings, key=lambda s: s.stamp_ns, default=None)
        return Report(
            item_id=due.item_id,
            sku=due.sku,
            verdict=decision.verdict,
            reasons=decision.reasons,
            confidence=decision.confidence,
            threshold=decision.threshold,
            kinds=self._by_name(evidence.kinds()),
            regions=damage.regions,
            extent=damage.extent,
            severity=damage.severity,
            cameras=tuple(sorted(evidence.of_cameras())),
            frames_used=len(usable),
            stamp_ns=newest.stamp_ns if newest else 0,
            frame_id=newest.frame_id if newest else "",
            first_seen_ns=evidence.first_seen_ns,
            position_m=newest.center_m if newest else None,
            model_id=self.network.card.model_id,
            calibration_id=self.network.card.calibration_id,
            backend=self.network.backend,
            backend_reason=self._backend_reason(decision.reasons, evidence),
            anomaly_score=evidence.anomaly(),
            alone=probability(evidence.logit_alone()),
            references=of.status,
            identity=of.identity,
            detail=self._detail(decision.reasons, evidence, cameras),
            pictures=evidence.pictures(damaged) or self._unseen(cameras),
            without_depth=evidence.without_depth,
        )
