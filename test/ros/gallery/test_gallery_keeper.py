"""The keeper of the gallery: whatever happens to the gallery, references stay in use."""

import shutil
import sys
import threading
import time
from dataclasses import replace

import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")
pytest.importorskip("lancedb", reason="lancedb is not installed")
pytest.importorskip("onnx", reason="onnx is needed to write the tiny model")

from gallery_cell import BLUE, DARK_GREEN, GREEN, enroll_here, frame_of, inspector_of
from tiny_model import write_model

from damage_perception.enrollment import show
from damage_perception.gallery.reference import GalleryError, NewReference, State
from damage_perception.gallery.store.store import GalleryStore
from damage_perception.network import DamageNetwork
from damage_perception.ros.gallery import keeper as keeper_module
from damage_perception.ros.gallery.keeper import GalleryKeeper
from damage_perception.ros.gallery.packaging_changes import PackagingChanges
from damage_perception.ros.gallery.reported_items import KEPT, ReportedItem, ReportedItems
from damage_perception.ros.gallery.requests import Outcome, undo
from damage_perception.verdict.difference import ReferenceStatus
from damage_perception.verdict.report import Verdict


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("comparing"), references=True)


@pytest.fixture(scope="module")
def shown(card):
    """By tint, what the node would see of a product."""
    inspector = inspector_of(card)
    return {tint: show("shown", frame_of(tint=tint), inspector) for tint in (GREEN, DARK_GREEN)}


@pytest.fixture(autouse=True)
def poll_often(monkeypatch):
    monkeypatch.setattr(keeper_module, "_POLL_S", 0.05)


class Keeping:
    """A keeper at work, with what it handed over, told and logged."""

    def __init__(self, uri, card):
        self.handed, self.told, self.log = [], [], []
        self.keeper = GalleryKeeper(
            str(uri),
            DamageNetwork.load(card),
            self.handed.append,
            lambda noticed, text: self.told.append((noticed, text)),
            self.log.append,
            self.log.append,
        )

    def __enter__(self):
        self.keeper.start(10)
        return self

    def __exit__(self, *exception):
        self.keeper.stop()

    @property
    def state(self):
        return self.keeper.state

    def answer(self, request):
        outcomes = []
        self.keeper.ask(request, outcomes.append)
        until(lambda: outcomes)
        return outcomes[0]


def until(condition, timeout_s=10):
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "nothing came in time"
        time.sleep(0.01)


def item_of(shown, item_id="item", sku="green", differs=False, **given):
    """An item that passed and was compared."""
    item = ReportedItem(
        item_id, sku, True, Verdict.PASS, ReferenceStatus.USED, 0.1, True, differs, shown.view,
        shown.embedding,
    )  # fmt: skip
    return replace(item, **given)


def test_references_are_in_use_before_start_returns(tmp_path, card):
    enroll_here(GalleryStore.open(tmp_path / "g"), "green", GREEN, card)
    with Keeping(tmp_path / "g", card) as keeping:
        assert [gallery.skus for gallery in keeping.handed] == [("green",)]
        assert (keeping.state.skus, keeping.state.references, keeping.state.problem) == (1, 1, "")
        time.sleep(0.3)
        assert len(keeping.handed) == 1


def test_an_empty_gallery_knows_no_sku(tmp_path, card):
    GalleryStore.open(tmp_path / "g")
    with Keeping(tmp_path / "g", card) as keeping:
        (gallery,) = keeping.handed
        assert gallery.bank("green") is None and keeping.state.problem == ""


def test_a_gallery_that_cannot_be_had_is_told_once_and_used_when_it_can(tmp_path, card):
    uri = tmp_path / "g"
    uri.write_text("a file")
    with Keeping(uri, card) as keeping:
        assert keeping.state.problem.startswith(f"gallery {uri} does not exist")
        time.sleep(0.3)
        assert len(keeping.log) == 1 and not keeping.handed
        uri.unlink()
        enroll_here(GalleryStore.open(uri), "green", GREEN, card)
        until(lambda: keeping.handed)
        until(lambda: not keeping.state.problem)


