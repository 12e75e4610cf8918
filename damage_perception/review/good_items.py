"""Items that a person called good become candidates of their sku's references."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from damage_perception.enrollment import Shown, same_product, show_item
from damage_perception.frame import Frame
from damage_perception.gallery.candidates import room_for_candidates
from damage_perception.gallery.reference import Change, NewReference, NoGalleryError, State
from damage_perception.gallery.store.store import GalleryStore
from damage_perception.inspector import FrameResult, Inspector
from damage_perception.network.turning import with_turned
from damage_perception.records.item_record import ItemRecord
from damage_perception.records.recording import Recording
from damage_perception.records.reports import report_of
from damage_perception.station import StationError
from damage_perception.verdict.report import Report

# An item found again lies this near to where it was reported.
_SAME_PLACE_M: Final = 0.05


def propose_good(
    record: ItemRecord,
    recording: Recording,
    inspector: Inspector,
    open_gallery: Callable[[bool], GalleryStore],
    by: str,
) -> Change | None:
    """Makes the views of an item candidates; None where there is nothing to propose.

    Views that are unfit to judge by, of another product than the references that there are, or of
    an item that is not found again for certain, are left out. Nothing is used before somebody
    accepts it.

    Raises GalleryError, and BackendError.
    """
    if not record.sku:
        return None
    report = None if recording.report is None else report_of(recording.report)
    shown = list(_shown(recording, report, inspector))
    network = inspector.network
    try:
        store = open_gallery(False)
        known = [
            one.embedding for one in store.references(record.sku, model_id=network.card.model_id)
        ]
        room = room_for_candidates(store, record.sku)
    except NoGalleryError:
        return None
    fit = [
        one
        for one in shown
        if not one.faults
        and len(one.embedding.cells)
        and (not known or same_product(one.embedding, known, network))
    ][: max(room, 0)]
    if not fit:
        return None
    new = [
        NewReference(one.view, with_turned(one.view, one.embedding, network.embed), one.name)
        for one in fit
    ]
    why = f"item {record.item_id} was called good"
    return store.enroll(record.sku, network.card.model_id, new, by, why, State.CANDIDATE)


def _shown(recording: Recording, report: Report | None, inspector: Inspector) -> Iterator[Shown]:
    for camera in recording.frames:
        frame = recording.frame(camera)
        try:
            result = inspector.judge(frame)
            number = _found_again(result, frame, report)
            if number is not None:
                name = f"{report.item_id if report else 'item'}, {camera}"
                yield show_item(name, result, number, inspector)
        except (StationError, ValueError):
            continue


def _found_again(result: FrameResult, frame: Frame, report: Report | None) -> int | None:
    """Which item of a frame was reported: the one in its place, or the only one there is."""
    if report is not None and report.position_m is not None and frame.frame_id == report.frame_id:
        for number, item in enumerate(result.items):
            place = item.centroid_m
            if place is not None and np.linalg.norm(place - report.position_m) < _SAME_PLACE_M:
                return number
        return None
    return 0 if len(result.items) == 1 else None
