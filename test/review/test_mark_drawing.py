"""Marking damage in a browser: by mouse, by touch, by keyboard alone."""

import re
import shutil
import threading
import time

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("mcap")
pytest.importorskip("uvicorn")
pytest.importorskip("playwright")

import uvicorn
from made_records import DENT, add_item
from playwright.sync_api import sync_playwright

from damage_perception.records.item_record import Judgement, Shape

pytestmark = pytest.mark.slow

LEFT, TOP = DENT[:2]
RIGHT, BOTTOM = LEFT + DENT[2], TOP + DENT[3]
REPORTED = Shape(
    "front",
    "crush",
    "polygon",
    ((LEFT, TOP), (RIGHT, TOP), (RIGHT, BOTTOM), (LEFT, BOTTOM)),
)


@pytest.fixture(scope="module")
def chromium():
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if not found:
        pytest.skip("no chromium here")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def address(app):
    """Where the page answers."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def record(store):
    return add_item(store, 1)


@pytest.fixture(params=[False], ids=["mouse"])
def page(request, chromium, app, address, record):
    """The mark page of the item, as Anna sees it."""
    context = chromium.new_context(
        viewport={"width": 1280, "height": 800}, has_touch=request.param, locale="en"
    )
    context.set_default_timeout(10_000)
    page = context.new_page()
    faults = []
    page.on("pageerror", lambda fault: faults.append(fault))
    page.goto(f"{address}/login?token={app.state.access.token}")
    page.fill("input[name=name]", "Anna")
    page.press("input[name=name]", "Enter")
    page.wait_for_url("**/queue/**")
    page.goto(f"{address}/item/{record.key}/mark")
    page.wait_for_selector("#mark .mark")
    yield page
    assert faults == []
    context.close()


touch = pytest.mark.parametrize("page", [True], indirect=True, ids=["touch"])


class Sheet:
    """The image on the page, by its own pixels."""

    def __init__(self, page):
        self.page = page

    def at(self, x, y):
        """Where a pixel of the image is on the screen."""
        place = self.page.evaluate(
            """([x, y]) => {
                const matrix = document.querySelector("svg.sheet").getScreenCTM();
                const point = new DOMPoint(x, y).matrixTransform(matrix);
                return [point.x, point.y];
            }""",
            [x, y],
        )
        return tuple(place)

    def drag(self, *points):
        self.page.mouse.move(*self.at(*points[0]))
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*self.at(*point), steps=8)
        self.page.mouse.up()

    def click(self, x, y):
        self.page.mouse.click(*self.at(x, y))

    def tap(self, x, y):
        self.page.touchscreen.tap(*self.at(x, y))


@pytest.fixture
def sheet(page):
    return Sheet(page)


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def saved(page, store, record):
    """The shapes that are kept after S."""
    page.keyboard.press("s")
    page.wait_for_url(re.compile("/queue"), wait_until="load")
    return store.index.shapes(record.key)


def near(points, *expected, within=1.5):
    return len(points) == len(expected) and all(
        abs(x - u) <= within and abs(y - v) <= within
        for (x, y), (u, v) in zip(points, expected, strict=True)
    )


def test_what_the_network_reported_is_accepted_by_saving(page, store, record):
    assert saved(page, store, record) == [REPORTED]
    assert store.index.find(record.key).judgement is Judgement.DAMAGED


def test_a_box_is_drawn_from_corner_to_corner(page, sheet, store, record):
    press(page, "b", "2")
    sheet.drag((40, 50), (80, 90))
    box = saved(page, store, record)[-1]
    assert (box.camera, box.kind, box.tool) == ("front", "tear", "box")
    assert near(box.points, (40, 50), (80, 90))


def test_an_outline_is_closed_on_its_first_point(page, sheet, store, record):
    press(page, "p", "3")
    for point in ((40, 50), (80, 50), (60, 100), (41, 51)):
        sheet.click(*point)
    outline = saved(page, store, record)[-1]
    assert (outline.kind, outline.tool) == ("hole", "polygon")
    assert near(outline.points, (40, 50), (80, 50), (60, 100))


def test_a_stroke_is_as_wide_as_it_was_set(page, sheet, store, record):
    press(page, "d", "5", "+", "+")
    width = int(page.inner_text("output.width"))
    assert width > 6
    sheet.drag((40, 200), (120, 210))
    stroke = saved(page, store, record)[-1]
    assert (stroke.kind, stroke.tool, stroke.width_px) == ("spillage", "brush", width)
    assert near([stroke.points[0], stroke.points[-1]], (40, 200), (120, 210))


def test_a_mark_is_moved_reshaped_and_given_another_kind(page, sheet, store, record):
    press(page, "v")
    sheet.drag((170, 115), (180, 125))
    sheet.drag((RIGHT + 10, BOTTOM + 10), (220, 160))
    press(page, "4")
    (moved,) = saved(page, store, record)
    assert moved.kind == "deconstruction"
    left, top, right = LEFT + 10, TOP + 10, RIGHT + 10
    assert near(moved.points, (left, top), (right, top), (220, 160), (left, BOTTOM + 10))


def test_a_mark_is_deleted_and_brought_back(page, sheet, store, record):
    press(page, "v")
    sheet.click(170, 115)
    press(page, "Delete")
    assert page.locator("#mark .mark").count() == 0
    press(page, "Control+z")
    assert page.locator("#mark .mark").count() == 1
    press(page, "Delete")
    sheet.click(170, 115)
    press(page, "Delete")
    assert page.locator("#mark .mark").count() == 0


def test_marks_stay_where_they_are_in_the_image_whatever_is_shown_of_it(page, sheet, store, record):
    page.mouse.move(*sheet.at(60, 70))
    page.mouse.wheel(0, -600)
    press(page, "z")
    press(page, "b")
    sheet.drag((50, 60), (70, 80))
    assert near(saved(page, store, record)[-1].points, (50, 60), (70, 80), within=0.6)


def test_each_camera_has_its_own_marks(page, sheet, store, record):
    press(page, "c", "b")
    sheet.drag((40, 50), (80, 90))
    assert page.locator("#mark .mark").count() == 2
    press(page, "c")
    assert page.locator("#mark .mark").count() == 1
    assert [one.camera for one in saved(page, store, record)] == ["front", "top", "top"]


def test_the_keyboard_alone_draws_with_every_tool(page, store, record):
    press(page, "b", "2", "ArrowUp", *["ArrowLeft"] * 10, "Enter")
    press(page, *["ArrowRight"] * 4, *["ArrowUp"] * 4, "Enter")
    press(page, "p", "3", "Enter", *["ArrowUp"] * 6, "Enter", *["ArrowRight"] * 6, "Enter", "Enter")
    press(page, "d", "6", *["ArrowDown"] * 12, "Enter", *["ArrowLeft"] * 5, "Enter")
    _, box, outline, stroke = saved(page, store, record)
    assert (box.tool, outline.tool, stroke.tool) == ("box", "polygon", "brush")
    (x, y), (u, v) = box.points
    assert u - x == pytest.approx(y - v, abs=0.3) and u - x > 10
    assert len(outline.points) == 3
    assert outline.points[0] == box.points[1]
    assert len(stroke.points) == 6


def test_the_keyboard_alone_moves_a_mark(page, store, record):
    press(page, "v", "v", "Enter", *["Shift+ArrowRight"] * 9, *["ArrowDown"] * 3, "Enter")
    (moved,) = saved(page, store, record)
    by = [(x - u, y - v) for (x, y), (u, v) in zip(moved.points, REPORTED.points, strict=True)]
    assert len({(round(x, 1), round(y, 1)) for x, y in by}) == 1
    assert by[0][0] > 2 and by[0][1] > 5


def test_the_keyboard_alone_leaves_but_not_with_unsaved_marks_at_once(page, record):
    press(page, "ArrowUp", "Enter", "ArrowRight", "ArrowDown", "Enter", "Escape")
    assert page.inner_text("[role=status]").startswith("Nothing is saved yet")
    assert page.url.endswith("/mark")
    press(page, "Escape")
    page.wait_for_url(f"**/queue/item/{record.key}")


@touch
def test_fingers_draw(page, sheet, store, record):
    sheet.tap(40, 50)
    sheet.tap(80, 90)
    page.locator("[data-tool=polygon]").tap()
    page.locator("[data-kind=tear]").tap()
    for point in ((200, 170), (240, 170), (220, 210), (203, 172)):
        sheet.tap(*point)
    _, box, outline = saved(page, store, record)
    assert near(box.points, (40, 50), (80, 90))
    assert (outline.kind, len(outline.points)) == ("tear", 3)


@touch
def test_two_fingers_zoom_and_draw_nothing(page, sheet, store, record):
    page.locator("[data-tool=brush]").tap()
    session = page.context.new_cdp_session(page)

    def fingers(kind, *points):
        touches = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    wide = float(page.get_attribute("svg.sheet", "viewBox").split()[2])
    x, y = sheet.at(170, 115)
    fingers("touchStart", (x - 20, y))
    fingers("touchStart", (x - 20, y), (x + 20, y))
    for step in range(1, 9):
        fingers("touchMove", (x - 20 - 5 * step, y), (x + 20 + 5 * step, y))
    fingers("touchEnd")
    assert float(page.get_attribute("svg.sheet", "viewBox").split()[2]) == pytest.approx(
        wide / 3, rel=0.1
    )
    assert saved(page, store, record) == [REPORTED]


def test_what_cannot_be_saved_stays_on_the_page(page, store, record):
    store.index.judge(record.key, Judgement.GOOD, "Ben", 1)
    press(page, "s")
    page.wait_for_selector("[role=status].warn")
    assert re.search(r"Not saved.*Ben has judged", page.inner_text("[role=status]"))
    assert page.url.endswith("/mark")


def test_keyboard_help_is_announced(page):
    label = page.get_attribute("svg.sheet", "aria-label")
    assert "Arrow keys move the cursor" in label
    assert page.evaluate("document.activeElement.matches('svg.sheet')")
