"""The booth: items are shown to the cameras to become references, or samples of damage."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, HTTPException, Request
from starlette.responses import Response

from damage_perception.gallery.reference import NoGalleryError, check_sku
from damage_perception.inspector import Inspector
from damage_perception.kinds import COLORS, KINDS, NONE
from damage_perception.network import BackendError
from damage_perception.records.item_record import RecordError
from damage_perception.reference_check import ENOUGH
from damage_perception.review.booth_counts import count
from damage_perception.review.capture import Moment, keep_damaged, take_moment
from damage_perception.review.captured_pictures import (
    Capture,
    Captures,
    CheckedPicture,
    Enrolled,
    Problem,
    check_pictures,
    enroll,
    unchecked_pictures,
)
from damage_perception.review.item_picture import jpeg_of
from damage_perception.review.rendering import render
from damage_perception.review.security import person
from damage_perception.review.sharing import Shared, shared

router = APIRouter()

# Pictures that a site begins with.
GOAL: Final = 1000
_captures: Final = Captures()
_LOG = logging.getLogger(__name__)


@router.get("/booth")
def show_booth(request: Request) -> Response:
    """Live pictures of all cameras, the field for the sku and the two buttons."""
    pages = shared(request)
    return render(
        request,
        "booth.html",
        cameras=pages.cameras.names if pages.cameras else (),
        has_gallery=pages.open_gallery is not None,
        kinds={kind: f"rgb{color}" for kind, color in COLORS.items()},
        counts=count(pages),
        goal=GOAL,
    )


@router.get("/booth/live/{camera}.jpg")
def show_live(request: Request, camera: str) -> Response:
    """The newest picture of a camera; 204 where there is none, 404 where there is no camera."""
    cameras = shared(request).cameras
    if cameras is None or camera not in cameras.names:
        raise HTTPException(404, f"there is no camera {camera!r}")
    frame = cameras.newest(camera)
    return Response(status_code=204) if frame is None else _jpeg(jpeg_of(frame.color))


@router.get("/booth/captured/{token}/{camera}.jpg")
def show_captured(request: Request, token: str, camera: str) -> Response:
    """A picture of a capture, with the item outlined."""
    pictures = {one.camera: one.jpeg for one in _captures.find(token).pictures}
    if not pictures.get(camera):
        raise HTTPException(404, f"there is no picture of camera {camera!r}")
    return _jpeg(pictures[camera])


@router.get("/booth/product")
def show_product(request: Request, sku: str = "") -> Response:
    """What there is of a product already."""
    sku = sku.strip()
    found = count(shared(request)).of(sku)
    return render(request, "booth_product.html", sku=sku, product=found, enough=ENOUGH)


@router.post("/booth/pristine")
def add_references(request: Request, sku: Annotated[str, Form()] = "") -> Response:
    """Captures the item, and makes references of the pictures that are fit for it."""
    pages, sku = shared(request), sku.strip()
    if not sku:
        return _outcome(request, "no_sku")
    check_sku(sku)
    # Whatever else is wrong with the gallery is said before anything is captured.
    with suppress(NoGalleryError):
        pages.gallery()
    moment = _moment(pages)
    with pages.inspecting:
        pictures = check_pictures(moment, _inspector(pages))
        done = _enroll(request, pictures, sku)
    return _enrolled(request, sku, done, moment)


@router.post("/booth/force")
def add_all_the_same(request: Request, token: Annotated[str, Form()]) -> Response:
    """Makes references of the pictures of a capture that were refused: the person vouches."""
    capture = _captures.find(token)
    refused = Enrolled(capture.pictures, None).refused
    with shared(request).inspecting:
        done = _enroll(request, refused, capture.sku, force=True)
    return _enrolled(request, capture.sku, done)


@router.post("/booth/undo")
def take_back(request: Request, change: Annotated[str, Form()]) -> Response:
    """Takes the references of a capture out of the gallery again."""
    undone = shared(request).gallery().undo(change, person(request), "taken back at the booth")
    return _outcome(request, "undone", added=len(undone.reference_ids), sku=undone.sku)


@router.post("/booth/damaged")
def add_sample(
    request: Request, sku: Annotated[str, Form()] = "", kind: Annotated[str, Form()] = NONE
) -> Response:
    """Keeps the item as damaged, whatever is wrong with the pictures; then it is marked."""
    pages, sku = shared(request), sku.strip()
    if sku:
        check_sku(sku)
    if kind not in (NONE, *KINDS):
        raise HTTPException(422, f"kind is {kind!r}; expected {', '.join((NONE, *KINDS))}")
    moment = _moment(pages)
    record = keep_damaged(pages.store, moment, sku, kind, person(request), time.time_ns())
    pictures, unchecked = _checked(pages, moment)
    mark = f"/item/{record.key}/mark"
    if moment.is_one and not unchecked and not any(one.problems for one in pictures):
        return Response(status_code=204, headers={"HX-Redirect": mark})
    token = _captures.hold(Capture(sku, pictures))
    values = {"sku": sku, "pictures": pictures, "token": token, "moment": moment}
    return _outcome(request, "sample", mark=mark, unchecked=unchecked, **values)


def _moment(pages: Shared) -> Moment:
    if pages.cameras is None:
        raise RecordError("the page was started without cameras")
    return take_moment(pages.cameras)


def _inspector(pages: Shared) -> Inspector:
    try:
        return pages.inspector()
    except Exception as error:  # of cards, stations and backends, without a common base
        _LOG.exception("the model cannot be used")
        raise RecordError(f"the model cannot be used: {error}") from error


def _enroll(
    request: Request, pictures: Sequence[CheckedPicture], sku: str, force: bool = False
) -> Enrolled:
    """The caller holds ``inspecting``."""
    pages = shared(request)
    try:
        return enroll(pictures, sku, pages.gallery, _inspector(pages), person(request), force)
    except BackendError as error:
        raise RecordError(f"the model fails: {error}") from error


def _checked(pages: Shared, moment: Moment) -> tuple[tuple[CheckedPicture, ...], str]:
    """What each camera shows of a damaged item, and why that is not known where it is not."""
    try:
        with pages.inspecting:
            pictures = check_pictures(moment, _inspector(pages))
    except RecordError as error:
        return unchecked_pictures(moment), str(error)
    return tuple(
        # That it looks damaged is what is wanted.
        replace(one, problems=tuple(p for p in one.problems if p is not Problem.DAMAGED))
        for one in pictures
    ), ""


def _enrolled(request: Request, sku: str, done: Enrolled, moment: Moment | None = None) -> Response:
    """What became of pictures; ``moment`` is None where they were captured before."""
    token = _captures.hold(Capture(sku, done.pictures))
    what = "enrolled" if done.count else "refused"
    values = {"sku": sku, "pictures": done.pictures, "token": token, "moment": moment}
    return _outcome(request, what, done=done, **values)


def _outcome(request: Request, what: str, **values: Any) -> Response:
    """What became of a button that was pressed, with the counts as they are by now."""
    counts = count(shared(request))
    return render(
        request, "booth_outcome.html", what=what, counts=counts, goal=GOAL, enough=ENOUGH, **values
    )


def _jpeg(data: bytes) -> Response:
    return Response(data, media_type="image/jpeg", headers={"Cache-Control": "no-store"})
