"""How bad damage is, from what was measured of it: minor, moderate or major."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from enum import IntEnum
from math import inf, isnan, nan


class Severity(IntEnum):
    """DamageRegion.SEVERITY_*; what could not be measured is UNKNOWN and is never tolerated."""

    UNKNOWN = 0
    MINOR = 1
    MODERATE = 2
    MAJOR = 3


@dataclass(frozen=True)
class Extent:
    """What was measured of damage; NaN where it could not be.

    area_cm2    visible surface of it, square to the line of sight
    depth_mm    greatest depth below the surface around it; 0 where nothing is pressed in
    item_share  share of the visible item, 0..1
    """

    area_cm2: float = nan
    depth_mm: float = nan
    item_share: float = nan

    def words(self) -> str:
        """For people: what was measured."""
        known = (
            ("{:.1f} cm2", self.area_cm2),
            ("{:.1f} mm deep", self.depth_mm),
            ("{:.1%} of the item", self.item_share),
        )
        told = [text.format(value) for text, value in known if not isnan(value)]
        return ", ".join(told) or "not measured"

    @staticmethod
    def joined(extents: Iterable[Extent]) -> Extent:
        """Of regions that one camera sees together: areas and shares add up, the deepest counts.

        What is not known of one of them is not known of all.
        """
        found = list(extents)
        if not found:
            return Extent()
        depths = [one.depth_mm for one in found]
        return Extent(
            sum(one.area_cm2 for one in found),
            nan if any(isnan(depth) for depth in depths) else max(depths),
            min(1.0, sum(one.item_share for one in found)),
        )


@dataclass(frozen=True)
class Bounds:
    """Damage within all of these is of a severity; infinite: that measure does not matter."""

    area_cm2: float = inf
    depth_mm: float = inf
    item_share: float = inf

    def _compared(self, extent: Extent) -> Iterator[tuple[float, float]]:
        for field in fields(self):
            bound = getattr(self, field.name)
            if bound < inf:
                yield getattr(extent, field.name), bound

    def exceeded(self, extent: Extent) -> bool:
        """Whether something that was measured is beyond its bound."""
        return any(measured > bound for measured, bound in self._compared(extent))

    def measured(self, extent: Extent) -> bool:
        """Whether all that is bounded was measured."""
        return not any(isnan(measured) for measured, _ in self._compared(extent))


@dataclass(frozen=True)
class SeverityBounds:
    """Up to which measures damage is minor, and moderate; beyond these it is major."""

    minor: Bounds = Bounds(area_cm2=4.0, depth_mm=3.0, item_share=0.02)
    moderate: Bounds = Bounds(area_cm2=25.0, depth_mm=10.0, item_share=0.10)

    def severity(self, extent: Extent) -> Severity:
        """Of damage; UNKNOWN where a measure that could make it worse is missing."""
        if self.moderate.exceeded(extent):
            return Severity.MAJOR
        if not (self.moderate.measured(extent) and self.minor.measured(extent)):
            return Severity.UNKNOWN
        return Severity.MODERATE if self.minor.exceeded(extent) else Severity.MINOR
