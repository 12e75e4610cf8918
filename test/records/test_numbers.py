"""Figures of a span of time: what is counted, by what, and how sure one can be."""

import csv
import tempfile
from collections import Counter
from dataclasses import replace
from datetime import timedelta, timezone
from io import StringIO
from math import isnan, nan
from pathlib import Path
from random import Random

import pytest
from counted_by_hand import count, count_by, within
from hypothesis import given, settings
from hypothesis import strategies as st

from damage_perception.kinds import KINDS
from damage_perception.records.confidences import BINS, confidences
from damage_perception.records.figures import By, Figures, Span, as_csv
from damage_perception.records.fleet import FleetIndex, publish
from damage_perception.records.hints import hints
from damage_perception.records.intervals import rate, wilson
from damage_perception.records.item_record import ItemRecord, Judgement, Kept, RecordError
from damage_perception.records.numbers import grouped, over_time, total
from damage_perception.records.schema import HOUR_NS
from damage_perception.records.store import RecordStore
from damage_perception.records.timeline import timeline
from damage_perception.records.vendors import read_vendors
from damage_perception.verdict.report import Reason, Verdict

START_NS = 1_760_000_400_000_000_000 // HOUR_NS * HOUR_NS
MINUTE_NS = HOUR_NS // 60
VENDORS = {"cola": "Blue", "tea": "Green", "milk": "Blue"}
PASS, DIVERT, UNKNOWN = Verdict.PASS, Verdict.DIVERT, Verdict.UNKNOWN


def item(number: int, verdict: Verdict = PASS, **fields: object) -> ItemRecord:
    """Item ``number``, reported so many minutes after START_NS."""
    reasons = {PASS: Reason.NONE, DIVERT: Reason.DAMAGE, UNKNOWN: Reason.BLUR}
    values = {
        "site": "cell",
        "time_ns": START_NS + number * MINUTE_NS,
        "item_id": f"item-{number}",
        "sku": "cola",
        "verdict": verdict,
        "reasons": reasons[verdict],
        "cameras": ("front", "top"),
        "camera": "front",
        "kind": "crush" if verdict is DIVERT else "none",
    }
    return ItemRecord(**(values | fields))


@pytest.fixture
def index(tmp_path):
    return RecordStore(tmp_path / "records", create=True).index


def names(groups):
    return {group.name: group.figures for group in groups}


def test_an_unjudged_divert_is_neither_damaged_nor_a_false_alarm(index):
    index.add(
        [
            *(item(number) for number in range(90)),
            *(item(number, UNKNOWN) for number in range(90, 93)),
            item(93, DIVERT),
            item(94, DIVERT, judgement=Judgement.SKIPPED),
            item(95, DIVERT, judgement=Judgement.DAMAGED),
            item(96, DIVERT, judgement=Judgement.DAMAGED),
            item(97, DIVERT, judgement=Judgement.GOOD),
            item(98, judgement=Judgement.DAMAGED),
            item(99, UNKNOWN, judgement=Judgement.DAMAGED),
        ]
    )
    found = total(index, Span())
    assert found == Figures(100, 5, 4, 2, 1, 2)
    assert (found.passed, found.judged, found.unjudged, found.judged_share) == (91, 3, 2, 0.6)


def test_nothing_reported_is_no_rate_and_no_share(index):
    found = total(index, Span())
    assert found == Figures()
    assert isnan(found.judged_share)
    assert all(isnan(end) for end in wilson(0, 0))
    assert [grouped(index, Span(), by) for by in By] == [[]] * len(By)
    assert timeline(over_time(index, Span()), Span()).moments == ()
    assert hints(index, Span()) == []


def test_the_interval_is_wilsons():
    # Worked out by hand: z = 1.96, 10 of 100 and none of 10.
    assert wilson(10, 100) == pytest.approx((0.0552, 0.1744), abs=1e-4)
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    found = rate(3, 1000)
    assert (found.per_thousand, found.low, found.high) == pytest.approx((3, 1.02, 8.78), abs=0.01)


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_the_interval_holds_what_was_counted(hits, count):
    hits = min(hits, count)
    low, high = wilson(hits, count)
    assert 0 <= low <= hits / count <= high <= 1


def test_what_the_booth_captured_is_not_counted(index):
    index.add([item(0), item(1, UNKNOWN, kept=Kept.BOOTH), item(2, DIVERT, kept=Kept.DIVERTED)])
    assert total(index, Span()) == Figures(2, 1)
    assert names(grouped(index, Span(), By.SKU)) == {"cola": Figures(2, 1)}


