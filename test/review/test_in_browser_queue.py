"""The queue in a browser: every button by mouse."""

import re

import pytest

pytest.importorskip("fastapi", reason="fastapi is not installed")
pytest.importorskip("mcap", reason="mcap is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

from browser import buttons, enroll, expect_pictures, named, press, shows_item
from made_records import add_item
from playwright.sync_api import expect

from damage_perception.kinds import KINDS
from damage_perception.records.item_record import Judgement

pytest_plugins = ["browser"]
pytestmark = pytest.mark.slow

DAMAGED, GOOD, SKIPPED = Judgement.DAMAGED, Judgement.GOOD, Judgement.SKIPPED
# The queue asks for what is new as often.
POLL_MS = 5000
WORDS = ("Crushed", "Torn", "Hole", "Fallen apart", "Leaked", "Unit missing")


def of(store, number):
    """What was said of the item that was added as the number-th, counted from 1."""
    record = store.index.find(number)
    return record.judgement, record.judged_kind


def add(store, count, **fields):
    for number in range(1, count + 1):
        add_item(store, number, **fields)


def test_the_page_has_these_buttons(anna, store, gallery):
    enroll(gallery, "sku-1", 2)
    add_item(store, 1, sku="sku-1")
    page = anna.open("/queue")
    actions = ["Confirm", "False alarm", "Other kind", "Skip", "Undo", "Mark"]
    assert buttons(page.locator(".actions")) == actions
    assert buttons(page.locator(".switches")) == ["front", "top", "References", "3-D"]
    assert buttons(page.locator("header.bar")) == [
        *("Queue", "Booth", "Products", "Numbers", "Deutsch", "Sign out")
    ]


def test_a_button_judges_and_the_next_item_comes(anna, store):
    add(store, 4)
    page = anna.open("/queue")
    for number, button, said in (
        (4, "Confirm", (DAMAGED, "crush")),
        (3, "False alarm", (GOOD, "none")),
        (2, "Skip", (SKIPPED, "none")),
    ):
        shows_item(page, number)
        press(page, button)
        expect(page.locator("#notice")).to_contain_text(f"item-{number:04d}")
        assert of(store, number) == said
    shows_item(page, 1)
    assert of(store, 1) == (Judgement.UNSEEN, "none")


def test_every_other_kind_is_one_button_more(anna, store):
    add(store, len(KINDS))
    page = anna.open("/queue")
    for kind, word in zip(KINDS, WORDS, strict=True):
        number = len(KINDS) - KINDS.index(kind)
        shows_item(page, number)
        press(page, "Other kind")
        assert buttons(page.locator("#kinds")) == [*WORDS, "Back"]
        press(page, "Back")
        press(page, "Other kind")
        press(page.locator("#kinds"), word)
        expect(page.locator("#notice")).to_contain_text(f"item-{number:04d}: damaged")
        assert of(store, number) == (DAMAGED, kind)
    expect(page.locator("h1")).to_have_text("All items are judged")


def test_undo_brings_the_item_back_also_from_the_empty_queue(anna, store):
    add(store, 2)
    page = anna.open("/queue")
    press(page, "Confirm")
    shows_item(page, 1)
    press(page, "Undo")
    shows_item(page, 2)
    assert of(store, 2) == (Judgement.UNSEEN, "none")
    for number, button in ((2, "Skip"), (1, "False alarm")):
        shows_item(page, number)
        press(page, button)
    expect(page.locator("h1")).to_have_text("All items are judged")
    press(page, "Undo")
    shows_item(page, 1)
    assert of(store, 1) == (Judgement.UNSEEN, "none")


def test_where_nothing_can_be_undone_it_says_so(anna, store):
    add_item(store, 1)
    page = anna.open("/queue")
    press(page, "Undo")
    expect(page.locator("#notice")).to_contain_text("nothing that could be taken back")
    shows_item(page, 1)
    anna.expect_fault("409")


def test_cameras_references_and_the_item_in_space_are_shown(anna, store, gallery):
    enroll(gallery, "sku-1", 2)
    add_item(store, 1, sku="sku-1")
    page = anna.open("/queue")
    for button, what in (
        ("top", 'img.overlay[src*="/overlay/top.jpg"]'),
        ("front", 'img.overlay[src*="/overlay/front.jpg"]'),
        ("References", '#view-references img[src*="/reference/sku-1/"]'),
        ("3-D", "canvas.cloud"),
    ):
        press(page, button)
        expect(page.locator(what).first).to_be_visible()
        assert page.locator(".views > .view:visible").count() == 1
        assert named(page, button).get_attribute("aria-pressed") == "true"
        expect_pictures(page.locator(".view:visible"))
    assert page.locator(".references img:visible").count() == 2


def test_the_item_in_space_is_turned_by_buttons_mouse_and_keys(anna, store):
    add_item(store, 1)
    page = anna.open("/queue")
    press(page, "3-D")
    canvas = page.locator("canvas.cloud")
    page.wait_for_function("() => document.querySelector('canvas.cloud').width > 300")
    page.wait_for_timeout(500)
    assert canvas.evaluate("canvas => canvas.clientWidth") > 400
    names = ("left", "right", "up", "down", "closer", "farther", "start")
    assert page.locator("[data-cloud]:visible").count() == len(names)
    box = canvas.bounding_box()
    # Above the buttons, which look different under the mouse.
    part = box | {"height": box["height"] * 0.6}
    seen = {page.screenshot(clip=part)}
    x, y = box["x"] + box["width"] / 3, box["y"] + box["height"] / 3
    for turn in (
        lambda: page.locator("[data-cloud=left]").click(),
        lambda: page.locator("[data-cloud=up]").click(),
        lambda: page.locator("[data-cloud=closer]").click(),
        lambda: page.keyboard.press("ArrowDown"),
        lambda: (page.mouse.move(x, y), page.mouse.wheel(0, -100)),
        lambda: (page.mouse.down(), page.mouse.move(x + 80, y + 30), page.mouse.up()),
    ):
        turn()
        page.wait_for_timeout(150)
        seen.add(page.screenshot(clip=part))
    assert len(seen) == 7
    assert of(store, 1) == (Judgement.UNSEEN, "none")


def test_an_item_of_the_strip_is_opened_and_judged(anna, store):
    add(store, 4)
    page = anna.open("/queue")
    page.locator("#strip").get_by_text("item-0002").click()
    shows_item(page, 2)
    expect(page).to_have_url(re.compile("/queue/item/2$"))
    press(page, "False alarm")
    shows_item(page, 4)
    assert of(store, 2) == (GOOD, "none")


def test_new_items_are_announced_and_opened(anna, store):
    add_item(store, 1)
    anna.page.clock.install()
    page = anna.open("/queue")
    shows_item(page, 1)
    add_item(store, 2)
    page.clock.fast_forward(POLL_MS)
    press(page, "1 new")
    shows_item(page, 2)


def test_an_empty_queue_fills_by_itself(anna, store):
    anna.page.clock.install()
    page = anna.open("/queue")
    expect(page.locator("h1")).to_have_text("All items are judged")
    add_item(store, 1)
    page.clock.fast_forward(POLL_MS)
    shows_item(page, 1)


def test_marks_are_drawn_and_saved_from_the_queue(anna, store):
    add(store, 2)
    page = anna.open("/queue")
    press(page, "Mark")
    page.wait_for_selector("#mark .mark")
    press(page, "Back")
    shows_item(page, 2)
    press(page, "Mark")
    page.wait_for_selector("#mark .mark")
    press(page, "Save")
    shows_item(page, 1)
    assert of(store, 2) == (DAMAGED, "crush") and len(store.index.shapes(2)) == 1
