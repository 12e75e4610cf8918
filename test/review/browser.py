"""The page in a real browser: its server, its records, and the people who open it.

A plugin of pytest: a module that says ``pytest_plugins = ["browser"]`` has one server and one
browser for all of its tests, and records of its own for each of them. PYTEST_DONT_REWRITE: such
modules import it before pytest reads that line.
"""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from color_network import embedding
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    expect,
    sync_playwright,
)

from damage_perception.records.store import RecordStore
from damage_perception.review.app import make_app
from damage_perception.review.security import FailedLogins
from damage_perception.review.sharing import Shared

if TYPE_CHECKING:
    from fastapi import FastAPI

    from damage_perception.gallery.reference import Change, State
    from damage_perception.gallery.store.store import GalleryStore

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
SIZE = (1280, 800)
SIZES = (SIZE, (1920, 1080), (800, 1280))
GREEN, BLUE = (60, 150, 60), (60, 60, 150)
# A machine that does other things besides is slow, but not dead.
_PATIENCE_MS = 15_000
# What the driver of machines without a graphics card says of itself is no fault of the page.
_DRIVER = "GL Driver Message"
_SHOWN = "image => image.complete && image.naturalWidth > 0"

expect.set_options(timeout=_PATIENCE_MS)


class Site:
    """The page where it is served."""

    def __init__(self, app: FastAPI, address: str) -> None:
        self.app = app
        self.address = address

    @property
    def token(self) -> str:
        """What people sign in with."""
        return str(self.app.state.access.token)

    @property
    def login(self) -> str:
        """The address that the terminal prints."""
        return f"{self.address}/login?token={self.token}"

    def begin(self, pages: Shared) -> None:
        """Begins anew with other records."""
        self.app.state.shared = pages
        self.app.state.failed_logins = FailedLogins()

    def cookie(self, name: str, now_s: float) -> dict[str, str]:
        """Of a person who signed in at ``now_s``."""
        access = self.app.state.access
        value = access.open_session(name, now_s)
        return {"name": access.cookie, "value": value, "url": self.address}


