"""What a site's rules would have changed of the verdicts on recorded frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from damage_perception.dataset import DatasetError, ImageRecord
from damage_perception.inspector import Inspector
from damage_perception.source import Source
from damage_perception.station import StationError
from damage_perception.station.target import find_target
from damage_perception.verdict.difference import ReferenceStatus
from damage_perception.verdict.report import Report
from damage_perception.verdict.site import Rule, Site


@dataclass(frozen=True)
class Replayed:
    """One item of a recorded frame, judged without the rules and by them.

    name     of the frame
    damaged  whether the item is, where the recording says so of it; otherwise None
    rules    that fit it
    """

    name: str
    damaged: bool | None
    before: Report
    after: Report
    rules: tuple[Rule, ...]

    @property
    def changed(self) -> bool:
        """Whether the verdict is another one."""
        return self.before.verdict is not self.after.verdict


@dataclass(frozen=True)
class NotReplayed:
    """A recorded frame that could not be judged, and why."""

    name: str
    why: str


def replay(source: Source, inspector: Inspector, sku: str) -> Iterator[Replayed | NotReplayed]:
    """Every item of every frame, each judged by itself.

    inspector  with the site's rules in its policy
    sku        of the items, where the recording does not say; empty: not known
    """
    ruled = inspector.policy
    unruled = replace(ruled, site=replace(ruled.site, rules=()))
    for record in source:
        label = record.label if isinstance(record, ImageRecord) else None
        named = (label.sku if label is not None else "") or sku
        try:
            frame = record.frame()
            items = record.items() if isinstance(record, ImageRecord) else None
            outline = None if items is None else items == 1
            result = inspector.judge(frame, named)
        except (DatasetError, StationError) as error:
            yield NotReplayed(record.name, str(error))
            continue
        before = inspector.decide(frame.camera_name, result, named, unruled)
        # The label is that of one item; others may stand beside it.
        target = find_target(result.items, frame, outline)
        for place, (was, now) in enumerate(zip(before, result.reports, strict=True)):
            damaged = label.damaged if label is not None and place == target else None
            yield Replayed(record.name, damaged, was, now, rules_of(ruled.site, now))


def rules_of(site: Site, report: Report) -> tuple[Rule, ...]:
    """Those that fit an item, in their order."""
    sku = report.sku or report.identity.sku
    if report.references is ReferenceStatus.MISMATCH:
        sku = ""
    spoke = [site.threshold_rule(sku, camera) for camera in report.cameras]
    spoke += [site.tolerance_rule(sku, region.kind, region.camera) for region in report.regions]
    spoke.append(site.reference_rule(sku))
    return tuple(rule for rule in site.rules if any(rule is one for one in spoke))
