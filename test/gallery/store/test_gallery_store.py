"""A gallery keeps what it is given, lets it be changed, and takes changes back."""

from dataclasses import replace

import numpy as np
import pytest
from made_references import embedding, new, view

from damage_perception.gallery.reference import (
    Action,
    GalleryError,
    NewReference,
    State,
    check_sku,
)
from damage_perception.gallery.store.store import GalleryStore
from damage_perception.gallery.store.tables import COMPACT_JOURNAL_AT
from damage_perception.network import Embedding


def ids(store, *states, **asked):
    return [each.reference_id for each in store.references(states=states or tuple(State), **asked)]


def test_an_empty_gallery(store):
    assert store.references() == []
    assert store.summaries() == []
    assert store.changes() == []
    assert store.references("tea") == []
    with pytest.raises(GalleryError, match="no change to undo"):
        store.undo(None, "ann", "")


def test_what_is_enrolled_is_there(store):
    change = store.enroll("Tea № 7: grün", "net-1", new(2), "ann", "first views")
    first, second = store.references("Tea № 7: grün")
    assert (first.reference_id, second.reference_id) == change.reference_ids
    assert (first.sku, first.state, first.model_id) == ("Tea № 7: grün", State.ACTIVE, "net-1")
    assert (first.source, second.source) == ("camera 0", "camera 1")
    assert first.added_ns == change.time_ns
    assert (first.uses, first.last_used_ns) == (0, 0)
    np.testing.assert_allclose(second.embedding.cells, embedding(1).cells, rtol=1e-3)
    views = store.views([second.reference_id, first.reference_id])
    assert list(views) == [second.reference_id, first.reference_id]
    np.testing.assert_array_equal(views[first.reference_id].item, view(0).item)
    assert store.references("mug") == []


def test_the_log_says_who_what_when_and_why(store):
    change = store.enroll("tea", "net", new(), "ann", "first views")
    assert store.changes() == [change]
    assert (change.by, change.why, change.action) == ("ann", "first views", Action.ENROLL)
    store.enroll("mug", "net", new(), "bob", "", state=State.CANDIDATE)
    assert [each.sku for each in store.changes()] == ["mug", "tea"]
    assert [each.sku for each in store.changes("tea")] == ["tea"]
    assert len(store.changes(limit=1)) == 1


def test_candidates_wait_for_a_decision(store):
    names = store.enroll("tea", "net", new(3), "line 1", "", State.CANDIDATE).reference_ids
    assert ids(store, State.ACTIVE) == []
    store.change(Action.ACCEPT, "tea", names[:1], "ann", "good")
    store.change(Action.REJECT, "tea", names[1:2], "ann", "blurred")
    states = [each.state for each in store.references(states=tuple(State))]
    assert states == [State.ACTIVE, State.RETIRED, State.CANDIDATE]
    (summary,) = store.summaries()
    assert (summary.active, summary.candidates, summary.retired) == (1, 1, 1)
    assert summary.last_change.why == "blurred"


def test_every_change_can_be_undone_and_redone(store):
    enrolled = store.enroll("tea", "net", new(2), "ann", "")
    retired = store.change(Action.RETIRE, "tea", enrolled.reference_ids, "ann", "old")
    with pytest.raises(GalleryError, match=f"undo {retired.change_id} first"):
        store.undo(enrolled.change_id, "ann", "")
    undo = store.undo(None, "bob", "they are fine")
    assert (undo.undoes, undo.sku) == (retired.change_id, "tea")
    assert len(ids(store, State.ACTIVE)) == 2
    assert store.changes()[1].undone
    store.undo(undo.change_id, "bob", "they are not")
    assert ids(store, State.ACTIVE) == []
    store.undo(retired.change_id, "bob", "")
    store.undo(None, "bob", "")
    assert ids(store) == []


