"""The products by HTTP: what waits first, what is accepted, rejected, retired and undone."""

import re

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("httpx")
pytest.importorskip("lancedb", reason="a gallery needs lancedb: pip install lancedb")

import cv2
import numpy as np
from booth_cameras import booth_inspector
from color_network import embedding
from made_records import START_NS, add_item

from damage_perception.gallery.reference import Action, NewReference, State
from damage_perception.gallery.store.store import GalleryStore
from damage_perception.records.item_record import Kept
from damage_perception.review.pages import products
from damage_perception.view import View, Window

PART = {"HX-Request": "true"}
GREEN, BLUE = (60, 150, 60), (60, 60, 150)


@pytest.fixture
def gallery(pages, tmp_path):
    """The page's gallery."""
    store = GalleryStore.open(tmp_path / "gallery")
    pages.open_gallery = lambda create: store
    return store


def new(color=GREEN, count=1):
    """Views of one colour."""
    side = 64
    view = View(
        np.full((side, side, 3), color, np.uint8),
        np.zeros((side, side), np.float32),
        np.ones((side, side), np.uint8),
        0.3,
        Window(0, 0, side),
    )
    return [NewReference(view, embedding(color), f"camera {i}") for i in range(count)]


def enroll(gallery, sku, count=1, state=State.ACTIVE, by="Bernd", color=GREEN):
    return gallery.enroll(sku, "color", new(color, count), by, "a test", state)


def candidates(gallery, sku):
    return [each.reference_id for each in gallery.references(sku, (State.CANDIDATE,))]


def listed(page):
    """The products of a list, in its order."""
    return re.findall(r'<td><a href="/products/([^"]+)">', page.text)


def press(client, sku, button, status=200, **fields):
    answer = client.post(f"/products/{sku}/{button}", data=fields, headers=PART)
    assert answer.status_code == status, answer.text
    return answer


def test_products_whose_packaging_may_have_changed_come_first(client, gallery):
    for sku in ("apple", "tea", "soap"):
        enroll(gallery, sku)
    enroll(gallery, "tea", 2, State.CANDIDATE)
    page = client.get("/products")
    assert listed(page) == ["tea", "apple", "soap"]
    assert page.text.count("2 to check") == 1


def test_a_row_says_when_the_last_item_came(client, gallery, store):
    enroll(gallery, "sku-1")
    add_item(store, 1, images=False)
    add_item(store, 4, images=False, time_ns=START_NS + 3 * 24 * 3600 * 10**9)
    add_item(store, 7, kept=Kept.BOOTH, images=False, time_ns=START_NS + 9 * 24 * 3600 * 10**9)
    row = client.get("/products").text.split("<tbody>")[1]
    assert "2025-10-12" in row and "2025-10-18" not in row


def test_the_list_has_pages(client, gallery, monkeypatch):
    assert products.PAGE == 100
    monkeypatch.setattr(products, "PAGE", 3)
    for number in range(7):
        enroll(gallery, f"many-{number}")
    first, last = client.get("/products"), client.get("/products?search=many&page=3")
    assert listed(first) == ["many-0", "many-1", "many-2"] and listed(last) == ["many-6"]
    assert 'href="/products?search=&amp;page=2" data-key="ArrowRight"' in first.text
    assert 'href="/products?search=many&amp;page=2" data-key="ArrowLeft"' in last.text
    assert "7 products · page 3 of 3" in last.text and "ArrowRight" not in last.text
    assert listed(client.get("/products?page=99")) == listed(last)
    assert client.get("/products?page=0").status_code == 422


def test_the_search_finds_parts_of_skus_and_vendors(client, gallery, pages):
    for sku in ("TEA-1", "tea-2", "soap"):
        enroll(gallery, sku)
    pages.vendors = {"soap": "Teal & Sons"}
    assert listed(client.get("/products?search=tea")) == ["soap", "TEA-1", "tea-2"]
    assert listed(client.get("/products?search=%20Tea-1")) == ["TEA-1"]
    assert "No such product" in client.get("/products?search=nothing").text


def test_while_somebody_types_only_the_list_is_sent(client, gallery):
    enroll(gallery, "tea")
    part = client.get("/products?search=t", headers=PART | {"HX-Target": "list"})
    assert listed(part) == ["tea"] and "<html" not in part.text


def test_enter_opens_the_product(client, gallery):
    for sku in ("tea", "tea 2#", "soap"):
        enroll(gallery, sku)
    assert client.get("/products?search=TEA&enter=1").url.path == "/products/tea"
    assert client.get("/products?search=so&enter=1").url.path == "/products/soap"
    assert "<h1>tea 2#</h1>" in client.get("/products?search=2%23&enter=1").text
    assert client.get("/products?search=a&enter=1").url.path == "/products"


def test_names_are_written_as_they_are_and_never_as_markup(client, gallery):
    enroll(gallery, "<b>tea</b> & co?".replace("/", "|"))
    page = client.get("/products")
    assert "&lt;b&gt;tea&lt;|b&gt; &amp; co?" in page.text and "<b>tea" not in page.text
    [address] = listed(page)
    assert client.get(f"/products/{address}").status_code == 200


def test_pictures_of_references_and_candidates_are_side_by_side(client, gallery):
    enroll(gallery, "tea", 2)
    enroll(gallery, "tea", 1, State.CANDIDATE, color=BLUE)
    page = client.get("/products/tea").text
    in_use, waiting = page.split('<section class="waits">')
    for part, ids in (
        (in_use, [each.reference_id for each in gallery.references("tea")]),
        (waiting, candidates(gallery, "tea")),
    ):
        assert sorted(re.findall(r"/reference/tea/(\w+)\.jpg", part)) == sorted(ids)
    assert "In use: 2" in in_use and "New: 1" in waiting


