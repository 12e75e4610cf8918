"""The queue by HTTP: one item after the other, its pictures, and what is said of it."""

import re
import sqlite3
from contextlib import closing
from types import SimpleNamespace

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("httpx")
pytest.importorskip("mcap")

import cv2
import numpy as np
import yaml
from made_records import DENT, add_item

from damage_perception.gallery.reference import GalleryError
from damage_perception.kinds import KINDS, NONE
from damage_perception.records.item_record import Judgement
from damage_perception.review.rendering import FOLDER, LANGUAGES, texts
from damage_perception.verdict.report import Reason, Verdict
from damage_perception.verdict.severity import Extent, Severity

PART = {"HX-Request": "true"}


def judge(browser, key, judgement, seen=0, headers=PART, **fields):
    form = {"judgement": judgement, "seen": seen, **fields}
    return browser.post(f"/queue/item/{key}/judge", data=form, headers=headers)


def decoded(answer):
    assert answer.headers["content-type"] == "image/jpeg", answer.text
    return cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def shown_item(page):
    """The item id in the words on the page."""
    return re.search(r"<dd>(item-\d+)</dd>", page)[1]


def test_the_newest_item_is_shown_at_its_own_address(store, client):
    add_item(store, 1)
    newest = add_item(store, 2)
    page = client.get("/")
    assert page.url.path == f"/queue/item/{newest.key}"
    assert shown_item(page.text) == "item-0002"
    assert shown_item(client.get(page.url).text) == "item-0002"


def test_the_strip_lists_the_next_items_and_counts_all(store, client):
    for number in range(12):
        add_item(store, number)
    page = client.get("/queue").text
    listed = re.findall(r"(item-\d+)</span></a>", page)
    assert listed == [f"item-{number:04d}" for number in range(10, 2, -1)]
    assert "<b>12</b> waiting" in page


def test_what_passed_or_has_no_images_does_not_wait(store, client):
    add_item(store, 1, Verdict.PASS)
    add_item(store, 2, images=False)
    assert "All items are judged" in client.get("/queue").text


def test_new_items_are_announced_beside_the_one_that_is_shown(store, client):
    shown = add_item(store, 1)
    strip = client.get(f"/queue/strip?shown={shown.key}", headers=PART).text
    assert "1 new" not in strip and "<b>1</b> waiting" in strip
    add_item(store, 2)
    strip = client.get(f"/queue/strip?shown={shown.key}", headers=PART).text
    assert "1 new" in strip and "item-0002" in strip and "item-0001" not in strip


def test_an_empty_queue_looks_again_by_itself(store, client):
    page = client.get("/queue").text
    assert 'hx-get="/queue" hx-trigger="every 5s"' in page
    polled = client.get("/queue", headers=PART)
    assert "<html" not in polled.text and "All items are judged" in polled.text
    added = add_item(store, 1)
    polled = client.get("/queue", headers=PART)
    assert "<html" not in polled.text and shown_item(polled.text) == "item-0001"
    assert polled.headers["hx-push-url"] == f"/queue/item/{added.key}"


def test_damage_is_explained_in_words(store, client):
    extent, severity = Extent(12.5, 15.04, 0.07), Severity.MAJOR
    record = add_item(store, 1, kind="tear", extent=extent, severity=severity, sku="cup <7>")
    page = client.get(f"/queue/item/{record.key}").text
    for words in ("Torn", "major", "<b>97</b> %", "<b>12.5</b> cm²", "<b>15.0</b> mm"):
        assert words in page
    assert "from 90\u00a0% on an item is diverted" in page and "cup &lt;7&gt;" in page
    client.headers["Accept-Language"] = "de"
    page = client.get(f"/queue/item/{record.key}").text
    assert "Gerissen" in page and "<b>12,5</b> cm²" in page and "schwer" in page


