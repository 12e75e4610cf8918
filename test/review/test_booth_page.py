"""The booth by HTTP: live pictures, references, samples of damage, and what is said of them."""

import re
import time

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("httpx")
pytest.importorskip("mcap")
pytest.importorskip("lancedb", reason="a gallery needs lancedb: pip install lancedb")

import cv2
import numpy as np
from booth_cameras import BLUE, RED, ShownCameras, booth_inspector, item
from made_records import add_item

from damage_perception.gallery.reference import NoGalleryError
from damage_perception.gallery.store.store import GalleryStore
from damage_perception.kinds import KINDS
from damage_perception.records.item_record import Judgement, Kept
from damage_perception.review.captured_pictures import Problem
from damage_perception.review.rendering import texts

PART = {"HX-Request": "true"}


@pytest.fixture
def cameras(pages):
    """Two cameras before a good item, with a model for them."""
    shown = ShownCameras(front=item(), top=item())
    pages.cameras = shown
    pages.open_inspector = lambda: booth_inspector("front", "top")
    return shown


@pytest.fixture
def gallery(pages, tmp_path):
    """Opens the page's gallery, which is not there before something is enrolled."""
    uri = tmp_path / "gallery"
    pages.open_gallery = lambda create: GalleryStore.open(uri, create)
    return lambda: GalleryStore.open(uri, create=False)


def press(client, button, **fields):
    answer = client.post(f"/booth/{button}", data=fields, headers=PART)
    assert answer.status_code in (200, 204), answer.text
    return answer


