"""A gallery of reference views of pristine products: read by detectors, changed by people."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Final
from weakref import WeakValueDictionary

from damage_perception.gallery.reference import (
    Action,
    Change,
    GalleryError,
    NewReference,
    Reference,
    SkuSummary,
    State,
    check_embedding,
    check_sku,
)
from damage_perception.gallery.store.codec import (
    EncodedView,
    decode_embedding,
    decode_view,
    encode_embedding,
    encode_view,
)
from damage_perception.gallery.store.journal import MOVES, Entry, History, JournalRecord, Kept, fold
from damage_perception.gallery.store.log import bare_views, changes, garbage, summaries
from damage_perception.gallery.store.schema import Piece
from damage_perception.gallery.store.tables import Key, Tables
from damage_perception.gallery.store.undo import undoable
from damage_perception.network.embedding import Embedding
from damage_perception.view import View

# What a killed process left without a change is removed when it is older than any change takes.
_ORPHAN_NS: Final = 3600 * 10**9


class GalleryStore:
    """One gallery, in a folder or an object store.

    Any number of processes read and change it at once; every change is there whole or not at all.
    All methods raise GalleryError where the gallery cannot be read or written, and where what is
    asked for cannot be done. May be used by several threads.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._lock = Lock()
        self._known: tuple[int, History] | None = None
        # As long as somebody holds an embedding it is not read again: it never changes.
        self._embeddings: WeakValueDictionary[Key, Embedding] = WeakValueDictionary()

    @staticmethod
    def open(uri: str | Path, create: bool = True) -> GalleryStore:
        """The gallery at ``uri``: a folder, or an address such as s3://bucket/prefix.

        create  make an empty one where there is none. Credentials and the endpoint of an object
        store come from the environment (AWS_ACCESS_KEY_ID, AWS_ENDPOINT and so on).
        """
        return GalleryStore(Tables.open(str(uri), create))

    @property
    def uri(self) -> str:
        """Where the gallery is."""
        return self._tables.uri

    @property
    def version(self) -> int:
        """Grows with every change by any process; asking costs a few milliseconds."""
        return self._tables.version

    def enroll(
        self,
        sku: str,
        model_id: str,
        new: Sequence[NewReference],
        by: str,
        why: str,
        state: State = State.ACTIVE,
    ) -> Change:
        """Adds references of ``sku``, all in one change; as candidates they wait for an accept."""
        check_sku(sku)
        if not new:
            raise GalleryError(f"sku {sku!r}: there is no view to enroll")
        if state is State.RETIRED:
            raise GalleryError("a reference is enrolled as active or candidate, not as retired")
        for each in new:
            check_embedding(each.embedding, f"sku {sku!r}, view from {each.source!r}")
        now_ns = time.time_ns()
        names = [secrets.token_hex(8) for _ in new]
        entries = tuple(
            Entry(name, each.source, state.value, model_id, now_ns)
            for name, each in zip(names, new, strict=True)
        )
        pieces = [
            Piece(name, model_id, encode_view(each.view), encode_embedding(each.embedding))
            for name, each in zip(names, new, strict=True)
        ]
        action = Action.ENROLL if state is State.ACTIVE else Action.PROPOSE
        return self._commit(action, sku, entries, by, why, pieces=pieces, time_ns=now_ns)

    def take_over(
        self, sku: str, references: Sequence[tuple[Reference, EncodedView]], by: str, why: str
    ) -> Change | None:
        """Adds references of another gallery as they are; None where all of them are here."""
        check_sku(sku)
        here = self._history().references
        new = [(each, view) for each, view in references if each.reference_id not in here]
        if not new:
            return None
        entries = tuple(
            Entry(
                each.reference_id,
                each.source,
                each.state.value,
                each.model_id,
                each.added_ns,
                each.uses,
                each.last_used_ns,
            )
            for each, _ in new
        )
        pieces = [
            Piece(each.reference_id, each.model_id, view, encode_embedding(each.embedding))
            for each, view in new
        ]
        return self._commit(Action.IMPORT, sku, entries, by, why, pieces=pieces)

    def change(
        self, action: Action, sku: str, reference_ids: Sequence[str], by: str, why: str
    ) -> Change:
        """Accepts or rejects candidates of ``sku``, or retires active references."""
        if action not in MOVES:
            known = ", ".join(each.value for each in MOVES)
            raise GalleryError(f"{action.value} is not one of {known}")
        if not reference_ids:
            raise GalleryError(f"sku {sku!r}: there is no reference to {action.value}")
        before = MOVES[action][0]
        for name in reference_ids:
            kept = self._kept(name)
            if kept.sku != sku:
                raise GalleryError(f"reference {name} is of sku {kept.sku!r}, not of {sku!r}")
            if kept.state is not before:
                raise GalleryError(
                    f"reference {name} is {kept.state.value}; {action.value} takes {before.value}"
                )
        entries = tuple(Entry(name) for name in dict.fromkeys(reference_ids))
        return self._commit(action, sku, entries, by, why)

    def reembed(self, model_id: str, embeddings: Mapping[str, Embedding], by: str) -> Change:
        """Adds what the network ``model_id`` says of references; older ones stay until `free`."""
        if not embeddings:
            raise GalleryError("there is no reference to embed")
        for name, embedding in embeddings.items():
            self._kept(name)
            check_embedding(embedding, f"reference {name}")
        entries = tuple(Entry(name, model_id=model_id) for name in embeddings)
        pieces = [
            Piece(name, model_id, None, encode_embedding(embedding))
            for name, embedding in embeddings.items()
        ]
        why = f"embedded by {model_id}"
        return self._commit(Action.REEMBED, "", entries, by, why, pieces=pieces)

    def undo(self, change_id: str | None, by: str, why: str) -> Change:
        """Takes back one change; of an undo, too, which does again what it undid.

        None: the newest change that can be undone. Raises GalleryError where later changes build
        upon the one to undo.
        """
        record = undoable(self._history(), change_id)
        entries = tuple(Entry(entry.reference_id) for entry in record.entries)
        return self._commit(
            Action.UNDO, record.sku, entries, by, why or f"undo {record.action.value}", record
        )

    def record_uses(self, uses: Mapping[str, int], time_ns: int) -> None:
        """Adds how often items were compared with references, the last time at ``time_ns``.

        Writes one change: count for minutes or hours before writing.
        """
        entries = tuple(
            Entry(name, uses=count, last_used_ns=time_ns) for name, count in uses.items() if count
        )
        if entries:
            self._commit(Action.USED, "", entries, "", "")

    def references(
        self,
        sku: str | None = None,
        states: Sequence[State] = (State.ACTIVE,),
        model_id: str | None = None,
    ) -> list[Reference]:
        """In the order they came.

        sku       None: of all products
        model_id  with the embedding of that network, and only those that have one; None: with the
                  newest embedding of each
        """
        chosen = [
            (kept, kept.embeddings[model_id or kept.model_id])
            for kept in self._history().references.values()
            if sku in (None, kept.sku)
            and kept.state in states
            and (model_id is None or model_id in kept.embeddings)
        ]
        embeddings = self._load((change, kept.reference_id) for kept, change in chosen)
        return [
            _reference(kept, model_id or kept.model_id, embeddings[change, kept.reference_id])
            for kept, change in chosen
            # Missing where another process has purged it since.
            if (change, kept.reference_id) in embeddings
        ]

    def views(self, reference_ids: Sequence[str]) -> dict[str, View]:
        """By reference_id, in their order."""
        encoded = self.encoded_views(reference_ids)
        return {name: decode_view(view, f"reference {name}") for name, view in encoded.items()}

    def encoded_views(self, reference_ids: Sequence[str]) -> dict[str, EncodedView]:
        """As ``views``, as the pictures that are kept."""
        keys = {name: (self._kept(name).view, name) for name in reference_ids}
        found = self._tables.views(keys.values())
        missing = [name for name, key in keys.items() if key not in found]
        if missing:
            raise GalleryError(f"reference {missing[0]} was purged meanwhile: ask again")
        return {name: found[key] for name, key in keys.items()}

    def summaries(self) -> list[SkuSummary]:
        """One for each product, by its sku."""
        return summaries(self._history())

    def changes(self, sku: str | None = None, limit: int | None = None) -> list[Change]:
        """The log, newest first; what was used is not in it."""
        return changes(self._history(), sku, limit)

    def purge(self, before_ns: int, by: str) -> Change | None:
        """Removes references for good that were retired before; None where there are none.

        before_ns  nanoseconds since 1970. Frees what killed processes left, too.
        """
        history = self._history()
        going = [kept for kept in history.references.values() if 0 < kept.retired_ns < before_ns]
        change = None
        if going:
            entries = tuple(Entry(kept.reference_id) for kept in going)
            why = f"{len(going)} retired references removed for good"
            change = self._commit(Action.PURGE, "", entries, by, why)
        self._sweep()
        return change

    def free(self, before_ns: int, by: str) -> Change | None:
        """Removes embeddings for which there are newer ones since before; None: there are none.

        before_ns  nanoseconds since 1970. A detector that still runs the older model loses the
                   references: let it have all robots on the new one first.
        """
        history = self._history()
        times = {record.change_id: record.time_ns for record in history.records}
        going = [
            kept
            for kept in history.references.values()
            if kept.superseded and times[kept.embeddings[kept.model_id]] < before_ns
        ]
        change = None
        if going:
            entries = tuple(Entry(kept.reference_id) for kept in going)
            count = sum(len(kept.superseded) for kept in going)
            why = f"{count} superseded embeddings removed for good"
            change = self._commit(Action.FREE, "", entries, by, why)
            self._sweep()
        return change

    def _sweep(self) -> None:
        """Frees what no change speaks of any more."""
        # Before the journal, so that the change of every piece seen is in it, or will never be.
        pieces = self._tables.keys()
        history = self._history()
        self._tables.bare(bare_views(history))
        self._tables.remove(garbage(pieces, history, time.time_ns() - _ORPHAN_NS))

    def _commit(
        self,
        action: Action,
        sku: str,
        entries: tuple[Entry, ...],
        by: str,
        why: str,
        undone: JournalRecord | None = None,
        pieces: Sequence[Piece] = (),
        time_ns: int | None = None,
    ) -> Change:
        undoes = undone.change_id if undone else ""
        now_ns = time.time_ns() if time_ns is None else time_ns
        record = JournalRecord(secrets.token_hex(6), now_ns, action, sku, entries, by, why, undoes)
        self._tables.append(record, pieces)
        return History().change(record)

    def _history(self) -> History:
        with self._lock:
            version = self._tables.version
            if self._known is None or self._known[0] != version:
                self._known = version, fold(self._tables.records())
            return self._known[1]

    def _kept(self, reference_id: str) -> Kept:
        kept = self._history().references.get(reference_id)
        if kept is None:
            raise GalleryError(f"reference {reference_id!r} is not in gallery {self.uri}")
        return kept

    def _load(self, keys: Iterable[Key]) -> dict[Key, Embedding]:
        wanted = list(keys)
        held = {key: embedding for key in wanted if (embedding := self._embeddings.get(key))}
        for key, encoded in self._tables.embeddings(k for k in wanted if k not in held).items():
            held[key] = self._embeddings[key] = decode_embedding(encoded)
        return held


def _reference(kept: Kept, model_id: str, embedding: Embedding) -> Reference:
    return Reference(
        kept.reference_id,
        kept.sku,
        kept.state,
        model_id,
        kept.added_ns,
        kept.source,
        embedding,
        kept.uses,
        kept.last_used_ns,
    )
