"""The queue in a browser by keys and fingers, after a reload, back again, and offline."""

import pytest

pytest.importorskip("fastapi", reason="fastapi is not installed")
pytest.importorskip("mcap", reason="mcap is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

from browser import Keys, enroll, named, press, shows_item
from made_records import add_item
from playwright.sync_api import expect

from damage_perception.records.item_record import Judgement
from damage_perception.verdict.report import Verdict

pytest_plugins = ["browser"]
pytestmark = pytest.mark.slow

DAMAGED, GOOD, SKIPPED = Judgement.DAMAGED, Judgement.GOOD, Judgement.SKIPPED


def of(store, number):
    """What was said of the item that was added as the number-th, counted from 1."""
    record = store.index.find(number)
    return record.judgement, record.judged_kind


def add(store, count, **fields):
    for number in range(1, count + 1):
        add_item(store, number, **fields)


def test_the_keys_alone_judge_ten_items_from_the_login_on(visitor, site, store):
    for number in range(1, 11):
        add_item(store, number, Verdict.UNKNOWN if number % 5 == 0 else Verdict.DIVERT)
    page = visitor().page
    page.goto(site.login)
    keys = Keys(page)
    page.keyboard.type("Anna")
    keys.press("Enter")
    spent, said = [], {}
    for number in range(10, 0, -1):
        shows_item(page, number)
        before = keys.count
        pressed, said[number] = {
            0: (("c", "2") if number % 5 == 0 else ("c",), DAMAGED),
            1: (("f",), GOOD),
            2: (("o", "3") if number % 5 else ("1", "3"), DAMAGED),
            3: (("4",), SKIPPED),
        }[number % 4]
        keys.press(*pressed)
        spent.append(keys.count - before)
    expect(page.locator("h1")).to_have_text("All items are judged")
    assert {number: of(store, number)[0] for number in said} == said
    assert max(spent) <= 2 and keys.count <= 1 + 2 * 10
    assert of(store, 10)[1] == "hole" and of(store, 6)[1] == "hole"


def test_views_and_pages_have_keys(anna, store, gallery):
    enroll(gallery, "sku-1", 2)
    add_item(store, 1, sku="sku-1")
    page = anna.open("/queue")
    for key, what in (
        ("w", '#view-2 img.overlay[src*="/overlay/top.jpg"]'),
        ("q", '#view-1 img.overlay[src*="/overlay/front.jpg"]'),
        ("v", "#view-references img >> nth=0"),
        ("d", "canvas.cloud"),
    ):
        page.keyboard.press(key)
        expect(page.locator(what)).to_be_visible()
    for key, path in (("F3", "booth"), ("F4", "products"), ("F6", "numbers"), ("F2", "queue")):
        with page.expect_navigation(url=f"**/{path}**"):
            page.keyboard.press(key)
        with page.expect_navigation(url=f"**/{path}**"):
            press(page, path.capitalize())
        expect(page.locator("header a[aria-current=page]")).to_contain_text(path.capitalize())


def test_fingers_judge_and_look(visitor, store):
    add(store, 2)
    page = visitor("Anna", has_touch=True).open("/queue")
    shows_item(page, 2)
    named(page, "top").tap()
    expect(page.locator("#view-2 img.overlay")).to_be_visible()
    named(page, "Other kind").tap()
    page.locator("#kinds").get_by_text("Torn").tap()
    shows_item(page, 1)
    assert of(store, 2) == (DAMAGED, "tear")


def test_a_held_key_and_a_double_press_judge_one_item(anna, store):
    add(store, 3)
    anna.page.clock.install()
    page = anna.open("/queue")
    shows_item(page, 3)
    page.clock.pause_at(page.evaluate("Date.now()") + 1000)
    for _ in range(6):
        page.keyboard.down("c")
    page.keyboard.up("c")
    shows_item(page, 2)
    # Settles what was put in, and less time than between two presses that are meant.
    page.clock.run_for(250)
    page.keyboard.press("c")
    page.clock.run_for(250)
    named(page, "Confirm").click()
    page.wait_for_timeout(300)
    shows_item(page, 2)
    page.clock.run_for(350)
    page.keyboard.press("c")
    shows_item(page, 1)
    judged = [of(store, number)[0] for number in (3, 2, 1)]
    assert judged == [DAMAGED, DAMAGED, Judgement.UNSEEN]


def test_a_reload_shows_the_same_item(anna, store):
    add(store, 3)
    page = anna.open("/queue")
    page.keyboard.press("s")
    shows_item(page, 2)
    # Meanwhile something newer comes.
    add_item(store, 4)
    for button in ("", "Other kind", "top", "3-D"):
        if button:
            press(page, button)
        page.reload()
        shows_item(page, 2)
    press(page, "Confirm")
    shows_item(page, 4)
    assert of(store, 2) == (DAMAGED, "crush")


def test_going_back_does_no_harm(anna, store):
    add(store, 3)
    page = anna.open("/queue")
    press(page, "Confirm")
    shows_item(page, 2)
    page.go_back()
    shows_item(page, 3)
    expect(page.locator(".verdict .chip")).to_contain_text("damaged (Crushed), says Anna")
    page.go_forward()
    shows_item(page, 2)
    page.go_back()
    shows_item(page, 3)
    # Whoever sees what was said may say otherwise.
    press(page, "False alarm")
    shows_item(page, 2)
    assert of(store, 3) == (GOOD, "none") and of(store, 2)[0] is Judgement.UNSEEN


def test_going_back_to_saved_marks_does_no_harm(anna, store):
    add(store, 2)
    page = anna.open("/queue")
    press(page, "Mark")
    page.wait_for_selector("#mark .mark")
    press(page, "Save")
    shows_item(page, 1)
    page.go_back()
    page.wait_for_selector("#mark .mark")
    press(page, "Save")
    shows_item(page, 2)
    assert of(store, 2) == (DAMAGED, "crush") and len(store.index.shapes(2)) == 1


def test_a_lost_connection_is_said_and_what_follows_counts(anna, store):
    add(store, 2)
    page = anna.open("/queue")
    shows_item(page, 2)
    anna.context.set_offline(True)
    press(page, "Confirm")
    expect(page.locator("#notice")).to_have_text("No connection to the cell.")
    shows_item(page, 2)
    anna.context.set_offline(False)
    page.wait_for_timeout(300)
    press(page, "Confirm")
    shows_item(page, 1)
    assert of(store, 2) == (DAMAGED, "crush")
    anna.expect_fault("ERR_INTERNET_DISCONNECTED", "htmx:")