def test_without_lancedb_the_node_says_what_to_install(tmp_path, card, monkeypatch):
    enroll_here(GalleryStore.open(tmp_path / "g"), "green", GREEN, card)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "lancedb", None)
        with Keeping(tmp_path / "g", card) as keeping:
            assert "pip install -r requirements/robot.txt" in keeping.state.problem
            outcome = keeping.answer(lambda: undo(keeping.keeper.store(), "", "tester", ""))
            assert outcome.change is None and "pip install" in outcome.message
    assert not keeping.handed


def test_references_of_another_model_are_not_used_and_the_mend_is_named(tmp_path, card, shown):
    store = GalleryStore.open(tmp_path / "g")
    new = NewReference(shown[GREEN].view, shown[GREEN].embedding, "x")
    store.enroll("green", "another-model", [new], "tester", "")
    with Keeping(tmp_path / "g", card) as keeping:
        assert not keeping.handed
        problem = keeping.state.problem
        assert "1 of 1 references" in problem and "are of another model than tiny-red" in problem
        assert f"run damage-perception gallery reembed --gallery {tmp_path / 'g'}" in problem
        name = store.references()[0].reference_id
        store.reembed("tiny-red", {name: shown[GREEN].embedding}, "tester")
        until(lambda: keeping.handed and not keeping.state.problem)


def test_a_model_that_compares_nothing_is_said(tmp_path, shown):
    plain = write_model(tmp_path / "plain")
    store = GalleryStore.open(tmp_path / "g")
    new = NewReference(shown[GREEN].view, shown[GREEN].embedding, "x")
    store.enroll("green", "tiny-red", [new], "tester", "")
    with Keeping(tmp_path / "g", plain) as keeping:
        assert "model tiny-red compares nothing with references" in keeping.state.problem
        assert not keeping.handed


def test_a_gallery_that_goes_away_leaves_its_references_in_use(tmp_path, card):
    enroll_here(GalleryStore.open(tmp_path / "g"), "green", GREEN, card)
    with Keeping(tmp_path / "g", card) as keeping:
        shutil.rmtree(tmp_path / "g")
        until(lambda: keeping.state.problem)
        time.sleep(0.3)
        assert len(keeping.handed) == 1 and keeping.state.references == 1
        enroll_here(GalleryStore.open(tmp_path / "g"), "blue", BLUE, card)
        until(lambda: keeping.handed[-1].skus == ("blue",) and not keeping.state.problem)


def test_a_request_that_fails_is_answered_and_costs_nothing_else(tmp_path, card):
    change = enroll_here(GalleryStore.open(tmp_path / "g"), "green", GREEN, card)

    def full():
        raise GalleryError("gallery g cannot be written: the disk is full: free some space")

    def broken():
        raise RuntimeError("never thought of")

    with Keeping(tmp_path / "g", card) as keeping:
        assert "the disk is full" in keeping.answer(full).message
        assert keeping.answer(broken) == Outcome("RuntimeError: never thought of")
        until(lambda: any("Traceback" in line for line in keeping.log))
        done = keeping.answer(lambda: undo(keeping.keeper.store(), "", "tester", "why"))
        assert done.change.undoes == change.change_id
        # Before the answer, so that whoever asked may count on it.
        assert len(keeping.handed[-1]) == 0 and keeping.state.references == 0


def test_what_was_compared_with_is_recorded_at_the_end(tmp_path, card, shown):
    store = GalleryStore.open(tmp_path / "g")
    enroll_here(store, "green", GREEN, card)
    with Keeping(tmp_path / "g", card) as keeping:
        for number in range(7):
            keeping.keeper.report(item_of(shown[GREEN], f"item-{number}"))
    assert [r.uses for r in store.references()] == [7]
    assert time.time_ns() - store.references()[0].last_used_ns < 20 * 10**9


def test_uses_that_cannot_be_recorded_are_told_and_kept(tmp_path, card, shown, monkeypatch):
    store = GalleryStore.open(tmp_path / "g")
    enroll_here(store, "green", GREEN, card)
    monkeypatch.setattr(keeper_module, "_USES_S", 0.1)

    def record_uses(self, uses, time_ns):
        raise GalleryError("gallery g cannot be written: no permission")

    with monkeypatch.context() as patch:
        patch.setattr(GalleryStore, "record_uses", record_uses)
        with Keeping(tmp_path / "g", card) as keeping:
            keeping.keeper.report(item_of(shown[GREEN]))
            until(lambda: "what is used is not recorded" in keeping.state.problem)
            patch.undo()
            until(lambda: not keeping.state.problem)
    assert [r.uses for r in store.references()] == [1]


