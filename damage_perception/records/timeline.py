"""Figures over time, in steps that a chart can show: hours, days or weeks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone, tzinfo
from typing import Final, Literal

from damage_perception.records.figures import FOREVER_NS, Figures, Hour, Span
from damage_perception.records.schema import HOUR_NS

# So many hours, and so many days, are shown as such.
_MOST_HOURS: Final = 8 * 24
_MOST_DAYS: Final = 400

# Hours of a day, and the one that has begun.
_DAY: Final = 25

Step = Literal["hour", "day", "week"]


@dataclass(frozen=True)
class Moment:
    """The figures of one step; ``start`` is in local time."""

    start: datetime
    figures: Figures


@dataclass(frozen=True)
class Timeline:
    """Steps without gaps, oldest first; those in which nothing was reported have no items."""

    step: Step
    moments: tuple[Moment, ...]

    @property
    def within_a_day(self) -> bool:
        """Whether the time of day tells its steps apart."""
        return self.step == "hour" and len(self.moments) <= _DAY

    def labelled(self, most: int) -> list[int]:
        """The numbers of up to ``most`` steps for an axis; of hours of several days the first."""
        numbers = list(range(len(self.moments)))
        if self.step == "hour" and not self.within_a_day:
            numbers = [n for n in numbers if self.moments[n].start.hour == 0]
        every = max(1, -(-len(numbers) // most))
        return numbers[every // 2 :: every]


def timeline(hours: Sequence[Hour], span: Span, zone: tzinfo | None = None) -> Timeline:
    """The span's ``hours`` in steps of hours, days or weeks.

    An open span goes from the first hour to the last one. Days and weeks, from Monday on, are those
    of ``zone``; None: this machine's.
    """
    if not hours:
        return Timeline("hour", ())
    since_ns = span.since_ns or hours[0].start_ns
    until_ns = span.until_ns if span.until_ns < FOREVER_NS else hours[-1].start_ns + 1
    first_ns = since_ns - since_ns % HOUR_NS
    if (until_ns - first_ns) // HOUR_NS <= _MOST_HOURS:
        known = {hour.start_ns: hour.figures for hour in hours}
        moments = tuple(
            Moment(_local(start_ns, zone), known.get(start_ns, Figures()))
            for start_ns in range(first_ns, until_ns, HOUR_NS)
        )
        return Timeline("hour", moments)
    days: dict[date, list[Figures]] = defaultdict(list)
    for hour in hours:
        days[_local(hour.start_ns, zone).date()].append(hour.figures)
    first, last = _local(first_ns, zone).date(), _local(until_ns - 1, zone).date()
    if (last - first).days < _MOST_DAYS:
        return Timeline("day", _joined(days, first, last, 1))
    return Timeline("week", _joined(days, first - timedelta(first.weekday()), last, 7))


def _joined(
    days: dict[date, list[Figures]], first: date, last: date, length: int
) -> tuple[Moment, ...]:
    """Steps of ``length`` days."""
    steps = range(0, (last - first).days + 1, length)
    return tuple(
        Moment(
            datetime.combine(first + timedelta(step), datetime.min.time()),
            Figures.joined(
                figures
                for day in range(length)
                for figures in days.get(first + timedelta(step + day), ())
            ),
        )
        for step in steps
    )


def _local(time_ns: int, zone: tzinfo | None) -> datetime:
    return datetime.fromtimestamp(time_ns // 10**9, timezone.utc).astimezone(zone)
