"""Keeps the references in use those of the gallery, in a thread that no frame waits for."""

from __future__ import annotations

import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from queue import Empty, Queue
from typing import Any, Final

from damage_perception.gallery.gallery import Gallery
from damage_perception.gallery.reference import Action, GalleryError, Reference, SkuSummary
from damage_perception.gallery.store.store import GalleryStore
from damage_perception.network import BackendError, DamageNetwork
from damage_perception.ros.gallery.packaging_changes import Noticed, PackagingChanges
from damage_perception.ros.gallery.reported_items import ReportedItem, ReportedItems
from damage_perception.ros.gallery.requests import Outcome, propose
from damage_perception.ros.gallery.state import (
    GalleryState,
    changed_skus,
    fewer_candidates,
    same,
)
from damage_perception.verdict.difference import ReferenceStatus

# How often it is looked whether another process changed the gallery.
_POLL_S: Final = 1.0
# How often is written what was compared with: each time one change more, for every reader.
_USES_S: Final = 600.0
_TICK_S: Final = 0.1
# A store that takes longer does not answer. Importing LanceDB alone takes 3 s on a slow machine.
_ANSWERS_S: Final = 5.0
# A store that hangs must not keep the node from stopping.
_STOP_S: Final = 10.0
# Reported items that wait to be taken in; while a store hangs, more are left out.
_MOST_WAITING: Final = 50
# In the log of the gallery, who proposed what the node proposed.
_NODE: Final = "damage_detector"


