"""One page on a shift, or any span of time: what a talk with a vendor needs, as PDF."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.records.confidences import BINS, confidences
from damage_perception.records.figures import FOREVER_NS, By, Figures, Group, Span
from damage_perception.records.hints import hints
from damage_perception.records.intervals import rate
from damage_perception.records.item_record import ItemRecord, Judgement, RecordError
from damage_perception.records.number_words import NumberWords, thousands
from damage_perception.records.numbers import grouped, over_time
from damage_perception.records.report_sheet import (
    COLORS,
    INK,
    PAPER,
    QUIET,
    WIDTH_MM,
    Series,
    Sheet,
    Table,
)
from damage_perception.records.schema import HOUR_NS
from damage_perception.records.store import RecordStore
from damage_perception.records.timeline import Moment, Timeline, timeline

_MARGIN: Final = 12.0
_INNER: Final = WIDTH_MM - 2 * _MARGIN
_GAP: Final = 5.0
_COLUMN: Final = (_INNER - _GAP) / 2
_ROWS: Final = 5
_HINTS: Final = 3
_PICTURES: Final = 6
# Recordings that cannot be read are passed over.
_CANDIDATES: Final = 18
_LABELS: Final = 12
_SHOWN: Final = f"""
SELECT key FROM items
WHERE judgement = {int(Judgement.DAMAGED)} AND file <> '' AND time_ns >= ? AND time_ns < ?
ORDER BY severity DESC, area_cm2 DESC, time_ns DESC LIMIT {_CANDIDATES}"""


@dataclass(frozen=True)
class _Picture:
    record: ItemRecord
    image: NDArray[np.uint8]


def write_shift_report(
    store: RecordStore, span: Span, vendors: Mapping[str, str], language: str
) -> bytes:
    """The report of a span as a PDF of one A4 page.

    vendors   of skus
    language  one of number_words.LANGUAGES

    Raises RecordError where matplotlib is missing.
    """
    sheet, words = Sheet(), NumberWords.of(language)
    hours = over_time(store.index, span)
    ends = _ends(span, [hour.start_ns for hour in hours])
    _draw_title(sheet, words, store, ends)
    _draw_figures(sheet, words, Figures.joined(hour.figures for hour in hours))
    _draw_hints(sheet, words, store, span)
    _draw_chart(sheet, words, timeline(hours, span))

    def groups(by: By) -> list[Group]:
        return grouped(store.index, span, by, vendors, hours=hours)

    left, right = _MARGIN, _MARGIN + _COLUMN + _GAP
    places = ((left, 140.0), (right, 140.0), (left, 175.5), (right, 175.5))
    for by, (x, y) in zip((By.SKU, By.VENDOR, By.KIND, By.CAMERA), places, strict=True):
        found = [] if by is By.VENDOR and not vendors else groups(by)
        sheet.table(x, y, _COLUMN, _table(words, by, found))
    sheet.table(left, 211.0, _COLUMN, _reasons(words, groups(By.REASON)))
    _draw_confidences(sheet, words, store, span)
    _draw_pictures(sheet, words, _pictures(store, span))
    return sheet.pdf(words("numbers.report"))


def _ends(span: Span, starts: Sequence[int]) -> tuple[int, int]:
    """When the span begins and ends; an open one where the items do."""
    now_ns = time.time_ns()
    since_ns = span.since_ns or (starts[0] if starts else now_ns)
    if span.until_ns < FOREVER_NS:
        return since_ns, span.until_ns
    return since_ns, starts[-1] + HOUR_NS if starts else now_ns


def _draw_title(
    sheet: Sheet, words: NumberWords, store: RecordStore, ends: tuple[int, int]
) -> None:
    rows = store.index.query("SELECT site FROM items ORDER BY key DESC LIMIT 1")
    site = rows[0][0] if rows else ""
    sheet.box(0, 0, WIDTH_MM, 25, INK)
    sheet.text(_MARGIN, 12, words("numbers.report"), 19, "white", bold=True)
    sheet.text(_MARGIN, 19.5, words.times(*ends), 10, "white")
    right = WIDTH_MM - _MARGIN
    sheet.text(right, 12, site, 13, "white", bold=True, align="right", width=90)
    now = words.moment(time.time_ns())
    sheet.text(right, 19.5, words("numbers.report_made", now=now), 8, "#b9c6d4", align="right")


def _draw_figures(sheet: Sheet, words: NumberWords, total: Figures) -> None:
    def share(count: int) -> str:
        if not total.items:
            return ""
        return words("numbers.share", share=words.percent(count / total.items))

    judged = f"{thousands(total.unjudged)} {words('numbers.legend_unjudged')}"
    passed = f"{words('numbers.passed')}: {thousands(total.passed)}"
    tiles = (
        ("items", thousands(total.items), passed, COLORS["items"]),
        ("diverted", thousands(total.diverted), share(total.diverted), INK),
        ("unknown", thousands(total.unknown), share(total.unknown), COLORS["unknown"]),
        ("judged", words.percent(total.judged_share), judged, COLORS["unjudged"]),
        (
            "confirmed",
            thousands(total.confirmed),
            words("numbers.confirmed_of"),
            COLORS["confirmed"],
        ),
        ("missed", thousands(total.missed), words("numbers.missed_of"), COLORS["confirmed"]),
    )
    width = (_INNER - 5 * 2.4) / 6
    for number, (name, value, below, color) in enumerate(tiles):
        named = (words(f"numbers.{name}"), value, below)
        sheet.figure(_MARGIN + number * (width + 2.4), 30, width, named, color)
    sheet.box(_MARGIN, 53.4, _INNER, 9.6, PAPER)
    sheet.box(_MARGIN, 53.4, 1.2, 9.6, COLORS["false_alarms"])
    x = _MARGIN + 3
    x += sheet.text(x, 59.4, words("numbers.per_thousand"), 8, QUIET) + 4
    known = rate(total.false_alarms, total.items)
    x += sheet.text(x, 60, words.per_thousand(known.per_thousand), 16, bold=True) + 5
    sheet.text(x, 59.4, _known(words, total), 7, QUIET, width=WIDTH_MM - _MARGIN - 2 - x)


def _known(words: NumberWords, total: Figures) -> str:
    """How sure the rate of false alarms is."""
    if not total.items:
        return words("numbers.no_interval")
    known = rate(total.false_alarms, total.items)
    low, high = words.per_thousand(known.low), words.per_thousand(known.high)
    parts = [
        f"{words('numbers.false_alarms')}: {thousands(total.false_alarms)}",
        words("numbers.interval", low=low, high=high),
    ]
    if total.unjudged:
        most = 1e3 * (total.false_alarms + total.unjudged) / total.items
        parts.append(words("numbers.and_unjudged", high=words.per_thousand(most)))
    return " · ".join(parts)


def _draw_hints(sheet: Sheet, words: NumberWords, store: RecordStore, span: Span) -> None:
    found = hints(store.index, span)
    sheet.text(_MARGIN, 70, words("numbers.went_wrong"), 8.5, bold=True)
    if not found:
        sheet.text(_MARGIN, 75, words("numbers.report_nothing_wrong"), 7, QUIET)
    for number, hint in enumerate(found[:_HINTS]):
        y = 75 + number * 4.2
        when = sheet.text(_MARGIN, y, words.times(hint.since_ns, hint.until_ns), 7, bold=True)
        sheet.text(_MARGIN + when + 2, y, words.cause(hint), 7, width=_INNER - when - 2)
    if len(found) > _HINTS:
        more = words("numbers.hint_more", count=len(found) - _HINTS)
        sheet.text(WIDTH_MM - _MARGIN, 70, more, 6.2, QUIET, align="right")


def _draw_chart(sheet: Sheet, words: NumberWords, found: Timeline) -> None:
    sheet.text(_MARGIN, 92, words("numbers.over_time"), 8.5, bold=True)
    moments = found.moments
    if not moments:
        sheet.text(_MARGIN, 97, words("numbers.empty"), 7, QUIET)
        return
    form = words("numbers.hour" if found.within_a_day else "numbers.day")
    labels = {n: moments[n].start.strftime(form) for n in found.labelled(_LABELS)}

    def series(outcome: str, count: Callable[[Moment], int]) -> Series:
        name = words(f"numbers.legend_{outcome}") if outcome != "items" else ""
        return Series(outcome, name, [count(moment) for moment in moments])

    x, width = _MARGIN + 9, _INNER - 9
    sheet.text(x, 97.5, words("numbers.chart_items"), 6.2, QUIET)
    upper = sheet.axes(x, 98.5, width, 9)
    sheet.columns(upper, [series("items", lambda moment: moment.figures.items)], {})
    sheet.text(x, 113, words("numbers.chart_outcomes"), 6.2, QUIET)
    outcomes = [
        series("confirmed", lambda moment: moment.figures.confirmed),
        series("false_alarms", lambda moment: moment.figures.false_alarms),
        series("unjudged", lambda moment: moment.figures.unjudged),
        series("unknown", lambda moment: moment.figures.unknown),
    ]
    sheet.columns(sheet.axes(x, 114, width, 17), outcomes, labels)
    at = WIDTH_MM - _MARGIN
    for one in reversed(outcomes):
        at -= sheet.text(at, 113, one.name, 6.2, QUIET, align="right") + 3.2
        sheet.box(at + 0.8, 111.2, 2, 2, COLORS[one.outcome])
        at -= 3


def _table(words: NumberWords, by: By, groups: Sequence[Group]) -> Table:
    """The groups that were diverted most."""
    shown = [group for group in groups[:_ROWS] if group.figures.diverted or group.figures.missed]
    beside = words("numbers.report_top", count=len(shown)) if len(groups) > len(shown) else ""
    # An item without damage has no kind.
    names = ("missed" if by is By.KIND else "items", "diverted", "confirmed", "false_alarms")
    rows = [
        (
            words.group(by, group.name),
            *(thousands(getattr(group.figures, name)) for name in names),
            words.rate(group.false_alarms),
        )
        for group in shown
    ]
    heads = [words(f"numbers.{name}") for name in (f"by_{by.value}", *names)]
    heads.append(words("numbers.per_thousand_short"))
    missing = by is By.VENDOR and not groups
    empty = words("numbers.report_no_vendors" if missing else "numbers.no_groups")
    return Table(words(f"numbers.by_{by.value}"), beside, heads, rows, empty)


def _reasons(words: NumberWords, groups: Sequence[Group]) -> Table:
    rows = [
        (
            words.group(By.REASON, group.name),
            thousands(group.figures.unknown),
            words.percent(group.figures.unknown / group.out_of),
        )
        for group in groups[:_ROWS]
    ]
    heads = [words("numbers.by_reason"), words("numbers.unknown"), words("numbers.of_items")]
    title, empty = words("numbers.report_unknown"), words("numbers.no_groups")
    return Table(title, "", heads, rows, empty)


def _draw_confidences(sheet: Sheet, words: NumberWords, store: RecordStore, span: Span) -> None:
    x, y = _MARGIN + _COLUMN + _GAP, 211.0
    titled = sheet.text(x, y + 3, words("numbers.confidences"), 8.5, bold=True)
    beside = words("numbers.confidences_of")
    sheet.text(x + titled + 2, y + 3, beside, 6.2, QUIET, width=_COLUMN - titled - 2)
    found = confidences(store.index, span)
    if not sum(found.good) + sum(found.damaged):
        sheet.text(x, y + 9, words("numbers.none_judged"), 7, QUIET)
        return
    parts = (
        ("confirmed", "confidence_damaged", found.damaged),
        ("good", "confidence_good", found.good),
    )
    for number, (outcome, name, counts) in enumerate(parts):
        axes = sheet.axes(x + 7, y + 7.5 + number * 11.5, _COLUMN - 7, 7.5)
        ticks = {share * BINS - 0.5: words.percent(share) for share in (0.0, 0.5, 1.0)}
        sheet.columns(axes, [Series(outcome, "", counts)], {})
        axes.set_xticks(list(ticks), list(ticks.values()) if number else ["", "", ""])
        # Within the margins.
        axes.get_xticklabels()[0].set_horizontalalignment("left")
        axes.get_xticklabels()[-1].set_horizontalalignment("right")
        sheet.text(x + 7, y + 7.2 + number * 11.5, words(f"numbers.{name}"), 6.2, QUIET)
        if not isnan(found.threshold):
            axes.axvline(found.threshold * BINS - 0.5, color=INK, linewidth=0.9, linestyle="--")
    if not isnan(found.threshold):
        text = words("numbers.threshold", value=words.percent(found.threshold))
        sheet.text(x + _COLUMN, y + 7.2, text, 6.2, align="right")


def _pictures(store: RecordStore, span: Span) -> list[_Picture]:
    """What people confirmed, the worst damage first."""
    found: list[_Picture] = []
    for (key,) in store.index.query(_SHOWN, (span.since_ns, span.until_ns)):
        if len(found) == _PICTURES:
            break
        try:
            record = store.index.find(key)
            overlays = store.recording(record).overlays
        except RecordError:
            continue
        jpeg = overlays.get(record.camera) or next(iter(overlays.values()), None)
        image = None if jpeg is None else cv2.imdecode(np.frombuffer(jpeg, np.uint8), 1)
        if image is not None:
            scale = 480 / max(image.shape)
            small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            found.append(_Picture(record, np.asarray(small[..., ::-1], np.uint8)))
    return found


def _draw_pictures(sheet: Sheet, words: NumberWords, pictures: Sequence[_Picture]) -> None:
    y = 247.0
    sheet.text(_MARGIN, y + 3, words("numbers.report_pictures"), 8.5, bold=True)
    if not pictures:
        sheet.text(_MARGIN, y + 9, words("numbers.report_no_pictures"), 7, QUIET)
    width = (_INNER - 5 * 2.4) / _PICTURES
    for number, picture in enumerate(pictures):
        x, record = _MARGIN + number * (width + 2.4), picture.record
        sheet.picture(x, y + 5, width, 0.75 * width, picture.image)
        kind = record.judged_kind if record.judged_kind != "none" else record.kind
        lines = (words.kind(kind), words.group(By.SKU, record.sku), record.item_id)
        for line, text in enumerate(lines):
            below = y + 5 + 0.75 * width + 3.2 + line * 2.9
            sheet.text(x, below, text, 6.4, INK if line == 0 else QUIET, line == 0, width=width)
    sheet.text(_MARGIN, 291, words("numbers.report_note"), 5.6, QUIET, width=_INNER)
