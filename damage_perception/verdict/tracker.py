"""Joins sightings into items, and knows when an item is due for its report."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

import numpy as np
from numpy.typing import NDArray

from damage_perception.verdict.evidence import Evidence, Sighting
from damage_perception.verdict.policy import VerdictPolicy
from damage_perception.verdict.report import Reason

# One count for the process, so that no unannounced item has the id of another.
_numbers = count(1)


@dataclass(frozen=True)
class Announcement:
    """An item said to come next; deadline_ns in the node's clock, 0 for the usual one.

    Raises ValueError where the id is empty.
    """

    item_id: str
    sku: str = ""
    deadline_ns: int = 0

    def __post_init__(self) -> None:
        if not self.item_id:
            raise ValueError("announced item_id is empty; expected a name unique while it waits")


@dataclass
class Track:
    """One item: its sightings and its times, in the node's clock. Unseen while only announced."""

    station: str
    item_id: str
    sku: str
    deadline_ns: int
    deadline_given: bool = False
    announced: bool = False
    evidence: Evidence = field(default_factory=Evidence)
    seen_ns: int = 0
    reported: bool = False

    @property
    def position_m(self) -> NDArray[np.float64]:
        """(3,) where the item was seen last."""
        return self.evidence.sightings[-1].position_m


@dataclass(frozen=True)
class Due:
    """A track whose report has to go out, and why evidence may be incomplete."""

    track: Track
    missing: Reason


class ItemTracker:
    """Nearest centroid in the station's frame. Times are nanoseconds of the node's clock."""

    def __init__(self, policy: VerdictPolicy) -> None:
        self.policy = policy
        self._tracks: list[Track] = []
        self._announced: list[Track] = []
        self._looked_ns: dict[str, int] = {}

    def announce(self, announcement: Announcement, now_ns: int) -> None:
        """Names the oldest item still waiting unnamed, otherwise the next new one.

        Raises ValueError where an item of that id still waits for its report.
        """
        waiting = [track for track in self._tracks if not track.reported]
        if any(t.item_id == announcement.item_id for t in waiting + self._announced):
            raise ValueError(f"item {announcement.item_id!r} is announced already and waits")
        deadline_given = announcement.deadline_ns > 0
        deadline = announcement.deadline_ns if deadline_given else now_ns + self.policy.deadline_ns
        for track in waiting:
            if not track.announced:
                track.item_id, track.sku = announcement.item_id, announcement.sku
                track.announced = True
                if deadline_given:
                    track.deadline_ns = deadline
                return
        self._announced.append(
            Track("", announcement.item_id, announcement.sku, deadline, deadline_given, True)
        )

    def update(self, camera: str, station: str, sightings: list[Sighting], now_ns: int) -> None:
        """Adds what one frame of ``camera`` shows of ``station`` to the items it is of."""
        self._looked_ns[station] = now_ns
        tracks = [track for track in self._tracks if track.station == station]
        pairs = sorted(
            (float(np.linalg.norm(track.position_m - sighting.position_m)), s, t)
            for s, sighting in enumerate(sightings)
            for t, track in enumerate(tracks)
        )
        owner: dict[int, int] = {}
        for distance, s, t in pairs:
            if distance <= self.policy.join_radius_m and s not in owner and t not in owner.values():
                owner[s] = t
        for s, sighting in enumerate(sightings):
            track = tracks[owner[s]] if s in owner else self._new_track(station, now_ns)
            track.seen_ns = now_ns
            if track.reported:
                # Kept only to know where the item lies.
                track.evidence.sightings.clear()
            track.evidence.sightings.append(sighting)

    def due(self, now_ns: int, cameras: dict[str, frozenset[str]]) -> list[Due]:
        """Items to report now; each comes out exactly once.

        cameras  by station, the cameras that look at it
        """
        due = []
        for track in self._tracks:
            if track.reported:
                continue
            if self.policy.suffices(track.evidence, cameras[track.station]):
                due.append(Due(track, Reason.NONE))
            elif now_ns >= track.deadline_ns:
                due.append(Due(track, Reason.DEADLINE))
            elif self._gone(track):
                due.append(Due(track, Reason.NO_EVIDENCE))
        for track in [t for t in self._announced if now_ns >= t.deadline_ns]:
            self._announced.remove(track)
            due.append(Due(track, Reason.NOT_FOUND | Reason.DEADLINE))
        for entry in due:
            entry.track.reported = True
        self._tracks = [t for t in self._tracks if not (t.reported and self._gone(t))]
        return due

    def drain(self) -> list[Due]:
        """Every item still waiting, as the node stops: nothing goes unanswered."""
        waiting = [track for track in self._tracks if not track.reported] + self._announced
        self._tracks, self._announced = [], []
        return [Due(track, Reason.NO_EVIDENCE) for track in waiting]

    def _gone(self, track: Track) -> bool:
        # By frames that came: a silent camera does not make an item leave.
        return self._looked_ns[track.station] - track.seen_ns > self.policy.leave_ns

    def _new_track(self, station: str, now_ns: int) -> Track:
        if self._announced:
            track = self._announced.pop(0)
            track.station = station
            if not track.deadline_given:
                track.deadline_ns = now_ns + self.policy.deadline_ns
        else:
            item_id = f"item-{next(_numbers)}"
            track = Track(station, item_id, "", now_ns + self.policy.deadline_ns)
        self._tracks.append(track)
        return track
