"""The writing thread: reports never wait for a disk, and what could not be kept is counted."""

import threading
import time

import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("mcap", reason="mcap is not installed")

from damage_perception.records.item_record import ItemRecord, Kept, RecordError
from damage_perception.records.store import RecordStore
from damage_perception.ros.recorder.writing import MOST_FILES, Job, Writing
from damage_perception.verdict.report import Reason, Verdict


@pytest.fixture
def store(tmp_path):
    return RecordStore(tmp_path / "records", create=True)


@pytest.fixture
def errors():
    return []


@pytest.fixture
def writing(store, errors):
    thread = Writing(store, lambda: 10**9, errors.append)
    thread.start()
    yield thread
    thread.stop()


def item(number, kept=Kept.DIVERTED):
    return ItemRecord(
        "cell", number, f"item-{number}", "", Verdict.DIVERT, Reason.DAMAGE, kept=kept
    )


def until(condition, timeout_s=10):
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "nothing came in time"
        time.sleep(0.01)


def count(store, what="count(*)"):
    return store.index.query(f"SELECT {what} FROM items")[0][0]


def test_whoever_waits_is_told_once_the_record_is_written(writing, store):
    told = []
    job = Job(item(1), lambda stream: stream.write(b"1234"), lambda *what: told.append(what))
    writing.add(job)
    until(lambda: told)
    ((record, why),) = told
    assert why == "" and store.index.find(record.key).bytes == 4
    assert writing.state.files == writing.state.rows == 1


def test_a_disk_that_hangs_blocks_nobody_and_drops_are_counted(writing, store):
    gate = threading.Event()

    def hang(stream):
        gate.wait(20)
        stream.write(b"late")

    slowest_s = 0.0
    offered = MOST_FILES + 10
    for number in range(offered):
        began = time.monotonic()
        write = hang if writing.has_room else None
        writing.add(Job(item(number), write))
        slowest_s = max(slowest_s, time.monotonic() - began)
    assert slowest_s < 0.1
    dropped = writing.state.dropped_files
    assert dropped >= 9
    gate.set()
    until(lambda: count(store) == offered)
    until(lambda: writing.state.files == offered - dropped)
    assert count(store, "sum(kept = '')") == dropped


def test_an_item_that_cannot_be_written_is_counted_and_told_as_a_problem(writing, store, errors):
    def fail(stream):
        raise OSError(28, "No space left on device")

    told = []
    writing.add(Job(item(1), fail, lambda *what: told.append(what)))
    until(lambda: writing.state.problem)
    assert "No space left" in writing.state.problem and "No space left" in errors[0]
    until(lambda: count(store) == 1)
    assert told[0][0] is None and writing.state.dropped_files == 1
    writing.add(Job(item(2), lambda stream: stream.write(b"x")))
    until(lambda: not writing.state.problem)


def test_rows_wait_until_the_index_can_be_written_again(writing, store, errors, monkeypatch):
    add, broken = store.index.add, threading.Event()
    broken.set()

    def fail(records):
        if broken.is_set():
            raise RecordError("index is on a full disk")
        return add(records)

    monkeypatch.setattr(store.index, "add", fail)
    for number in range(5):
        writing.add(Job(item(number, Kept.NOT)))
    until(lambda: "full disk" in writing.state.problem)
    assert writing.state.waiting == 5
    broken.clear()
    until(lambda: count(store) == 5)
    assert writing.state.problem == "" and writing.state.dropped_rows == 0
    assert errors == ["index is on a full disk"]


def test_what_waits_is_written_before_it_stops(store):
    writing = Writing(store, lambda: 10**9, pytest.fail)
    for number in range(8):
        writing.add(Job(item(number), lambda stream: stream.write(b"x")))
    writing.start()
    writing.stop()
    assert count(store) == 8 and count(store, "sum(file <> '')") == 8


def test_a_thread_that_is_stopped_while_nothing_can_be_written_ends(store, monkeypatch):
    def fail(records):
        raise RecordError("index is on a full disk")

    monkeypatch.setattr(store.index, "add", fail)
    writing = Writing(store, lambda: 10**9, lambda text: None)
    writing.add(Job(item(1, Kept.NOT)))
    writing.start()
    until(lambda: writing.state.problem)
    began = time.monotonic()
    writing.stop()
    assert time.monotonic() - began < 5
    assert writing.state.dropped_rows == 1
