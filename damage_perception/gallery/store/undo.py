"""What an undo may undo: a change that no later one builds upon."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from damage_perception.gallery.reference import Action, GalleryError
from damage_perception.gallery.store.journal import History, JournalRecord

_FOR_GOOD: Final = (Action.USED, Action.PURGE, Action.FREE)


def undoable(history: History, change_id: str | None) -> JournalRecord:
    """The record that an undo of ``change_id`` undoes; None: the newest one that can be.

    Raises GalleryError where there is none, or later changes build upon it.
    """
    if change_id is None:
        for record in reversed(history.records):
            if record.action is not Action.UNDO and not _refusal(history, record):
                return record
        raise GalleryError("there is no change to undo")
    matches = [record for record in history.records if record.change_id == change_id]
    if not matches:
        raise GalleryError(f"change {change_id!r} is not in the log: see `gallery log`")
    refusal = _refusal(history, matches[0])
    if refusal:
        raise GalleryError(f"change {change_id} cannot be undone: {refusal}")
    return matches[0]


def _refusal(history: History, record: JournalRecord) -> str:
    """Why ``record`` cannot be undone, empty where it can."""
    if record.action in _FOR_GOOD:
        return f"what {record.action.value} did is for good"
    if record.change_id in history.undone:
        undo = next(r for r in reversed(history.records) if _undoes(history, r, record))
        return f"it is undone already; undo {undo.change_id} to redo it"
    at = history.records.index(record)
    place = {each.change_id: index for index, each in enumerate(history.records)}
    concerned = {entry.reference_id for entry in record.entries}
    for later in reversed(history.records[at + 1 :]):
        if not concerned & {entry.reference_id for entry in later.entries}:
            continue
        if later.action is Action.FREE:
            if _only_embeds(history, record):
                return f"change {later.change_id} freed the embeddings that were before it"
        elif _builds(history, later, place, at) and not _only_embeds(history, record):
            if later.action is Action.PURGE:
                return f"change {later.change_id} purged what it concerns"
            return (
                f"change {later.change_id} ({later.action.value}) came after it and concerns the "
                f"same references: undo {later.change_id} first"
            )
    return ""


def _undoes(history: History, undo: JournalRecord, record: JournalRecord) -> bool:
    return undo.undoes == record.change_id and undo.change_id not in history.undone


def _builds(history: History, later: JournalRecord, place: Mapping[str, int], at: int) -> bool:
    """Whether ``later`` rests on what the record at ``at`` did."""
    if later.change_id in history.undone or later.action in (Action.USED, Action.REEMBED):
        return False
    # An undo of something later still leaves what was before both.
    return later.action is not Action.UNDO or place.get(later.undoes, at) < at


def _only_embeds(history: History, record: JournalRecord) -> bool:
    """Whether ``record`` changes nothing but embeddings, by itself or through what it undoes."""
    by_id = {each.change_id: each for each in history.records}
    while record.action is Action.UNDO:
        record = by_id[record.undoes]
    return record.action is Action.REEMBED
