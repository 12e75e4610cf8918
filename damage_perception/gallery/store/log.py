"""What the journal says of changes and products, and of which pieces it speaks no more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from damage_perception.gallery.reference import Action, Change, SkuSummary, State
from damage_perception.gallery.store.journal import History, JournalRecord, Kept


def changes(history: History, sku: str | None = None, limit: int | None = None) -> list[Change]:
    """Newest first; of one product, or of all. Records of use are left out."""
    records = [
        record
        for record in reversed(history.records)
        if record.action is not Action.USED and (sku is None or sku in _skus(history, record))
    ]
    return [history.change(record) for record in records[:limit]]


def summaries(history: History) -> list[SkuSummary]:
    """One for each product that has references, by its sku."""
    by_sku: dict[str, list[Kept]] = {}
    for kept in history.references.values():
        by_sku.setdefault(kept.sku, []).append(kept)
    last: dict[str, JournalRecord] = {}
    for record in history.records:
        if record.action is not Action.USED:
            last.update(dict.fromkeys(_skus(history, record), record))
    return [_summary(sku, kept, history.change(last[sku])) for sku, kept in sorted(by_sku.items())]


def garbage(
    pieces: Iterable[tuple[tuple[str, str], int]], history: History, before_ns: int
) -> list[tuple[str, str]]:
    """Keys of those ``pieces`` that are of purged references, that hold nothing but a freed
    embedding, or that no change speaks of.

    pieces     (change_id, reference_id) with the time of writing, nanoseconds since 1970
    before_ns  younger pieces without a change are kept: theirs may still come
    """
    purged: set[str] = set()
    spoken_of: set[tuple[str, str]] = set()
    for record in history.records:
        names = {entry.reference_id for entry in record.entries}
        if record.action is Action.PURGE:
            # One imported again after its purge is kept.
            spoken_of = {key for key in spoken_of if key[1] not in names}
            purged |= names
        else:
            spoken_of |= {(record.change_id, name) for name in names}
    freed = {
        (change, name)
        for name, kept in history.references.items()
        for change in kept.freed - {kept.view}
    }
    return [
        key
        for key, time_ns in pieces
        if key in freed or (key not in spoken_of and (key[1] in purged or time_ns < before_ns))
    ]


def bare_views(history: History) -> list[tuple[str, str]]:
    """Keys of pieces whose view is kept and whose embedding is not."""
    return [
        (kept.view, name) for name, kept in history.references.items() if kept.view in kept.freed
    ]


def _skus(history: History, record: JournalRecord) -> set[str]:
    """Products that ``record`` concerns."""
    if record.sku:
        return {record.sku}
    known = (history.references.get(entry.reference_id) for entry in record.entries)
    return {kept.sku for kept in known if kept}


def _summary(sku: str, references: Sequence[Kept], last: Change) -> SkuSummary:
    counts = {state: sum(each.state is state for each in references) for state in State}
    models = {each.model_id for each in references if each.state is State.ACTIVE}
    return SkuSummary(
        sku,
        counts[State.ACTIVE],
        counts[State.CANDIDATE],
        counts[State.RETIRED],
        last,
        tuple(sorted(models)),
    )
