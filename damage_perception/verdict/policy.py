"""When an item is decided, and how: all that compares a confidence with a threshold."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.kinds import KINDS
from damage_perception.network.model_card import ModelCard
from damage_perception.odds import log_odds_of, probability
from damage_perception.verdict.evidence import KEPT_PER_CAMERA, Evidence
from damage_perception.verdict.regions import MAX_REGIONS, Region
from damage_perception.verdict.report import Reason, Verdict
from damage_perception.verdict.severity import Extent, Severity
from damage_perception.verdict.site import Site, Thresholds

# With these no item passes, whatever was seen of it.
BLOCKING: Final = (
    Reason.STALE_CAMERA
    | Reason.BACKEND_FAULT
    | Reason.MALFORMED_INPUT
    | Reason.SKU_MISMATCH
    | Reason.NOT_CALIBRATED
    | Reason.COLOR_MISMATCH
    | Reason.FROZEN
    | Reason.IN_PIECES
    | Reason.NO_REFERENCES
)
# Above this confidence a kind of damage may be there, though no region shows where.
_KIND_SEEN: Final = 0.5


@dataclass(frozen=True)
class Damage:
    """What reaches the threshold, tolerated or not; empty where nothing does.

    regions   with their severities
    extent    of all of it, as the camera sees it that sees most
    severity  of all of it
    """

    regions: tuple[Region, ...] = ()
    extent: Extent = field(default_factory=Extent)
    severity: Severity = Severity.UNKNOWN


@dataclass(frozen=True)
class Decision:
    """What is made of the evidence on an item.

    confidence  of damage, 0..1; NaN without evidence
    threshold   at or above which the verdict is DIVERT
    """

    verdict: Verdict
    reasons: Reason
    confidence: float
    threshold: float
    damage: Damage = field(default_factory=Damage)


@dataclass(frozen=True)
class VerdictPolicy:
    """The operating point, what the site wants, and the evidence asked for.

    thresholds         at which items are diverted where no rule of the site says otherwise
    site               its rules
    frames_per_camera  usable frames of every camera before the verdict
    deadline_ns        after the item was first seen, the report goes out whatever is known
    leave_ns           an item not seen for so long, in frames that came, has left
    join_radius_m      sightings nearer to one another than this are of one item
    require_sku        whether an item that does not look like its announced sku cannot pass
    pieces_within_m    things that come with an announced item, nearer to it than this, are pieces
                       of it; 0: they are items of their own
    kinds_known        whether every kind of damage that the model tells apart has a name here;
                       otherwise nothing is tolerated, since no region shows the others
    """

    thresholds: Thresholds
    frames_per_camera: int = 3
    deadline_ns: int = 1_000_000_000
    leave_ns: int = 300_000_000
    join_radius_m: float = 0.08
    require_sku: bool = True
    pieces_within_m: float = 0.1
    site: Site = field(default_factory=Site)
    kinds_known: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.frames_per_camera <= KEPT_PER_CAMERA:
            raise ValueError(
                f"frames_per_camera is {self.frames_per_camera}; expected 1 to {KEPT_PER_CAMERA}"
            )

    @staticmethod
    def at(threshold: float, **limits: Any) -> VerdictPolicy:
        """With one threshold for all items; ``limits`` are the other fields."""
        return VerdictPolicy(Thresholds.same(threshold), **limits)

    @staticmethod
    def build(
        card: ModelCard,
        *,
        threshold: float | None,
        false_diverts_per_1000: float,
        site: Site | None = None,
        **limits: Any,
    ) -> VerdictPolicy:
        """From the parameters, the model card and the rules of the site.

        threshold  of all items; None: that which diverts ``false_diverts_per_1000`` good ones, by
                   the card
        limits     the other fields

        Raises ValueError where the card cannot show the rate, or a limit is none.
        """
        if threshold is None:
            general = Thresholds.at_rate(card, false_diverts_per_1000)
        else:
            general = Thresholds.same(threshold)
        known = set(card.kinds.names) <= set(KINDS)
        return VerdictPolicy(general, site=site or Site(), kinds_known=known, **limits)

    def threshold(
        self,
        *,
        sku: str = "",
        camera: str = "",
        compared: bool = False,
        without_depth: bool = False,
    ) -> float:
        """The threshold of an item, by what is known of it.

        compared       with references
        without_depth  colour alone shows it
        """
        rule = self.site.threshold_rule(sku, camera)
        thresholds = rule.thresholds if rule is not None and rule.thresholds else self.thresholds
        return thresholds.of(compared, without_depth)

    def diverts(
        self,
        confidence: float,
        *,
        sku: str = "",
        camera: str = "",
        compared: bool = False,
        without_depth: bool = False,
    ) -> bool:
        """Whether a confidence of damage, 0..1, reaches the threshold; NaN does not."""
        return confidence >= self.threshold(
            sku=sku, camera=camera, compared=compared, without_depth=without_depth
        )

    def count_diverted(
        self, confidences: NDArray[np.floating], *, compared: bool, without_depth: bool
    ) -> int:
        """How many of (N,) confidences reach the general threshold."""
        threshold = self.thresholds.of(compared, without_depth)
        return int(np.count_nonzero(confidences >= threshold))

    def may_divert(self, confidence: float, *, camera: str, without_depth: bool) -> bool:
        """Whether a confidence by the damage network alone reaches the threshold of some sku."""
        rules = [rule for rule in self.site.rules if camera in (rule.match.cameras or (camera,))]
        given = [self.thresholds, *(rule.thresholds for rule in rules if rule.thresholds)]
        return confidence >= min(one.of(False, without_depth) for one in given)

    def suffices(self, evidence: Evidence, cameras: frozenset[str]) -> bool:
        """Whether every one of ``cameras`` has delivered its usable frames."""
        seen = evidence.of_cameras()
        return all(len(seen.get(camera, ())) >= self.frames_per_camera for camera in cameras)

    def decide(
        self,
        evidence: Evidence,
        sku: str,
        announced: bool,
        cameras: frozenset[str],
        missing: Reason,
    ) -> Decision:
        """What is made of what is known now.

        sku        of the item; empty: not known
        announced  whether somebody said so; otherwise it looks like that
        cameras    the cameras that ought to have seen the item
        missing    why evidence may be incomplete; said where the verdict is UNKNOWN

        Damage seen in part of the evidence diverts; only whole evidence without damage passes.
        """
        needs_references = self.site.reference_rule(sku)
        if evidence.mismatch:
            # It is none of that sku, so what that sku is allowed is not for it.
            sku = ""
        logits = evidence.camera_logits()
        if not logits:
            reasons = evidence.faults | missing | Reason.NO_EVIDENCE
            threshold = self.threshold(sku=sku)
            return Decision(Verdict.UNKNOWN, reasons, float("nan"), threshold)
        thresholds = {
            camera: self.threshold(
                sku=sku,
                camera=camera,
                compared=evidence.compared,
                without_depth=evidence.without_depth,
            )
            for camera in logits
        }
        margins = {c: logits[c] - float(log_odds_of(thresholds[c])) for c in logits}
        worst = max(logits, key=lambda camera: margins[camera])
        confidence, threshold = probability(logits[worst]), thresholds[worst]
        diverting = {c for c in logits if probability(logits[c]) >= thresholds[c]}
        damage = self._damage(evidence) if diverting else Damage()
        if diverting and not self._tolerates(evidence, sku, diverting, damage.regions):
            return Decision(Verdict.DIVERT, Reason.DAMAGE, confidence, threshold, damage)
        tolerated = Reason.TOLERATED if diverting else Reason.NONE
        if self.require_sku and announced and evidence.mismatch:
            missing |= Reason.SKU_MISMATCH
        if needs_references and needs_references.require_references and not evidence.compared:
            missing |= Reason.NO_REFERENCES
        passes = self.suffices(evidence, cameras) and not missing & BLOCKING
        if passes:
            return Decision(Verdict.PASS, tolerated, confidence, threshold, damage)
        reasons = tolerated | evidence.faults | missing
        return Decision(Verdict.UNKNOWN, reasons, confidence, threshold, damage)

    def _damage(self, evidence: Evidence) -> Damage:
        """Regions of the evidence with their severities, and that of all of them."""
        bounds = self.site.severity
        regions = tuple(
            replace(region, severity=bounds.severity(region.extent))
            for region in evidence.regions()
        )
        extents = [Extent.joined(r.extent for r in seen) for seen in _by_camera(regions).values()]
        severities = [bounds.severity(extent) for extent in extents]
        # What could not be measured may be as bad as anything, but for what is known to be major.
        worst = max(
            range(len(extents)),
            key=lambda n: (_badness(severities[n]), extents[n].item_share),
            default=None,
        )
        if worst is None:
            return Damage()
        return Damage(regions, extents[worst], severities[worst])

    def _tolerates(
        self, evidence: Evidence, sku: str, diverting: set[str], regions: tuple[Region, ...]
    ) -> bool:
        """Whether the site lets all the damage pass that was found.

        Damage that no region shows, and damage whose severity is not known, it does not.
        """
        by_camera = _by_camera(regions)
        if not self.kinds_known or not diverting <= set(by_camera):
            return False
        seen = {kind for kind, c in zip(KINDS, evidence.kinds(), strict=True) if c > _KIND_SEEN}
        if not seen <= {region.kind for region in regions if not region.by_references}:
            return False
        for camera, found in by_camera.items():
            if len(found) >= MAX_REGIONS:
                # There may be more, which no report holds.
                return False
            limits = [self._limit(sku, camera, region) for region in found]
            # What is tolerated up to a severity must not be more than that together, either.
            for limit in set(limits):
                together = [r.extent for r, one in zip(found, limits, strict=True) if one <= limit]
                joined = self.site.severity.severity(Extent.joined(together))
                if not Severity.UNKNOWN < joined <= limit:
                    return False
            for region, limit in zip(found, limits, strict=True):
                if not Severity.UNKNOWN < region.severity <= limit:
                    return False
        return True

    def _limit(self, sku: str, camera: str, region: Region) -> Severity:
        """How much damage is tolerated where a region is; UNKNOWN: none.

        What references alone show may be of any kind.
        """
        kinds = KINDS if region.by_references else (region.kind,)
        rules = [self.site.tolerance_rule(sku, kind, camera) for kind in kinds]
        return min((rule and rule.tolerate) or Severity.UNKNOWN for rule in rules)


def _by_camera(regions: tuple[Region, ...]) -> dict[str, list[Region]]:
    found: dict[str, list[Region]] = {}
    for region in regions:
        found.setdefault(region.camera, []).append(region)
    return found


def _badness(severity: Severity) -> float:
    return Severity.MODERATE + 0.5 if severity is Severity.UNKNOWN else float(severity)