def test_nobody_waits_for_a_gallery_that_hangs(tmp_path, card, shown, monkeypatch):
    enroll_here(GalleryStore.open(tmp_path / "g"), "green", GREEN, card)
    monkeypatch.setattr(keeper_module, "_STOP_S", 0.3)
    keeping = Keeping(tmp_path / "g", card).__enter__()
    keeping.keeper.ask(lambda: time.sleep(3) or Outcome("late"), lambda outcome: None)
    start_s = time.monotonic()
    for number in range(1000):
        keeping.keeper.report(item_of(shown[GREEN], f"item-{number}"))
    keeping.keeper.stop()
    assert time.monotonic() - start_s < 2


def test_nobody_waits_for_a_store_that_does_not_answer(tmp_path, card, monkeypatch):
    enroll_here(GalleryStore.open(tmp_path / "g"), "green", GREEN, card)
    monkeypatch.setattr(keeper_module, "_ANSWERS_S", 0.3)
    answers, opened = threading.Event(), GalleryStore.open

    def late(uri, create=True):
        answers.wait(20)
        return opened(uri, create)

    monkeypatch.setattr(GalleryStore, "open", late)
    keeping = Keeping(tmp_path / "g", card)
    start_s = time.monotonic()
    with keeping:
        assert time.monotonic() - start_s < 2
        assert f"gallery {tmp_path / 'g'} is not read yet" in keeping.log[0]
        until(lambda: "has not answered for" in keeping.state.problem)
        assert not keeping.handed
        answers.set()
        until(lambda: keeping.handed and not keeping.state.problem)
        assert keeping.state.references == 1


def test_candidates_are_proposed_once_and_no_reference_changes(tmp_path, card, shown):
    store = GalleryStore.open(tmp_path / "g")
    enroll_here(store, "green", GREEN, card)
    with Keeping(tmp_path / "g", card) as keeping:
        for number in range(30):
            keeping.keeper.report(item_of(shown[DARK_GREEN], f"item-{number}", differs=True))
            until(lambda: keeping.keeper._tasks.empty())
        until(lambda: keeping.told)
        ((noticed, text),) = keeping.told
        assert noticed.item_ids == tuple(f"item-{number}" for number in range(3, 8))
        assert "5 views are candidates" in text
        until(lambda: keeping.state.candidates == 5)
        assert keeping.state.changed == ("green",) and keeping.state.references == 1
        # By another process: what the node knew of the sku counts no more.
        ids = [r.reference_id for r in store.references(states=(State.CANDIDATE,))]
        store.change(keeper_module.Action.REJECT, "green", ids, "tester", "")
        until(lambda: not keeping.state.changed)
        assert len(keeping.handed) == 1


def test_only_items_that_the_network_alone_passes_count_as_new_packaging(card, shown):
    changes = PackagingChanges(DamageNetwork.load(card))
    for number in range(30):
        for given in (
            {"good_alone": False},
            {"announced": False},
            {"differs": None},
            {"view": None},
        ):
            item = item_of(shown[DARK_GREEN], f"item-{number}", **({"differs": True} | given))
            assert changes.add(item) is None
    assert not changes.pending


def test_the_watch_over_packaging_holds_a_bounded_number_of_skus_and_views(card, shown):
    changes = PackagingChanges(DamageNetwork.load(card))
    for number in range(300):
        changes.add(item_of(shown[GREEN], f"item-{number}", f"sku-{number}", differs=True))
    assert len(changes._views) == len(changes._watch._seen) == 100
    for number in range(300):
        changes.add(item_of(shown[GREEN], f"item-{number}", "sku-299"))
    assert len(changes._views["sku-299"]) == 1


def test_the_newest_items_are_kept_as_they_were(shown):
    items = ReportedItems()
    for number in range(KEPT + 5):
        items.add(item_of(shown[GREEN], f"item-{number}"))
    assert items.get("item-4") is None and len(items._items) == len(items._seen) == KEPT
    item = items.get("item-5")
    assert item.embedding.cells == pytest.approx(shown[GREEN].embedding.cells, abs=1e-3)
    assert (item.view.item == shown[GREEN].view.item).all()
    items.add(item_of(shown[GREEN], "item-5", verdict=Verdict.DIVERT))
    assert items.get("item-5").view is None and len(items._items) == KEPT
