"""Joins sightings into items, and knows when an item is due for its report."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.verdict.evidence import Evidence, Sighting
from damage_perception.verdict.pieces import is_in_pieces, is_piece, origin_of
from damage_perception.verdict.place import Place
from damage_perception.verdict.policy import VerdictPolicy
from damage_perception.verdict.report import Reason
from damage_perception.verdict.track import Track

# A reported item that no camera has shown for so long may be another one. It is reported again: a
# missing report may let a broken item through.
FORGET_NS: Final = 2_000_000_000
# Announced items that wait to be seen; memory is not endless.
MOST_ANNOUNCED: Final = 2000
# So many announced items whose time is over are answered at once, and then one in so long: of
# more a subscriber with a queue of 50 loses some, and frames wait meanwhile.
ANSWERED_AT_ONCE: Final = 25
ANSWERED_EVERY_NS: Final = 1_250_000

# One count for the process, so that no unannounced item has the id of another.
_numbers = count(1)


class TooManyAnnouncedError(ValueError):
    """More items are announced than can wait."""


@dataclass(frozen=True)
class Announcement:
    """An item said to come next.

    deadline_ns  in the tracker's clock; 0 for the usual one
    camera       by which it will be seen first; empty: any
    stamp_ns     when it was announced, in the clock that stamps the images

    Raises ValueError where the id is empty.
    """

    item_id: str
    sku: str = ""
    deadline_ns: int = 0
    camera: str = ""
    stamp_ns: int = 0

    def __post_init__(self) -> None:
        if not self.item_id:
            raise ValueError("announced item_id is empty; expected a name unique while it waits")


@dataclass(frozen=True)
class Due:
    """An item whose report has to go out, and why its evidence may be incomplete.

    station  None for an item that was announced and never seen
    places   where each camera saw it last
    """

    item_id: str
    sku: str
    station: str | None
    evidence: Evidence
    missing: Reason
    places: Mapping[str, Place] = field(default_factory=dict)


@dataclass(frozen=True)
class _Waiting:
    """An announced item that has not come yet."""

    announcement: Announcement
    deadline_ns: int


class ItemTracker:
    """Nearest to where an item should be by now. Times are nanoseconds of a steady clock, stamps
    those of the cameras'."""

    def __init__(self, policy: VerdictPolicy) -> None:
        self.policy = policy
        self._tracks: list[Track] = []
        # By id, oldest first.
        self._announced: dict[str, _Waiting] = {}
        self._looked_ns: dict[str, int] = {}
        # Where each camera saw what had its name, before it was lost sight of or began anew.
        self._had_names: dict[str, list[Place]] = {}
        self._anew_ns: dict[str, int] = {}
        self._answers, self._answers_ns = ANSWERED_AT_ONCE, 0

    def announce(self, announcement: Announcement, now_ns: int) -> None:
        """Names an item in sight that came first and waits unnamed, otherwise the next new one.

        An item that was announced before it was seen, but whose announcement comes after its
        report, is reported once more, under its name: at once where its evidence suffices,
        otherwise it waits for more as a new one would.

        Raises ValueError where an item of that id still waits for its report, and
        TooManyAnnouncedError where MOST_ANNOUNCED items wait.
        """
        item_id = announcement.item_id
        seen = any(track.item_id == item_id for track in self._tracks if not track.reported)
        if seen or item_id in self._announced:
            raise ValueError(f"item {item_id!r} is announced already and waits")
        for track in self._tracks:
            seen_ns = track.evidence.first_seen_ns
            if not track.reported:
                # What was out of sight before it was announced is not what comes next.
                seen_ns = max(track.seen_ns.values())
            late = 0 < announcement.stamp_ns <= seen_ns
            late |= announcement.stamp_ns == 0 and not track.reported
            here = _is_for(announcement, track.last)
            free = not track.announced and not self._is_piece(track)
            if late and here and free and self._is_item(track):
                usual = now_ns + self.policy.deadline_ns if track.reported else track.deadline_ns
                self._name(track, announcement, usual)
                track.reported = False
                return
        if len(self._announced) >= MOST_ANNOUNCED:
            raise TooManyAnnouncedError(
                f"item {item_id!r} is one too many: {MOST_ANNOUNCED} announced items wait; "
                "announce items as they come"
            )
        deadline = announcement.deadline_ns or now_ns + self.policy.deadline_ns
        self._announced[item_id] = _Waiting(announcement, deadline)

    def follow(
        self, station: str, camera: str, places: Sequence[Place], stamp_ns: int, now_ns: int
    ) -> list[Track]:
        """The item of each place that one frame of ``camera`` shows of ``station``; new ones too.

        Their evidence stays as it is: ``add`` takes in what was seen of those that wait.

        stamp_ns  of the frame
        """
        # Where frames are lost, the next item may come in the first one after the last was gone.
        tracks = [
            track
            for track in self._tracks
            if track.station == station and not self._left(track, camera, stamp_ns)
        ]
        self._looked_ns[camera] = stamp_ns
        had_names = self._names_had(camera, stamp_ns)
        velocity = _common_velocity(tracks)
        pairs = sorted(
            (track.distance_m(place, velocity, self.policy.join_radius_m), p, t)
            for p, place in enumerate(places)
            for t, track in enumerate(tracks)
        )
        owner: dict[int, int] = {}
        for distance, p, t in pairs:
            if np.isfinite(distance) and p not in owner and t not in owner.values():
                owner[p] = t
        shown = {id(track): track.last.get(camera) for track in tracks}
        followed = []
        for p, place in enumerate(places):
            if p in owner:
                track = tracks[owner[p]]
            else:
                deadline = now_ns + self.policy.deadline_ns
                track = Track(station, f"item-{next(_numbers)}", deadline, first_ns=stamp_ns)
                track.announced = any(self._is_near(place, had) for had in had_names)
                self._tracks.append(track)
            track.move(place, now_ns)
            followed.append(track)
        for track in followed:
            if track.first_ns == stamp_ns and id(track) not in shown:
                track.origin = origin_of(track, tracks, shown, camera)
        return followed

    def add(self, track: Track, sighting: Sighting) -> None:
        """Adds evidence to an item that waits for its report."""
        track.evidence.add(sighting)
        if not track.announced and self._is_item(track):
            self._name_next(track, sighting.camera)

    def due(self, now_ns: int, cameras: Mapping[str, frozenset[str]]) -> list[Due]:
        """Items to report now; each comes out exactly once.

        cameras  by station, the cameras that look at it
        """
        due = [self._expire(entry) for entry in self._expired(now_ns)]
        for track in self._tracks:
            if track.reported:
                continue
            if self.policy.suffices(track.evidence, cameras[track.station]):
                missing = Reason.NONE
            elif now_ns >= track.deadline_ns:
                missing = Reason.DEADLINE
            elif self._left(track):
                missing = Reason.LEFT
            else:
                continue
            if is_in_pieces(track, self._tracks, self.policy):
                missing |= Reason.IN_PIECES
            due.append(_due(track, missing))
        self._forget(now_ns)
        return due

    def restart(self, camera: str) -> list[Due]:
        """Answers for what ``camera`` saw, whose stamps were set back, and follows it anew.

        What still lies where an item with a name was does not take the next item's.
        """
        before = [track for track in self._tracks if camera in track.last]
        self._tracks = [track for track in self._tracks if camera not in track.last]
        self._looked_ns.pop(camera, None)
        self._remember(before)
        return [_due(track, Reason.STOPPED) for track in before if not track.reported]

    def drain(self) -> list[Due]:
        """Every item still waiting, as the node stops: nothing goes unanswered."""
        waiting = [_due(track, Reason.STOPPED) for track in self._tracks if not track.reported]
        waiting += [_never_seen(entry, Reason.STOPPED) for entry in self._announced.values()]
        self._remember(self._tracks)
        self._tracks, self._announced, self._looked_ns = [], {}, {}
        return waiting

    def _forget(self, now_ns: int) -> None:
        """Follows no longer what was reported and has left, or was lost sight of."""
        reported = [track for track in self._tracks if track.reported]
        left = [track for track in reported if self._left(track)]
        # Between two cameras of a belt nobody sees an item.
        lost_ns = max(FORGET_NS, self.policy.leave_ns)
        lost = [t for t in reported if t not in left and now_ns - t.touched_ns > lost_ns]
        self._remember(lost)
        self._tracks = [t for t in self._tracks if t not in left and t not in lost]
        for track in self._tracks:
            if track.origin in left or track.origin in lost:
                track.origin = None

    def _remember(self, tracks: Sequence[Track]) -> None:
        """Keeps where things with a name lie: what is seen there next takes no other one."""
        for track in tracks:
            if track.reported or track.announced:
                for camera, place in track.last.items():
                    self._had_names.setdefault(camera, []).append(place)
                    self._anew_ns.pop(camera, None)

    def _names_had(self, camera: str, stamp_ns: int) -> list[Place]:
        """Where a camera saw what has its name, for as long as an item may be out of sight."""
        places = self._had_names.get(camera, [])
        if places and stamp_ns - self._anew_ns.setdefault(camera, stamp_ns) > self.policy.leave_ns:
            del self._had_names[camera]
            return []
        return places

    def _expired(self, now_ns: int) -> list[_Waiting]:
        """Those to answer now, longest overdue first."""
        more = max(0, now_ns - self._answers_ns) // ANSWERED_EVERY_NS
        self._answers = min(ANSWERED_AT_ONCE, self._answers + more)
        self._answers_ns += more * ANSWERED_EVERY_NS
        over = [entry for entry in self._announced.values() if now_ns >= entry.deadline_ns]
        expired = heapq.nsmallest(self._answers, over, key=lambda entry: entry.deadline_ns)
        self._answers -= len(expired)
        return expired

    def _expire(self, entry: _Waiting) -> Due:
        """Answers for an announced item whose time is over, by what could be its item."""
        announcement = entry.announcement
        del self._announced[announcement.item_id]
        for track in self._tracks:
            free = not (track.reported or track.announced or self._is_piece(track))
            if free and _could_be_item(track) and _is_for(announcement, track.last):
                self._name(track, announcement, entry.deadline_ns)
                return _due(track, Reason.DEADLINE)
        return _never_seen(entry, Reason.NOT_FOUND | Reason.DEADLINE)

    def _left(self, track: Track, camera: str = "", stamp_ns: int = 0) -> bool:
        """Whether it has left; before a frame of ``camera`` is looked at, whether it had by then.

        By frames that came and did not show it: a silent camera does not make an item leave. By
        their stamps: frames that are handled late do not make it stay.
        """
        for name, seen_ns in track.seen_ns.items():
            looked_ns = self._looked_ns[name]
            until_ns = stamp_ns if name == camera else looked_ns
            if looked_ns <= seen_ns or until_ns - seen_ns <= self.policy.leave_ns:
                return False
        return True

    def _is_piece(self, track: Track) -> bool:
        return is_piece(track, self._tracks, self.policy)

    def _name_next(self, track: Track, camera: str) -> None:
        """Gives an item the oldest name that waits for it; a piece of a named one gets none."""
        if self._is_piece(track):
            return
        for entry in self._announced.values():
            if _is_for(entry.announcement, (camera,)):
                del self._announced[entry.announcement.item_id]
                self._name(track, entry.announcement, track.deadline_ns)
                return

    def _is_item(self, track: Track) -> bool:
        """Whether it may take a name: it can be judged, or was seen whole as often as is asked for.

        What is cut off may be a neighbour, what single frames show may be noise; an item that glare
        keeps from being judged must not leave its name, and a verdict under it, to the next.
        """
        sightings = track.evidence.sightings
        whole = Counter(s.camera for s in sightings if Reason.CUT_OFF not in s.faults)
        often = max(whole.values(), default=0) >= self.policy.frames_per_camera
        return often or any(sighting.usable for sighting in sightings)

    def _is_near(self, place: Place, other: Place) -> bool:
        apart_m = float(np.linalg.norm(place.position_m - other.position_m))
        return apart_m <= self.policy.join_radius_m

    @staticmethod
    def _name(track: Track, announcement: Announcement, usual_deadline_ns: int) -> None:
        track.item_id, track.sku = announcement.item_id, announcement.sku
        track.deadline_ns = announcement.deadline_ns or usual_deadline_ns
        track.announced = True


def _could_be_item(track: Track) -> bool:
    """Whether what was seen can be one item at all, and not more than the region holds."""
    return Reason.NOT_LOCATED not in track.evidence.faults


def _is_for(announcement: Announcement, cameras: Container[str]) -> bool:
    return not announcement.camera or announcement.camera in cameras


def _due(track: Track, missing: Reason) -> Due:
    track.reported = True
    places = dict(track.last)
    return Due(track.item_id, track.sku, track.station, track.evidence, missing, places)


def _never_seen(entry: _Waiting, missing: Reason) -> Due:
    announced = entry.announcement
    return Due(announced.item_id, announced.sku, None, Evidence(), missing)


def _common_velocity(tracks: Sequence[Track]) -> NDArray[np.float64]:
    """(3,) m/s that items of a station share, as on a belt; zero before any is known."""
    known = [track.velocity for track in tracks if track.velocity is not None]
    return np.median(known, axis=0) if known else np.zeros(3)
