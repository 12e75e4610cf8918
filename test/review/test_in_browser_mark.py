"""Marking in a browser: every button by mouse, and a mark by keys alone."""

import re

import pytest

pytest.importorskip("fastapi", reason="fastapi is not installed")
pytest.importorskip("mcap", reason="mcap is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

from browser import Keys, buttons, named, press
from made_records import DENT, add_item
from playwright.sync_api import expect

from damage_perception.kinds import KINDS
from damage_perception.records.item_record import Judgement
from damage_perception.verdict.report import Verdict

pytest_plugins = ["browser"]
pytestmark = pytest.mark.slow

WORDS = ("Crushed", "Torn", "Hole", "Fallen apart", "Leaked", "Unit missing")
# Of the item in the images of made_records, away from what was reported.
BOX = ((100, 140), (130, 165))
MIDDLE = (DENT[0] + DENT[2] / 2, DENT[1] + DENT[3] / 2)


@pytest.fixture
def page(anna, store):
    """The mark page of an item that the network reported a region of in each camera."""
    add_item(store, 1)
    page = anna.open("/item/1/mark")
    page.wait_for_selector("#mark .mark")
    return page


def at(page, x, y):
    """Where a pixel of the image is on the screen."""
    place = page.evaluate(
        """([x, y]) => {
            const matrix = document.querySelector("svg.sheet").getScreenCTM();
            const point = new DOMPoint(x, y).matrixTransform(matrix);
            return [point.x, point.y];
        }""",
        [x, y],
    )
    return tuple(place)


def drag(page, *points):
    page.mouse.move(*at(page, *points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*at(page, *point), steps=4)
    page.mouse.up()


def marks(page):
    return page.locator("#mark .mark").count()


def shown_width(page):
    """How many pixels of the image are shown beside one another."""
    return float(page.get_attribute("svg.sheet", "viewBox").split()[2])


def saved(page, store):
    press(page, "Save")
    page.wait_for_url(re.compile("/queue"))
    return store.index.shapes(1)


def test_the_page_has_these_buttons(page):
    assert buttons(page.locator("main")) == [
        *("front 1", "top 1", "Camera", "Box", "Outline", "Brush", "Change", *WORDS),
        *("Undo", "Delete", "Narrower", "Wider", "Farther", "Closer", "Whole image"),
        *("Back", "Save"),
    ]
    assert page.locator("svg.sheet image").evaluate(
        "async image => { const one = new Image(); one.src = image.href.baseVal;"
        " await one.decode(); return one.naturalWidth; }"
    ) == 320  # fmt: skip


def test_a_box_an_outline_and_a_stroke_are_drawn_by_mouse(page, store):
    press(page, "Box")
    press(page, "Torn")
    drag(page, *BOX)
    press(page, "Outline")
    press(page, "Hole")
    for point in ((40, 20), (80, 20), (60, 50), (40, 20)):
        page.mouse.click(*at(page, *point))
    press(page, "Brush")
    press(page, "Leaked")
    width = int(page.inner_text("output.width"))
    for _ in range(3):
        page.get_by_label("Wider").click()
    page.get_by_label("Narrower").click()
    assert int(page.inner_text("output.width")) > width
    drag(page, (20, 200), (60, 210), (90, 205))
    found = saved(page, store)
    assert [(one.tool, one.kind) for one in found] == [
        *(("polygon", "crush"), ("box", "tear"), ("polygon", "hole"), ("brush", "spillage"))
    ]
    for drawn, pointed in zip(found[1].points, BOX, strict=True):
        assert drawn == pytest.approx(pointed, abs=1.5)
    assert store.index.find(1).judgement is Judgement.DAMAGED


def test_a_mark_is_changed_deleted_and_brought_back_by_mouse(page, store):
    for kind, word in zip(KINDS, WORDS, strict=True):
        press(page, "Change")
        page.mouse.click(*at(page, *MIDDLE))
        press(page, word)
        assert named(page, word).get_attribute("aria-pressed") == "true", kind
    drag(page, MIDDLE, (MIDDLE[0] + 20, MIDDLE[1] + 10))
    page.mouse.click(*at(page, MIDDLE[0] + 20, MIDDLE[1] + 10))
    press(page, "Delete")
    assert marks(page) == 0
    press(page, "Undo")
    assert marks(page) == 1
    (mark,) = saved(page, store)
    assert mark.kind == KINDS[-1]
    assert mark.points[0] == pytest.approx((DENT[0] + 20, DENT[1] + 10), abs=1.5)


def test_undo_goes_back_to_what_was_reported(page):
    press(page, "Box")
    drag(page, *BOX)
    drag(page, (20, 20), (40, 40))
    assert marks(page) == 3
    press(page, "Undo")
    press(page, "Undo")
    assert marks(page) == 1
    expect(named(page, "Undo")).to_be_disabled()


def test_the_image_is_shown_larger_and_whole(page, store):
    whole = shown_width(page)
    page.get_by_label("Closer").click()
    page.get_by_label("Closer").click()
    nearer = shown_width(page)
    page.get_by_label("Farther").click()
    assert nearer < shown_width(page) < whole
    press(page, "Box")
    drag(page, MIDDLE, (MIDDLE[0] + 20, MIDDLE[1] + 10))
    page.get_by_label("Whole image").click()
    assert shown_width(page) == whole
    assert saved(page, store)[-1].points[0] == pytest.approx(MIDDLE, abs=1)


def test_each_camera_is_marked(page, store):
    for button in ("top", "front", "Camera"):
        press(page, button)
        press(page, "Box")
        drag(page, *BOX)
    assert [one.camera for one in saved(page, store)] == ["front", "top", "top", "front", "top"]


def test_leaving_with_unsaved_marks_is_asked_back(page, store):
    press(page, "Back")
    expect(page).to_have_url(re.compile("/queue/item/1$"))
    press(page, "Mark")
    page.wait_for_selector("#mark .mark")
    press(page, "Box")
    drag(page, *BOX)
    press(page, "Back")
    expect(page.locator("#mark [role=status]")).to_contain_text("Nothing is saved yet")
    press(page, "Back")
    expect(page).to_have_url(re.compile("/queue/item/1$"))
    assert store.index.shapes(1) == []


def test_unsaved_marks_are_not_lost_by_another_page_or_a_reload(page):
    press(page, "Box")
    drag(page, *BOX)
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    press(page, "Booth")
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"] and marks(page) == 2


def test_an_item_is_marked_by_keys_alone(anna, store):
    add_item(store, 1)
    add_item(store, 2, Verdict.UNKNOWN)
    page = anna.open("/queue")
    keys = Keys(page)
    keys.press("m")
    page.wait_for_function("() => document.activeElement.matches('svg.sheet')")
    keys.press("2", "ArrowLeft", "ArrowLeft", "Enter")
    keys.press("ArrowRight", "ArrowRight", "ArrowDown", "ArrowDown", "Enter", "s")
    expect(page.locator("dd").first).to_have_text("item-0001")
    (box,) = store.index.shapes(2)
    (left, top), (right, bottom) = box.points
    assert (box.tool, box.kind, box.camera) == ("box", "tear", "front")
    assert right - left > 5 and bottom - top > 5
    record = store.index.find(2)
    assert (record.judgement, record.judged_kind) == (Judgement.DAMAGED, "tear")
    assert keys.count == 11


def test_an_item_without_marks_is_saved_as_it_is(anna, store):
    add_item(store, 1, Verdict.UNKNOWN)
    page = anna.open("/item/1/mark")
    press(page, "Save")
    expect(page).to_have_url(re.compile("/queue/item/1$"))
    assert store.index.find(1).judgement is Judgement.UNSEEN
