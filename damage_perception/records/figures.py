"""What is counted of items in a span of time, and the tables of it."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from io import StringIO
from math import nan
from operator import attrgetter
from typing import Final

from damage_perception.records.intervals import Rate, rate

FOREVER_NS: Final = 1 << 62


class By(str, Enum):
    """What figures are grouped by.

    VENDOR  of the sku, as the site says
    KIND    that a person named, otherwise the reported one; only what is damaged or was diverted
    CAMERA  An item counts for every camera that counted in it. What was diverted, and what people
            say of it, counts for the camera that saw the damage; for the others it passed.
    HOUR    of the day, in local time
    REASON  why items are unknown; an item counts for each of its reasons
    """

    SKU = "sku"
    VENDOR = "vendor"
    KIND = "kind"
    CAMERA = "camera"
    HOUR = "hour"
    REASON = "reason"
    SITE = "site"


@dataclass(frozen=True)
class Span:
    """Times from ``since_ns`` on and before ``until_ns``, nanoseconds since 1970."""

    since_ns: int = 0
    until_ns: int = FOREVER_NS


@dataclass(frozen=True)
class Figures:
    """Counts of items.

    items         all that were reported
    diverted      reported as damaged
    unknown       not decided
    confirmed     diverted, and a person calls them damaged
    false_alarms  diverted, and a person calls them good
    missed        passed or unknown, and a person calls them damaged
    """

    items: int = 0
    diverted: int = 0
    unknown: int = 0
    confirmed: int = 0
    false_alarms: int = 0
    missed: int = 0

    @property
    def passed(self) -> int:
        """Reported as good."""
        return self.items - self.diverted - self.unknown

    @property
    def judged(self) -> int:
        """Diverted, and a person calls them damaged or good."""
        return self.confirmed + self.false_alarms

    @property
    def unjudged(self) -> int:
        """Diverted, and nobody said which: neither damaged nor a false alarm. Skipped ones too."""
        return self.diverted - self.judged

    @property
    def judged_share(self) -> float:
        """Of what was diverted, 0..1; NaN where nothing was."""
        return self.judged / self.diverted if self.diverted else nan

    @staticmethod
    def joined(figures: Iterable[Figures]) -> Figures:
        """The sum of all."""
        return Figures(*map(sum, zip(*map(_COUNTS, figures), strict=True)))


_COUNTS: Final = attrgetter(*Figures.__dataclass_fields__)


@dataclass(frozen=True)
class Group:
    """The figures of one value of what is grouped by.

    name    empty where the value is not known; of an hour as "06:00"
    out_of  items that rates are out of: of kinds and reasons all of the span
    """

    name: str
    figures: Figures
    out_of: int

    @property
    def false_alarms(self) -> Rate:
        """Known false alarms per thousand items; what nobody judged may hold more of them."""
        return rate(self.figures.false_alarms, self.out_of)


@dataclass(frozen=True)
class Hour:
    """The figures of one hour; ``start_ns`` is a full hour of UTC, nanoseconds since 1970."""

    start_ns: int
    figures: Figures


def as_csv(groups: Iterable[Group], by: By) -> str:
    """A table of groups for a spreadsheet, with a line of titles."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((
        by.value, "items", "passed", "diverted", "unknown", "confirmed", "false_alarms", "unjudged",
        "missed", "false_alarms_per_1000", "low_95", "high_95",
    ))  # fmt: skip
    for group in groups:
        f, known = group.figures, group.false_alarms
        writer.writerow((
            _as_text(group.name), f.items, f.passed, f.diverted, f.unknown, f.confirmed,
            f.false_alarms, f.unjudged, f.missed,
            *(f"{value:.4f}" for value in (known.per_thousand, known.low, known.high)),
        ))  # fmt: skip
    return text.getvalue()


def _as_text(name: str) -> str:
    """A name that no spreadsheet takes for a formula: a label that was scanned may be anything."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@")) else name