def test_a_change_that_does_not_fit_is_refused(store):
    names = store.enroll("tea", "net", new(), "ann", "").reference_ids
    for action, sku, asked, text in (
        (Action.ACCEPT, "tea", names, "is active; accept takes candidate"),
        (Action.RETIRE, "mug", names, "is of sku 'tea', not of 'mug'"),
        (Action.RETIRE, "tea", ["ffff"], "reference 'ffff' is not in gallery"),
        (Action.RETIRE, "tea", [], "there is no reference to retire"),
        (Action.ENROLL, "tea", names, "enroll is not one of accept, reject, retire"),
    ):
        with pytest.raises(GalleryError, match=text):
            store.change(action, sku, asked, "ann", "")
    with pytest.raises(GalleryError, match="'ffff' is not in gallery"):
        store.views(["ffff"])
    with pytest.raises(GalleryError, match="'ffff' is not in gallery"):
        store.reembed("net", {"ffff": embedding()}, "ann")
    assert len(store.changes()) == 1


def test_what_cannot_be_enrolled_is_refused(store):
    with pytest.raises(GalleryError, match="no view to enroll"):
        store.enroll("tea", "net", [], "ann", "")
    with pytest.raises(GalleryError, match="not as retired"):
        store.enroll("tea", "net", new(), "ann", "", State.RETIRED)
    odd = embedding()
    odd = type(odd)(odd.cells, odd.where[:2], odd.descriptor)
    with pytest.raises(GalleryError, match=r"view from 'x': embedding has cells \(5, 8\)"):
        store.enroll("tea", "net", [NewReference(view(), odd, "x")], "ann", "")


@pytest.mark.parametrize(
    ("sku", "text"),
    [
        ("", "has 0 characters"),
        ("x" * 129, "has 129 characters"),
        ("a\nb", "control characters"),
        ("a\u2028b", "line breaks"),
        ("../etc", "slash"),
        ("a\\b", "backslash"),
        (".hidden", "starts with a dot"),
        (" a", "space"),
        ("a\u00a0", "space"),
    ],
)
def test_what_cannot_name_a_product_is_refused(store, sku, text):
    with pytest.raises(GalleryError, match=text):
        check_sku(sku)
    with pytest.raises(GalleryError, match=text):
        store.enroll(sku, "net", new(), "ann", "")
    assert store.changes() == []


@pytest.mark.parametrize(
    "sku", ["a", "x" * 128, "4006381333931", "Tee, grün (20 St.) '\"; --", "茶"]
)
def test_odd_names_are_kept(store, sku):
    store.enroll(sku, "net", new(), "ann", "")
    assert [summary.sku for summary in store.summaries()] == [sku]
    assert len(store.references(sku)) == 1


def test_every_network_finds_its_own_embeddings(store):
    a, b = store.enroll("tea", "old", new(2), "ann", "").reference_ids
    change = store.reembed("new", {a: embedding(7)}, "update")
    assert ids(store, model_id="new") == [a]
    assert ids(store, model_id="old") == [a, b]
    assert {each.model_id for each in store.references()} == {"old", "new"}
    assert store.summaries()[0].model_ids == ("new", "old")
    newest = next(each for each in store.references() if each.reference_id == a)
    np.testing.assert_allclose(newest.embedding.cells, embedding(7).cells, rtol=1e-3)
    store.undo(change.change_id, "ann", "")
    assert store.references(model_id="new") == []


def test_uses_add_up(store):
    a, b = store.enroll("tea", "net", new(2), "ann", "").reference_ids
    store.record_uses({a: 3, b: 0}, 50)
    store.record_uses({a: 2, b: 1}, 40)
    store.record_uses({}, 60)
    uses = {e.reference_id: (e.uses, e.last_used_ns) for e in store.references()}
    assert uses == {a: (5, 50), b: (1, 40)}
    assert len(store.changes()) == 1


def test_embeddings_in_use_are_not_read_again(store):
    store.enroll("tea", "net", new(2), "ann", "")
    before = store.references()
    store.enroll("mug", "net", new(), "ann", "")
    after = store.references()
    assert [each.embedding for each in after[:2]] == [each.embedding for each in before]


