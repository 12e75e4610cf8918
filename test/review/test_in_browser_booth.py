"""The booth in a browser, by mouse: captures, samples, what is refused, and undo."""

import re

import pytest

pytest.importorskip("fastapi", reason="fastapi is not installed")
pytest.importorskip("mcap", reason="mcap is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")
pytest.importorskip("lancedb", reason="a gallery needs lancedb: pip install lancedb")

from booth_cameras import BLUE, RED, ShownCameras, booth_inspector, item
from browser import buttons, expect_pictures, named, press
from playwright.sync_api import expect

from damage_perception.records.item_record import Judgement, Kept

pytest_plugins = ["browser"]
pytestmark = pytest.mark.slow

WORDS = ("Crushed", "Torn", "Hole", "Fallen apart", "Leaked", "Unit missing")


@pytest.fixture
def cameras(pages):
    """Two cameras before a good item, with a model for them."""
    pages.cameras = ShownCameras(front=item(), top=item())
    pages.open_inspector = lambda: booth_inspector("front", "top")
    return pages.cameras


@pytest.fixture
def page(anna, cameras, gallery):
    """The booth, with the code of tea scanned."""
    page = anna.open("/booth")
    page.get_by_label("Product (SKU)").fill("tea")
    page.keyboard.press("Enter")
    expect(page.locator("#product")).to_have_text("New product")
    return page


def outcome(page, words):
    expect(page.locator("#outcome h2")).to_have_text(words)
    expect_pictures(page.locator("#outcome"))


def test_the_page_has_these_buttons_and_live_pictures(page):
    assert buttons(page.locator("main")) == ["Pristine", "Damaged sample"]
    for word in ("Kind of damage not said", *WORDS):
        named(page, word).click()
        expect(named(page, word).locator("input")).to_be_checked()
    for camera in ("front", "top"):
        picture = page.locator(f'[data-live*="{camera}"] img')
        expect(picture).to_have_js_property("naturalWidth", 320)


def test_pristine_enrolls_and_undo_takes_back(page, gallery):
    press(page, "Pristine")
    outcome(page, "2 enrolled")
    expect(page.locator("#counts")).to_contain_text("2 of the first 1000")
    assert len(gallery.references("tea")) == 2
    assert page.locator("#outcome .captured img").count() == 2
    press(page, "Undo")
    outcome(page, "2 taken back")
    expect(page.locator("#counts")).to_contain_text("0 of the first 1000")
    assert gallery.references("tea") == []
    assert named(page, "Undo").count() == 0


def test_what_is_refused_says_why_and_is_enrolled_all_the_same(page, cameras, gallery):
    cameras.frames = {"front": item(RED), "top": item(flat=True)}
    press(page, "Pristine")
    outcome(page, "Nothing enrolled")
    for words in ("Looks damaged", "Blurred", "Hold it still"):
        expect(page.locator("#outcome")).to_contain_text(words)
    press(page, "Enroll all the same")
    outcome(page, "2 enrolled")
    assert len(gallery.references("tea")) == 2
    assert "vouched" in gallery.changes("tea")[0].why
    press(page, "Undo")
    outcome(page, "2 taken back")


def test_another_product_is_refused_until_somebody_vouches(page, cameras, gallery):
    press(page, "Pristine")
    outcome(page, "2 enrolled")
    cameras.frames = {"front": item(BLUE), "top": item(BLUE)}
    page.wait_for_timeout(300)
    press(page, "Pristine")
    outcome(page, "Nothing enrolled")
    expect(page.locator("#outcome")).to_contain_text("Looks like another product")
    assert len(gallery.references("tea")) == 2


def test_a_good_sample_of_damage_goes_on_to_be_marked(page, store):
    press(page, "Hole")
    press(page, "Damaged sample")
    page.wait_for_url("**/mark")
    [record] = store.index.newest(5)
    assert (record.kept, record.sku) == (Kept.BOOTH, "tea")
    assert (record.judgement, record.judged_kind) == (Judgement.DAMAGED, "hole")
    page.locator("svg.sheet").click()
    page.mouse.move(0, 0)
    press(page, "Save")
    page.wait_for_url(re.compile("/queue"))
    press(page, "Booth")
    expect(page.get_by_label("Product (SKU)")).to_have_value("tea")
    expect(page.locator("#product")).to_contain_text("1 damaged")


def test_a_sample_with_faults_is_kept_and_leads_to_marking(page, cameras, store):
    cameras.frames["top"] = None
    press(page, "Damaged sample")
    outcome(page, "Kept as damaged")
    expect(page.locator("#outcome")).to_contain_text("No picture")
    press(page, "Mark the damage")
    page.wait_for_url("**/mark")
    assert len(store.index.newest(5)) == 1


def test_without_a_product_nothing_is_enrolled(anna, cameras, gallery):
    page = anna.open("/booth")
    press(page, "Pristine")
    outcome(page, "Which product is it?")
    assert gallery.changes() == []


def test_a_lost_camera_is_seen_at_once(page, cameras):
    cameras.frames["top"] = None
    expect(page.locator('[data-live*="top"] .lost')).to_be_visible()
    cameras.frames["top"] = item()
    expect(page.locator('[data-live*="top"] .lost')).to_be_hidden()


def test_without_cameras_it_says_how_to_start_it(anna, gallery):
    page = anna.open("/booth")
    expect(page.locator("main")).to_contain_text("--cameras front,top")
    assert buttons(page.locator("main")) == []
