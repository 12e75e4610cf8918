"""The index: what waits, what people said, and what several of them do at once."""

import sqlite3
import threading

import pytest

pytest.importorskip("mcap", reason="mcap is not installed")

from made_records import add_item

from damage_perception.records.index import AlreadyJudgedError, Index
from damage_perception.records.item_record import Judgement, RecordError, Shape
from damage_perception.records.store import RecordStore
from damage_perception.verdict.report import Verdict

DAMAGED, GOOD, SKIPPED, UNSEEN = (
    Judgement.DAMAGED,
    Judgement.GOOD,
    Judgement.SKIPPED,
    Judgement.UNSEEN,
)


@pytest.fixture
def store(tmp_path):
    return RecordStore(tmp_path / "records", create=True)


@pytest.fixture
def index(store):
    return store.index


def test_what_did_not_pass_waits_newest_first(store, index):
    verdicts = [Verdict.DIVERT, Verdict.PASS, Verdict.UNKNOWN, Verdict.DIVERT]
    items = [add_item(store, number, verdict) for number, verdict in enumerate(verdicts)]
    add_item(store, 9, images=False)
    assert [one.item_id for one in index.waiting(10)] == ["item-0003", "item-0002", "item-0000"]
    assert index.count_waiting() == 3
    assert [one.key for one in index.waiting(10, before=items[3])] == [items[2].key, items[0].key]


def test_items_of_one_moment_are_each_listed_once(store, index):
    items = [add_item(store, 5, item_id=f"twin-{number}") for number in range(3)]
    first = index.waiting(2)
    rest = index.waiting(2, before=first[-1])
    assert sorted(one.key for one in first + rest) == sorted(one.key for one in items)


def test_a_judgement_takes_an_item_out_of_the_queue_and_undo_puts_it_back(store, index):
    item = add_item(store, 1)
    judged = index.judge(item.key, DAMAGED, "anna", 77, "tear")
    assert (judged.judgement, judged.judged_kind, judged.judged_by, judged.judged_ns) == (
        DAMAGED,
        "tear",
        "anna",
        77,
    )
    assert index.waiting(10) == []
    assert index.undo("anna") == item
    assert index.waiting(10) == [item] and index.undo("anna") is None


def test_undo_takes_back_ones_own_newest_judgement_and_shows_the_one_before(store, index):
    item, other = add_item(store, 1), add_item(store, 2)
    index.judge(item.key, DAMAGED, "anna", 1, "crush")
    index.judge(other.key, GOOD, "bernd", 2)
    index.judge(item.key, GOOD, "anna", 3, seen=DAMAGED)
    assert index.undo("anna").judged_kind == "crush"
    assert index.find(other.key).judgement is GOOD
    assert index.undo("anna").judgement is UNSEEN


def test_of_two_people_the_second_is_told(store, index):
    item = add_item(store, 1)
    index.judge(item.key, GOOD, "anna", 1)
    with pytest.raises(AlreadyJudgedError, match="anna"):
        index.judge(item.key, DAMAGED, "bernd", 2, "crush")
    assert index.find(item.key).judgement is GOOD


def test_of_many_judgements_at_once_exactly_one_holds(store, index):
    item = add_item(store, 1)
    outcomes = []

    def judge(name):
        try:
            index.judge(item.key, GOOD, name, 1)
            outcomes.append(name)
        except AlreadyJudgedError:
            pass

    threads = [threading.Thread(target=judge, args=(f"person {n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [index.find(item.key).judged_by]


@pytest.mark.parametrize(
    ("judgement", "by", "kind"),
    [(UNSEEN, "anna", "none"), (GOOD, " ", "none"), (GOOD, "anna", "crush"), (DAMAGED, "a", "rot")],
)
def test_what_is_no_judgement_is_refused(store, index, judgement, by, kind):
    item = add_item(store, 1)
    with pytest.raises(RecordError):
        index.judge(item.key, judgement, by, 1, kind)
    assert index.find(item.key) == item


def test_marks_are_kept_and_replaced(store, index):
    item = add_item(store, 1)
    box = Shape("front", "crush", "box", ((1.0, 2.0), (3.0, 4.5)))
    stroke = Shape("top", "tear", "brush", ((1.0, 1.0), (9.0, 1.0)), 6.0)
    index.mark(item.key, [box, stroke])
    assert index.shapes(item.key) == [box, stroke]
    index.mark(item.key, [stroke])
    assert index.shapes(item.key) == [stroke]


@pytest.mark.parametrize(
    "fields",
    [
        ("front", "crush", "circle", ((1, 2), (3, 4))),
        ("front", "crush", "box", ((1, 2),)),
        ("front", "crush", "polygon", ((1, 2), (3, 4))),
        ("front", "rot", "box", ((1, 2), (3, 4))),
        ("front", "crush", "brush", ((1, 2),), 0.0),
    ],
)
def test_what_is_no_mark_is_refused(fields):
    with pytest.raises(RecordError):
        Shape(*fields)


def test_another_programs_database_is_left_alone(tmp_path):
    path = tmp_path / "index.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (x)")
    with pytest.raises(RecordError, match="another program"):
        Index(path, create=True)


def test_an_index_of_a_newer_version_is_refused(store):
    with sqlite3.connect(store.index.path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(RecordError, match="update"):
        Index(store.index.path)


def test_a_file_that_is_no_database_is_an_error_with_its_name(tmp_path):
    path = tmp_path / "index.sqlite"
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(RecordError, match=r"index\.sqlite"):
        Index(path)