class GalleryKeeper:
    """Reads the gallery at ``uri`` from ``start`` to ``stop``, follows its changes and makes some.

    network      references are of its model
    hand_over    called in the thread with the references to use from now on; None: there are none
    tell_change  called in the thread with a change of packaging and a line for people
    log_info, log_warning
                 called in the thread with one line; not with the same problem twice in a row

    Nothing that happens to the gallery ends the thread: the newest references stay in use.
    """

    def __init__(
        self,
        uri: str,
        network: DamageNetwork,
        hand_over: Callable[[Gallery | None], None],
        tell_change: Callable[[Noticed, str], None],
        log_info: Callable[[str], Any],
        log_warning: Callable[[str], Any],
    ) -> None:
        self._state = GalleryState(uri)
        self.gallery: Gallery | None = None
        self.items = ReportedItems()
        self.network = network
        self._hand_over = hand_over
        self._tell_change = tell_change
        self._log_info = log_info
        self._log_warning = log_warning
        self._packaging = PackagingChanges(network)
        self._store: GalleryStore | None = None
        self._version: int | None = None
        self._references: Sequence[Reference] = ()
        self._summaries: Sequence[SkuSummary] = ()
        self._problems: dict[str, str] = {}
        self._uses: Counter[str] = Counter()
        self._tasks: Queue[Callable[[], None]] = Queue()
        self._poll_s = self._record_s = 0.0
        self._asked_s: float | None = None
        self._opened, self._looked = threading.Event(), threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gallery_keeper", daemon=True)

    def start(self, patience_s: float) -> None:
        """Starts the thread; waits until it has read the gallery, for ``patience_s`` at most.

        A store that does not even answer is not waited for as long: the node has items to answer.
        """
        self._thread.start()
        if self._opened.wait(min(_ANSWERS_S, patience_s)):
            self._looked.wait(patience_s)
        if not self._looked.is_set():
            self._log_warning(
                f"gallery {self._state.uri} is not read yet: until it is, items are judged without "
                "references"
            )

    @property
    def state(self) -> GalleryState:
        """What is known of the gallery; from any thread."""
        state, asked_s = self._state, self._asked_s
        waited_s = 0.0 if asked_s is None else time.monotonic() - asked_s
        if waited_s < _ANSWERS_S:
            return state
        silence = (
            f"gallery {state.uri} has not answered for {waited_s:.0f} s: check the store and the "
            "network; until it does, items are judged with the references read before"
        )
        return replace(state, problem="; ".join(filter(None, (silence, state.problem))))

    def stop(self) -> None:
        """Ends the thread, once what was asked for is done and what was used is written."""
        self._stopping.set()
        self._thread.join(_STOP_S)

    def report(self, item: ReportedItem) -> None:
        """Takes note of a report; from any thread, and without waiting."""
        if self._tasks.qsize() < _MOST_WAITING:
            self._tasks.put(partial(self._take, item))

    def ask(self, request: Callable[[], Outcome], done: Callable[[Outcome], None]) -> None:
        """Has the thread call ``request``, bring its change into use, and answer by ``done``.

        request  may raise GalleryError and BackendError, which become the answer's message
        """
        self._tasks.put(partial(self._answer, request, done))

    def store(self, create: bool = False) -> GalleryStore:
        """The open gallery, for requests. Raises GalleryError.

        create  make an empty one where there is none
        """
        if self._store is None:
            try:
                self._store = GalleryStore.open(self._state.uri, create)
            finally:
                self._opened.set()
        return self._store

    def _run(self) -> None:
        self._record_s = time.monotonic() + _USES_S
        self._guard(self._poll)
        self._looked.set()
        while not self._stopping.is_set() or not self._tasks.empty():
            with suppress(Empty):
                self._guard(self._tasks.get(timeout=_TICK_S))
            if time.monotonic() >= self._poll_s:
                self._guard(self._poll)
        self._guard(self._record_uses)

    def _guard(self, task: Callable[[], None]) -> None:
        try:
            task()
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            if self._problems.get("fault") != text:
                self._log_warning("".join(traceback.format_exception(error)))
            self._problems["fault"] = text
            self._publish()

    def _poll(self) -> None:
        """Follows what other processes changed."""
        self._asked_s = time.monotonic()
        self._poll_s = self._asked_s + _POLL_S
        try:
            self._look()
        finally:
            self._asked_s = None
        self._note("fault", "")
        if time.monotonic() >= self._record_s:
            self._record_uses()
            self._record_s = time.monotonic() + _USES_S

    def _look(self) -> None:
        try:
            store = self.store()
            # Before the references: what changes in between is read again.
            version = store.version
            if version != self._version:
                self._load(store)
                self._version = version
            self._note("store", "")
        except GalleryError as error:
            self._store = self._version = None
            self._note("store", str(error))

    def _load(self, store: GalleryStore) -> None:
        card = self.network.card
        if card.references is None:
            self._note(
                "model",
                f"model {card.model_id} compares nothing with references: choose one that does, or "
                "leave the parameter gallery empty",
            )
            return
        references = store.references(model_id=card.model_id)
        summaries = store.summaries()
        changed = changed_skus(self._references, references)
        changed |= fewer_candidates(self._summaries, summaries)
        active = sum(summary.active for summary in summaries)
        # Where all are of another model, none is known to be missing.
        usable = bool(references) or not active
        if usable != (self.gallery is not None) or not same(self._references, references):
            gallery = Gallery(references, card.references.identification) if usable else None
            self.gallery = gallery
            self._hand_over(gallery)
            self._log_info(
                f"gallery {store.uri}: {len(references)} references of "
                f"{len(gallery.skus) if gallery else 0} skus in use"
            )
        self._references, self._summaries = references, summaries
        for sku in changed:
            self._packaging.forget(sku)
        lost = active - len(references)
        self._note(
            "model",
            f"{lost} of {lost + len(references)} references in gallery {store.uri} are of another "
            f"model than {card.model_id}: run damage-perception gallery reembed --gallery "
            f"{store.uri}"
            if lost > 0
            else "",
        )

    def _answer(self, request: Callable[[], Outcome], done: Callable[[Outcome], None]) -> None:
        try:
            outcome = request()
        except (GalleryError, BackendError) as error:
            outcome = Outcome(str(error))
        except Exception as error:
            done(Outcome(f"{type(error).__name__}: {error}"))
            raise
        change = outcome.change
        if change is not None:
            if change.action in (Action.ACCEPT, Action.REJECT, Action.UNDO):
                self._packaging.forget(change.sku)
            self._log_info(f"gallery {self._state.uri}: {outcome.message} ({change.change_id})")
            self._look()
        done(outcome)

    def _take(self, item: ReportedItem) -> None:
        self.items.add(item)
        if item.references is ReferenceStatus.USED:
            self._uses[item.sku] += 1
        try:
            noticed = self._packaging.add(item)
        except BackendError as error:
            self._note("packaging", f"items of {item.sku!r} could not be compared: {error}")
            return
        if noticed is not None:
            self._propose(noticed)

    def _propose(self, noticed: Noticed) -> None:
        try:
            proposed = propose(self.store(), noticed, self.network.card.model_id, _NODE).message
        except GalleryError as error:
            proposed = f"none could be proposed: {error}"
        text = (
            f"sku {noticed.sku!r}: items differ from its references, but not from one another; its "
            f"packaging seems to have changed: {proposed}; call ~/review_candidates"
        )
        self._log_warning(text)
        self._tell_change(noticed, text)
        self._look()
        self._publish()

    def _record_uses(self) -> None:
        if self.gallery is None or not self._uses:
            return
        uses = {
            reference.reference_id: count
            for sku, count in self._uses.items()
            for reference in self.gallery.references(sku)
        }
        try:
            self.store().record_uses(uses, time.time_ns())
        except GalleryError as error:
            self._note("uses", f"what is used is not recorded: {error}")
            return
        self._uses.clear()
        self._note("uses", "")

    def _note(self, subject: str, problem: str) -> None:
        """Keeps what is wrong with a subject, empty where nothing is; says it once."""
        if problem and problem != self._problems.get(subject):
            self._log_warning(problem)
        self._problems[subject] = problem
        self._publish()

    def _publish(self) -> None:
        self._state = GalleryState(
            self._state.uri,
            len(self.gallery.skus) if self.gallery else 0,
            len(self._references),
            sum(summary.candidates for summary in self._summaries),
            tuple(sorted(self._packaging.pending)),
            "; ".join(filter(None, self._problems.values())),
        )
