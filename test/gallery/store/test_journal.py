"""The journal comes to the same whatever happened; an undo is refused where others built on it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_references import enrolled, record

from damage_perception.gallery.reference import Action, GalleryError, State
from damage_perception.gallery.store.journal import Entry, JournalRecord, fold
from damage_perception.gallery.store.log import changes, garbage, summaries
from damage_perception.gallery.store.undo import undoable


def states(*records):
    return {name: kept.state.value for name, kept in fold(records).references.items()}


def test_actions_move_references():
    bring = enrolled("1", "a", "b", state="candidate", action=Action.PROPOSE)
    assert states(bring) == {"a": "candidate", "b": "candidate"}
    accept, reject = record("2", Action.ACCEPT, "a"), record("3", Action.REJECT, "b")
    assert states(bring, accept, reject) == {"a": "active", "b": "retired"}
    assert states(bring, accept, record("4", Action.RETIRE, "a"))["a"] == "retired"


def test_a_record_that_was_written_twice_counts_once():
    bring = enrolled("1", "a")
    used = record("2", Action.USED, "a", uses=3, last_used_ns=9)
    kept = fold([bring, used, used]).references["a"]
    assert (kept.uses, kept.last_used_ns) == (3, 9)


def test_an_undo_and_its_undo():
    bring, retire = enrolled("1", "a"), record("2", Action.RETIRE, "a")
    undo = record("3", Action.UNDO, "a", undoes="2")
    redo = record("4", Action.UNDO, "a", undoes="3")
    assert states(bring, retire, undo) == {"a": "active"}
    assert states(bring, retire, undo, redo) == {"a": "retired"}
    assert states(bring, record("5", Action.UNDO, "a", undoes="1")) == {}


def test_undone_embeddings_give_way_to_those_before():
    bring = enrolled("1", "a")
    reembed = record("2", Action.REEMBED, "a", model_id="newer")
    assert fold([bring, reembed]).references["a"].model_id == "newer"
    undo = record("3", Action.UNDO, "a", undoes="2")
    assert fold([bring, reembed, undo]).references["a"].model_id == "net"


def test_the_newest_change_is_undone_first_then_the_one_before():
    records = [enrolled("1", "a"), record("2", Action.RETIRE, "a")]
    records.append(record("3", Action.USED, "a", uses=1))
    assert undoable(fold(records), None).change_id == "2"
    records.append(record("4", Action.UNDO, "a", undoes="2"))
    assert undoable(fold(records), None).change_id == "1"
    records.append(record("5", Action.UNDO, "a", undoes="1"))
    with pytest.raises(GalleryError, match="no change to undo"):
        undoable(fold(records), None)


def refused(*records, of="1"):
    with pytest.raises(GalleryError) as error:
        undoable(fold(records), of)
    return str(error.value)


def test_what_later_changes_built_upon_is_not_undone():
    bring, retire = enrolled("1", "a"), record("2", Action.RETIRE, "a")
    assert "change 2 (retire) came after it" in refused(bring, retire)
    assert "undo 2 first" in refused(bring, retire)
    undo = record("3", Action.UNDO, "a", undoes="2")
    assert undoable(fold([bring, retire, undo]), "1") == bring
    gone = record("4", Action.UNDO, "a", undoes="1")
    assert "undo 4 first" in refused(bring, retire, undo, gone, of="3")


def test_a_redone_change_can_be_undone_again():
    records = [enrolled("1", "a"), record("2", Action.RETIRE, "a")]
    records.append(record("3", Action.UNDO, "a", undoes="2"))
    records.append(record("4", Action.UNDO, "a", undoes="3"))
    assert undoable(fold(records), "2").change_id == "2"
    assert undoable(fold(records), "4").change_id == "4"
    assert "undo 2 first" in refused(*records)


def test_changes_of_other_references_and_embeddings_are_no_obstacle():
    bring = enrolled("1", "a")
    others = [enrolled("2", "b"), record("3", Action.RETIRE, "b")]
    others += [record("4", Action.REEMBED, "a", model_id="x"), record("5", Action.USED, "a")]
    assert undoable(fold([bring, *others]), "1") == bring
    assert undoable(fold([bring, *others, record("6", Action.RETIRE, "a")]), "4")


def test_what_is_undone_used_purged_or_unknown_is_not_undone():
    bring, retire = enrolled("1", "a"), record("2", Action.RETIRE, "a")
    assert "undone already; undo 3 to redo" in refused(
        bring, retire, record("3", Action.UNDO, "a", undoes="2"), of="2"
    )
    purge = record("3", Action.PURGE, "a")
    assert "change 3 purged what it concerns" in refused(bring, retire, purge, of="2")
    assert "for good" in refused(bring, retire, purge, of="3")
    assert "not in the log" in refused(bring, of="9")


def test_summaries_and_log():
    records = [enrolled("1", "a", "b"), record("2", Action.RETIRE, "a")]
    records += [record("3", Action.USED, "b", uses=1), enrolled("4", "c", sku="mug")]
    history = fold(records)
    assert [change.change_id for change in changes(history)] == ["4", "2", "1"]
    assert [change.change_id for change in changes(history, "tea", 1)] == ["2"]
    mug, tea = summaries(history)
    assert (tea.sku, tea.active, tea.candidates, tea.retired) == ("tea", 1, 0, 1)
    assert tea.last_change.change_id == "2"
    assert (mug.sku, mug.model_ids) == ("mug", ("net",))


def test_garbage_is_what_was_purged_and_old_pieces_without_a_change():
    records = [enrolled("1", "a"), record("2", Action.PURGE, "a"), enrolled("3", "a", "b")]
    pieces = {("1", "a"): 5, ("3", "a"): 5, ("3", "b"): 5, ("x", "c"): 5, ("y", "d"): 50}
    assert garbage(pieces.items(), fold(records), before_ns=10) == [("1", "a"), ("x", "c")]


NAMES = st.sampled_from("abc")
RECORDS = st.lists(
    st.tuples(st.sampled_from(Action), st.sets(NAMES, min_size=1), st.integers(0, 20)), max_size=20
)


@given(RECORDS)
def test_any_journal_can_be_read_and_an_undo_that_is_allowed_restores(steps):
    records = [enrolled("0", "a", "b", "c")]
    for index, (action, names, of) in enumerate(steps, 1):
        undoes = records[of % index].change_id if action is Action.UNDO else ""
        entries = tuple(Entry(n, "", State.ACTIVE.value, "net") for n in sorted(names))
        if undoes:
            entries = records[of % index].entries
        records.append(JournalRecord(str(index), index, action, "tea", entries, "", "", undoes))
    history = fold(records)
    for at, candidate in enumerate(records):
        try:
            undoable(history, candidate.change_id)
        except GalleryError:
            continue
        undo = JournalRecord(
            "u", 99, Action.UNDO, "tea", candidate.entries, "", "", candidate.change_id
        )
        redo = JournalRecord("r", 99, Action.UNDO, "tea", candidate.entries, "", "", "u")
        assert candidate.change_id in fold([*records, undo]).undone
        after = fold([*records, undo, redo]).references
        assert after == history.references, (at, candidate.action)