def test_a_span_begins_and_ends_to_the_nanosecond(index):
    index.add([item(number) for number in (0, 30, 59, 60, 61)])
    since, until = START_NS + 30 * MINUTE_NS, START_NS + 60 * MINUTE_NS
    assert total(index, Span(since, until)).items == 2
    assert total(index, Span(since + 1, until + 1)).items == 2
    assert total(index, Span(since + 1, until)).items == 1


def test_kinds_are_what_people_say_and_otherwise_what_was_reported(index):
    damaged = Judgement.DAMAGED
    index.add(
        [
            item(0),
            item(1, DIVERT, kind="crush", judgement=damaged, judged_kind="tear"),
            item(2, DIVERT, kind="crush", judgement=damaged),
            item(3, DIVERT, kind="crush", judgement=Judgement.GOOD),
            item(4, judgement=damaged, judged_kind="hole"),
            item(5, UNKNOWN),
        ]
    )
    groups = grouped(index, Span(), By.KIND)
    assert names(groups) == {
        "tear": Figures(1, 1, 0, 1, 0, 0),
        "crush": Figures(2, 2, 0, 1, 1, 0),
        "hole": Figures(1, 0, 0, 0, 0, 1),
    }
    assert [group.out_of for group in groups] == [6] * 3
    assert groups[0].name == "crush"
    assert groups[0].false_alarms == rate(1, 6)


def test_an_item_counts_for_every_camera_but_its_damage_for_the_one_that_saw_it(index):
    index.add(
        [
            item(0),
            item(1, DIVERT, camera="top", judgement=Judgement.GOOD),
            item(2, UNKNOWN, cameras=("front",)),
            item(3, DIVERT, cameras=("front",), camera="left"),
        ]
    )
    assert names(grouped(index, Span(), By.CAMERA)) == {
        "front": Figures(4, 0, 1),
        "top": Figures(2, 1, 0, 0, 1),
        "left": Figures(1, 1),
    }


def test_an_item_counts_for_each_reason_that_it_is_unknown_for(index):
    newer = Reason(1 << 40)
    index.add(
        [
            item(0, UNKNOWN, reasons=Reason.BLUR | Reason.EXPOSURE),
            item(1, UNKNOWN, reasons=Reason.BLUR),
            item(2, UNKNOWN, reasons=newer),
            item(3, PASS, reasons=Reason.TOLERATED),
        ]
    )
    found = {group.name: group.figures.unknown for group in grouped(index, Span(), By.REASON)}
    assert found == {"blur": 2, "exposure": 1, "bit 40": 1}


def test_hours_of_the_day_are_those_of_the_place(index):
    day = 24 * 60
    index.add([item(0), item(day), item(day + 60), item(2 * day + 119, DIVERT)])
    hour = START_NS // HOUR_NS % 24
    in_utc = names(grouped(index, Span(), By.HOUR, zone=timezone.utc))
    assert in_utc == {
        f"{hour:02d}:00": Figures(2),
        f"{(hour + 1) % 24:02d}:00": Figures(2, 1),
    }
    delhi = timezone(timedelta(hours=5, minutes=30))
    in_delhi = names(grouped(index, Span(), By.HOUR, zone=delhi))
    assert in_delhi[f"{(hour + 5) % 24:02d}:30"] == Figures(2)


def test_confidences_of_what_people_judged_are_binned_beside_the_threshold(index):
    good, damaged = Judgement.GOOD, Judgement.DAMAGED
    index.add(
        [
            item(0, DIVERT, confidence=1.0, threshold=0.9, judgement=damaged),
            item(1, DIVERT, confidence=0.96, threshold=0.9, judgement=damaged),
            item(2, PASS, confidence=0.0, threshold=0.9, judgement=good),
            item(3, PASS, confidence=0.04, threshold=0.5, judgement=good),
            item(4, UNKNOWN, confidence=nan, judgement=good),
            item(5, DIVERT, confidence=0.96, threshold=0.7),
        ]
    )
    found = confidences(index, Span())
    assert (found.damaged[BINS - 1], sum(found.damaged)) == (2, 2)
    assert (found.good[0], found.good[1], sum(found.good)) == (1, 1, 2)
    assert (found.threshold, found.other) == (0.9, 1)