def test_a_purge_removes_what_was_retired_before(store, tmp_path):
    a, b, c = store.enroll("tea", "net", new(3), "ann", "").reference_ids
    store.change(Action.RETIRE, "tea", [a], "ann", "")
    later = store.change(Action.RETIRE, "tea", [b], "ann", "").time_ns
    purge = store.purge(later, "ann")
    assert purge.reference_ids == (a,)
    assert ids(store) == [b, c]
    assert set(store.views([b, c])) == {b, c}
    assert store.purge(later, "ann") is None
    with pytest.raises(GalleryError, match="purged what it concerns"):
        store.undo(store.changes()[2].change_id, "ann", "")
    reopened = GalleryStore.open(tmp_path / "gallery", create=False)
    assert [each.action for each in reopened.changes()] == [
        Action.PURGE,
        Action.RETIRE,
        Action.RETIRE,
        Action.ENROLL,
    ]


def _bytes_in(folder):
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def test_a_purge_frees_space(store, tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    large = replace(view(side=200), color=noise)
    names = store.enroll("tea", "net", [NewReference(large, embedding(), "")] * 5, "ann", "")
    store.change(Action.RETIRE, "tea", names.reference_ids, "ann", "")

    before = _bytes_in(tmp_path / "gallery")
    purge = store.purge(store.changes()[0].time_ns + 1, "ann")
    assert len(purge.reference_ids) == 5
    assert _bytes_in(tmp_path / "gallery") < before / 3


def test_superseded_embeddings_are_freed(store, tmp_path):
    def wide(seed):
        cells = np.random.default_rng(seed).normal(size=(400, 256)).astype(np.float32)
        return Embedding(cells, np.zeros((400, 2), np.uint8), embedding().descriptor)

    both = [NewReference(view(), wide(seed), "") for seed in (0, 1)]
    a, b = store.enroll("tea", "old", both, "ann", "").reference_ids
    store.reembed("middle", {a: wide(2)}, "update")
    newest = store.reembed("new", {a: embedding(7)}, "update")
    assert store.free(newest.time_ns, "ann") is None
    before = _bytes_in(tmp_path / "gallery")
    freed = store.free(newest.time_ns + 1, "ann")
    assert freed.reference_ids == (a,)
    assert freed.action is Action.FREE
    assert _bytes_in(tmp_path / "gallery") < before - 300_000
    assert store.free(newest.time_ns + 1, "ann") is None

    reopened = GalleryStore.open(tmp_path / "gallery", create=False)
    assert ids(reopened, model_id="old") == [b]
    assert ids(reopened, model_id="middle") == []
    assert ids(reopened, model_id="new") == [a]
    assert set(reopened.views([a, b])) == {a, b}
    with pytest.raises(GalleryError, match="freed the embeddings that were before it"):
        reopened.undo(newest.change_id, "ann", "")
    with pytest.raises(GalleryError, match="for good"):
        reopened.undo(freed.change_id, "ann", "")
    undo = reopened.undo(reopened.changes()[-1].change_id, "ann", "")
    assert reopened.references() == []
    reopened.undo(undo.change_id, "ann", "")
    assert ids(reopened, model_id="new") == [a]


def test_an_embedding_made_again_by_the_same_network_frees_the_one_before(store):
    (a,) = store.enroll("tea", "net", new(), "ann", "").reference_ids
    again = store.reembed("net", {a: embedding(7)}, "ann")
    assert store.free(again.time_ns + 1, "ann").reference_ids == (a,)
    (left,) = GalleryStore.open(store.uri, create=False).references()
    np.testing.assert_allclose(left.embedding.cells, embedding(7).cells, rtol=1e-3)


@pytest.mark.slow
def test_order_and_state_survive_compaction(store):
    lancedb = pytest.importorskip("lancedb")
    names = store.enroll("tea", "net", new(2), "ann", "").reference_ids
    retired = store.change(Action.RETIRE, "tea", names[:1], "ann", "first")
    for index in range(COMPACT_JOURNAL_AT + 4):
        store.record_uses({names[1]: 1}, index)
    undo = store.undo(retired.change_id, "ann", "last")
    assert [each.why for each in store.changes()] == ["last", "first", ""]
    store.undo(undo.change_id, "ann", "redo")
    assert ids(store, State.ACTIVE) == [names[1]]
    assert store.references()[0].uses == COMPACT_JOURNAL_AT + 4
    journal = lancedb.connect(store.uri).open_table("journal")
    assert journal.stats()["fragment_stats"]["num_fragments"] < 20
