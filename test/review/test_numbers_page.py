"""The page of numbers: what it shows of a span, by what, and as which files."""

import csv
import re
import time
from html.parser import HTMLParser
from io import StringIO

import pytest

pytest.importorskip("fastapi", reason="fastapi is not installed")
pytest.importorskip("mcap", reason="mcap is not installed")

from damage_perception.kinds import KINDS
from damage_perception.records.figures import By
from damage_perception.records.item_record import ItemRecord, Judgement
from damage_perception.review.number_charts import tick_step
from damage_perception.review.rendering import LANGUAGES, texts
from damage_perception.verdict.report import Reason, Verdict

HOUR_NS = 3600 * 10**9
PASS, DIVERT, UNKNOWN = Verdict.PASS, Verdict.DIVERT, Verdict.UNKNOWN


class Texts(HTMLParser):
    """The texts of a page by the tags that they are in, and the attributes of all tags."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.texts, self._open = [], {}, []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._open.append(tag)

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        if self._open and data.strip():
            self.texts.setdefault(self._open[-1], []).append(" ".join(data.split()))

    def attributes(self, tag, name):
        return [values[name] for each, values in self.tags if each == tag and name in values]


@pytest.fixture
def item(store):
    """Adds items that were reported so many hours ago."""

    def add(hours_ago, verdict=PASS, times=1, **fields):
        values = {
            "site": "cell",
            "time_ns": time.time_ns() - int(hours_ago * HOUR_NS),
            "item_id": "x",
            "sku": "cola",
            "verdict": verdict,
            "reasons": Reason.BLUR if verdict is UNKNOWN else Reason.NONE,
            "kind": "crush" if verdict is DIVERT else "none",
            "camera": "front",
            "cameras": ("front",),
        }
        store.index.add([ItemRecord(**(values | fields))] * times)

    return add


@pytest.fixture
def shift(item):
    """1234 items of the last hours, with two diverts and a false alarm; one more of last week."""
    item(1, times=1231)
    item(2, DIVERT, sku="tea", judgement=Judgement.DAMAGED, judged_kind="tear", confidence=0.97)
    item(2, DIVERT, judgement=Judgement.GOOD, confidence=0.93, threshold=0.9)
    item(3, UNKNOWN)
    item(100, DIVERT, sku="milk")


def figures(page):
    """What the page shows in large type, by its names."""
    found = Texts(page)
    names, values = found.texts["dt"], re.findall(r"</dt>\s*<dd[^>]*>([^<]*)</dd>", page)
    return dict(zip(names, values, strict=True))


def test_figures_of_a_shift_are_those_of_the_last_eight_hours(client, shift):
    page = client.get("/numbers").text
    assert figures(page) == {
        "Items": "1\u202f234",
        "Diverted": "2",
        "Undecided": "1",
        "Judged": "100\u202f%",
        "Damaged": "1",
        "Missed": "0",
        "False alarms per 1000 items": "0.81",
    }
    assert "95\u00a0%: 0.14 to 4.6" in page


@pytest.mark.parametrize(
    ("span", "diverted"),
    [("shift", "1"), ("day", "2"), ("week", "3"), ("month", "4"), ("all", "5")],
)
def test_each_span_goes_further_back(client, item, span, diverted):
    for hours_ago in (7, 23, 6 * 24, 29 * 24, 500 * 24):
        item(hours_ago, DIVERT)
    assert figures(client.get(f"/numbers?span={span}").text)["Diverted"] == diverted


@pytest.mark.parametrize("by", By)
@pytest.mark.parametrize("span", ["shift", "all"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_view_of_anything_and_of_nothing_is_a_page(client, shift, by, span, language):
    client.cookies.set("language", language)
    answer = client.get(f"/numbers?span={span}&by={by.value}")
    assert answer.status_code == 200
    assert not re.search(r"[{}]|None|\bnan\b", answer.text.split("<main>")[1])


@pytest.mark.parametrize("span", ["shift", "all"])
@pytest.mark.parametrize("by", By)
def test_a_page_of_no_items_says_so(client, span, by):
    page = client.get(f"/numbers?span={span}&by={by.value}").text
    assert "Nothing was reported in this time." in page
    assert "Nothing to show." in page
    assert "Nobody has judged an item yet." in page


def test_what_is_not_judged_may_be_false_alarms_too(client, item):
    item(1, times=98)
    item(1, DIVERT, judgement=Judgement.GOOD)
    item(1, DIVERT)
    page = client.get("/numbers").text
    assert "up to 20, should all that are not judged be false alarms" in page
    assert "1 of 2; 1 left" in page


def test_a_table_has_a_row_for_each_group(client, shift, pages):
    pages.vendors = {"tea": "Green & Co", "cola": "<b>Blue</b>"}
    page = client.get("/numbers?span=week&by=vendor").text
    rows = [name for name in Texts(page).texts["th"] if "Co" in name or "vendor" in name]
    assert sorted(rows) == ["Green & Co", "no vendor given"]
    assert "&lt;b&gt;Blue&lt;/b&gt;" in page
    kinds = client.get("/numbers?by=kind").text
    assert {"Torn", "Crushed"} <= set(Texts(kinds).texts["th"])
    reasons = client.get("/numbers?by=reason").text
    assert "Blurred" in Texts(reasons).texts["th"]


def test_a_long_table_is_cut_and_its_file_is_whole(client, item):
    for number in range(60):
        item(1, sku=f"sku-{number:02d}")
    page = client.get("/numbers").text
    assert page.count("sku-") == 24
    assert "36 more in the CSV file" in page
    lines = client.get("/numbers.csv").text.splitlines()
    assert len(lines) == 61


def test_another_grouping_replaces_the_table_alone(client, shift):
    part = client.get("/numbers?by=kind", headers={"HX-Request": "true", "HX-Target": "groups"})
    assert part.text.lstrip().startswith('<section id="groups"')
    assert "Torn" in part.text
    assert "<html" not in part.text


def test_every_button_has_a_key_of_its_own(client, shift):
    found = Texts(client.get("/numbers").text)
    keys = found.attributes("a", "data-key") + found.attributes("button", "data-key")
    assert len(set(keys)) == len(keys)
    assert {"1", "5", "s", "v", "k", "c", "h", "r", "t", "x", "p"} <= set(keys)


def test_the_chart_is_drawn_without_scripts_and_styles(client, shift):
    page = client.get("/numbers").text.split("<main>")[1]
    assert "style=" not in page and "<script" not in page
    found = Texts(page)
    boxes = [values for tag, values in found.tags if tag == "rect"]
    kinds = [values["class"] for values in boxes]
    assert {kinds.count(kind) for kind in ("confirmed", "false_alarms", "unknown")} >= {1}
    assert all(float(values["height"]) > 0 and float(values["width"]) > 0 for values in boxes)
    heights = {
        values["class"]: float(values["height"]) for values in boxes if values["class"] != "back"
    }
    assert heights["items"] == pytest.approx(84.0, abs=0.1)
    titles = found.texts["title"][1:]
    assert any("1 damaged, 1 false alarms, 0 not judged, 0 undecided" in title for title in titles)


def test_confidences_stand_beside_the_threshold(client, shift):
    page = client.get("/numbers").text
    assert "threshold 90\u202f%" in page
    assert "96 to 100 %: 1 damaged, 0 good" in page
    assert "92 to 96 %: 0 damaged, 1 good" in page


def test_a_lamp_that_went_out_is_said_on_top(client, item):
    for hours_ago in (0, 1, 2, 3, 4, 5, 6, 7):
        item(hours_ago, times=60)
    item(2, UNKNOWN, times=30, reasons=Reason.EXPOSURE)
    page = client.get("/numbers").text
    assert "What stood out" in page
    assert re.search(r"Too dark or too bright: 30 of \d+ items undecided", page)


def test_the_table_is_a_file_for_spreadsheets(client, shift):
    answer = client.get("/numbers.csv?span=week&by=sku")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="sku-week.csv"'
    rows = {row["sku"]: row for row in csv.DictReader(StringIO(answer.text))}
    assert set(rows) == {"cola", "tea", "milk"}
    assert (rows["cola"]["items"], rows["cola"]["false_alarms"]) == ("1233", "1")
    assert (rows["milk"]["diverted"], rows["milk"]["unjudged"]) == ("1", "1")


def test_the_report_is_a_pdf(client, shift):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    answer = client.get("/numbers.pdf?span=day")
    assert answer.headers["content-type"] == "application/pdf"
    assert 'filename="report-day.pdf"' in answer.headers["content-disposition"]
    assert answer.content.startswith(b"%PDF-")


@pytest.mark.parametrize("query", ["span=year", "by=colour"])
def test_what_is_no_span_and_no_grouping_is_refused(client, query):
    assert client.get(f"/numbers?{query}").status_code == 422
    assert client.get(f"/numbers.csv?{query}").status_code == 422


@pytest.mark.parametrize("path", ["/numbers", "/numbers.csv", "/numbers.pdf"])
def test_strangers_see_no_numbers(stranger, path):
    assert stranger.get(path).status_code in (302, 303, 401, 403)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_and_grouping_has_words(language):
    lines = texts(language)
    for reason in Reason:
        if reason:
            assert lines[f"numbers.reason_{str(reason.name).lower()}"]
    for by in By:
        assert lines[f"numbers.by_{by.value}"]
    assert all(lines[f"base.kind_{kind}"] for kind in KINDS)


def test_both_languages_have_the_same_texts_with_the_same_places():
    english, german = (
        {key: line for key, line in texts(language).items() if key.startswith("numbers.")}
        for language in ("en", "de")
    )
    assert english.keys() == german.keys()
    for key, line in english.items():
        assert set(re.findall(r"{\w+}", line)) == set(re.findall(r"{\w+}", german[key])), key


@pytest.mark.parametrize(
    ("most", "ticks", "step"), [(1, 4, 1), (4, 4, 1), (5, 4, 2), (100, 4, 50), (101, 2, 100)]
)
def test_lines_of_a_chart_are_at_round_counts(most, ticks, step):
    assert tick_step(most, ticks) == step
