"""The booth in a browser: live pictures, a scanner beside and in the field, and keys alone."""

import re
import shutil
import threading
import time

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("mcap")
pytest.importorskip("lancedb", reason="a gallery needs lancedb: pip install lancedb")
pytest.importorskip("uvicorn")
pytest.importorskip("playwright")

import uvicorn
from booth_cameras import ShownCameras, booth_inspector, item
from playwright.sync_api import expect, sync_playwright

from damage_perception.gallery.store.store import GalleryStore

pytestmark = pytest.mark.slow


class CountingCameras(ShownCameras):
    """Cameras that count how often they are asked."""

    asked = 0

    def newest(self, name):
        self.asked += 1
        return super().newest(name)


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
def cameras(pages):
    """Two cameras before a good item, with a model for them."""
    pages.cameras = CountingCameras(front=item(), top=item())
    pages.open_inspector = lambda: booth_inspector("front", "top")
    return pages.cameras


@pytest.fixture
def gallery(pages, tmp_path):
    """The page's gallery."""
    store = GalleryStore.open(tmp_path / "gallery")
    pages.open_gallery = lambda create: store
    return store


@pytest.fixture
def page(chromium, app, cameras, gallery):
    """The booth as Anna sees it."""
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=2)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, locale="en")
    context.set_default_timeout(10_000)
    page = context.new_page()
    faults = []
    page.on("pageerror", lambda fault: faults.append(fault))
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.goto(f"{address}/login?token={app.state.access.token}")
    page.fill("input[name=name]", "Anna")
    page.press("input[name=name]", "Enter")
    page.wait_for_url("**/queue")
    page.goto(f"{address}/booth")
    yield page
    context.close()
    server.should_exit = True
    thread.join()
    assert faults == []


def scan(page, code):
    """Types as a scanner does, in one go."""
    page.keyboard.type(code, delay=3)
    page.keyboard.press("Enter")


def beside(page):
    """Leaves the field."""
    page.keyboard.press("Escape")
    expect(page.locator("#sku")).not_to_be_focused()


def test_live_pictures_go_on_until_a_camera_is_lost(page, cameras):
    top = page.locator('[data-live*="top"]')
    expect(top.locator("img")).to_have_js_property("naturalWidth", 320)
    before = cameras.asked
    page.wait_for_timeout(1500)
    assert 6 <= cameras.asked - before <= 20
    cameras.frames["top"] = None
    expect(top.locator(".lost")).to_be_visible()
    cameras.frames["top"] = item()
    expect(top.locator(".lost")).to_be_hidden()


def test_a_page_that_is_left_asks_for_nothing(page, cameras):
    page.keyboard.press("F4")
    page.wait_for_url("**/products")
    page.wait_for_timeout(300)
    before = cameras.asked
    page.wait_for_timeout(1000)
    assert cameras.asked == before


def test_a_code_is_scanned_and_the_item_enrolled_by_key(page, gallery):
    expect(page.locator("#sku")).to_be_focused()
    scan(page, "4006381333931")
    expect(page.locator("#product")).to_have_text("New product")
    page.keyboard.press("g")
    expect(page.locator("#outcome h2")).to_have_text("2 enrolled")
    assert len(gallery.references("4006381333931")) == 2
    expect(page.locator("#product")).to_contain_text("2 good")
    page.keyboard.press("u")
    expect(page.locator("#outcome h2")).to_have_text("2 taken back")
    assert gallery.references("4006381333931") == []


def test_a_code_that_is_scanned_beside_the_field_presses_nothing(page, gallery, store):
    scan(page, "old")
    beside(page)
    scan(page, "GD4U")
    expect(page.locator("#sku")).to_have_value("GD4U")
    page.wait_for_timeout(500)
    assert gallery.changes() == [] and store.index.newest(5) == []
    expect(page.locator("#outcome h2")).to_have_count(0)


def test_damage_of_a_kind_is_kept_and_marked_by_keys_alone(page, store):
    scan(page, "tea")
    page.keyboard.press("2")
    expect(page.locator('input[value="tear"]')).to_be_checked()
    page.keyboard.press("d")
    page.wait_for_url("**/mark")
    [record] = store.index.newest(5)
    assert (record.sku, record.judged_kind) == ("tea", "tear")
    page.go_back()
    expect(page.locator("#sku")).to_have_value("tea")
    expect(page.locator("#sku")).not_to_be_focused()


def test_faults_of_a_sample_are_read_before_enter_goes_on(page, cameras, store):
    cameras.frames["top"] = None
    beside(page)
    page.keyboard.press("d")
    expect(page.locator("#outcome")).to_contain_text("No picture")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/item/\d+/mark"))


def test_a_double_press_captures_once(page, store):
    beside(page)
    page.locator(".capture.bad").dblclick()
    page.wait_for_url("**/mark")
    assert len(store.index.newest(5)) == 1
