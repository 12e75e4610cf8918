"""The queue: an item at a time with its pictures and the reasons, and what a person says of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, HTTPException, Query, Request
from starlette.background import BackgroundTask
from starlette.responses import RedirectResponse, Response

from damage_perception.gallery.reference import GalleryError
from damage_perception.kinds import KINDS, MISSING_UNIT, NONE, name_of
from damage_perception.records.index import AlreadyJudgedError
from damage_perception.records.item_record import ItemRecord, Judgement, RecordError
from damage_perception.records.recording import Recording
from damage_perception.review.pages.images import regions_of
from damage_perception.review.rendering import render, translator
from damage_perception.review.security import person
from damage_perception.review.sharing import ItemKey, Shared, shared
from damage_perception.verdict.report import Reason, Verdict

router = APIRouter()

_NEXT: Final = 8
_REFERENCES: Final = 3
_CLOSE_UPS: Final = 4
_VIEW_KEYS: Final = "qwertz"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class RegionSeen:
    """A region of the report; ``number`` is its place there."""

    number: int
    kind: str
    confidence: float


@dataclass(frozen=True)
class View:
    """What one camera saw of an item.

    key      that shows it; empty for those that have none
    regions  with the highest confidence
    more     how many regions there are besides
    """

    camera: str
    key: str
    regions: tuple[RegionSeen, ...]
    more: int
    has_depth: bool


@dataclass(frozen=True)
class Said:
    """One line that is shown with the next page: a text's key, its values, and how it looks."""

    key: str
    values: dict[str, Any]
    look: str = "good"


@router.get("/")
def start() -> Response:
    """The queue is where people begin."""
    return RedirectResponse("/queue", 303)


@router.get("/queue")
def show_queue(request: Request) -> Response:
    """The newest item that waits; its address is the item's, so that a reload shows it again."""
    waiting = shared(request).store.index.waiting(1)
    if waiting:
        return RedirectResponse(f"/queue/item/{waiting[0].key}", 303)
    return _page(request, None)


@router.get("/queue/strip")
def show_strip(request: Request, shown: Annotated[int, Query(ge=0, lt=1 << 63)] = 0) -> Response:
    """What waits besides the item ``shown``."""
    index = shared(request).store.index
    record = index.find(shown) if shown else None
    return render(request, "queue_strip.html", record=record, **_waiting(request, record))


@router.get("/queue/item/{key}")
def show_item(request: Request, key: ItemKey) -> Response:
    """Any item, also one that somebody judged."""
    return _page(request, shared(request).store.index.find(key))


@router.post("/queue/item/{key}/judge")
def judge(
    request: Request,
    key: ItemKey,
    judgement: Annotated[str, Form()],
    seen: Annotated[int, Form(ge=0, le=max(Judgement))],
    kind: Annotated[str, Form()] = "",
) -> Response:
    """Takes what the person says of an item; the next one.

    kind  of a damaged item; without it, the one that was reported
    seen  what was said of the item when it was shown; 409 where that is no longer so
    """
    pages, by = shared(request), person(request)
    index = pages.store.index
    said = _judgement(judgement)
    shown = index.find(key)
    kind = (kind or _reported_kind(shown)) if said is Judgement.DAMAGED else NONE
    try:
        judged = index.judge(key, said, by, time.time_ns(), kind, Judgement(seen))
    except AlreadyJudgedError:
        now = index.find(key)
        return _next(request, _said("meanwhile", now, by=now.judged_by, look="warn"), 409)
    response = _next(request, _said("taken", judged))
    if said is Judgement.GOOD and pages.open_gallery is not None:
        response.background = BackgroundTask(_tell_judged_good, pages, judged, by)
    return response


@router.post("/queue/undo")
def undo(request: Request) -> Response:
    """Takes the person's newest judgement back, and shows its item again."""
    record = shared(request).store.index.undo(person(request))
    if record is None:
        raise HTTPException(409, translator(request)("queue.nothing_to_undo"))
    return _after(request, record, _said("undone", record))


def _judgement(name: str) -> Judgement:
    try:
        return Judgement[name.upper()]
    except KeyError as error:
        raise HTTPException(
            422, f"judgement is {name!r}; expected damaged, good or skipped"
        ) from error


def _reported_kind(record: ItemRecord) -> str:
    return record.kind if record.kind in KINDS else NONE