class Visitor:
    """A browser of one person, and all that a good page does not do in it.

    faults  messages in the console, errors of scripts, and requests to other hosts
    """

    def __init__(self, browser: Browser, site: Site, **options: Any) -> None:
        width, height = SIZE
        values: dict[str, Any] = {"viewport": {"width": width, "height": height}, "locale": "en"}
        self.context = browser.new_context(**(values | options))
        self.context.set_default_timeout(_PATIENCE_MS)
        self.site = site
        self.faults: list[str] = []
        self.context.on("console", self._said)
        self.context.on("weberror", lambda error: self.faults.append(str(error.error)))
        self.context.on("request", self._asked)
        self.page: Page = self.context.new_page()

    def sign_in(self, name: str) -> None:
        """As if the person had been at the login before."""
        self.context.add_cookies([self.site.cookie(name, time.time())])

    def open(self, path: str) -> Page:
        """The page at ``path``."""
        self.page.goto(self.site.address + path)
        return self.page

    def expect_fault(self, *words: str) -> None:
        """The browser complained with each of ``words``, as it does of requests that are refused.

        Nothing else stays to be complained of.
        """
        for word in words:
            assert any(word in fault for fault in self.faults), f"{word!r} in {self.faults}"
        self.forgive(*words)

    def forgive(self, *words: str) -> None:
        """Forgets faults with any of ``words``, where there are some."""
        self.faults = [one for one in self.faults if not any(word in one for word in words)]

    def _said(self, message: ConsoleMessage) -> None:
        if _DRIVER not in message.text:
            self.faults.append(f"{message.type}: {message.text}")

    def _asked(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss"):
            if not request.url.startswith(f"{self.site.address}/"):
                self.faults.append(f"asked {request.url}")
        elif parts.scheme not in ("data", "blob"):
            self.faults.append(f"asked {request.url[:80]}")


class Keys:
    """A keyboard that counts."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.count = 0

    def press(self, *keys: str) -> None:
        """Presses one key after the other."""
        for key in keys:
            self.page.keyboard.press(key)
            self.count += 1


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser without a window."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(PROGRAMS)} is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The page on a free port of this machine."""
    store = RecordStore(tmp_path_factory.mktemp("server") / "records", create=True)
    with served(make_app(Shared(store, _no_inspector))) as site:
        yield site


@pytest.fixture
def site(server: Site, pages: Shared) -> Site:
    """The page with empty records."""
    server.begin(pages)
    return server


@pytest.fixture
def visitor(chromium: Browser, site: Site) -> Iterator[Callable[..., Visitor]]:
    """Opens a browser, for a person who is signed in where a name is given."""
    visitors: list[Visitor] = []

    def open_browser(name: str = "", **options: Any) -> Visitor:
        made = Visitor(chromium, site, **options)
        visitors.append(made)
        if name:
            made.sign_in(name)
        return made

    yield open_browser
    for one in visitors:
        one.context.close()
    faults = [fault for one in visitors for fault in one.faults]
    assert not faults, faults


@pytest.fixture
def anna(visitor: Callable[..., Visitor]) -> Visitor:
    """The browser of Anna, who is signed in."""
    return visitor("Anna")


@pytest.fixture
def gallery(pages: Shared, tmp_path: Path) -> GalleryStore:
    """An empty gallery that the pages have."""
    pytest.importorskip("lancedb", reason="a gallery needs lancedb: pip install lancedb")
    from damage_perception.gallery.store.store import GalleryStore

    store = GalleryStore.open(tmp_path / "gallery")
    pages.open_gallery = lambda create: store
    return store


@contextmanager
def served(app: FastAPI) -> Iterator[Site]:
    """Serves ``app`` on a free port of this machine."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until_s = time.monotonic() + _PATIENCE_MS / 1000
    while not server.started:
        assert time.monotonic() < until_s, "the server does not start"
        time.sleep(0.01)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Site(app, f"http://127.0.0.1:{port}")
    finally:
        server.should_exit = True
        thread.join()


def enroll(
    gallery: GalleryStore,
    sku: str,
    count: int = 1,
    state: State | None = None,
    color: tuple[int, int, int] = GREEN,
) -> Change:
    """Puts views of one colour into the gallery, in use where no other state is given."""
    import numpy as np

    from damage_perception.gallery.reference import NewReference, State
    from damage_perception.view import View, Window

    side = 64
    view = View(
        np.full((side, side, 3), color, np.uint8),
        np.zeros((side, side), np.float32),
        np.ones((side, side), np.uint8),
        0.3,
        Window(0, 0, side),
    )
    new = [NewReference(view, embedding(color), f"camera {number}") for number in range(count)]
    return gallery.enroll(sku, "color", new, "Bernd", "a test", state or State.ACTIVE)


def press(page: Page, name: str) -> None:
    """Clicks what is called so, before its key."""
    named(page, name).click()


def named(page: Page, name: str) -> Locator:
    """The button or link on the page that is called ``name``, before its key."""
    words = re.compile(rf"^\s*{re.escape(name)}(\s|$)")
    return page.locator("button:visible, a:visible, label:visible").filter(has_text=words).first


def buttons(place: Locator) -> list[str]:
    """What stands on the visible buttons and links in a place, without their keys."""
    return place.locator("button:visible, a:visible").evaluate_all(
        """all => all.map(one => {
            const words = one.cloneNode(true);
            words.querySelectorAll("kbd, svg").forEach(each => each.remove());
            return words.textContent.trim() || one.getAttribute("aria-label");
        })"""
    )


def shows_item(page: Page, number: int) -> None:
    """The page has come to the item ``number`` of made_records, with its pictures."""
    expect(page.locator("dd").first).to_have_text(f"item-{number:04d}")
    # Before that nothing hears what is pressed.
    page.wait_for_load_state()
    expect_pictures(page.locator(".view:visible"))


def expect_pictures(place: Page | Locator) -> None:
    """All visible pictures have come."""
    for picture in place.locator("img:visible").all():
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate(_SHOWN), picture.get_attribute("src")


def _no_inspector() -> Any:
    raise AssertionError("no model is loaded here")
