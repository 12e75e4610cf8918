"""All pages in a browser: readable at every size in every language, and quick."""

import statistics
import time

import pytest

pytest.importorskip("fastapi", reason="fastapi is not installed")
pytest.importorskip("mcap", reason="mcap is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")
pytest.importorskip("lancedb", reason="a gallery needs lancedb: pip install lancedb")

from booth_cameras import ShownCameras, booth_inspector, item
from browser import BLUE, SIZES, enroll, expect_pictures, press
from made_records import START_NS, add_item
from playwright.sync_api import expect

from damage_perception.gallery.reference import State
from damage_perception.records.item_record import ItemRecord, Judgement, Kept
from damage_perception.review.rendering import LANGUAGE_COOKIE, LANGUAGES
from damage_perception.verdict.report import Reason, Verdict

pytest_plugins = ["browser"]
pytestmark = pytest.mark.slow

_DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
# What is wrong with the page as it is shown. Texts of buttons are those of people, not of keys.
_PROBLEMS = """fixed => {
    const found = [];
    const page = document.documentElement;
    if (page.scrollWidth > page.clientWidth) {
        found.push(`scrolls sideways by ${page.scrollWidth - page.clientWidth} px`);
    }
    const all = [...document.querySelectorAll("button, a.button, header a")];
    const shown = all.filter(one => one.checkVisibility() && one.getClientRects().length);
    for (const one of shown) {
        const name = one.textContent.trim().replace(/\\s+/g, " ") || one.ariaLabel;
        const box = one.getBoundingClientRect();
        if (box.height < 63.5) found.push(`${name}: ${box.height.toFixed(1)} px high`);
        const parts = [one, ...one.querySelectorAll("span")].filter(part => part.clientWidth);
        if (parts.some(part => part.scrollWidth > part.clientWidth + 1)) {
            found.push(`${name}: its text is cut off`);
        }
        if (box.left < -1 || box.right > innerWidth + 1) found.push(`${name}: beyond the edge`);
        const texts = document.createTreeWalker(one, NodeFilter.SHOW_TEXT);
        while (texts.nextNode()) {
            const parent = texts.currentNode.parentElement;
            const size = parseFloat(getComputedStyle(parent).fontSize);
            const isWords = texts.currentNode.data.trim() && !parent.closest("kbd");
            if (isWords && size < 20) found.push(`${name}: letters of ${size} px`);
        }
        const [x, y] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
        const isInside = y > 0 && y < innerHeight;
        const top = document.elementFromPoint(x, y);
        const isFree = one.contains(top);
        if (isInside && !isFree) found.push(`${name}: below something else`);
        if (fixed && (box.top < -1 || box.bottom > innerHeight + 1)) {
            found.push(`${name}: only seen after scrolling`);
        }
    }
    return found;
}"""


@pytest.fixture
def cell(store, pages, gallery):
    """A cell that has something to show on every page."""
    add_item(store, 1, sku="sku-1", judgement=Judgement.DAMAGED, judged_kind="tear")
    add_item(store, 2, Verdict.UNKNOWN)
    add_item(store, 3, sku="sku-1")
    enroll(gallery, "sku-1", 3)
    enroll(gallery, "a product with a long name 4006381333931", 2)
    pages.vendors = {"sku-1": "Maier & Sons, Tea and Coffee"}
    enroll(gallery, "sku-1", 2, State.CANDIDATE, BLUE)
    pages.cameras = ShownCameras(front=item(), top=item(flat=True))
    pages.open_inspector = lambda: booth_inspector("front", "top")
    now_ns = time.time_ns()
    store.index.add([_reported(now_ns - number * 60 * 10**9) for number in range(300)])


def _reported(time_ns, **fields):
    values = {
        "site": "cell",
        "time_ns": time_ns,
        "item_id": "x",
        "sku": f"sku-{time_ns % 7}",
        "verdict": Verdict.DIVERT if time_ns % 3 == 0 else Verdict.PASS,
        "reasons": Reason.NONE,
        "confidence": 0.95,
        "threshold": 0.9,
        "camera": "front",
        "cameras": ("front", "top"),
    }
    return ItemRecord(**(values | fields))


def _captured(page):
    page.get_by_label("SKU").fill("sku-1")
    page.keyboard.press("Enter")
    page.locator(".capture.good").click()
    expect(page.locator("#outcome .captured")).to_be_visible()