def any_record(random: Random) -> ItemRecord:
    """A row, whether a node would write it or not."""
    some = random.choice
    return ItemRecord(
        site=some(["north", "south"]),
        # At the edges of hours and beside them, too.
        time_ns=START_NS + random.randrange(100) * HOUR_NS // 2 + random.choice((-1, 0, 1, 10**9)),
        item_id="x",
        sku=some(["", "cola", "tea", "milk", "'; --"]),
        verdict=some(list(Verdict)),
        reasons=some([Reason.NONE, Reason.BLUR, Reason.BLUR | Reason.DAMAGE, Reason(1 << 40)]),
        confidence=some([0.0, 0.04, 0.5, 1.0, nan, random.random()]),
        threshold=some([0.5, 0.9]),
        kind=some(["none", *KINDS]),
        camera=some(["", "front", "top"]),
        cameras=some([(), ("front",), ("front", "top"), ("top",), ("front_left",)]),
        kept=some(list(Kept)),
        judgement=some(list(Judgement)),
        judged_kind=some(["none", *KINDS]),
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1 << 32), st.sampled_from([0, 1, 10, 150]))
def test_any_records_are_counted_as_by_hand_by_either_database(seed, amount):
    random = Random(seed)
    records = [any_record(random) for _ in range(amount)]
    ends = sorted(random.choices([START_NS, *(one.time_ns for one in records)], k=2))
    span = random.choice([Span(*ends), Span(ends[0]), Span()])
    counted = within(records, span)
    with tempfile.TemporaryDirectory() as folder:
        sources = [RecordStore(Path(folder) / "records", create=True)]
        sources[0].index.add(records)
        rows = [sources[0].index]
        if records:
            rows.append(published(records, Path(folder)))
        for source in rows:
            assert total(source, span) == count(counted)
            for by in By:
                groups = grouped(source, span, by, VENDORS, timezone.utc)
                expected = count_by(counted, by, VENDORS)
                if by is By.REASON:
                    expected = {n: Figures(f.items, 0, f.unknown) for n, f in expected.items()}
                assert names(groups) == expected, by
                assert len(groups) == len(expected)
        binned = [confidences(source, span) for source in rows]
        judged = [one for one in counted if one.judgement in (Judgement.DAMAGED, Judgement.GOOD)]
        sure = [one for one in judged if not isnan(one.confidence)]
        assert sum(binned[0].good + binned[0].damaged) == len(sure)
        bins = Counter(
            min(BINS - 1, int(one.confidence * BINS))
            for one in sure
            if one.judgement is Judgement.GOOD
        )
        assert binned[0].good == tuple(bins[n] for n in range(BINS))
        assert all(one == binned[0] for one in binned)
        found = [hints(source, span) for source in rows]
        assert all(one == found[0] for one in found)
        sources[0].index.close()


def published(records: list[ItemRecord], folder: Path) -> FleetIndex:
    """A fleet of one cell for each site, each with its own records."""
    pytest.importorskip("duckdb")
    for site in {one.site for one in records}:
        cell = RecordStore(folder / site, create=True)
        cell.index.add([one for one in records if one.site == site])
        publish(cell, str(folder / "fleet"))
        cell.index.close()
    return FleetIndex(str(folder / "fleet"))


def test_a_timeline_has_no_gaps_and_takes_steps_that_a_chart_can_show(index):
    index.add([item(0), item(150, DIVERT), item(151)])
    hours = over_time(index, Span())
    found = timeline(hours, Span(), timezone.utc)
    assert found.step == "hour"
    assert [moment.figures.items for moment in found.moments] == [1, 0, 2]
    assert [moment.figures.diverted for moment in found.moments] == [0, 0, 1]
    month = timeline(hours, Span(START_NS - 30 * 24 * HOUR_NS, START_NS + 3 * HOUR_NS))
    assert month.step == "day"
    assert len(month.moments) in (31, 32)
    assert sum(moment.figures.items for moment in month.moments) == 3
    years = timeline(hours, Span(START_NS - 900 * 24 * HOUR_NS, START_NS + 3 * HOUR_NS))
    assert years.step == "week"
    assert {moment.start.weekday() for moment in years.moments} == {0}
    assert sum(moment.figures.items for moment in years.moments) == 3


def hours_of_items(hours: int, per_hour: int = 60) -> list[ItemRecord]:
    """Items that all pass."""
    step = HOUR_NS // per_hour
    return [replace(item(0), time_ns=START_NS + n * step) for n in range(hours * per_hour)]


def dark(records: list[ItemRecord], first_hour: int, hours: int) -> list[ItemRecord]:
    """The same, but in some hours every third item is unknown, because camera top sees nothing."""
    begin = START_NS + first_hour * HOUR_NS
    return [
        replace(one, verdict=UNKNOWN, reasons=Reason.EXPOSURE, cameras=("front",))
        if begin <= one.time_ns < begin + hours * HOUR_NS and n % 3 == 0
        else one
        for n, one in enumerate(records)
    ]


