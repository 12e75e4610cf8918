"""The journal of a gallery: every change as a record, and what all records together say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from damage_perception.gallery.reference import Action, Change, State

BRINGS: Final = (Action.ENROLL, Action.PROPOSE, Action.IMPORT)
# From which state to which; what an action does not take is refused.
MOVES: Final[Mapping[Action, tuple[State, State]]] = {
    Action.ACCEPT: (State.CANDIDATE, State.ACTIVE),
    Action.REJECT: (State.CANDIDATE, State.RETIRED),
    Action.RETIRE: (State.ACTIVE, State.RETIRED),
}


@dataclass(frozen=True)
class Entry:
    """What a record says of one reference; what its action does not speak of keeps the default.

    uses  by this record, not in all
    """

    reference_id: str
    source: str = ""
    state: str = ""
    model_id: str = ""
    added_ns: int = 0
    uses: int = 0
    last_used_ns: int = 0


@dataclass(frozen=True)
class JournalRecord:
    """One change as it is written; ``Change`` says what the fields mean."""

    change_id: str
    time_ns: int
    action: Action
    sku: str
    entries: tuple[Entry, ...]
    by: str
    why: str
    undoes: str = ""


@dataclass(frozen=True)
class Kept:
    """A reference as all records together have it.

    view        change_id of the record that brought the view
    embeddings  change_id of the record that brought the embedding, by model_id, newest last
    replaced    change_ids of records that brought embeddings which others took the place of
    freed       change_ids of records whose embeddings are gone for good
    retired_ns  when it was retired; 0 where it is not
    """

    reference_id: str
    sku: str
    state: State
    source: str
    added_ns: int
    view: str
    embeddings: Mapping[str, str]
    replaced: frozenset[str] = frozenset()
    freed: frozenset[str] = frozenset()
    uses: int = 0
    last_used_ns: int = 0
    retired_ns: int = 0

    @property
    def model_id(self) -> str:
        """Of the newest embedding."""
        return list(self.embeddings)[-1]

    @property
    def superseded(self) -> frozenset[str]:
        """change_ids of records that brought embeddings for which there are newer ones."""
        return self.replaced | frozenset(list(self.embeddings.values())[:-1])


@dataclass(frozen=True)
class History:
    """All records, oldest first, and what they come to.

    undone      change_ids of those without effect
    references  by reference_id
    """

    records: Sequence[JournalRecord] = ()
    undone: frozenset[str] = frozenset()
    references: Mapping[str, Kept] = field(default_factory=dict)

    def change(self, record: JournalRecord) -> Change:
        """``record`` as an entry of the log."""
        return Change(
            record.change_id,
            record.time_ns,
            record.action,
            record.sku,
            tuple(entry.reference_id for entry in record.entries),
            record.by,
            record.why,
            record.undoes,
            record.change_id in self.undone,
        )


def fold(records: Iterable[JournalRecord]) -> History:
    """What ``records`` come to, oldest first.

    Never fails: of two processes that changed one reference at once, the one written last holds.
    """
    # A write that was repeated after its answer got lost is there twice.
    unique = list({record.change_id: record for record in records}.values())
    undone = _undone(unique)
    references: dict[str, Kept] = {}
    for record in unique:
        if record.change_id not in undone:
            _apply(record, references)
    return History(unique, undone, references)


def _undone(records: Sequence[JournalRecord]) -> frozenset[str]:
    undone: set[str] = set()
    for record in reversed(records):
        if record.action is Action.UNDO and record.change_id not in undone:
            undone.add(record.undoes)
    return frozenset(undone)


def _apply(record: JournalRecord, references: dict[str, Kept]) -> None:
    for entry in record.entries:
        name = entry.reference_id
        if record.action in BRINGS:
            references[name] = _brought(record, entry)
        elif name not in references:
            continue
        elif record.action in MOVES:
            state = MOVES[record.action][1]
            retired_ns = record.time_ns if state is State.RETIRED else 0
            references[name] = replace(references[name], state=state, retired_ns=retired_ns)
        elif record.action is Action.REEMBED:
            kept = references[name]
            known = dict(kept.embeddings)
            before = {known.pop(entry.model_id)} if entry.model_id in known else set()
            known[entry.model_id] = record.change_id
            references[name] = replace(kept, embeddings=known, replaced=kept.replaced | before)
        elif record.action is Action.FREE:
            kept = references[name]
            references[name] = replace(
                kept,
                embeddings={kept.model_id: kept.embeddings[kept.model_id]},
                replaced=frozenset(),
                freed=kept.freed | kept.superseded,
            )
        elif record.action is Action.USED:
            kept = references[name]
            last_ns = max(kept.last_used_ns, entry.last_used_ns)
            references[name] = replace(kept, uses=kept.uses + entry.uses, last_used_ns=last_ns)
        elif record.action is Action.PURGE:
            del references[name]


def _brought(record: JournalRecord, entry: Entry) -> Kept:
    state = State(entry.state)
    return Kept(
        entry.reference_id,
        record.sku,
        state,
        entry.source,
        entry.added_ns,
        record.change_id,
        {entry.model_id: record.change_id},
        uses=entry.uses,
        last_used_ns=entry.last_used_ns,
        retired_ns=record.time_ns if state is State.RETIRED else 0,
    )