# Path, what is done there, and whether all of it is seen without scrolling on a wide screen.
PAGES = {
    "queue": ("/queue", None, True),
    "undecided": ("/queue/item/2", None, True),
    "judged": ("/queue/item/1", None, True),
    "kinds": ("/queue", lambda page: page.keyboard.press("o"), True),
    "space": ("/queue", lambda page: page.keyboard.press("d"), True),
    "mark": ("/item/3/mark", None, True),
    "booth": ("/booth", None, True),
    "captured": ("/booth", _captured, True),
    "products": ("/products", None, False),
    "product": ("/products/sku-1", None, False),
    "numbers": ("/numbers", None, False),
    "problem": ("/queue/item/9999", None, False),
    "without pictures": ("/queue/item/99", None, True),
}


@pytest.mark.usefixtures("cell")
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_readable_at_every_size(visitor, site, language):
    anna, problems = visitor("Anna"), []
    cookie = {"name": LANGUAGE_COOKIE, "value": language, "url": site.address}
    anna.context.add_cookies([cookie])
    for name, (path, prepare, is_fixed) in PAGES.items():
        page = anna.open(path)
        if prepare:
            prepare(page)
        problems += [f"{name}, {one}" for one in _problems(page, is_fixed)]
    anna.forgive("404")
    anna.context.clear_cookies()
    anna.context.add_cookies([cookie])
    problems += [f"login, {one}" for one in _problems(anna.open("/login"), True)]
    expect(anna.page.locator("html")).to_have_attribute("lang", language)
    assert not problems, "\n".join(problems)


def _problems(page, is_fixed):
    found = []
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate(_DRAWN)
        these = page.evaluate(_PROBLEMS, is_fixed and width > height)
        found += [f"{width}x{height}: {one}" for one in these]
    return found


@pytest.mark.usefixtures("cell")
def test_all_pictures_of_all_pages_come(anna):
    for path in ("/queue", "/queue/item/2", "/products", "/products/sku-1", "/booth"):
        page = anna.open(path)
        page.wait_for_timeout(300)
        expect_pictures(page)


@pytest.mark.parametrize("by", ["mouse", "keyboard"])
def test_the_first_label_comes_within_a_minute_of_the_login_page(visitor, site, store, by):
    for number in (1, 2):
        add_item(store, number)
    page = visitor().page
    began_s = time.monotonic()
    page.goto(site.login)
    if by == "mouse":
        page.get_by_label("Your name").fill("Anna")
        press(page, "Sign in")
    else:
        page.keyboard.type("Anna")
        page.keyboard.press("Enter")
    page.wait_for_url("**/queue/item/2")
    if by == "mouse":
        press(page, "Confirm")
    else:
        page.keyboard.press("c")
    expect(page.locator("dd").first).to_have_text("item-0001")
    took_s = time.monotonic() - began_s
    assert store.index.find(2).judgement is Judgement.DAMAGED
    print(f"first label by {by} after {took_s:.2f} s")
    assert took_s < 60


def test_beside_a_thousand_reviewed_items_the_next_one_comes_within_a_second(anna, store):
    minute_ns = 60 * 10**9
    reviewed = [
        _reported(
            START_NS - number * minute_ns,
            judgement=Judgement.GOOD if number % 2 else Judgement.DAMAGED,
            judged_by="Berta",
            judged_ns=START_NS,
            kept=Kept.DIVERTED,
        )
        for number in range(1000)
    ]
    store.index.add(reviewed)
    for number in range(1, 31):
        add_item(store, number)
    page = anna.open("/queue")
    took_ms = []
    for number in range(30, 0, -1):
        expect(page.locator("dd").first).to_have_text(f"item-{number:04d}")
        took_ms.append(page.evaluate(_UNTIL_NEXT, "c" if number % 2 else "f"))
    expect(page.locator("h1")).to_have_text("All items are judged")
    judged = store.index.query("SELECT count(*) FROM items WHERE judged_by = 'Anna'")
    assert judged == [(30,)]
    median_ms = statistics.median(took_ms)
    print(f"next item after {median_ms:.0f} ms in the median, {max(took_ms):.0f} ms at most")
    assert median_ms < 1000, took_ms


# Presses a key; milliseconds until another item is shown with all of its pictures.
_UNTIL_NEXT = """key => new Promise(resolve => {
    const [began, before] = [performance.now(), document.querySelector("dd").textContent];
    const check = () => {
        const item = document.querySelector("dd")?.textContent;
        const pictures = [...document.querySelectorAll("main img")];
        const isThere = one => !one.checkVisibility() || one.complete && one.naturalWidth;
        if (item !== before && pictures.every(isThere)) {
            resolve(performance.now() - began);
        } else requestAnimationFrame(check);
    };
    const press = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
    document.body.dispatchEvent(press);
    requestAnimationFrame(check);
})"""
