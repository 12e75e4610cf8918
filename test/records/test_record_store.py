"""The folder of the records: what is added stays, within a quota, whatever ends the process."""

import multiprocessing
import os
import random
import subprocess
import time

import pytest

pytest.importorskip("mcap", reason="mcap is not installed")

from made_records import add_item

from damage_perception.records.item_record import ItemRecord, Judgement, RecordError
from damage_perception.records.recording import read_recording
from damage_perception.records.store import FullError, RecordStore
from damage_perception.verdict.report import Reason, Verdict

KILLS = 100


@pytest.fixture
def store(tmp_path):
    return RecordStore(tmp_path / "records", create=True)


def test_what_is_added_is_found_again_by_another_process(store):
    added = add_item(store, 1)
    again = RecordStore(store.folder)
    assert again.index.find(added.key) == added
    recording = again.recording(added)
    assert recording.report.item_id == "item-0001"
    assert recording.frame("top").depth_m.min() == pytest.approx(0.6)
    assert recording.attached == {"parameters.yaml": "cameras: [front, top]\n"}


def test_an_item_without_images_is_counted_and_has_no_recording(store):
    added = add_item(store, 1, Verdict.PASS, images=False)
    assert store.index.find(added.key) == added
    with pytest.raises(RecordError, match="not kept"):
        store.recording(added)


def test_a_folder_without_records_is_named(tmp_path):
    with pytest.raises(RecordError, match="no records at"):
        RecordStore(tmp_path)


def test_a_recording_that_was_cut_off_is_an_error_with_its_name(store):
    path = store.path(add_item(store, 1))
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(RecordError, match=path.name):
        read_recording(path)


def test_the_oldest_passes_go_first_and_what_somebody_judged_never(store):
    verdicts = [Verdict.DIVERT, Verdict.PASS, Verdict.PASS, Verdict.UNKNOWN, Verdict.PASS]
    items = [add_item(store, number, verdict) for number, verdict in enumerate(verdicts)]
    store.index.judge(items[1].key, Judgement.GOOD, "anna", 1)
    size = items[0].bytes
    store.make_room(3 * size + size // 2)
    assert kept(store, items) == [True, True, False, True, False]
    store.make_room(2 * size + size // 2)
    assert [bool(store.index.find(one.key).file) for one in items] == [
        False,
        True,
        False,
        True,
        False,
    ]
    assert not (store.folder / items[0].file).exists()
    # Counted all the same.
    assert store.index.query("SELECT count(*) FROM items") == [(5,)]


def kept(store, items):
    """Of which items there are images."""
    return [bool(store.index.find(one.key).file) for one in items]


def test_a_quota_that_judged_items_exceed_is_an_error(store):
    item = add_item(store, 1)
    store.index.judge(item.key, Judgement.DAMAGED, "anna", 1, "crush")
    with pytest.raises(FullError, match="quota"):
        store.make_room(item.bytes // 2)
    assert store.path(item).is_file()


def test_an_item_judged_while_room_is_made_keeps_its_images(store):
    item = add_item(store, 1)
    about_to_go = store.index.oldest_to_drop(10)
    store.index.judge(item.key, Judgement.GOOD, "anna", 1)
    assert store.index.drop_files(about_to_go) == []
    assert store.index.find(item.key).file == item.file


def test_a_write_that_fails_leaves_nothing(store):
    def fail(stream):
        stream.write(b"half of it")
        raise OSError(28, "No space left on device")

    record = ItemRecord("cell", 1, "x", "", Verdict.DIVERT, Reason.DAMAGE)
    with pytest.raises(RecordError, match="No space left"):
        store.add(record, fail)
    assert not [path for path in (store.folder / "items").rglob("*") if path.is_file()]
    assert store.index.query("SELECT count(*) FROM items") == [(0,)]


def test_a_full_disk_loses_nothing_that_was_added_before(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        store = RecordStore(disk / "records", create=True)
        added = []
        with pytest.raises(RecordError, match="cannot be written"):
            for number in range(1000):
                added.append(add_item(store, number))
        assert added
        for one in (added[0], added[-1]):
            assert store.index.find(one.key) == one and store.recording(one).frames
        store.make_room(added[0].bytes)
        assert add_item(store, 2000).file
        store.index.close()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def _add_for_ever(folder, acknowledged):
    """Adds items and says each key once it is added."""
    store = RecordStore(folder)
    number = time.time_ns() % 1_000_000
    while True:
        number += 1
        added = add_item(store, number, images=number % 3 == 0, cameras=("front",))
        store.make_room(2_000_000)
        acknowledged.send(added.key)


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_and_the_index_opens_after_a_hundred_kills(store):
    context = multiprocessing.get_context("fork")
    rng = random.Random(1)
    keys = []
    for _ in range(KILLS):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_add_for_ever, args=(store.folder, theirs))
        process.start()
        theirs.close()
        keys.append(ours.recv())
        time.sleep(rng.uniform(0, 0.03))
        process.kill()
        process.join()
        while ours.poll():
            try:
                keys.append(ours.recv())
            except (EOFError, OSError):
                break
    opened = RecordStore(store.folder)
    found = {row[0] for row in opened.index.query("SELECT key FROM items")}
    assert len(keys) > KILLS and set(keys) <= found
    assert opened.index.query("PRAGMA integrity_check") == [("ok",)]
    for key in rng.sample(sorted(found), 50):
        record = opened.index.find(key)
        assert not record.file or opened.recording(record).frames


def test_leftovers_of_a_process_that_was_killed_are_removed(store):
    item = add_item(store, 1)
    leftover = store.path(item).with_name("1-x.part")
    orphan = store.path(item).with_name("1-y.mcap")
    for path in (leftover, orphan):
        path.write_bytes(b"x")
    assert store.clean() == 0  # somebody may be writing them
    for path in (leftover, orphan):
        os.utime(path, (time.time() - 3600,) * 2)
    assert store.clean() == 2
    assert store.recording(item).frames and not leftover.exists() and not orphan.exists()