def test_a_reference_has_a_picture(client, gallery):
    [name] = enroll(gallery, "tea", color=BLUE).reference_ids
    answer = client.get(f"/reference/tea/{name}.jpg")
    assert answer.headers["content-type"] == "image/jpeg"
    shown = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.abs(shown.astype(int) - BLUE).max() < 12


@pytest.mark.parametrize(
    "address",
    ["soap/{}", "tea/none", "tea/..%2F{}", "tea/{}' OR '1'='1", "nothing/{}"],
)
def test_only_references_of_the_product_are_looked_up(client, gallery, address):
    [name] = enroll(gallery, "tea").reference_ids
    enroll(gallery, "soap")
    assert client.get(f"/reference/{address.format(name)}.jpg").status_code == 404


def test_candidates_are_accepted_with_who_and_why(client, gallery):
    enroll(gallery, "tea")
    enroll(gallery, "tea", 2, State.CANDIDATE)
    answer = press(client, "tea", "accept", references=candidates(gallery, "tea"), why="new design")
    assert "In use: 3" in answer.text and "waits" not in answer.text
    newest = gallery.changes("tea")[0]
    assert (newest.action, newest.by, newest.why) == (Action.ACCEPT, "Anna", "new design")
    assert "new design" in answer.text


def test_candidates_are_rejected(client, gallery):
    enroll(gallery, "tea")
    enroll(gallery, "tea", 2, State.CANDIDATE)
    press(client, "tea", "reject", references=candidates(gallery, "tea"))
    assert candidates(gallery, "tea") == [] and len(gallery.references("tea")) == 1
    newest = gallery.changes("tea")[0]
    assert (newest.action, newest.by) == (Action.REJECT, "Anna") and newest.why


def test_what_came_after_the_page_was_shown_is_not_accepted(client, gallery):
    enroll(gallery, "tea", 1, State.CANDIDATE)
    shown = candidates(gallery, "tea")
    enroll(gallery, "tea", 1, State.CANDIDATE)
    press(client, "tea", "accept", references=shown)
    assert len(candidates(gallery, "tea")) == 1
    press(client, "tea", "accept", 409, references=shown)
    press(client, "tea", "reject", 422)


def test_a_reference_is_retired_and_undone(client, gallery):
    names = enroll(gallery, "tea", 2).reference_ids
    answer = press(client, "tea", "retire", reference=names[0])
    assert "In use: 1" in answer.text and "Undo: retired 1" in answer.text
    change = gallery.changes("tea")[0].change_id
    undone = press(client, "tea", "undo", change=change)
    assert "In use: 2" in undone.text and gallery.changes("tea")[0].by == "Anna"
    press(client, "tea", "undo", 409, change=change)


def test_changes_of_other_products_are_not_undone_here(client, gallery):
    change = enroll(gallery, "soap").change_id
    enroll(gallery, "tea")
    assert "none of sku" in press(client, "tea", "undo", 409, change=change).text
    press(client, "tea", "undo", 409, change="nothing")
    assert len(gallery.references("soap")) == 1


def test_references_of_other_products_are_not_changed_here(client, gallery):
    [name] = enroll(gallery, "soap").reference_ids
    enroll(gallery, "tea")
    press(client, "tea", "retire", 409, reference=name)
    assert len(gallery.references("soap")) == 1


def test_a_proposal_is_rejected_and_not_undone(client, gallery):
    enroll(gallery, "tea")
    assert 'data-key="u"' in client.get("/products/tea").text
    enroll(gallery, "tea", 1, State.CANDIDATE)
    assert 'data-key="u"' not in client.get("/products/tea").text


def test_a_product_without_references_is_not_found(client, gallery):
    for address in ("/products/tea", "/products/..%2Ftea", "/products/%00"):
        assert client.get(address).status_code == 404


def test_without_references_the_page_says_so(client, gallery):
    assert "Enroll some at the booth" in client.get("/products").text


def test_without_a_gallery_the_page_says_how_to_start_it(client):
    assert "--gallery" in client.get("/products").text


def test_a_gallery_that_is_not_there_yet_has_no_products(client, pages, tmp_path):
    pages.open_gallery = lambda create: GalleryStore.open(tmp_path / "gallery", create)
    assert "Enroll some at the booth" in client.get("/products").text
    assert not (tmp_path / "gallery").exists()


def test_products_that_cannot_be_told_apart_are_named_where_the_model_is_loaded(
    client, gallery, pages
):
    for sku in ("tea", "tea again"):
        for color in (GREEN, (60, 150, 120)):
            enroll(gallery, sku, color=color)
    enroll(gallery, "soap", 2, color=BLUE)
    assert client.get("/products/tea/alike").text.strip() == ""
    pages.open_inspector = lambda: booth_inspector("front")
    pages.inspector()
    assert "tea again" in client.get("/products/tea/alike").text
    assert client.get("/products/soap/alike").text.strip() == ""


def test_only_people_who_are_signed_in_see_and_change(stranger, gallery):
    [name] = enroll(gallery, "tea").reference_ids
    assert stranger.get(f"/reference/tea/{name}.jpg").status_code in (303, 401)
    answer = stranger.post("/products/tea/retire", data={"reference": name})
    assert answer.status_code in (303, 401, 403) and len(gallery.references("tea")) == 1