def test_what_was_not_measured_is_not_shown(store, client):
    record = add_item(store, 1, extent=Extent(), confidence=float("nan"))
    page = client.get(f"/queue/item/{record.key}").text
    assert "cm²" not in page and "mm deep" not in page and "nan" not in page


def test_a_missing_unit_is_said(store, client):
    record = add_item(store, 1, kind="missing_unit")
    said = "Something is missing from the pack"
    assert said in client.get(f"/queue/item/{record.key}").text
    assert said not in client.get(f"/queue/item/{add_item(store, 2).key}").text


def test_every_reason_is_explained(store, client):
    everything = Reason(sum(Reason))
    detail = "sharpness 12 <of> 40"
    record = add_item(store, 1, Verdict.UNKNOWN, reasons=everything, detail=detail)
    page = client.get(f"/queue/item/{record.key}").text
    assert "sharpness 12 &lt;of&gt; 40" in page
    for reason in Reason:
        text = texts("en")[f"queue.reason_{reason.name.lower()}"].partition("{")[0]
        assert not reason or text in page


def test_reasons_and_kinds_of_newer_nodes_do_not_stop_the_queue(store, client):
    record = add_item(store, 1, kind="kind 9", reasons=Reason(1 | 1 << 30))
    page = client.get(f"/queue/item/{record.key}")
    assert page.status_code == 200 and "kind 9" in page.text


def test_the_camera_that_saw_the_damage_comes_first(store, client):
    record = add_item(store, 1, cameras=("front", "top"), camera="top")
    page = client.get(f"/queue/item/{record.key}").text
    overlays = re.findall(r"/overlay/(\w+)\.jpg", page)
    assert overlays == ["top", "front"]
    hidden = re.findall(r'id="view-(\w+)" data-panel( hidden)?', page)
    assert hidden == [("1", ""), ("2", " hidden"), ("cloud", " hidden")]


def test_every_button_shows_its_key(store, client):
    page = client.get(f"/queue/item/{add_item(store, 1).key}").text
    buttons = re.findall(r'data-key="([^"]+)".*?</(?:button|a)>', page, re.S)
    shown = re.findall(r'data-key="[^"]+".*?((?:<kbd>\w+</kbd>\s*)+)', page, re.S)
    for keys, marks in zip(buttons, shown, strict=True):
        said = [key.lower() for key in re.findall(r"<kbd>(\w+)", marks)]
        assert said == keys.lower().replace("escape", "esc").split()


def test_pictures_are_those_of_the_recording(store, client):
    record = add_item(store, 1)
    x, y, width, height = DENT
    inside = (slice(y + 5, y + height - 5), slice(x + 5, x + width - 5))
    for name in ("image", "overlay"):
        picture = decoded(client.get(f"/item/{record.key}/{name}/front.jpg"))
        assert picture.shape == (240, 320, 3)
        assert np.allclose(picture[inside].mean((0, 1)), (110, 70, 40), atol=4)


def test_a_camera_without_overlay_gets_the_outlines(store, client):
    record = add_item(store, 1)
    pages = client.app.state.shared
    recording = pages.recording(record)
    recording.overlays.clear()
    plain = decoded(client.get(f"/item/{record.key}/image/top.jpg")).astype(int)
    drawn = decoded(client.get(f"/item/{record.key}/overlay/top.jpg")).astype(int)
    x, y, width, _ = DENT
    changed = np.abs(drawn - plain).sum(2) > 60
    assert changed[y, x : x + width].all() and not changed[:50].any()


def test_a_close_up_is_large_and_shows_the_region(store, client):
    record = add_item(store, 1)
    picture = decoded(client.get(f"/item/{record.key}/region/0.jpg"))
    assert min(picture.shape[:2]) >= 480
    dark = np.abs(picture.astype(int) - (110, 70, 40)).sum(2) < 40
    assert 0.2 < dark.mean() < 0.6 and dark[220:260, 220:260].all()
    assert not dark[:40].any()