def test_a_lamp_that_went_out_is_told_by_its_hours_its_reason_and_its_camera(index):
    index.add(dark(hours_of_items(24), 9, 3))
    found = hints(index, Span())
    assert {(one.cause.what, one.cause.name) for one in found} == {
        ("reason", "exposure"),
        ("camera", "top"),
    }
    for one in found:
        assert (one.since_ns - START_NS, one.until_ns - START_NS) == (9 * HOUR_NS, 12 * HOUR_NS)
        assert (one.unknown, one.items, one.usual) == (60, 180, 0.0)


def test_hours_before_the_span_say_what_is_usual_and_are_not_told_of(index):
    index.add(dark(hours_of_items(24), 16, 8))
    last_shift = Span(START_NS + 16 * HOUR_NS, START_NS + 24 * HOUR_NS)
    assert {one.since_ns for one in hints(index, last_shift)} == {last_shift.since_ns}
    assert hints(index, Span(START_NS, START_NS + 16 * HOUR_NS)) == []
    # The next hours are as good as those before.
    later = [replace(one, time_ns=one.time_ns + 24 * HOUR_NS) for one in hours_of_items(4)]
    index.add(later)
    assert hints(index, Span(START_NS + 24 * HOUR_NS)) == []


def test_what_always_is_so_is_no_hint(index):
    index.add(dark(hours_of_items(24), 0, 24))
    assert hints(index, Span()) == []


def test_a_few_unknown_items_are_no_hint(index):
    records = hours_of_items(24)
    index.add(
        [replace(one, verdict=UNKNOWN) if n % 30 == 0 else one for n, one in enumerate(records)]
    )
    assert hints(index, Span()) == []


def test_cameras_of_another_station_are_not_missed(index):
    other = [
        replace(one, cameras=("left", "right"), camera="left", time_ns=one.time_ns + 1)
        for one in hours_of_items(24, 90)
    ]
    index.add(dark(hours_of_items(24), 9, 3) + other)
    cameras = {one.cause.name for one in hints(index, Span()) if one.cause.what == "camera"}
    assert cameras == {"top"}


def test_a_camera_that_seldom_counts_is_not_missed(index):
    seldom = [
        replace(one, cameras=("front", "top") if n % 10 == 0 else ("front",))
        for n, one in enumerate(hours_of_items(24))
    ]
    index.add(dark(seldom, 9, 3))
    assert {one.cause.name for one in hints(index, Span())} == {"exposure"}


def test_a_table_for_a_spreadsheet_has_every_group_and_no_formula(index):
    index.add(
        [
            item(0, DIVERT, judgement=Judgement.GOOD),
            item(1, sku="=cmd|' /C calc'!A0"),
            item(2, sku='a "b", c'),
            item(3, sku=""),
        ]
    )
    lines = list(csv.DictReader(StringIO(as_csv(grouped(index, Span(), By.SKU), By.SKU))))
    assert [line["sku"] for line in lines] == ["cola", "", "'=cmd|' /C calc'!A0", 'a "b", c']
    assert lines[0]["false_alarms"] == lines[0]["diverted"] == "1"
    assert float(lines[0]["false_alarms_per_1000"]) == 1000
    assert float(lines[0]["low_95"]) == pytest.approx(1000 * wilson(1, 1)[0], abs=1e-3)
    assert {line["items"] for line in lines} == {"1"}


@pytest.mark.parametrize("text", ["sku,vendor\ncola,Blue\n", "\ufeffvendor;sku\r\nBlue;cola\r\n"])
def test_vendors_are_read_from_a_table(tmp_path, text):
    path = tmp_path / "vendors.csv"
    path.write_text(text, encoding="utf-8")
    assert read_vendors(path) == {"cola": "Blue"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("product,vendor\ncola,Blue\n", "no column 'sku'"),
        ("sku,vendor\ncola,Blue\ncola,Red\n", "line 3: sku 'cola' has another vendor"),
    ],
)
def test_a_table_that_says_no_vendors_is_refused(tmp_path, text, why):
    path = tmp_path / "vendors.csv"
    path.write_text(text)
    with pytest.raises(RecordError, match=why):
        read_vendors(path)
    with pytest.raises(RecordError, match="cannot be read"):
        read_vendors(tmp_path / "none.csv")
