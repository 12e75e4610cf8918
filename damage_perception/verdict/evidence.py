"""What is known of one item: every sighting of it, fused into one confidence."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from damage_perception.network.damage_network import Assessment
from damage_perception.verdict.regions import Region
from damage_perception.verdict.report import Reason


@dataclass(frozen=True)
class Sighting:
    """One item in one frame, assessed or with the reason why not.

    station       what the position is measured in: a camera's name, or a frame that cameras share
    position_m    (3,) centre of the item in that frame, for telling items apart
    center_m      (3,) the same in the camera's optical frame; None where depth is missing
    box           x, y, width, height in pixels of the colour image
    assessment    None where the backend failed
    faults        what makes the view unfit to judge by; NONE where it counts
    regions       damage found in the view
    """

    camera: str
    frame_id: str
    stamp_ns: int
    station: str
    position_m: NDArray[np.float64]
    center_m: NDArray[np.float64] | None
    box: tuple[int, int, int, int]
    assessment: Assessment | None
    faults: Reason
    regions: tuple[Region, ...]

    @property
    def usable(self) -> bool:
        """Whether the sighting counts as evidence."""
        return self.assessment is not None and not self.faults


@dataclass
class Evidence:
    """All sightings of one item. Frames of one camera are averaged, since they show the same side;
    of several cameras the worst counts, since damage need not show on every side."""

    sightings: list[Sighting] = field(default_factory=list)

    def of_cameras(self) -> dict[str, list[Sighting]]:
        """The usable sightings by camera."""
        cameras: dict[str, list[Sighting]] = {}
        for sighting in self.sightings:
            if sighting.usable:
                cameras.setdefault(sighting.camera, []).append(sighting)
        return cameras

    def faults(self) -> Reason:
        """Everything that kept a sighting from counting."""
        found = Reason.NONE
        for sighting in self.sightings:
            found |= sighting.faults
        return found

    def logit(self) -> float:
        """Fused calibrated log odds of damage; NaN without a usable sighting."""
        means = [
            np.mean([s.assessment.logit for s in seen if s.assessment])
            for seen in self.of_cameras().values()
        ]
        return float(max(means)) if means else float("nan")

    def kinds(self) -> NDArray[np.float32]:
        """(kinds,) confidence per kind, averaged over frames, worst of the cameras."""
        means = [
            np.mean([s.assessment.kinds for s in seen if s.assessment], axis=0)
            for seen in self.of_cameras().values()
        ]
        return np.max(means, axis=0).astype(np.float32) if means else np.zeros(6, np.float32)
