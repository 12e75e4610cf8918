"""Makes the pictures of the review page in docs/images, from what a demo recorded.

    damage-perception demo --record --items 48
    python tools/screenshots.py out/demo

The demo knows which of its items are damaged: by that they are judged here, all but the newest few.
What it showed to enroll products is left out. The records and the gallery are copied first.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import uvicorn
from playwright.sync_api import Page, sync_playwright

from damage_perception.cli.pipeline import load_inspector
from damage_perception.cli.running import Running
from damage_perception.frame import Frame
from damage_perception.gallery.store.store import GalleryStore
from damage_perception.inspector import Inspector
from damage_perception.records.index import INDEX_FILE
from damage_perception.records.item_record import ItemRecord, Judgement
from damage_perception.records.marks import marked_frame
from damage_perception.records.store import RecordStore
from damage_perception.review.app import make_app
from damage_perception.review.sharing import Shared
from damage_perception.verdict.report import Verdict

ROOT: Final = Path(__file__).resolve().parent.parent
_PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome")
_WIDTH, _HEIGHT = 1280, 800
# Of a picture in the documentation, bytes; and the qualities that are tried.
_MOST_BYTES: Final = 200_000
_QUALITIES: Final = (80, 70, 60)
# That nobody judged, for the queue.
_WAITING: Final = 5
_PERSON: Final = "Anna"
_COMPLETE: Final = """() => [...document.querySelectorAll("img")].every(
    image => !image.checkVisibility() || image.complete && image.naturalWidth)"""


class ShownAgain:
    """Live cameras that show what was recorded of one item."""

    def __init__(self, frames: Mapping[str, Frame]) -> None:
        self._frames = frames

    @property
    def names(self) -> tuple[str, ...]:
        """Of all cameras."""
        return tuple(self._frames)

    def newest(self, name: str) -> Frame:
        """The recorded frame, as if it came now."""
        return replace(self._frames[name], stamp_ns=time.time_ns())


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("demo", type=Path, help="folder that `demo --record` left")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    arguments = parser.parse_args()
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        print(f"none of {', '.join(_PROGRAMS)} is installed")
        return 1
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in ("records", "gallery"):
            shutil.copytree(arguments.demo / name, folder / name)
        truth = _truth(arguments.demo / "items.jsonl")
        _leave_out_others(folder / "records" / INDEX_FILE, truth)
        store = RecordStore(folder / "records")
        item = _judge(store, truth)
        pages = _pages(store, GalleryStore.open(folder / "gallery", create=False))
        with _served(pages) as login, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": _WIDTH, "height": _HEIGHT}, locale="en")
            page.goto(login)
            page.get_by_label("Your name").fill(_PERSON)
            page.keyboard.press("Enter")
            page.wait_for_url("**/queue/**")
            for path in _pictures(page, login.partition("/login")[0], item, arguments.out):
                print(f"{path} {path.stat().st_size / 1000:.0f} kB")
            browser.close()
    return 0


def _truth(path: Path) -> dict[str, str]:
    """The kind of damage of each item that the demo showed, "none" of a good one."""
    lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return {line["item_id"]: line["kind"] for line in lines if line["event"] == "item"}


def _leave_out_others(index: Path, truth: Mapping[str, str]) -> None:
    """Removes the rows of whatever was reported and is no item of the demo."""
    places = ", ".join("?" * len(truth))
    with closing(sqlite3.connect(index)) as connection, connection:
        connection.execute(f"DELETE FROM items WHERE item_id NOT IN ({places})", list(truth))


def _judge(store: RecordStore, truth: Mapping[str, str]) -> ItemRecord:
    """Judges all items but a few; the diverted one that shows most."""
    reported = store.index.waiting(100_000)
    diverted = [one for one in reported if one.verdict is Verdict.DIVERT and one.sku]
    best = max(diverted, key=lambda one: _shows(store, one))
    left = {best.key, *(one.key for one in reported[:_WAITING])}
    for record in store.index.newest(100_000):
        kind = truth[record.item_id]
        said = Judgement.GOOD if kind == "none" else Judgement.DAMAGED
        if record.key not in left:
            store.index.judge(record.key, said, _PERSON, time.time_ns(), kind)
    return best


def _shows(store: RecordStore, record: ItemRecord) -> tuple[bool, float]:
    """Whether there is depth to turn the item around in, and how much of its damage is seen."""
    recording = store.recording(record)
    has_depth = marked_frame(recording, record.camera).depth_m is not None
    return has_depth, record.extent.area_cm2


def _pages(store: RecordStore, gallery: GalleryStore) -> Shared:
    """The pages, with cameras that show an item that passed."""
    passed = next(one for one in store.index.newest(100_000) if one.verdict is Verdict.PASS)
    recording = store.recording(passed)
    cameras = ShownAgain({name: recording.frame(name) for name in recording.frames})

    def open_inspector() -> Inspector:
        return load_inspector(Running(), cameras.names, None)

    return Shared(store, open_inspector, lambda create: gallery, cameras)


@contextmanager
def _served(pages: Shared) -> Iterator[str]:
    """Serves the pages on a free port of this machine; the address of the login."""
    app = make_app(pages)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/login?token={app.state.access.token}"
    finally:
        server.should_exit = True
        thread.join()


def _pictures(page: Page, address: str, item: ItemRecord, out: Path) -> Iterator[Path]:
    """Goes through the pages and takes a picture of each."""
    page.goto(f"{address}/queue/item/{item.key}")
    yield _taken(page, out / "review_queue.jpg")
    page.keyboard.press("d")
    page.wait_for_timeout(1000)
    yield _taken(page, out / "review_space.jpg")
    page.goto(f"{address}/item/{item.key}/mark")
    page.wait_for_selector("#mark .mark")
    yield _taken(page, out / "review_mark.jpg")
    page.goto(f"{address}/booth")
    page.get_by_label("Product (SKU)").fill("4006381333931")
    page.keyboard.press("Enter")
    page.keyboard.press("g")
    page.wait_for_selector("#outcome .captured", timeout=120_000)
    yield _taken(page, out / "review_booth.jpg")
    page.goto(f"{address}/products/{item.sku}")
    yield _taken(page, out / "review_product.jpg")
    page.goto(f"{address}/numbers?span=all&by=kind")
    yield _taken(page, out / "review_numbers.jpg", full_page=True)


def _taken(page: Page, path: Path, full_page: bool = False) -> Path:
    """What is shown as JPEG, or all of the page.

    Raises ValueError where it is too large for the documentation.
    """
    page.wait_for_function(_COMPLETE)
    for quality in _QUALITIES:
        page.screenshot(path=path, type="jpeg", quality=quality, full_page=full_page)
        if path.stat().st_size < _MOST_BYTES:
            return path
    raise ValueError(f"{path} has {path.stat().st_size} bytes; expected fewer than {_MOST_BYTES}")


if __name__ == "__main__":
    sys.exit(main())