@pytest.mark.parametrize(
    "path",
    [
        "region/9.jpg",
        "region/-1.jpg",
        "image/rear.jpg",
        "image/..%2F..%2Findex.jpg",
        "overlay/%2E%2E.jpg",
    ],
)
def test_only_pictures_of_the_item_are_found(store, client, path):
    record = add_item(store, 1)
    assert client.get(f"/item/{record.key}/{path}").status_code == 404


@pytest.mark.parametrize("key", ["0", "7", "-1", "x", str(1 << 63), str(1 << 70)])
def test_only_items_that_there_are_are_shown(store, client, key):
    add_item(store, 1)
    for path in (f"/queue/item/{key}", f"/item/{key}/image/front.jpg"):
        assert client.get(path).status_code in (404, 422)
    assert judge(client, key, "good").status_code in (409, 422)


def test_pictures_are_kept_only_by_addresses_that_name_a_version(store, client):
    record = add_item(store, 1)
    path = f"/item/{record.key}/image/front.jpg"
    assert client.get(path).headers["cache-control"] == "no-store"
    assert client.get(f"{path}?v=1").headers["cache-control"] == "private, max-age=600"


def test_a_recording_is_read_once_for_all_of_its_pictures(store, client, monkeypatch):
    records = [add_item(store, number) for number in range(6)]
    read = []
    whole = store.recording
    monkeypatch.setattr(store, "recording", lambda r: read.append(r.key) or whole(r))
    for path in ("image/front", "overlay/top", "region/0", "region/1"):
        client.get(f"/item/{records[0].key}/{path}.jpg")
    assert read == [records[0].key]
    for record in records[1:]:
        client.get(f"/item/{record.key}/image/front.jpg")
    client.get(f"/item/{records[0].key}/image/front.jpg")
    assert read == [*(record.key for record in records), records[0].key]


def test_an_item_whose_file_is_broken_can_still_be_judged(store, client):
    record = add_item(store, 1)
    store.path(record).write_bytes(b"torn")
    page = client.get(f"/queue/item/{record.key}")
    assert page.status_code == 200 and "The pictures cannot be shown" in page.text
    assert client.get(f"/item/{record.key}/image/front.jpg").status_code == 404
    judge(client, record.key, "skipped")
    assert store.index.find(record.key).judgement is Judgement.SKIPPED


def test_confirming_keeps_the_kind_and_shows_the_next_item(store, client):
    older = add_item(store, 1)
    newer = add_item(store, 2, kind="spillage")
    answer = judge(client, newer.key, "damaged")
    judged = store.index.find(newer.key)
    assert (judged.judgement, judged.judged_kind) == (Judgement.DAMAGED, "spillage")
    assert judged.judged_by == "Anna"
    assert "<html" not in answer.text and shown_item(answer.text) == "item-0001"
    assert answer.headers["hx-push-url"] == f"/queue/item/{older.key}"
    assert store.index.shapes(newer.key) == []


@pytest.mark.parametrize(
    ("judgement", "kind", "expected"),
    [
        ("good", "", (Judgement.GOOD, NONE)),
        ("good", "tear", (Judgement.GOOD, NONE)),
        ("skipped", "", (Judgement.SKIPPED, NONE)),
        ("damaged", "hole", (Judgement.DAMAGED, "hole")),
        ("damaged", "none", (Judgement.DAMAGED, NONE)),
    ],
)
def test_what_is_said_is_kept(store, client, judgement, kind, expected):
    record = add_item(store, 1)
    answer = judge(client, record.key, judgement, kind=kind)
    judged = store.index.find(record.key)
    assert (judged.judgement, judged.judged_kind) == expected
    assert "All items are judged" in answer.text and answer.headers["hx-replace-url"] == "/queue"


def test_damage_that_the_network_did_not_name_has_no_kind(store, client):
    record = add_item(store, 1, kind="kind 9")
    judge(client, record.key, "damaged")
    assert store.index.find(record.key).judged_kind == NONE


