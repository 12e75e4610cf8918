"""The numbers in a browser: spans, groups, files."""

import csv
import time
from io import StringIO
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="fastapi is not installed")
pytest.importorskip("mcap", reason="mcap is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

from browser import buttons, named, press
from playwright.sync_api import expect

from damage_perception.records.item_record import ItemRecord, Judgement
from damage_perception.verdict.report import Reason, Verdict

pytest_plugins = ["browser"]
pytestmark = pytest.mark.slow

HOUR_NS = 3600 * 10**9
SPANS = ("8 hours", "24 hours", "7 days", "30 days", "All")
GROUPS = ("SKU", "Vendor", "Kind", "Camera", "Hour", "Reason", "Site")


@pytest.fixture
def page(anna, store, pages):
    """The numbers of items that were reported one hour, 20 hours and so on ago."""
    pages.vendors = {"tea": "Green & Co"}
    rows = []
    for hours_ago in (1, 20, 100, 500, 2000):
        at_ns = time.time_ns() - hours_ago * HOUR_NS
        for verdict, times in ((Verdict.PASS, 20), (Verdict.DIVERT, 2), (Verdict.UNKNOWN, 1)):
            rows += [_item(at_ns, verdict)] * times
    store.index.add(rows)
    return anna.open("/numbers")


def _item(time_ns, verdict):
    divert = verdict is Verdict.DIVERT
    return ItemRecord(
        site="cell",
        time_ns=time_ns,
        item_id="x",
        sku="tea",
        verdict=verdict,
        reasons=Reason.BLUR if verdict is Verdict.UNKNOWN else Reason.NONE,
        confidence=0.95 if divert else 0.1,
        threshold=0.9,
        kind="tear" if divert else "none",
        camera="front",
        cameras=("front",),
        judgement=Judgement.DAMAGED if divert else Judgement.UNSEEN,
        judged_kind="tear" if divert else "none",
    )


def items(page):
    return page.locator("#overview dl dd").first


def test_the_page_has_these_buttons(page):
    assert buttons(page.locator("main")) == [*SPANS, "PDF", *GROUPS, "CSV"]


def test_each_span_is_shown(page):
    for number, name in enumerate(SPANS, 1):
        press(page, name)
        expect(items(page)).to_have_text(str(23 * number))
        expect(named(page, name)).to_have_attribute("aria-current", "page")
    assert page.locator("#overview .column").count() > 2


def test_each_grouping_replaces_the_table_and_stays_after_a_reload(page):
    for name, row in zip(
        GROUPS, ("tea", "Green & Co", "Torn", "front", None, "Blurred", "cell"), strict=True
    ):
        press(page, name)
        expect(named(page, name)).to_have_attribute("aria-current", "true")
        expect(page.locator("#groups thead th").first).to_have_text(name)
        if row:
            expect(page.locator("#groups tbody th").first).to_have_text(row)
    page.reload()
    expect(named(page, "Site")).to_have_attribute("aria-current", "true")
    page.go_back()
    expect(named(page, "Reason")).to_have_attribute("aria-current", "true")
    # Another span keeps the grouping.
    press(page, "7 days")
    expect(named(page, "Reason")).to_have_attribute("aria-current", "true")


def test_the_table_is_downloaded_as_it_is_shown(page):
    press(page, "7 days")
    press(page, "Kind")
    expect(page.locator("#groups tbody th").first).to_have_text("Torn")
    with page.expect_download() as waiting:
        press(page, "CSV")
    assert waiting.value.suggested_filename == "kind-week.csv"
    (row,) = csv.DictReader(StringIO(Path(waiting.value.path()).read_text("utf-8")))
    assert (row["kind"], row["diverted"], row["confirmed"]) == ("tear", "6", "6")


def test_the_report_is_downloaded(page):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    press(page, "24 hours")
    with page.expect_download(timeout=60_000) as waiting:
        press(page, "PDF")
    assert waiting.value.suggested_filename == "report-day.pdf"
    made = Path(waiting.value.path()).read_bytes()
    assert made.startswith(b"%PDF-") and b"%%EOF" in made[-32:] and len(made) > 5000


def test_the_keys_alone_choose_and_download(page):
    with page.expect_navigation(url="**span=all**"):
        page.keyboard.press("5")
    expect(items(page)).to_have_text("115")
    page.keyboard.press("k")
    expect(page.locator("#groups tbody th").first).to_have_text("Torn")
    with page.expect_download() as waiting:
        page.keyboard.press("x")
    assert waiting.value.suggested_filename == "kind-all.csv"


def test_what_is_judged_meanwhile_is_counted_without_a_reload(anna, store):
    anna.page.clock.install()
    page = anna.open("/numbers")
    expect(items(page)).to_have_text("0")
    store.index.add([_item(time.time_ns() - HOUR_NS // 60, Verdict.PASS)] * 7)
    page.clock.fast_forward(60_000)
    expect(items(page)).to_have_text("7")


def test_the_numbers_speak_german(page):
    press(page, "Deutsch")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    press(page, "7 Tage")
    expect(items(page)).to_have_text("69")
