"""The products: what they are compared with, what may join that, and who changed it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Form, HTTPException, Query, Request
from starlette.responses import RedirectResponse, Response

from damage_perception.gallery.gallery import Gallery
from damage_perception.gallery.reference import (
    Action,
    Change,
    GalleryError,
    NoGalleryError,
    Reference,
    SkuSummary,
    State,
)
from damage_perception.gallery.store.store import GalleryStore
from damage_perception.records.schema import COUNTED
from damage_perception.review.rendering import render, translator
from damage_perception.review.security import person
from damage_perception.review.sharing import Shared, shared

router = APIRouter()

PAGE: Final = 100
_LOG: Final = 6
# References that are held against one another while a page loads: a second or so.
_MOST_COMPARED: Final = 200
# What a proposal brought is rejected, not undone.
_UNDOABLE: Final = (Action.ENROLL, Action.IMPORT, Action.ACCEPT, Action.REJECT, Action.RETIRE)
_WHY: Final = "at the review page"


@dataclass(frozen=True)
class Row:
    """One product of the list; ``last_item_ns`` is 0 where no item of it was reported."""

    summary: SkuSummary
    vendor: str
    last_item_ns: int


@router.get("/products")
def show_products(
    request: Request,
    search: str = "",
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    enter: bool = False,
) -> Response:
    """All products, those with candidates first, 100 at a time.

    search  part of the sku or of the vendor
    enter   opens the only product found, or the one that is called so
    """
    pages, wanted = shared(request), search.strip().casefold()
    found = [one for one in _summaries(pages) if wanted in _words(pages, one)]
    if enter and wanted:
        named = [one for one in found if one.sku.casefold() == wanted] or found
        if len(named) == 1:
            return RedirectResponse(f"/products/{quote(named[0].sku)}", 303)
    found.sort(key=lambda one: (one.candidates == 0, one.sku.casefold()))
    last = max(1, -(-len(found) // PAGE))
    page = min(page, last)
    shown = found[(page - 1) * PAGE : page * PAGE]
    # While somebody types only the list changes.
    is_part = request.headers.get("hx-target") == "list"
    return render(
        request,
        "products_list.html" if is_part else "products.html",
        has_gallery=pages.open_gallery is not None,
        rows=_rows(pages, shown),
        count=len(found),
        search=search,
        page=page,
        last=last,
        day=_days(request),
    )


@router.get("/products/{sku}")
def show_product(request: Request, sku: str) -> Response:
    """The references and candidates of a product, and the newest changes."""
    return _product(request, sku, "products_sku.html")


@router.get("/products/{sku}/alike")
def show_alike(request: Request, sku: str) -> Response:
    """The other product that this one cannot be told from, where that is quickly known."""
    return render(request, "products_alike.html", other=_not_told_from(shared(request), sku))


@router.post("/products/{sku}/accept")
def accept(
    request: Request,
    sku: str,
    references: Annotated[list[str], Form()],
    why: Annotated[str, Form()] = "",
) -> Response:
    """Makes those candidates that were shown active."""
    return _change(request, Action.ACCEPT, sku, references, why)


@router.post("/products/{sku}/reject")
def reject(
    request: Request,
    sku: str,
    references: Annotated[list[str], Form()],
    why: Annotated[str, Form()] = "",
) -> Response:
    """Turns those candidates that were shown down."""
    return _change(request, Action.REJECT, sku, references, why)


@router.post("/products/{sku}/retire")
def retire(
    request: Request,
    sku: str,
    reference: Annotated[str, Form()],
    why: Annotated[str, Form()] = "",
) -> Response:
    """Compares with a reference no longer."""
    return _change(request, Action.RETIRE, sku, [reference], why)


@router.post("/products/{sku}/undo")
def undo(
    request: Request,
    sku: str,
    change: Annotated[str, Form()],
    why: Annotated[str, Form()] = "",
) -> Response:
    """Takes back the change that was shown as the newest."""
    store = shared(request).gallery()
    if change not in (each.change_id for each in store.changes(sku)):
        raise GalleryError(f"change {change!r} is none of sku {sku!r}")
    store.undo(change, person(request), why.strip() or _WHY)
    return _product(request, sku, "products_references.html")


@router.get("/reference/{sku}/{reference_id}.jpg")
def show_reference(request: Request, sku: str, reference_id: str) -> Response:
    """The picture of a reference."""
    store = shared(request).gallery()
    names = (name for each in _changes(store, sku) for name in each.reference_ids)
    if reference_id not in names:
        raise HTTPException(404, f"sku {sku!r} has no reference {reference_id!r}")
    jpeg = store.encoded_views([reference_id])[reference_id].color
    # A reference never shows anything else.
    headers = {"Cache-Control": "private, max-age=86400"}
    return Response(jpeg, media_type="image/jpeg", headers=headers)


def _change(
    request: Request, action: Action, sku: str, references: Sequence[str], why: str
) -> Response:
    store = shared(request).gallery()
    store.change(action, sku, references, person(request), why.strip() or _WHY)
    return _product(request, sku, "products_references.html")


def _product(request: Request, sku: str, template: str) -> Response:
    pages = shared(request)
    store = pages.gallery()
    changes = _changes(store, sku)
    if not changes:
        raise HTTPException(404, f"sku {sku!r} has no references")
    return render(
        request,
        template,
        sku=sku,
        vendor=pages.vendors.get(sku, ""),
        active=_newest_first(store.references(sku)),
        candidates=_newest_first(store.references(sku, (State.CANDIDATE,))),
        changes=changes[:_LOG],
        undoable=_undoable(changes),
        last_item_ns=_last_items(pages, [sku]).get(sku, 0),
        day=_days(request),
    )


def _changes(store: GalleryStore, sku: str) -> list[Change]:
    """Those of this product alone, newest first."""
    return [change for change in store.changes(sku) if change.sku == sku]


def _undoable(changes: Sequence[Change]) -> Change | None:
    """The newest change that still holds, where a person may undo it."""
    holding = [each for each in changes if not each.undone and each.action is not Action.UNDO]
    return holding[0] if holding and holding[0].action in _UNDOABLE else None


def _newest_first(references: Sequence[Reference]) -> list[Reference]:
    return sorted(references, key=lambda reference: -reference.added_ns)


def _summaries(pages: Shared) -> list[SkuSummary]:
    if pages.open_gallery is None:
        return []
    try:
        return pages.gallery().summaries()
    except NoGalleryError:
        # The booth makes it with the first reference.
        return []


def _words(pages: Shared, summary: SkuSummary) -> str:
    return f"{summary.sku}\n{pages.vendors.get(summary.sku, '')}".casefold()


def _rows(pages: Shared, summaries: Sequence[SkuSummary]) -> list[Row]:
    last = _last_items(pages, [one.sku for one in summaries])
    return [Row(one, pages.vendors.get(one.sku, ""), last.get(one.sku, 0)) for one in summaries]


def _last_items(pages: Shared, skus: Sequence[str]) -> dict[str, int]:
    """When the newest item of each product was reported; of those without one nothing."""
    places = ", ".join("?" * len(skus))
    rows = pages.store.index.query(
        f"SELECT sku, max(time_ns) FROM items WHERE {COUNTED} AND sku IN ({places}) GROUP BY sku",
        skus,
    )
    return {str(sku): int(time_ns) for sku, time_ns in rows}


def _not_told_from(pages: Shared, sku: str) -> str:
    """Empty where there is none, or where it takes long to know: nothing is loaded for it."""
    # Not `inspector()`, which loads it.
    inspector, store = pages._inspector, pages.gallery()
    if inspector is None or inspector.network.card.references is None:
        return ""
    if sum(each.active for each in store.summaries()) > _MOST_COMPARED:
        return ""
    card = inspector.network.card
    assert card.references is not None
    gallery = Gallery(store.references(model_id=card.model_id), card.references.identification)
    return gallery.not_told_from(sku)


def _days(request: Request) -> Callable[[int], str]:
    """The date of a time in nanoseconds, as the person's language writes it."""
    pattern = translator(request)("products.day")
    return lambda time_ns: datetime.fromtimestamp(time_ns / 1e9).strftime(pattern)