@pytest.mark.parametrize(
    "form",
    [
        {"judgement": "unseen", "seen": 0},
        {"judgement": "perfect", "seen": 0},
        {"judgement": "good"},
        {"judgement": "good", "seen": 9},
        {"judgement": "damaged", "kind": "scratch", "seen": 0},
        {},
    ],
)
def test_what_is_no_judgement_is_not_taken(store, client, form):
    record = add_item(store, 1)
    answer = client.post(f"/queue/item/{record.key}/judge", data=form, headers=PART)
    assert answer.status_code in (409, 422)
    assert answer.headers["hx-retarget"] == "#notice"
    assert store.index.find(record.key).judgement is Judgement.UNSEEN


def test_an_undecided_item_asks_for_the_kind(store, client):
    unknown, divert = add_item(store, 1, Verdict.UNKNOWN), add_item(store, 2)
    page = client.get(f"/queue/item/{unknown.key}").text
    assert 'data-shows="kinds" data-key="c 1">Damaged' in page and "Confirm" not in page
    assert "Good <" in page and "False alarm" not in page
    page = client.get(f"/queue/item/{divert.key}").text
    assert "Confirm" in page and "False alarm" in page and "Other kind" in page
    offered = re.findall(r'"kind": "(\w+)", "seen": 0}\' data-steady data-key="(\d)"', page)
    assert offered == [(kind, str(number)) for number, kind in enumerate(KINDS, 1)]


def test_whoever_comes_second_is_told_and_nothing_is_lost(store, client, signed_in):
    other, record = add_item(store, 1), add_item(store, 2)
    judge(signed_in("Berta"), record.key, "good")
    answer = judge(client, record.key, "damaged")
    assert answer.status_code == 409
    assert "Berta has judged item-0002 meanwhile: good" in answer.text
    assert shown_item(answer.text) == "item-0001" and "hx-retarget" not in answer.headers
    assert answer.headers["hx-push-url"] == f"/queue/item/{other.key}"
    assert store.index.find(record.key).judged_by == "Berta"


def test_without_scripts_the_second_is_told_as_well(store, client, signed_in):
    add_item(store, 1)
    record = add_item(store, 2)
    judge(signed_in("Berta"), record.key, "good")
    answer = judge(client, record.key, "damaged", headers={})
    assert answer.status_code == 409 and "<html" in answer.text
    assert "Berta has judged item-0002 meanwhile" in answer.text
    assert judge(client, 1, "good", headers={}).url.path == "/queue"


def test_a_judged_item_says_by_whom_and_can_be_judged_anew(store, client, signed_in):
    record = add_item(store, 1)
    judge(signed_in("Berta"), record.key, "damaged", kind="hole")
    page = client.get(f"/queue/item/{record.key}").text
    assert "damaged (Hole), says Berta" in page and '"seen": 1' in page
    assert judge(client, record.key, "good", seen=1).status_code == 200
    assert store.index.find(record.key).judgement is Judgement.GOOD


def test_undoing_shows_the_item_again(store, client, signed_in):
    first, second = add_item(store, 1), add_item(store, 2)
    judge(client, second.key, "good")
    judge(signed_in("Berta"), first.key, "good")
    answer = client.post("/queue/undo", headers=PART)
    assert shown_item(answer.text) == "item-0002" and "taken back" in answer.text
    assert answer.headers["hx-push-url"] == f"/queue/item/{second.key}"
    assert store.index.find(second.key).judgement is Judgement.UNSEEN
    assert store.index.find(first.key).judgement is Judgement.GOOD
    again = client.post("/queue/undo", headers=PART)
    assert again.status_code == 409 and again.headers["hx-retarget"] == "#notice"
    assert "nothing that could be taken back" in again.text


@pytest.fixture
def gallery(pages):
    """A gallery that has four references of sku-1, and fails for sku-2."""

    def references(sku):
        if sku == "sku-2":
            raise GalleryError("the disk is full")
        return [SimpleNamespace(reference_id=f"ref{n}") for n in range(4)] if sku == "sku-1" else []

    pages.open_gallery = lambda create: SimpleNamespace(references=references)
    return pages


