"""Many cells in one place: what is published, when, and what a reader sees of it."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="pyarrow is not installed")
pytest.importorskip("duckdb", reason="duckdb is not installed")

# The server of the gallery's tests.
sys.path.append(str(Path(__file__).parents[1] / "gallery"))

from object_server import BUCKET, ObjectServer

from damage_perception.records import fleet
from damage_perception.records.figures import By, Figures, Span
from damage_perception.records.fleet import FleetIndex, publish
from damage_perception.records.item_record import ItemRecord, Judgement, RecordError
from damage_perception.records.numbers import grouped, total
from damage_perception.records.schema import HOUR_NS
from damage_perception.records.store import RecordStore
from damage_perception.verdict.report import Reason, Verdict

DAY_NS = 24 * HOUR_NS
START_NS = 1_760_000_000_000_000_000 // DAY_NS * DAY_NS
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    # The small server knows nothing of checksums behind the data.
    "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
}


@pytest.fixture(params=["small", "moto"])
def bucket(request, monkeypatch):
    """Address of a bucket on the loopback: of the small server here, and of moto's."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    if request.param == "small":
        server = ObjectServer()
        monkeypatch.setenv("AWS_ENDPOINT", server.endpoint)
        yield f"s3://{BUCKET}"
        server.shutdown()
        server.server_close()
        return
    executable = shutil.which("moto_server")
    if executable is None:
        pytest.skip("moto_server is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [executable, "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    endpoint = f"http://127.0.0.1:{port}"
    create = urllib.request.Request(f"{endpoint}/{BUCKET}", method="PUT")
    for _ in range(600):
        try:
            urllib.request.urlopen(create).close()
            break
        except OSError:
            time.sleep(0.1)
    monkeypatch.setenv("AWS_ENDPOINT", endpoint)
    yield f"s3://{BUCKET}"
    process.terminate()
    process.wait(20)


def records(site: str, days: int = 3) -> list[ItemRecord]:
    """Ten items a day: two are diverted, one is unknown."""
    verdicts = [Verdict.DIVERT, Verdict.DIVERT, Verdict.UNKNOWN, *[Verdict.PASS] * 7]
    return [
        ItemRecord(
            site=site,
            time_ns=START_NS + day * DAY_NS + number * HOUR_NS,
            item_id=f"{site}-{day}-{number}",
            sku=f"sku-{number % 3}",
            verdict=verdict,
            reasons=Reason.BLUR if verdict is Verdict.UNKNOWN else Reason.NONE,
            camera="front",
            cameras=("front",),
            kind="crush" if verdict is Verdict.DIVERT else "none",
        )
        for day in range(days)
        for number, verdict in enumerate(verdicts)
    ]


@pytest.fixture
def cell(tmp_path):
    """Makes the records of a cell."""

    def make(site: str, folder: str = "") -> RecordStore:
        store = RecordStore(tmp_path / (folder or site), create=True)
        store.index.add(records(site))
        return store

    return make


def days_of(uri: str) -> list[str]:
    return sorted(path.name for path in Path(uri).glob("*/*.parquet"))


def same_figures(rows, stores) -> None:
    """Asserts that ``rows`` has what all ``stores`` have together."""
    for by in (By.SITE, By.SKU, By.KIND, By.REASON, By.HOUR, By.CAMERA):
        parts = [group for s in stores for group in grouped(s.index, Span(), by)]
        joined = {
            name: Figures.joined(part.figures for part in parts if part.name == name)
            for name in {part.name for part in parts}
        }
        assert {g.name: g.figures for g in grouped(rows, Span(), by)} == joined, by


def test_a_fleet_in_a_folder_has_the_figures_of_all_its_cells(cell, tmp_path):
    north, south = cell("north"), cell("south")
    north.index.judge(1, Judgement.DAMAGED, "Anna", 5, "tear")
    south.index.judge(2, Judgement.GOOD, "Bert", 6)
    uri = str(tmp_path / "fleet")
    assert [publish(store, uri) for store in (north, south)] == [3, 3]
    rows = FleetIndex(uri)
    same_figures(rows, [north, south])
    assert total(rows, Span()) == Figures(60, 12, 6, 1, 1, 0)
    second_day = Span(START_NS + DAY_NS, START_NS + 2 * DAY_NS)
    assert total(rows, second_day) == Figures(20, 4, 2)


def test_a_fleet_in_an_object_store_is_as_one_in_a_folder(cell, bucket):
    north, south = cell("north"), cell("south hall")
    uri = f"{bucket}/all cells"
    with pytest.raises(RecordError, match="no site is published at"):
        FleetIndex(uri)
    publish(north, uri)
    publish(south, uri)
    same_figures(FleetIndex(uri), [north, south])
    south.index.judge(1, Judgement.DAMAGED, "Anna", 5)
    assert publish(south, uri) == 1
    assert publish(south, uri) == 0
    same_figures(FleetIndex(uri), [north, south])


def test_only_days_that_changed_are_written_again(cell, tmp_path):
    store, uri = cell("north"), str(tmp_path / "fleet")
    publish(store, uri)
    assert publish(store, uri) == 0
    store.index.add([replace(records("north")[-1], time_ns=START_NS + 5 * DAY_NS)])
    assert publish(store, uri) == 1
    # Of the first day.
    store.index.judge(3, Judgement.DAMAGED, "Anna", 10**18, "hole")
    assert publish(store, uri) == 1
    assert total(FleetIndex(uri), Span()).missed == 1
    # The same again, but another kind; and taken back.
    store.index.judge(3, Judgement.DAMAGED, "Anna", 2 * 10**18, "tear", seen=None)
    assert publish(store, uri) == 1
    store.index.undo("Anna")
    store.index.undo("Anna")
    assert publish(store, uri) == 1
    assert total(FleetIndex(uri), Span()).missed == 0
    assert publish(store, uri) == 0


def test_images_that_go_change_the_day(tmp_path):
    store, uri = RecordStore(tmp_path / "records", create=True), str(tmp_path / "fleet")
    kept = store.add(records("north")[0], lambda stream: stream.write(b"images"))
    publish(store, uri)
    store.index.drop_files([kept])
    assert publish(store, uri) == 1
    assert FleetIndex(uri).query("SELECT file, bytes FROM items") == [("", 0)]


def test_a_reader_sees_one_moment_while_a_cell_publishes(cell, tmp_path):
    store, uri = cell("north"), str(tmp_path / "fleet")
    publish(store, uri)
    reader = FleetIndex(uri)
    store.index.judge(1, Judgement.DAMAGED, "Anna", 5)
    publish(store, uri)
    assert total(reader, Span()) == Figures(30, 6, 3)
    assert total(FleetIndex(uri), Span()) == Figures(30, 6, 3, 1)


def test_readers_and_a_publishing_cell_do_not_disturb_each_other(cell, tmp_path):
    store, uri = cell("north"), str(tmp_path / "fleet")
    publish(store, uri)
    failed, done = [], threading.Event()

    def read():
        while not done.is_set():
            try:
                found = total(FleetIndex(uri), Span())
                assert (found.items, found.diverted) == (30, 6)
            except (RecordError, AssertionError) as error:
                failed.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(15):
        store.index.judge(1 + number % 2, Judgement.GOOD, "Anna", number * 10**9, seen=None)
        publish(store, uri)
    done.set()
    for reader in readers:
        reader.join()
    assert not failed


def test_what_a_publication_left_half_done_is_mended_by_the_next(cell, tmp_path, monkeypatch):
    store, uri = cell("north"), str(tmp_path / "fleet")
    publish(store, uri)
    before = total(FleetIndex(uri), Span())
    store.index.judge(1, Judgement.DAMAGED, "Anna", 5)
    write = fleet._Place.write

    def break_off(place, path, data):
        if path.endswith("days.json"):
            Path(f"{place.path}/north/days.json.part").write_bytes(data[:10])
            raise RecordError("the power is gone")
        write(place, path, data)

    with monkeypatch.context() as patch:
        patch.setattr(fleet._Place, "write", break_off)
        with pytest.raises(RecordError, match="power"):
            publish(store, uri)
    assert total(FleetIndex(uri), Span()) == before
    assert publish(store, uri) == 1
    assert total(FleetIndex(uri), Span()).confirmed == 1
    assert not list(Path(uri).glob("*/*.part"))


def test_files_that_were_replaced_stay_for_an_hour(cell, tmp_path, monkeypatch):
    store, uri = cell("north"), str(tmp_path / "fleet")
    minute_ns, at_ns = 60 * 10**9, time.time_ns()

    def publish_at(minute, key):
        monkeypatch.setattr(time, "time_ns", lambda: at_ns + minute * minute_ns)
        store.index.judge(key, Judgement.DAMAGED, "Anna", minute * minute_ns, seen=None)
        publish(store, uri)
        return len(days_of(uri))

    (tmp_path / "fleet" / "north").mkdir(parents=True)
    (tmp_path / "fleet" / "north" / "2025-10-09-0123456789ab.parquet").write_text("a leftover")
    assert publish_at(0, 1) == 3
    assert publish_at(30, 2) == 4
    assert publish_at(50, 3) == 5
    assert publish_at(89, 1) == 6
    assert publish_at(91, 2) == 6
    assert publish_at(400, 3) == 4


def test_cells_that_go_by_one_name_do_not_write_over_each_other(cell, tmp_path):
    uri = str(tmp_path / "fleet")
    publish(cell("north"), uri)
    other = RecordStore(tmp_path / "other", create=True)
    other.index.add(records("north")[5:])
    before = days_of(uri)
    with pytest.raises(RecordError, match="holds other records of site 'north'"):
        publish(other, uri)
    assert days_of(uri) == before
    # As the message says.
    (Path(uri) / "north").rename(Path(uri) / "north until October")
    assert publish(other, uri) == 3
    assert total(FleetIndex(uri), Span()).items == 55


def test_names_of_people_stay_at_the_cell(cell, tmp_path):
    store, uri = cell("north"), str(tmp_path / "fleet")
    store.index.judge(1, Judgement.DAMAGED, "Anna Adams", 5)
    publish(store, uri)
    assert total(FleetIndex(uri), Span()).confirmed == 1
    rows = FleetIndex(uri).query("SELECT * FROM items")
    assert rows and not any("Anna" in str(row) for row in rows)


def test_every_other_column_is_there_with_its_values(cell, tmp_path):
    store, uri = cell("north"), str(tmp_path / "fleet")
    types = dict(store.index.query("SELECT name, type FROM pragma_table_info('items')"))
    arrow = {"TEXT": "string", "INTEGER": "int64", "REAL": "double"}
    schema = {one.name: arrow[types[one.name]] for one in fleet._schema()}
    assert schema == {one.name: str(one.type) for one in fleet._schema()}
    assert set(types) - set(schema) == {"judged_by"}
    publish(store, uri)
    asked = f"SELECT {', '.join(schema)} FROM items ORDER BY key"
    assert FleetIndex(uri).query(asked) == store.index.query(asked)


def test_what_is_no_fleet_is_said(cell, tmp_path):
    with pytest.raises(RecordError, match=r"no site is published at .*records publish"):
        FleetIndex(str(tmp_path))
    store, uri = cell("north"), tmp_path / "fleet"
    publish(store, str(uri))
    path = uri / "north" / "days.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"format": 99}))
    with pytest.raises(RecordError, match="has format 99; this version reads up to 1: update"):
        FleetIndex(str(uri))
    path.write_text("{")
    with pytest.raises(RecordError, match="cannot be read"):
        FleetIndex(str(uri))
    path.write_text(json.dumps(values))
    for file in (uri / "north").glob("*.parquet"):
        file.write_bytes(b"spoilt")
    with pytest.raises(RecordError, match="cannot be read"):
        total(FleetIndex(str(uri)), Span())


def test_a_place_that_cannot_be_written_is_named(cell, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match=r"fleet .*file/fleet cannot be"):
        publish(cell("north"), str(tmp_path / "file" / "fleet"))


def test_a_missing_package_is_named_with_its_mend(tmp_path):
    code = (
        "import sys; sys.modules['duckdb'] = None\n"
        "from damage_perception.records.fleet import FleetIndex\n"
        "FleetIndex(sys.argv[1])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, env=os.environ
    )
    assert "RecordError: the figures of a fleet need the package duckdb: pip install duckdb" in (
        run.stderr
    )
