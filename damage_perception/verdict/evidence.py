"""What is known of one item: every sighting of it, fused into one confidence."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.kinds import KINDS
from damage_perception.network.embedding import Embedding
from damage_perception.odds import probability
from damage_perception.verdict.difference import Difference
from damage_perception.verdict.geometry import ViewGeometry
from damage_perception.verdict.picture import Picture
from damage_perception.verdict.regions import Region
from damage_perception.verdict.report import Reason
from damage_perception.view import View

# Frames of one camera that are kept; an item that lies for hours must not fill the memory.
KEPT_PER_CAMERA: Final = 20


@dataclass(frozen=True)
class Sighting:
    """One item in one frame, assessed or with the reason why not.

    center_m  (3,) the item's centre in the camera's optical frame; None where depth is missing
    logit     calibrated log odds of damage; NaN where the backend failed
    kinds     (kinds,) confidence per kind of kinds.KINDS, 0..1
    faults    what makes the view unfit to judge by; NONE where it counts
    regions   damage found in the view
    geometry  of the view, for regions that are found in it later
    picture   what the camera showed; None where a clearer sighting of the camera has one
    embedding   to compare the view by; None where the model or the backend gave none
    difference  from the references of the item's sku; None where it was not compared
    view        that was assessed; None where nobody asks for it
    problem     why inference failed; empty where it did not
    has_depth   whether enough of the item has depth readings to judge its shape by
    moved       why the station's calibration did not hold; empty where it did
    beside      log odds of damage beside the item, as of `Assessment`
    """

    camera: str
    frame_id: str
    stamp_ns: int
    center_m: NDArray[np.float64] | None
    logit: float
    kinds: NDArray[np.float32]
    faults: Reason
    regions: tuple[Region, ...]
    geometry: ViewGeometry | None = None
    picture: Picture | None = None
    embedding: Embedding | None = None
    difference: Difference | None = None
    view: View | None = None
    problem: str = ""
    has_depth: bool = True
    moved: str = ""
    beside: float = float("-inf")

    @property
    def usable(self) -> bool:
        """Whether the sighting counts as evidence."""
        return not self.faults and bool(np.isfinite(self.logit))

    @property
    def joined(self) -> float:
        """Calibrated log odds of damage, of both signals where the view was compared."""
        return self.logit if self.difference is None else self.difference.joined


class Evidence:
    """All sightings of one item, of each camera the newest KEPT_PER_CAMERA.

    Frames of one camera are averaged, since they show the same side; of several cameras the worst
    counts, since damage need not show on every side.

    first_seen_ns  stamp of the oldest image that showed the item; 0 before there is one
    faults         everything that kept a sighting from counting
    problem        why inference failed on it, the newest time; empty where it never did
    """

    def __init__(self, sightings: Iterable[Sighting] = ()) -> None:
        self.sightings: list[Sighting] = []
        self.first_seen_ns = 0
        self.faults = Reason.NONE
        self.problem = ""
        for sighting in sightings:
            self.add(sighting)

    def add(self, sighting: Sighting) -> None:
        """Takes in a sighting; the oldest of its camera goes where there are too many."""
        if not self.sightings:
            self.first_seen_ns = sighting.stamp_ns
        self.faults |= sighting.faults
        self.problem = sighting.problem or self.problem
        self.sightings.append(sighting)
        of_camera = [s for s in self.sightings if s.camera == sighting.camera]
        if len(of_camera) > KEPT_PER_CAMERA:
            # Unusable ones first: they say nothing that `faults` does not keep.
            oldest = min(of_camera, key=lambda s: (s.usable, s.stamp_ns))
            self.sightings = [s for s in self.sightings if s is not oldest]

    def compare(self, sku: str, compared: Callable[[Sighting, Embedding], Sighting]) -> None:
        """Replaces the sightings that were not yet compared with references of ``sku``."""
        self.forget_differences(but=sku)
        self.sightings = [
            compared(s, s.embedding) if s.embedding and s.difference is None else s
            for s in self.sightings
        ]

    def forget_differences(self, but: str = "") -> None:
        """Takes back all comparisons with references of other skus than ``but``."""
        self.sightings = [
            replace(s, difference=None) if s.difference and s.difference.sku != but else s
            for s in self.sightings
        ]

    def _differences(self) -> list[Difference]:
        return [s.difference for s in self.sightings if s.usable and s.difference is not None]

    @property
    def mismatch(self) -> bool:
        """Whether the item was compared and is none of the sku of the references."""
        found = self._differences()
        return bool(found) and float(np.mean([d.same for d in found])) < 0

    @property
    def compared(self) -> bool:
        """Whether references speak in the confidence."""
        return bool(self._differences()) and not self.mismatch

    @property
    def without_depth(self) -> bool:
        """Whether the item was seen, and never with depth."""
        usable = [s for s in self.sightings if s.usable]
        return bool(usable) and not any(s.has_depth for s in usable)

    def anomaly(self) -> float:
        """Probability of damage from the references alone, 0..1; NaN where none speaks."""
        if not self.compared:
            return float("nan")
        means = [
            np.mean([s.difference.log_odds for s in seen if s.difference])
            for seen in self.of_cameras().values()
            if any(s.difference for s in seen)
        ]
        return probability(float(max(means)))

    def descriptor(self) -> NDArray[np.float32] | None:
        """(D,) mean descriptor of the usable sightings; None where there is none."""
        found = [s.embedding.descriptor for s in self.sightings if s.usable and s.embedding]
        if not found:
            return None
        mean = np.mean(found, axis=0)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-6), np.float32)

    def of_cameras(self) -> dict[str, list[Sighting]]:
        """The usable sightings by camera."""
        cameras: dict[str, list[Sighting]] = {}
        for sighting in self.sightings:
            if sighting.usable:
                cameras.setdefault(sighting.camera, []).append(sighting)
        return cameras

    def camera_logits(self) -> dict[str, float]:
        """Calibrated log odds of damage by camera, the mean over its frames; empty without any.

        Of both signals where references speak, otherwise of the damage network alone.
        """
        compared = self.compared
        return self._means(lambda s: s.joined if compared else s.logit)

    def logit(self) -> float:
        """The greatest of `camera_logits`; NaN where there is none."""
        return max(self.camera_logits().values(), default=float("nan"))

    def logit_alone(self) -> float:
        """The same by the damage network alone."""
        return max(self._means(lambda s: s.logit).values(), default=float("nan"))

    def _means(self, logit: Callable[[Sighting], float]) -> dict[str, float]:
        cameras = self.of_cameras()
        return {name: float(np.mean([logit(s) for s in seen])) for name, seen in cameras.items()}

    def kinds(self) -> NDArray[np.float32]:
        """(kinds,) confidence per kind, averaged over frames, worst of the cameras."""
        means = [np.mean([s.kinds for s in seen], axis=0) for seen in self.of_cameras().values()]
        return np.max(means, axis=0).astype(np.float32) if means else np.zeros(len(KINDS), "f4")

    def regions(self) -> tuple[Region, ...]:
        """Of each camera those in the sighting that decided for it."""
        return tuple(region for sighting in self.deciding() for region in sighting.regions)

    def deciding(self) -> tuple[Sighting, ...]:
        """Of each camera the usable sighting that shows the damage most clearly.

        Of equals the one that has a picture. Without any usable sighting, the newest of all.
        """
        usable = self.of_cameras()
        if not usable:
            return tuple(sorted(self.sightings, key=lambda s: s.stamp_ns)[-1:])
        return tuple(max(seen, key=self._clearness) for seen in usable.values())

    def pictures(self, damaged: bool) -> tuple[Picture, ...]:
        """One of a sighting that decided; where damage decided, one of each camera that saw it."""
        deciding = self.deciding()
        seen = tuple(s.picture for s in deciding if damaged and s.regions and s.picture)
        return seen or tuple(s.picture for s in deciding if s.picture)[:1]

    def keep_pictures(self) -> None:
        """Lets go of all pictures but those of the sightings that decide: an image is large."""
        kept = {id(sighting) for sighting in self.deciding()}
        self.sightings = [
            s if s.picture is None or id(s) in kept else replace(s, picture=None)
            for s in self.sightings
        ]

    def _clearness(self, sighting: Sighting) -> tuple[bool, float]:
        # What was compared late may be clearer than the one whose picture was kept.
        shown = sighting.picture is not None and bool(sighting.regions)
        return shown, sighting.joined if self.compared else sighting.logit