@pytest.mark.usefixtures("gallery")
def test_up_to_three_references_are_shown(store, client):
    page = client.get(f"/queue/item/{add_item(store, 1).key}").text
    beside_the_words_and_large = 2 * ["ref0", "ref1", "ref2"]
    assert re.findall(r"/reference/sku-1/(\w+)\.jpg", page) == beside_the_words_and_large


@pytest.mark.usefixtures("gallery")
@pytest.mark.parametrize("fields", [{"sku": "sku-9"}, {"sku": ""}, {"sku": "sku-2"}])
def test_without_references_a_word_is_shown(store, client, fields):
    page = client.get(f"/queue/item/{add_item(store, 1, **fields).key}")
    assert page.status_code == 200
    assert "No references" in page.text and "/reference/" not in page.text


def test_without_a_gallery_a_word_is_shown(store, client):
    assert "No references" in client.get(f"/queue/item/{add_item(store, 1).key}").text


def test_the_gallery_hears_of_good_items(store, client, gallery):
    heard = []
    gallery.judged_good = lambda record, by: heard.append((record.key, record.judgement, by))
    keys = [add_item(store, number).key for number in (1, 2, 3)]
    for key, judgement in zip(keys, ("good", "damaged", "skipped"), strict=True):
        judge(client, key, judgement)
    assert heard == [(keys[0], Judgement.GOOD, "Anna")]


def test_without_a_gallery_nobody_hears(store, client, pages):
    pages.judged_good = lambda record, by: pytest.fail("there is no gallery")
    judge(client, add_item(store, 1).key, "good")


def test_a_judgement_holds_whatever_the_gallery_does(store, client, gallery, caplog):
    def fail(record, by):
        raise OSError("the disk is full")

    gallery.judged_good = fail
    record = add_item(store, 1)
    assert judge(client, record.key, "good").status_code == 200
    assert store.index.find(record.key).judgement is Judgement.GOOD
    assert "item-0001 was judged good" in caplog.text and "the disk is full" in caplog.text


def test_pages_have_no_inline_scripts_or_styles(store, client):
    page = client.get(f"/queue/item/{add_item(store, 1).key}").text
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=|hx-on", page)


def test_a_name_of_an_item_is_no_markup(store, client):
    record = add_item(store, 1, item_id='"><img src=x>', sku="<b>", detail="<i>")
    page = client.get(f"/queue/item/{record.key}").text
    assert "<img src=x>" not in page and "&lt;img src=x&gt;" in page
    assert "<dd>&lt;b&gt;</dd>" in page and "&lt;i&gt;" in page


def test_records_that_cannot_be_read_are_a_page_too(store, client):
    with closing(sqlite3.connect(store.index.path)) as connection:
        connection.execute("DROP TABLE items")
    answer = client.get("/queue", headers={"Accept": "text/html"})
    assert answer.status_code == 404 and "<html" in answer.text
    assert "cannot be read: no such table" in answer.text


@pytest.mark.parametrize("page", ["base", "login", "queue"])
def test_all_languages_have_the_same_texts(page):
    found = [
        yaml.safe_load((FOLDER / "languages" / f"{page}.{language}.yaml").read_text("utf-8"))
        for language in LANGUAGES
    ]
    fields = [
        {name: set(re.findall(r"{(\w+)}", text)) for name, text in lines.items()} for lines in found
    ]
    assert all(one == fields[0] for one in fields)


def test_every_text_that_is_asked_for_is_there():
    asked = re.compile(r"""\bt\(['"]((?:base|queue|login)\.[a-z_0-9]+)['"](?! ~)""")
    named = set()
    for path in (FOLDER / "templates").glob("*.html"):
        named |= set(asked.findall(path.read_text("utf-8")))
    assert len(named) > 30 and named <= set(texts("en"))