def said(answer):
    """What is written on the page, without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


def value(answer, name):
    """What a button of the answer sends along."""
    return re.search(rf'"{name}": "([^"]+)"', answer.text)[1]


def test_the_page_shows_every_camera_and_the_buttons(client, cameras, gallery):
    page = client.get("/booth").text
    for name in ("front", "top"):
        assert f'data-live="/booth/live/{name}.jpg"' in page
    for key in ("g", "d", "/", *map(str, range(len(KINDS) + 1))):
        assert f'data-key="{key}"' in page
    assert 'hx-post="/booth/pristine">' in page


def test_a_live_picture_is_what_the_camera_shows(client, cameras):
    cameras.frames["front"] = item(BLUE)
    answer = client.get("/booth/live/front.jpg")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "no-store"
    shown = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert shown.shape == (240, 320, 3)
    assert np.abs(shown[115, 155].astype(int) - BLUE).max() < 40


def test_a_camera_that_shows_nothing_has_no_picture(client, cameras):
    cameras.frames["top"] = None
    assert client.get("/booth/live/top.jpg").status_code == 204


@pytest.mark.parametrize("name", ["side", "..%2F..%2Fetc%2Fpasswd", "front%00"])
def test_other_names_are_not_found(client, cameras, name):
    assert client.get(f"/booth/live/{name}.jpg").status_code == 404


def test_without_cameras_the_page_says_how_to_start_it(client, gallery):
    assert "--cameras" in client.get("/booth").text
    assert client.get("/booth/live/front.jpg").status_code == 404
    answer = client.post("/booth/pristine", data={"sku": "tea"}, headers=PART)
    assert answer.status_code == 409 and "without cameras" in answer.text


def test_without_a_gallery_only_damage_is_captured(client, cameras):
    page = client.get("/booth").text
    assert 'hx-post="/booth/pristine" disabled>' in page and "--gallery" in page
    assert client.post("/booth/pristine", data={"sku": "tea"}).status_code == 409
    assert press(client, "damaged").status_code == 204


def test_good_pictures_become_references(client, cameras, gallery):
    answer = press(client, "pristine", sku=" tea ")
    assert "2 enrolled" in said(answer) and said(answer).count("Good") == 2
    references = gallery().references("tea")
    assert sorted(each.source for each in references) == ["front", "top"]
    [change] = gallery().changes("tea")
    assert change.by == "Anna" and "booth" in change.why
    for name in ("front", "top"):
        address = re.search(rf"/booth/captured/[^/]+/{name}\.jpg", answer.text)[0]
        assert client.get(address).headers["content-type"] == "image/jpeg"
        assert client.get(address.replace(name, "side")).status_code == 404


def test_what_is_wrong_is_said_with_what_to_do(client, cameras, gallery):
    cameras.frames = {"front": item(flat=True), "top": item(box=None), "side": None}
    words = said(press(client, "pristine", sku="tea"))
    assert "Nothing enrolled" in words
    for one in ("Blurred Hold it still", "No item found Put it in the middle", "No picture Check"):
        assert one in words
    with pytest.raises(NoGalleryError):
        gallery()


def test_an_item_that_is_cut_off_is_to_be_moved(client, cameras, gallery):
    cameras.frames["top"] = item(box=(0, 80, 90, 70))
    answer = press(client, "pristine", sku="tea")
    assert "1 enrolled" in said(answer)
    assert "Cut off Move the item to the middle." in said(answer)


def test_who_vouches_enrolls_what_was_refused_and_nothing_twice(client, cameras, gallery):
    cameras.frames["top"] = item(RED)
    answer = press(client, "pristine", sku="tea")
    assert "Looks damaged" in said(answer) and len(gallery().references("tea")) == 1
    forced = press(client, "force", token=value(answer, "token"))
    assert "1 enrolled" in said(forced) and "all the same" not in said(forced)
    assert [each.source for each in gallery().references("tea")] == ["front", "top"]
    assert "vouched" in gallery().changes("tea")[0].why


def test_captures_that_are_forgotten_cannot_be_enrolled(client, cameras, gallery):
    answer = client.post("/booth/force", data={"token": "none"}, headers=PART)
    assert answer.status_code == 409 and "capture the item again" in answer.text
    assert client.get("/booth/captured/none/front.jpg").status_code == 404


def test_another_product_than_the_references_is_refused(client, cameras, gallery):
    press(client, "pristine", sku="tea")
    cameras.frames = {"front": item(BLUE), "top": item(BLUE)}
    assert said(press(client, "pristine", sku="tea")).count("Looks like another product") == 2
    assert len(gallery().references("tea")) == 2


def test_an_enrollment_is_undone_alone(client, cameras, gallery):
    press(client, "pristine", sku="tea")
    answer = press(client, "pristine", sku="tea")
    undone = press(client, "undo", change=value(answer, "change"))
    assert "2 taken back" in said(undone) and len(gallery().references("tea")) == 2
    again = client.post("/booth/undo", data={"change": value(answer, "change")}, headers=PART)
    assert again.status_code == 409 and len(gallery().references("tea")) == 2


def test_without_a_product_nothing_is_captured(client, cameras, gallery):
    assert "Which product" in said(press(client, "pristine", sku=" "))
    with pytest.raises(NoGalleryError):
        gallery()


@pytest.mark.parametrize("button", ["pristine", "damaged"])
def test_a_name_that_no_product_has_is_refused(client, cameras, gallery, store, button):
    answer = client.post(f"/booth/{button}", data={"sku": "a/b"}, headers=PART)
    assert answer.status_code == 409 and "slash" in answer.text
    assert store.index.newest(5) == []


def test_a_damaged_item_is_kept_and_then_marked(client, cameras, store):
    cameras.frames["top"] = item(RED)
    answer = press(client, "damaged", sku="tea", kind="tear")
    [record] = store.index.newest(5)
    assert answer.headers["HX-Redirect"] == f"/item/{record.key}/mark"
    assert (record.kept, record.sku, record.cameras) == (Kept.BOOTH, "tea", ("front", "top"))
    assert (record.judgement, record.judged_kind, record.judged_by) == (
        Judgement.DAMAGED, "tear", "Anna",
    )  # fmt: skip
    assert client.get(f"/item/{record.key}/image/top.jpg").status_code == 200


def test_no_fault_of_a_picture_stops_a_sample_but_it_is_said(client, cameras, store):
    cameras.frames = {"front": item(flat=True), "top": None}
    words = said(answer := press(client, "damaged"))
    [record] = store.index.newest(5)
    assert record.cameras == ("front",) and record.judged_kind == "none"
    assert "Blurred" in words and "No picture" in words
    assert f'href="/item/{record.key}/mark"' in answer.text


def test_a_sample_is_kept_where_the_model_is_broken(client, cameras, gallery, pages, store):
    def broken():
        raise ValueError("no card at models/net.yaml")

    pages.open_inspector = broken
    assert "no card at models/net.yaml" in said(press(client, "damaged"))
    assert len(store.index.newest(5)) == 1
    answer = client.post("/booth/pristine", data={"sku": "tea"}, headers=PART)
    assert answer.status_code == 409 and "no card at models/net.yaml" in answer.text


def test_a_kind_that_is_none_is_refused(client, cameras, store):
    assert client.post("/booth/damaged", data={"kind": "scratch"}).status_code == 422
    assert store.index.newest(5) == []


def test_without_any_picture_no_sample_is_kept(client, cameras, store):
    cameras.frames = {"front": None}
    answer = client.post("/booth/damaged", headers=PART)
    assert answer.status_code == 409 and "no camera gives a picture" in answer.text
    assert store.index.newest(5) == []


def test_pictures_of_two_moments_are_said(client, cameras, gallery):
    cameras.late_ms["top"] = 5000
    assert re.search(r"The pictures are (49|50)\d\d ms apart", said(press(client, "damaged")))


def test_what_was_captured_is_counted(client, cameras, gallery, store):
    press(client, "pristine", sku="tea")
    press(client, "damaged", sku="tea")
    press(client, "damaged", sku="soap")
    add_item(store, 1, judgement=Judgement.DAMAGED, sku="tea")
    words = said(client.get("/booth"))
    assert "4 of the first 1000" in words and "Today: 2 good · 2 damaged" in words
    assert "tea 2 1" in words and "soap 0 1" in words
    assert "2 good · 1 damaged" in said(client.get("/booth/product?sku=tea"))
    assert "New product" in said(client.get("/booth/product?sku=other"))


def test_the_day_ends_at_midnight(client, cameras, store, monkeypatch):
    press(client, "damaged", sku="tea")
    now_ns = time.time_ns()
    day_ns = 24 * 3600 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: now_ns - day_ns)
    press(client, "damaged", sku="tea")
    words = said(client.get("/booth"))
    assert "2 of the first" in words and "0 good · 1 damaged" in words


def test_a_capture_that_is_undone_is_not_counted(client, cameras, gallery, store):
    answer = press(client, "pristine", sku="tea")
    undone = press(client, "undo", change=value(answer, "change"))
    assert "0 of the first" in said(undone) and "Today: 0 good" in said(undone)


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_problem_has_words_and_a_mend(language):
    for problem in Problem:
        assert texts(language)[f"booth.wrong_{problem.value}"]
        assert texts(language)[f"booth.mend_{problem.value}"]


def test_texts_are_the_same_in_all_languages():
    english, german = texts("en"), texts("de")
    for page in ("booth.", "products."):
        names = {key for key in english if key.startswith(page)}
        assert names == {key for key in german if key.startswith(page)}
        for key in names:
            fields = [sorted(re.findall(r"{\w+}", line[key])) for line in (english, german)]
            assert fields[0] == fields[1], key


def test_the_page_speaks_german(client, cameras, gallery):
    client.cookies.set("language", "de")
    assert "Unbeschädigt" in client.get("/booth").text
    assert "2 aufgenommen" in said(press(client, "pristine", sku="tea"))


def test_only_people_who_are_signed_in_see_and_capture(stranger, cameras, gallery):
    assert stranger.get("/booth/live/front.jpg").status_code in (303, 401)
    assert stranger.post("/booth/pristine", data={"sku": "tea"}).status_code in (303, 401, 403)
    with pytest.raises(NoGalleryError):
        gallery()
