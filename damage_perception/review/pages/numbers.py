"""The page of numbers: what the cell reported in a span of time, and what people said of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from enum import Enum
from functools import cached_property
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from damage_perception.records.confidences import confidences
from damage_perception.records.figures import By, Figures, Hour, Span, as_csv
from damage_perception.records.hints import hints
from damage_perception.records.intervals import rate
from damage_perception.records.number_words import NumberWords, thousands
from damage_perception.records.numbers import grouped, over_time
from damage_perception.records.shift_report import write_shift_report
from damage_perception.records.timeline import Moment, timeline
from damage_perception.review.number_charts import OUTCOMES, confidence_chart, over_time_chart
from damage_perception.review.rendering import language_of, render
from damage_perception.review.sharing import shared

router = APIRouter()

_HOUR_NS: Final = 3600 * 10**9
# On the page; the rest is in the CSV file.
_MOST_GROUPS: Final = 24
_MOST_HINTS: Final = 4
# Of the part of the page that another way of grouping replaces.
_GROUPS: Final = "groups"


class SpanName(str, Enum):
    """How far back the figures go from now."""

    SHIFT = "shift"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    ALL = "all"

    def span(self, now_ns: int) -> Span:
        """The span that ends at ``now_ns``."""
        hours = {"shift": 8, "day": 24, "week": 7 * 24, "month": 30 * 24}.get(self.value)
        return Span() if hours is None else Span(now_ns - hours * _HOUR_NS, now_ns)


# The keys of the page; no letter means the same in all languages, so that hands learn them once.
_SPAN_KEYS: Final = {name: str(number) for number, name in enumerate(SpanName, 1)}
_BY_KEYS: Final = {
    By.SKU: "s",
    By.VENDOR: "v",
    By.KIND: "k",
    By.CAMERA: "c",
    By.HOUR: "h",
    By.REASON: "r",
    By.SITE: "t",
}


@router.get("/numbers")
def numbers(request: Request, span: SpanName = SpanName.SHIFT, by: By = By.SKU) -> Response:
    """All figures of a span; only the groups where a part of the page asks for them."""
    page = _Page(request, span, by)
    if request.headers.get("hx-target") == _GROUPS:
        return render(request, "numbers_groups.html", **page.usual, **page.groups(alone=True))
    parts = {**page.usual, **page.overview(), **page.groups(alone=False), **page.judged()}
    return render(request, "numbers.html", **parts)


@router.get("/numbers.csv")
def numbers_csv(request: Request, span: SpanName = SpanName.SHIFT, by: By = By.SKU) -> Response:
    """All groups of a span."""
    shares = shared(request)
    found = grouped(shares.store.index, span.span(time.time_ns()), by, shares.vendors)
    return _file(as_csv(found, by), "text/csv; charset=utf-8", f"{by.value}-{span.value}.csv")


@router.get("/numbers.pdf")
def numbers_pdf(request: Request, span: SpanName = SpanName.SHIFT) -> Response:
    """The report of a span on one page."""
    shares = shared(request)
    page = write_shift_report(
        shares.store, span.span(time.time_ns()), shares.vendors, language_of(request)
    )
    return _file(page, "application/pdf", f"report-{span.value}.pdf")


def _file(content: str | bytes, kind: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=kind, headers=headers)


class _Page:
    """What the templates show of one request.

    usual  what all of them show
    """

    def __init__(self, request: Request, name: SpanName, by: By) -> None:
        shares = shared(request)
        self._rows, self._vendors = shares.store.index, shares.vendors
        self._words = NumberWords.of(language_of(request))
        self._span, self._by = name.span(time.time_ns()), by
        self.usual: Mapping[str, Any] = {
            "span": name.value,
            "by": by,
            "spans": {one.value: key for one, key in _SPAN_KEYS.items()},
            "ways": {way.value: key for way, key in _BY_KEYS.items()},
            "words": self._words,
            "thousands": thousands,
        }

    @cached_property
    def _hours(self) -> list[Hour]:
        return over_time(self._rows, self._span)

    def overview(self) -> dict[str, Any]:
        """The figures of all, what went wrong, and the chart over time."""
        total = Figures.joined(hour.figures for hour in self._hours)
        doubtful = total.false_alarms + total.unjudged
        told = hints(self._rows, self._span)
        found = timeline(self._hours, self._span)
        words = self._words
        label = words("numbers.hour" if found.within_a_day else "numbers.day")
        form = words({"hour": "numbers.day_hour"}.get(found.step, f"numbers.{found.step}"))
        return {
            "total": total,
            "known": rate(total.false_alarms, total.items),
            "most": rate(doubtful, total.items),
            "hints": told[:_MOST_HINTS],
            "more_hints": max(0, len(told) - _MOST_HINTS),
            "sites": len({hint.cause.site for hint in told}),
            "outcomes": OUTCOMES,
            "chart": over_time_chart(
                found,
                lambda moment: self._told(moment, form),
                lambda moment: moment.start.strftime(label),
                (words("numbers.chart_items"), words("numbers.chart_outcomes")),
            ),
        }

    def groups(self, alone: bool) -> dict[str, Any]:
        """The table; ``alone``: nothing else of the page is asked for."""
        hours = None if alone else self._hours
        found = grouped(self._rows, self._span, self._by, self._vendors, hours=hours)
        return {
            "groups": found[:_MOST_GROUPS],
            "more": max(0, len(found) - _MOST_GROUPS),
        }

    def judged(self) -> dict[str, Any]:
        """The chart of confidences."""
        found, words = confidences(self._rows, self._span), self._words
        captions = (words("numbers.confidence_damaged"), words("numbers.confidence_good"))
        threshold = words("numbers.threshold", value=words.percent(found.threshold))
        return {
            "confidences": found,
            "judged_chart": confidence_chart(found, self._bin, captions, threshold),
        }

    def _told(self, moment: Moment, form: str) -> str:
        figures = moment.figures
        return self._words(
            "numbers.moment",
            start=moment.start.strftime(form),
            items=thousands(figures.items),
            confirmed=thousands(figures.confirmed),
            false_alarms=thousands(figures.false_alarms),
            unjudged=thousands(figures.unjudged),
            unknown=thousands(figures.unknown),
        )

    def _bin(self, damaged: int, good: int, low: float, high: float) -> str:
        words = self._words
        return words(
            "numbers.bin",
            low=f"{100 * low:.0f}",
            high=f"{100 * high:.0f}",
            damaged=thousands(damaged),
            good=thousands(good),
        )
