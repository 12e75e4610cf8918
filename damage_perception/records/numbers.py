"""The figures of a span of time: what was reported, what people said of it, and where.

Every statement here runs in SQLite on the index of one cell, and in DuckDB on the Parquet of many
(`damage_perception.records.fleet`). Items that were only captured at the booth are not counted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone, tzinfo
from functools import cache
from typing import Any, Final, Protocol

from damage_perception.kinds import NONE
from damage_perception.records.figures import By, Figures, Group, Hour, Span
from damage_perception.records.item_record import Judgement
from damage_perception.records.schema import COUNTED, HOUR, HOUR_NS, NOTED
from damage_perception.verdict.report import Reason, Verdict


class Rows(Protocol):
    """Where the rows are: an Index, or a FleetIndex."""

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a SELECT."""


_DAMAGED: Final = int(Judgement.DAMAGED)
_GOOD: Final = int(Judgement.GOOD)
_DIVERT: Final = int(Verdict.DIVERT)
_UNKNOWN: Final = int(Verdict.UNKNOWN)

IN_SPAN: Final = f"{COUNTED} AND time_ns >= ? AND time_ns < ?"
# The same rows, in the order of the index `hours`.
IN_HOURS: Final = f"{HOUR} >= ? AND {HOUR} < ? AND {IN_SPAN}"
NOTED_IN_SPAN: Final = f"{IN_SPAN} AND {NOTED}"

_PEOPLE: Final = f"""
    count(*) FILTER (WHERE verdict = {_DIVERT}) AS diverted,
    count(*) FILTER (WHERE verdict = {_UNKNOWN}) AS unknown,
    count(*) FILTER (WHERE verdict = {_DIVERT} AND judgement = {_DAMAGED}) AS confirmed,
    count(*) FILTER (WHERE verdict = {_DIVERT} AND judgement = {_GOOD}) AS false_alarms,
    count(*) FILTER (WHERE verdict <> {_DIVERT} AND judgement = {_DAMAGED}) AS missed"""
# The camera of a report may be none of those that counted.
_UNCOUNTED: Final = (
    f"verdict = {_DIVERT} AND instr(',' || cameras || ',', ',' || camera || ',') = 0"
)


def _statement(
    name: str, where: str, order: str = "1", noted_name: str = "", added: str = "0"
) -> str:
    """Items by ``name``, and by ``noted_name`` what is special in them.

    That most items pass and are never judged makes it fast: those are only counted, in the order
    of an index.

    where  of the items that are counted
    order  that an index has them in
    added  to the items, of what is special
    """
    return f"""
SELECT name, sum(items), sum(diverted), sum(unknown), sum(confirmed), sum(false_alarms), sum(missed)
FROM (
    SELECT {name} AS name, count(*) AS items, 0 AS diverted, 0 AS unknown, 0 AS confirmed,
        0 AS false_alarms, 0 AS missed
    FROM items WHERE {where} GROUP BY {order}
    UNION ALL
    SELECT {noted_name or name} AS name, {added} AS items, {_PEOPLE}
    FROM items WHERE {NOTED_IN_SPAN} GROUP BY 1
) AS parts
GROUP BY name"""


_BY_HOUR: Final = _statement(HOUR, IN_HOURS)
_BY_SKU: Final = _statement("sku", IN_SPAN)
_PLACES: Final = f"{HOUR}, site, cameras"
_BY_SITE: Final = _statement("site", IN_HOURS, _PLACES)
_BY_CAMERA: Final = _statement(
    "cameras",
    IN_HOURS,
    _PLACES,
    f"CASE WHEN verdict = {_DIVERT} THEN camera ELSE cameras END",
    f"count(*) FILTER (WHERE {_UNCOUNTED})",
)
_BY_KIND: Final = f"""
SELECT CASE WHEN judged_kind <> '{NONE}' THEN judged_kind ELSE kind END, count(*), {_PEOPLE}
FROM items WHERE {NOTED_IN_SPAN} AND (verdict = {_DIVERT} OR judgement = {_DAMAGED}) GROUP BY 1"""
_BY_REASONS: Final = f"""
SELECT reasons, count(*) FROM items WHERE {NOTED_IN_SPAN} AND verdict = {_UNKNOWN} GROUP BY 1"""
_COUNT: Final = f"SELECT count(*) FROM items WHERE {IN_HOURS}"


