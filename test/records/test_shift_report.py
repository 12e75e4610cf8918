"""The report of a shift: one page with its figures, on which nothing is cut off or overlaps."""

import re
import shutil
import subprocess
import sys
import time
from datetime import datetime
from itertools import combinations

import pytest
import typer
from typer.testing import CliRunner

pytest.importorskip("matplotlib", reason="matplotlib is not installed")
pytest.importorskip("mcap", reason="mcap is not installed")

from made_records import add_item

from damage_perception.cli import fleet as fleet_commands
from damage_perception.cli import shift as shift_commands
from damage_perception.kinds import KINDS
from damage_perception.records import shift_report
from damage_perception.records.figures import Span
from damage_perception.records.item_record import ItemRecord, Judgement
from damage_perception.records.number_words import LANGUAGES
from damage_perception.records.report_sheet import Sheet
from damage_perception.records.shift_report import write_shift_report
from damage_perception.records.store import RecordStore
from damage_perception.verdict.report import Reason, Verdict
from damage_perception.verdict.severity import Severity

HOUR_NS = 3600 * 10**9
START_NS = 1_760_000_000_000_000_000 // HOUR_NS * HOUR_NS
SHIFT = Span(START_NS, START_NS + 8 * HOUR_NS)
DAMAGED, GOOD = Judgement.DAMAGED, Judgement.GOOD


@pytest.fixture
def store(tmp_path):
    return RecordStore(tmp_path / "records", create=True)


@pytest.fixture
def sheets(monkeypatch):
    """The sheets that reports are drawn on."""
    made = []

    class Kept(Sheet):
        def __init__(self):
            super().__init__()
            made.append(self)

    monkeypatch.setattr(shift_report, "Sheet", Kept)
    return made


def row(hour: float, verdict: Verdict = Verdict.PASS, **fields: object) -> ItemRecord:
    values = {
        "site": "cell 7",
        "time_ns": START_NS + int(hour * HOUR_NS),
        "item_id": "x",
        "sku": "cola",
        "verdict": verdict,
        "reasons": Reason.BLUR if verdict is Verdict.UNKNOWN else Reason.NONE,
        "kind": "crush" if verdict is Verdict.DIVERT else "none",
        "camera": "front",
        "cameras": ("front", "top"),
        "confidence": 0.95 if verdict is Verdict.DIVERT else 0.1,
        "threshold": 0.9,
    }
    return ItemRecord(**(values | fields))


def fill(store: RecordStore) -> None:
    """A shift with all that a report tells of, names of any length among it."""
    long = "Nordland Getränke und Fruchtsäfte GmbH & Co. KG, Werk 2 $x^2$"
    rows = [row(n / 1000) for n in range(8000)]
    rows += [row(4 + n / 100, Verdict.UNKNOWN, reasons=Reason.EXPOSURE) for n in range(90)]
    for number in range(1200):
        kind = KINDS[number % len(KINDS)]
        judgement = (DAMAGED, GOOD, Judgement.UNSEEN)[number % 3]
        rows.append(
            row(
                number % 8,
                Verdict.DIVERT,
                sku=f"{long} {number % 7}",
                kind=kind,
                judgement=judgement,
                judged_kind=kind if judgement is DAMAGED else "none",
                camera=f"camera_of_the_{number % 6}",
            )
        )
    store.index.add(rows)
    for number in range(8):
        made = add_item(
            store,
            number,
            time_ns=START_NS + number * 10**9,
            sku=f"{long} {number}",
            item_id=f"pallet-2291-crate-17-item-{number:012d}",
            severity=Severity.MAJOR if number == 7 else Severity.MINOR,
        )
        store.index.judge(made.key, DAMAGED, "Anna", START_NS, KINDS[number % len(KINDS)])


def texts(sheet: Sheet) -> list[str]:
    return [text.get_text() for text in sheet._figure.texts]


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def test_the_report_is_one_page_with_the_figures_of_the_shift(store, sheets):
    fill(store)
    store.index.add([row(9), row(-1, Verdict.DIVERT)])
    pdf = write_shift_report(store, SHIFT, {}, "en")
    assert pdf.startswith(b"%PDF-")
    assert pages(pdf) == 1
    said = texts(sheets[0])
    for text in (
        "Damage report",
        "9\u202f298",
        "1\u202f208",
        "Passed: 8\u202f000",
        "67\u202f%",
        "408",
        "400 not judged",
        "Too dark or too bright",
        "Crushed",
        "camera_of_the_3",
        "No vendors are given.",
    ):
        assert text in said, text
    # Of 9298 items 400 are false alarms.
    assert "43" in said
    assert any("False alarms: 400 · 95\u00a0%: 39 to 47" in text for text in said)
    hint = next(text for text in said if "items undecided" in text)
    assert hint.startswith("Too dark or too bright: 90 of ")


def test_the_worst_confirmed_damage_is_pictured_first(store, sheets):
    fill(store)
    write_shift_report(store, SHIFT, {}, "en")
    ids = [text for text in texts(sheets[0]) if text.startswith("pallet-2291")]
    assert len(ids) == 6
    shown = [image for axes in sheets[0]._figure.axes for image in axes.get_images()]
    assert len(shown) == 6
    # The first one is item 7, whose number is printed on the parcel.
    assert shift_report._pictures(store, SHIFT)[0].record.item_id.endswith("7")


