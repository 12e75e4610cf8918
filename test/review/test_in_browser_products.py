"""The products in a browser: search, accept, reject, retire, undo."""

import re

import pytest

pytest.importorskip("fastapi", reason="fastapi is not installed")
pytest.importorskip("mcap", reason="mcap is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")
pytest.importorskip("lancedb", reason="a gallery needs lancedb: pip install lancedb")

from browser import BLUE, buttons, enroll, expect_pictures, press
from playwright.sync_api import expect

from damage_perception.gallery.reference import Action, State
from damage_perception.review.pages import products

pytest_plugins = ["browser"]
pytestmark = pytest.mark.slow


def listed(page):
    """The products of the list, in its order."""
    return page.locator("#list tbody a").all_text_contents()


def states(gallery, sku):
    """How many references of a product are in use, and how many wait."""
    return len(gallery.references(sku)), len(gallery.references(sku, (State.CANDIDATE,)))


@pytest.fixture
def page(anna, gallery):
    """A product with three references, and two new ones."""
    enroll(gallery, "tea", 3)
    enroll(gallery, "tea", 2, State.CANDIDATE, BLUE)
    page = anna.open("/products/tea")
    expect(page.locator("h1")).to_have_text("tea")
    return page


def test_the_search_lists_while_somebody_types_and_enter_opens(anna, gallery, pages):
    for sku in ("soap", "tea", "tea box"):
        enroll(gallery, sku)
    pages.vendors = {"soap": "Maier"}
    page = anna.open("/products")
    assert listed(page) == ["soap", "tea", "tea box"]
    search = page.get_by_label("Product or vendor")
    search.press_sequentially("te", delay=20)
    expect(page.locator("#list tbody tr")).to_have_count(2)
    search.fill("maier")
    expect(page.locator("#list tbody tr")).to_have_count(1)
    page.keyboard.press("Enter")
    page.wait_for_url("**/products/soap")
    press(page, "All products")
    page.wait_for_url("**/products")
    page.get_by_text("tea box").click()
    expect(page.locator("h1")).to_have_text("tea box")
    page.keyboard.press("/")
    page.keyboard.type("nothing")
    page.keyboard.press("Enter")
    expect(page.locator("#list")).to_contain_text("No such product")


def test_a_row_is_opened_wherever_it_is_pressed(anna, gallery):
    enroll(gallery, "tea")
    page = anna.open("/products")
    # The link of the first cell lies above the whole row.
    page.locator("#list tbody tr td").last.click(force=True)
    page.wait_for_url("**/products/tea")


def test_the_pages_of_the_list_are_turned(anna, gallery, monkeypatch):
    monkeypatch.setattr(products, "PAGE", 2)
    for number in range(5):
        enroll(gallery, f"p{number}")
    page = anna.open("/products")
    for button, shown in (
        ("Next", ["p2", "p3"]),
        ("Next", ["p4"]),
        ("Before", ["p2", "p3"]),
    ):
        press(page, button)
        expect(page.locator("#list tbody a").first).to_have_text(shown[0])
        assert listed(page) == shown
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#list tbody a").first).to_have_text("p0")
    assert buttons(page.locator(".pager")) == ["Next"]


def test_the_page_of_a_product_has_these_buttons_and_pictures(page):
    retire = ["Retire"] * 3
    assert buttons(page.locator("#product")) == [*retire, "Accept all", "Reject"]
    assert page.locator("#product img").count() == 5
    expect_pictures(page)


def test_new_ones_are_accepted_with_a_reason_and_undone(page, gallery):
    page.get_by_label("Why").fill("new design")
    press(page, "Accept all")
    expect(page.locator("h2")).to_have_text(["In use: 5"])
    assert states(gallery, "tea") == (5, 0)
    newest = gallery.changes("tea")[0]
    assert (newest.action, newest.by, newest.why) == (Action.ACCEPT, "Anna", "new design")
    press(page, "Undo: accepted 2")
    expect(page.locator("h2")).to_have_text(["In use: 3", "New: 2"])
    assert states(gallery, "tea") == (3, 2)
    expect(page.locator(".log")).to_contain_text("undone")


def test_new_ones_are_rejected_and_undone(page, gallery):
    press(page, "Reject")
    expect(page.locator("h2")).to_have_text(["In use: 3"])
    assert states(gallery, "tea") == (3, 0)
    press(page, "Undo: rejected 2")
    expect(page.locator("h2")).to_have_text(["In use: 3", "New: 2"])


def test_a_reference_is_retired_and_undone(page, gallery):
    page.locator(".active button").nth(1).click()
    expect(page.locator("h2").first).to_have_text("In use: 2")
    assert states(gallery, "tea") == (2, 2)
    expect_pictures(page)
    press(page, "Undo: retired 1")
    expect(page.locator("h2").first).to_have_text("In use: 3")


def test_the_keys_alone_find_accept_and_undo(anna, gallery):
    enroll(gallery, "tea", 1)
    enroll(gallery, "tea", 2, State.CANDIDATE)
    page = anna.open("/queue")
    page.keyboard.press("F4")
    page.wait_for_url("**/products")
    page.keyboard.type("tea", delay=5)
    page.keyboard.press("Enter")
    page.wait_for_url("**/products/tea")
    page.keyboard.press("w")
    expect(page.get_by_label("Why")).to_be_focused()
    page.keyboard.type("same box")
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    expect(page.locator("h2")).to_have_text(["In use: 3"])
    assert gallery.changes("tea")[0].why == "same box"
    page.keyboard.press("u")
    expect(page.locator("h2")).to_have_text(["In use: 1", "New: 2"])
    page.keyboard.press("Escape")
    page.wait_for_url(re.compile("/products$"))


def test_two_people_do_not_undo_each_other_unseen(visitor, gallery):
    enroll(gallery, "tea", 1)
    enroll(gallery, "tea", 2, State.CANDIDATE)
    anna, berta = visitor("Anna"), visitor("Berta")
    for one in (anna, berta):
        one.open("/products/tea")
    press(anna.page, "Accept all")
    expect(anna.page.locator("h2")).to_have_text(["In use: 3"])
    press(berta.page, "Reject")
    expect(berta.page.locator("#notice .bad")).to_be_visible()
    assert states(gallery, "tea") == (3, 0)
    berta.expect_fault("409")


def test_without_a_gallery_it_says_how_to_start_it(anna):
    expect(anna.open("/products").locator("main")).to_contain_text("--gallery")
