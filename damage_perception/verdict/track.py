"""One item as it is followed from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.verdict.evidence import Evidence
from damage_perception.verdict.place import Place

# Motion is not carried on for longer than this.
LONGEST_PREDICTION_S: Final = 0.5
# What two cameras show of one item overlaps at least so much of the smaller footprint.
SAME_FOOTPRINT: Final = 0.3


@dataclass(eq=False)
class Track:
    """One item that was seen: where, when, and what speaks of its damage.

    seen_ns     by camera, stamp of the newest image that showed it
    touched_ns  when that came, in the tracker's clock
    first_ns    stamp of the first image that showed it
    carried     all that was seen of it, where it lies on a belt
    origin      the item that covered its place before, from which it broke off
    announced   whether it has a name that was announced, or had one and takes no other
    """

    station: str
    item_id: str
    deadline_ns: int
    sku: str = ""
    announced: bool = False
    evidence: Evidence = field(default_factory=Evidence)
    seen_ns: dict[str, int] = field(default_factory=dict)
    touched_ns: int = 0
    last: dict[str, Place] = field(default_factory=dict)
    velocity: NDArray[np.float64] | None = None
    reported: bool = False
    first_ns: int = 0
    origin: Track | None = None
    carried: Place | None = None

    def move(self, place: Place, now_ns: int) -> None:
        """Takes in where a camera shows the item."""
        before = self.last.get(place.camera)
        if before is not None and place.stamp_ns > before.stamp_ns:
            elapsed_s = (place.stamp_ns - before.stamp_ns) / 1e9
            self.velocity = (place.position_m - before.position_m) / elapsed_s
        self.last[place.camera] = place
        if place.on_belt:
            self.velocity = None
            self.carried = place if self.carried is None else place.joined(self.carried)
        self.seen_ns[place.camera] = place.stamp_ns
        self.touched_ns = now_ns

    def distance_m(self, place: Place, velocity: NDArray[np.float64], radius_m: float) -> float:
        """How far a place is from where the item should be; infinite where it is another's.

        velocity  (3,) m/s of the station, for an item that was seen once
        radius_m  farther than this is another item
        """
        if place.on_belt and self.carried is not None:
            return self._distance_on_belt_m(place, self.carried, radius_m)
        before = self.last.get(place.camera)
        if before is None:
            overlap = max(other.overlap(place) for other in self.last.values())
            if overlap >= SAME_FOOTPRINT:
                return (1 - overlap) * radius_m
            before = next(iter(self.last.values()))
        elapsed_s = (place.stamp_ns - before.stamp_ns) / 1e9
        elapsed_s = min(max(elapsed_s, 0.0), LONGEST_PREDICTION_S)
        motion = velocity if self.velocity is None else self.velocity
        expected = before.position_m + motion * elapsed_s
        distance = float(np.linalg.norm(place.position_m - expected))
        return distance if distance <= radius_m else float("inf")

    def _distance_on_belt_m(self, place: Place, carried: Place, radius_m: float) -> float:
        overlap = carried.overlap(place)
        if overlap >= SAME_FOOTPRINT:
            return (1 - overlap) * radius_m
        distance = float(np.linalg.norm(place.position_m - carried.position_m))
        return distance if distance <= radius_m else float("inf")
