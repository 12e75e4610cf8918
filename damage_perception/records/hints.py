"""Hours in which something went wrong: far more items than usual could not be decided.

A lamp that goes out, a camera that freezes, a plug that comes loose: items turn unknown for one
reason, or without one camera, from one hour to the next.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from statistics import median
from typing import Final, Literal

from damage_perception.records.figures import Span
from damage_perception.records.intervals import wilson
from damage_perception.records.numbers import (
    IN_HOURS,
    NOTED_IN_SPAN,
    Rows,
    in_hours,
    in_span,
    reasons_of,
)
from damage_perception.records.schema import HOUR, HOUR_NS
from damage_perception.verdict.report import Verdict

# An hour is conspicuous from so many unknown items on,
_LEAST_ITEMS: Final = 5
# where its share of unknown items is surely above this,
_LEAST_SHARE: Final = 0.02
# and above so many times that of the median hour.
_JUMP: Final = 4.0
# What is usual is taken from the span and so much before it.
_BEFORE_NS: Final = 7 * 24 * HOUR_NS

_ITEMS: Final = f"""
SELECT {HOUR}, site, cameras, count(*) FROM items WHERE {IN_HOURS} GROUP BY {HOUR}, site, cameras"""
_UNKNOWN: Final = f"""
SELECT {HOUR}, site, cameras, reasons, count(*) FROM items
WHERE {NOTED_IN_SPAN} AND verdict = {int(Verdict.UNKNOWN)}
GROUP BY {HOUR}, site, cameras, reasons"""

Cameras = frozenset[str]


@dataclass(frozen=True)
class Cause:
    """What unknown items have in common: one of their reasons, or the camera that did not count."""

    site: str
    what: Literal["reason", "camera"]
    name: str


@dataclass(frozen=True)
class Hint:
    """Hours on end in which a cause made more items unknown than usual.

    since_ns, until_ns  full hours of UTC, nanoseconds since 1970
    unknown, items      of these hours: those of the cause, and all
    usual               share of items that the cause makes unknown in the median hour, 0..1
    """

    cause: Cause
    since_ns: int
    until_ns: int
    unknown: int
    items: int
    usual: float


def hints(rows: Rows, span: Span) -> list[Hint]:
    """What went wrong in the span, the newest first.

    An hour is conspicuous where a cause made at least five items unknown, and the lower end of the
    95 % interval of their share (Wilson) is above 2 % and above four times the share of the
    median hour: of the span and of the seven days before it. The median stays what is usual as
    long as things go wrong in less than half of the hours. Conspicuous hours with no other one
    with items between them are one hint.
    """
    around = Span(max(0, span.since_ns - _BEFORE_NS), span.until_ns)
    items: dict[str, Counter[int]] = defaultdict(Counter)
    together: dict[str, Counter[Cameras]] = defaultdict(Counter)
    for hour, site, names, count in rows.query(_ITEMS, in_hours(around)):
        items[site][int(hour)] += count
        together[site][_cameras(names)] += count
    usual = {site: _usual_cameras(counts) for site, counts in together.items()}
    unknown: dict[Cause, Counter[int]] = defaultdict(Counter)
    for hour, site, names, reasons, count in rows.query(_UNKNOWN, in_span(around)):
        for reason in reasons_of(reasons):
            unknown[Cause(site, "reason", reason)][int(hour)] += count
        for camera in usual[site][_cameras(names)]:
            unknown[Cause(site, "camera", camera)][int(hour)] += count
    found = [
        hint
        for cause, counts in unknown.items()
        for hint in _hints_of(cause, counts, items[cause.site])
        if hint.until_ns > span.since_ns
    ]
    return sorted(found, key=lambda hint: (-hint.until_ns, -hint.unknown, hint.cause.name))


@cache
def _cameras(names: str) -> Cameras:
    return frozenset(filter(None, names.split(",")))


def _usual_cameras(counts: Mapping[Cameras, int]) -> dict[Cameras, Cameras]:
    """The cameras that items miss, by those that counted in them.

    They are what the most frequent greater set has more, where it is more frequent: stations of
    one cell have cameras of their own. No camera is missed of items in which none counted.
    """
    missed: dict[Cameras, Cameras] = {}
    for few, count in counts.items():
        greater = [more for more in counts if few < more and counts[more] > count]
        whole = max(greater, key=lambda more: counts[more], default=few)
        missed[few] = whole - few if few else frozenset()
    return missed


def _hints_of(cause: Cause, unknown: Mapping[int, int], items: Mapping[int, int]) -> Iterator[Hint]:
    hours = sorted(items)
    usual = median([unknown.get(hour, 0) / items[hour] for hour in hours])
    least = max(_LEAST_SHARE, _JUMP * usual)
    for high, group in groupby(
        hours, lambda hour: _stands_out(unknown.get(hour, 0), items[hour], least)
    ):
        run = list(group)
        if not high:
            continue
        yield Hint(
            cause,
            run[0],
            run[-1] + HOUR_NS,
            sum(unknown[hour] for hour in run),
            sum(items[hour] for hour in run),
            usual,
        )


def _stands_out(unknown: int, items: int, least: float) -> bool:
    return unknown >= _LEAST_ITEMS and wilson(unknown, items)[0] > least