def in_span(span: Span) -> tuple[int, int]:
    """The values of IN_SPAN."""
    return span.since_ns, span.until_ns


def in_hours(span: Span) -> tuple[int, int, int, int]:
    """The values of IN_HOURS."""
    return span.since_ns - span.since_ns % HOUR_NS, span.until_ns, *in_span(span)


def over_time(rows: Rows, span: Span) -> list[Hour]:
    """The figures of each hour that has items, oldest first."""
    found = rows.query(_BY_HOUR, (*in_hours(span), *in_span(span)))
    return sorted(
        (Hour(int(start), _figures(counts)) for start, *counts in found),
        key=lambda hour: hour.start_ns,
    )


def total(rows: Rows, span: Span) -> Figures:
    """The figures of the whole span."""
    return Figures.joined(hour.figures for hour in over_time(rows, span))


def grouped(
    rows: Rows,
    span: Span,
    by: By,
    vendors: Mapping[str, str] | None = None,
    zone: tzinfo | None = None,
    hours: Sequence[Hour] | None = None,
) -> list[Group]:
    """The figures of each group: hours in their order, otherwise what was diverted most first.

    vendors  of skus
    zone     of the hours; None: this machine's
    hours    of the span, where they are known already
    """
    if by is By.HOUR:
        return hours_of_day(over_time(rows, span) if hours is None else hours, zone)
    if by in (By.KIND, By.REASON):
        if hours is None:
            count = int(rows.query(_COUNT, in_hours(span))[0][0])
        else:
            count = sum(hour.figures.items for hour in hours)
        found = rows.query(_BY_KIND if by is By.KIND else _BY_REASONS, in_span(span))
        named = _reasons(found) if by is By.REASON else found
        return _sorted(Group(_known(name), _figures(counts), count) for name, *counts in named)
    if by in (By.SKU, By.VENDOR):
        found = rows.query(_BY_SKU, (*in_span(span), *in_span(span)))
        if by is By.VENDOR:
            of = vendors or {}
            found = [(of.get(sku, ""), *counts) for sku, *counts in found]
        return _summed(found)
    found = rows.query(_BY_SITE if by is By.SITE else _BY_CAMERA, (*in_hours(span), *in_span(span)))
    if by is By.CAMERA:
        found = [(one, *counts) for names, *counts in found for one in names.split(",")]
    return _summed(found)


def hours_of_day(hours: Iterable[Hour], zone: tzinfo | None = None) -> list[Group]:
    """Hours of many days by their time of the day in ``zone``; None: this machine's."""
    days: dict[str, list[Figures]] = defaultdict(list)
    for hour in hours:
        start = datetime.fromtimestamp(hour.start_ns // 10**9, timezone.utc).astimezone(zone)
        days[f"{start:%H:%M}"].append(hour.figures)
    joined = {name: Figures.joined(figures) for name, figures in sorted(days.items())}
    return [Group(name, figures, figures.items) for name, figures in joined.items()]


@cache
def reasons_of(bits: int) -> tuple[str, ...]:
    """The names of reasons, lower case; of bits that this version does not know, their numbers."""
    known = [str(one.name).lower() for one in Reason if one and bits & one]
    newer = bits & ~sum(Reason)
    return (*known, *(f"bit {n}" for n in range(newer.bit_length()) if newer >> n & 1))


def _reasons(found: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Counts by single reason, as rows of figures."""
    counts: Counter[str] = Counter()
    for bits, count in found:
        for name in reasons_of(bits) or ("",):
            counts[name] += count
    return [(name, count, 0, count) for name, count in counts.items()]


def _known(name: str) -> str:
    return "" if name == NONE else name


def _figures(counts: Iterable[Any]) -> Figures:
    return Figures(*map(int, counts))


def _summed(found: Iterable[tuple[Any, ...]]) -> list[Group]:
    """Groups out of rows that may share names."""
    parts: dict[str, list[Figures]] = defaultdict(list)
    for name, *counts in found:
        parts[name].append(_figures(counts))
    joined = ((name, Figures.joined(figures)) for name, figures in parts.items())
    return _sorted(Group(name, figures, figures.items) for name, figures in joined)


def _sorted(groups: Iterable[Group]) -> list[Group]:
    def place(group: Group) -> tuple[int, int, int, str]:
        figures = group.figures
        return -figures.diverted, -figures.unknown, -figures.items, group.name

    return sorted(groups, key=place)