def test_pictures_that_are_gone_or_spoilt_are_passed_over(store, sheets):
    fill(store)
    for record in store.index.judged():
        if record.file and not record.item_id.endswith(("1", "2")):
            store.path(record).write_bytes(b"spoilt")
    write_shift_report(store, SHIFT, {}, "en")
    ids = sorted(text for text in texts(sheets[0]) if text.startswith("pallet-2291"))
    assert len(ids) == 2


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("amount", ["nothing", "much"])
def test_nothing_leaves_the_page_or_overlaps(store, sheets, language, amount):
    vendors = {}
    if amount == "much":
        fill(store)
        skus = {record.sku for record in store.index.judged()}
        vendors = {sku: f"{sku} of a vendor" for sku in skus}
    write_shift_report(store, SHIFT, vendors, language)
    figure, renderer = sheets[0]._figure, sheets[0]._renderer
    figure.draw(renderer)
    placed = [
        (text.get_text(), text.get_window_extent(renderer))
        for text in figure.findobj(match=lambda one: hasattr(one, "get_text"))
        if text.get_text().strip() and text.get_visible()
    ]
    assert len(placed) > 20
    width, height = figure.bbox.width, figure.bbox.height
    for text, extent in placed:
        assert extent.x0 >= 0 and extent.x1 <= width, text
        assert extent.y0 >= 0 and extent.y1 <= height, text
    for (one, a), (other, b) in combinations(placed, 2):
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        down = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert across < 1 or down < 1, (one, other)


def test_the_text_of_the_file_can_be_searched(store, tmp_path):
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed: apt install poppler-utils")
    fill(store)
    path = tmp_path / "report.pdf"
    path.write_bytes(write_shift_report(store, SHIFT, {}, "de"))
    said = subprocess.run(["pdftotext", path, "-"], capture_output=True, text=True, check=True)
    for text in ("Schadenbericht", "Ausgeschleust", "Eingedrückt", "Zu dunkel oder zu hell"):
        assert text in said.stdout


def test_a_missing_package_is_named_with_its_mend():
    code = (
        "import sys; sys.modules['matplotlib.figure'] = None\n"
        "from damage_perception.records.report_sheet import Sheet\n"
        "Sheet()"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "RecordError: a report needs the package matplotlib: pip install it" in run.stderr


@pytest.fixture
def command():
    """Runs one of the commands."""
    app = typer.Typer()
    for one in (*shift_commands.COMMANDS, *fleet_commands.COMMANDS):
        app.command()(one)

    def run(*arguments):
        result = CliRunner().invoke(app, [str(one) for one in arguments])
        return result.exit_code, result.output, result.exception

    return run


def test_the_command_writes_the_last_eight_hours_or_what_is_named(store, sheets, command, tmp_path):
    now_ns = time.time_ns()
    store.index.add([row(0, time_ns=now_ns - 9 * HOUR_NS), row(0, time_ns=now_ns - HOUR_NS)])
    out = tmp_path / "shift.pdf"
    status, output, _ = command("report", store.folder, "--out", out)
    assert (status, pages(out.read_bytes())) == (0, 1), output
    assert "Passed: 1" in texts(sheets[0])
    since = datetime.fromtimestamp(now_ns / 1e9 - 10 * 3600).strftime("%Y-%m-%dT%H:%M:%S")
    arguments = ("report", store.folder, "--out", out, "--since", since, "--language", "de")
    status, output, _ = command(*arguments)
    assert status == 0, output
    assert "Freigegeben: 2" in texts(sheets[1])


def test_vendors_of_a_file_are_in_the_report(store, sheets, command, tmp_path):
    store.index.add([row(1, Verdict.DIVERT)])
    (tmp_path / "vendors.csv").write_text("sku,vendor\ncola,Blue Drinks\n")
    since = datetime.fromtimestamp(START_NS / 1e9).strftime("%Y-%m-%dT%H:%M:%S")
    arguments = ("--vendors", tmp_path / "vendors.csv", "--since", since)
    status, output, _ = command("report", store.folder, "--out", tmp_path / "a.pdf", *arguments)
    assert status == 0, output
    assert "Blue Drinks" in texts(sheets[0])


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--language", "fr"), "language is 'fr'; expected en or de"),
        (("--since", "2030-01-02", "--until", "2030-01-01"), "ends before it begins"),
    ],
)
def test_what_makes_no_report_is_said(store, command, tmp_path, arguments, why):
    _, _, error = command("report", store.folder, "--out", tmp_path / "a.pdf", *arguments)
    assert why in str(error)


def test_numbers_of_a_cell_and_of_a_fleet_are_printed_and_written(store, command, tmp_path):
    pytest.importorskip("duckdb", reason="duckdb is not installed")
    store.index.add([row(1, Verdict.DIVERT, judgement=GOOD), row(2, sku="tea"), row(40, sku="tea")])
    status, output, _ = command("publish", store.folder, tmp_path / "fleet")
    assert status == 0
    assert "2 days written" in output
    for source in (store.folder, tmp_path / "fleet"):
        out = tmp_path / "numbers.csv"
        status, output, _ = command("numbers", source, "--by", "sku", "--csv", out)
        assert status == 0, output
        assert "3 items: 2 passed, 1 diverted, 0 unknown" in " ".join(output.split())
        lines = out.read_text().splitlines()
        assert [line.split(",")[:2] for line in lines[1:]] == [["cola", "1"], ["tea", "2"]]
        until = datetime.fromtimestamp(START_NS / 1e9 + 24 * 3600).strftime("%Y-%m-%dT%H:%M:%S")
        _, output, _ = command("numbers", source, "--by", "site", "--until", until)
        assert "2 items" in output
        assert "cell 7" in output