def _said(name: str, record: ItemRecord, look: str = "good", **values: Any) -> Said:
    judgement = f"base.judgement_{record.judgement.name.lower()}"
    return Said(f"queue.{name}", {**values, "item": record.item_id, "judgement": judgement}, look)


def _tell_judged_good(pages: Shared, record: ItemRecord, by: str) -> None:
    """Tells the gallery; the judgement holds whatever becomes of that."""
    if pages.judged_good is None:
        return
    try:
        pages.judged_good(record, by)
    except Exception:
        _LOG.exception("item %s was judged good, but not proposed to the gallery", record.item_id)


def _next(request: Request, said: Said, status: int = 200) -> Response:
    waiting = shared(request).store.index.waiting(1)
    return _after(request, waiting[0] if waiting else None, said, status)


def _after(request: Request, record: ItemRecord | None, said: Said, status: int = 200) -> Response:
    """What comes after a judgement: a part for htmx, another page for a plain form."""
    if _asks_for_part(request) or status != 200:
        return _page(request, record, said, status)
    return RedirectResponse(_address(record), 303)


def _page(
    request: Request, record: ItemRecord | None, said: Said | None = None, status: int = 200
) -> Response:
    part = _asks_for_part(request)
    values = {"record": record, "said": said, "part": part, **_waiting(request, record)}
    if record is not None:
        values |= _item(shared(request), record)
    response = render(request, "queue_part.html" if part else "queue.html", status, **values)
    if part:
        response.headers["HX-Push-Url" if record else "HX-Replace-Url"] = _address(record)
    return response


def _asks_for_part(request: Request) -> bool:
    return "hx-request" in request.headers


def _address(record: ItemRecord | None) -> str:
    return f"/queue/item/{record.key}" if record else "/queue"


def _waiting(request: Request, shown: ItemRecord | None) -> dict[str, Any]:
    """The newest that wait besides the item shown, and how many of them came after it."""
    index = shared(request).store.index
    others = [one for one in index.waiting(_NEXT + 1) if shown is None or one.key != shown.key]
    newer = [one for one in others if shown is not None and one.time_ns > shown.time_ns]
    return {
        "others": others[:_NEXT],
        "newer": {one.key for one in newer},
        "waiting": index.count_waiting(),
    }


def _item(pages: Shared, record: ItemRecord) -> dict[str, Any]:
    """What the page shows of an item beside its record; also where there are no pictures."""
    try:
        recording = pages.recording(record)
        views, without = _views(record, recording), ""
        places = [r for r in regions_of(recording) if name_of(int(r.kind)) == MISSING_UNIT]
    except RecordError as error:
        views, without, places = [], str(error), []
    missing = sum(1 for one in places if one.camera == record.camera)
    return {
        "views": views,
        "without_pictures": without,
        "missing": max(missing, int(record.kind == MISSING_UNIT)),
        "reasons": [one.name.lower() for one in Reason if one.name and one in record.reasons],
        "asks_kind": record.verdict is not Verdict.DIVERT or record.kind not in KINDS,
        "kinds": KINDS,
        "references": _references(pages, record),
    }


def _views(record: ItemRecord, recording: Recording) -> list[View]:
    """A view of each camera; first of the one that saw the damage."""
    cameras = dict.fromkeys((record.camera, *record.cameras, *recording.frames))
    seen = [camera for camera in cameras if camera in recording.frames]
    keys = [*_VIEW_KEYS[: len(seen)], *[""] * (len(seen) - len(_VIEW_KEYS))]
    regions = regions_of(recording)
    return [_view(camera, key, regions, recording) for camera, key in zip(seen, keys, strict=True)]


def _view(camera: str, key: str, regions: Sequence[Any], recording: Recording) -> View:
    seen = [
        RegionSeen(number, name_of(int(region.kind)), float(region.confidence))
        for number, region in enumerate(regions)
        if region.camera == camera
    ]
    seen.sort(key=lambda one: -one.confidence)
    shown = tuple(seen[:_CLOSE_UPS])
    has_depth = recording.frames[camera][-1].depth_m is not None
    return View(camera, key, shown, len(seen) - len(shown), has_depth)


def _references(pages: Shared, record: ItemRecord) -> list[str]:
    """Ids of a few references of the item's sku; none where there is no gallery to ask."""
    if pages.open_gallery is None or not record.sku:
        return []
    try:
        return [one.reference_id for one in pages.gallery().references(record.sku)][:_REFERENCES]
    except GalleryError as error:
        _LOG.warning("no references of sku %r are shown: %s", record.sku, error)
        return []
