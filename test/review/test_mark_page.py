"""Marking damage by HTTP: what is shown, what is taken, and what is refused."""

import json
import re
from html import unescape

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("mcap")

from made_records import DENT, add_item

from damage_perception.kinds import CODES, COLORS, KINDS
from damage_perception.records.item_record import Judgement, Shape
from damage_perception.verdict.report import Verdict

BOX = {"camera": "front", "kind": "hole", "tool": "box", "points": [[10, 20], [40.5, 60]]}
STROKE = {
    "camera": "top",
    "kind": "tear",
    "tool": "brush",
    "points": [[5, 5], [9, 7], [20, 20]],
    "width_px": 7,
}
HOLE = Shape("front", "hole", "box", ((10.0, 20.0), (40.5, 60.0)))
TEAR = Shape("top", "tear", "brush", ((5.0, 5.0), (9.0, 7.0), (20.0, 20.0)), 7.0)


def put(client, record, shapes, seen=0, **options):
    return client.put(f"/item/{record.key}/shapes?seen={seen}", json=shapes, **options)


def get(client, record):
    return client.get(f"/item/{record.key}/shapes").json()


def test_the_first_draft_is_what_the_network_reported(store, client):
    record = add_item(store, 1)
    shown = get(client, record)
    x, y, width, height = DENT
    corners = [[x, y], [x + width, y], [x + width, y + height], [x, y + height]]
    crush = {"kind": "crush", "tool": "polygon", "points": corners, "width_px": 0.0}
    assert shown == {
        "cameras": {name: {"width": 320, "height": 240} for name in ("front", "top")},
        "shapes": [{"camera": name, **crush} for name in ("front", "top")],
        "draft": True,
        "judgement": 0,
    }


def test_what_a_person_marked_comes_back_as_it_was(store, client):
    record = add_item(store, 1)
    assert put(client, record, [BOX, STROKE]).status_code == 200
    assert store.index.shapes(record.key) == [HOLE, TEAR]
    shown = get(client, record)
    assert shown["shapes"] == [{**BOX, "width_px": 0.0}, STROKE]
    assert (shown["draft"], shown["judgement"]) == (False, Judgement.DAMAGED)


def test_marking_says_that_the_item_is_damaged(store, client):
    record = add_item(store, 1, Verdict.UNKNOWN)
    assert put(client, record, [BOX, STROKE]).json() == {"next": "/queue"}
    found = store.index.find(record.key)
    assert found.judgement is Judgement.DAMAGED
    assert (found.judged_kind, found.judged_by) == ("hole", "Anna")


def test_marking_leaves_a_judgement_that_says_so_already(store, client):
    record = add_item(store, 1)
    store.index.judge(record.key, Judgement.DAMAGED, "Ben", 1, "tear")
    assert put(client, record, [BOX]).json() == {"next": f"/queue/item/{record.key}"}
    found = store.index.find(record.key)
    assert (found.judged_kind, found.judged_by) == ("tear", "Ben")
    assert store.index.shapes(record.key) == [HOLE]


def test_marking_turns_a_judgement_that_the_person_saw(store, client):
    record = add_item(store, 1)
    store.index.judge(record.key, Judgement.GOOD, "Ben", 1)
    assert put(client, record, [BOX], seen=get(client, record)["judgement"]).status_code == 200
    assert store.index.find(record.key).judged_by == "Anna"


def test_nothing_is_marked_where_somebody_else_said_something_meanwhile(store, client):
    record = add_item(store, 1)
    store.index.judge(record.key, Judgement.GOOD, "Ben", 1)
    answer = put(client, record, [BOX])
    assert answer.status_code == 409
    assert "Ben has judged item item-0001 meanwhile" in answer.json()["detail"]
    assert store.index.shapes(record.key) == []
    assert store.index.find(record.key).judgement is Judgement.GOOD


def test_taking_all_marks_away_judges_nothing(store, client):
    record = add_item(store, 1)
    store.index.mark(record.key, [HOLE])
    assert put(client, record, []).status_code == 200
    assert store.index.shapes(record.key) == []
    assert store.index.find(record.key).judgement is Judgement.UNSEEN


def test_points_beyond_the_image_are_moved_to_its_edge(store, client):
    record = add_item(store, 1)
    put(client, record, [BOX | {"points": [[-50, 20], [1e6, 1e6]]}])
    (shape,) = store.index.shapes(record.key)
    assert shape.points == ((0.0, 20.0), (320.0, 240.0))


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"shapes": []}, "expected a JSON list of shapes"),
        (["box"], "a shape is str; expected an object"),
        ([BOX] * 201, "201 shapes are marked; expected at most 200"),
        ([BOX | {"camera": "left"}], "camera is 'left'; expected front, top"),
        ([BOX | {"camera": ["front"]}], "expected front, top"),
        ([BOX | {"kind": "dent"}], "kind is 'dent'; expected crush"),
        ([BOX | {"tool": "lasso"}], "tool is 'lasso'; expected box, polygon or brush"),
        ([BOX | {"points": [[1, 1]]}], "a box has 1 points; expected 2"),
        ([BOX | {"points": [[1, 1], [2]]}], "expected two numbers, column and row"),
        ([BOX | {"points": "all"}], "expected a list of at most 5000"),
        ([BOX | {"tool": "polygon", "points": [[1, 1]] * 5001}], "expected a list of at most 5000"),
        ([BOX | {"points": [[1, 1], [2, "3"]]}], "'3' in a shape: expected a finite number"),
        ([BOX | {"points": [[1, 1], [2, True]]}], "True in a shape: expected a finite number"),
        ([BOX | {"points": [[1, 1], [2, 10**400]]}], "too large"),
        ([STROKE | {"width_px": 0}], "a stroke is 0.0 pixels wide"),
        ([STROKE | {"width_px": None}], "None in a shape: expected a finite number"),
    ],
)
def test_what_is_no_mark_is_refused_in_words(store, client, body, complaint):
    record = add_item(store, 1)
    store.index.mark(record.key, [TEAR])
    answer = put(client, record, body)
    assert answer.status_code == 422
    assert complaint in answer.json()["detail"]
    assert store.index.shapes(record.key) == [TEAR]
    assert store.index.find(record.key).judgement is Judgement.UNSEEN


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_not_finite_are_refused(store, client, number):
    record = add_item(store, 1)
    body = json.dumps([BOX]).replace("40.5", number)
    headers = {"Content-Type": "application/json"}
    answer = client.put(f"/item/{record.key}/shapes", content=body, headers=headers)
    assert answer.status_code == 422
    assert "expected a finite number" in answer.json()["detail"]


@pytest.mark.parametrize(
    "options",
    [
        {"data": {"shapes": "[]"}},
        {"content": b"[{", "headers": {"Content-Type": "application/json"}},
    ],
)
def test_what_is_no_json_is_refused(store, client, options):
    record = add_item(store, 1)
    assert client.put(f"/item/{record.key}/shapes", **options).status_code == 422


@pytest.mark.parametrize("seen", ["7", "damaged"])
def test_an_unknown_judgement_is_refused(store, client, seen):
    record = add_item(store, 1)
    assert put(client, record, [BOX], seen=seen).status_code == 422
    assert store.index.shapes(record.key) == []


def test_marks_are_not_taken_without_the_token_of_the_page(store, client):
    record = add_item(store, 1)
    assert put(client, record, [BOX], headers={"X-CSRF-Token": "x"}).status_code == 403
    assert store.index.shapes(record.key) == []


def test_marks_are_not_taken_of_strangers(store, stranger):
    record = add_item(store, 1)
    answer = put(stranger, record, [BOX], headers={"Accept": "application/json"})
    assert answer.status_code == 401
    assert store.index.shapes(record.key) == []


def test_the_page_brings_along_what_it_draws(store, client):
    record = add_item(store, 1)
    page = client.get(f"/item/{record.key}/mark").text
    drawn = json.loads(unescape(re.search(r"data-drawn='([^']*)'", page)[1]))
    assert drawn == get(client, record)
    assert 'data-camera="front"' in page
    assert f'href="/queue/item/{record.key}"' in page


def test_the_page_begins_with_the_camera_that_is_asked_for(store, client):
    record = add_item(store, 1)
    assert 'data-camera="top" data' in " ".join(
        client.get(f"/item/{record.key}/mark?camera=top").text.split()
    )


def test_every_kind_has_its_colour_and_the_key_of_its_code(store, client):
    record = add_item(store, 1)
    page = client.get(f"/item/{record.key}/mark").text
    for kind in KINDS:
        expected = f'data-kind="{kind}" data-color="rgb{COLORS[kind]}" data-key="{CODES[kind]}"'
        assert expected in page


def test_every_button_shows_its_key(store, client):
    record = add_item(store, 1)
    page = client.get(f"/item/{record.key}/mark").text
    main = page[page.index("<main>") : page.index("</main>")]
    for button in re.findall(r"<(button|a)\b([^>]*data-key[^>]*)>(.*?)</\1>", main, re.DOTALL):
        assert "<kbd>" in button[2], button[1]


def test_there_is_no_script_and_no_style_in_the_page_itself(store, client):
    record = add_item(store, 1)
    page = client.get(f"/item/{record.key}/mark").text
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", page)


@pytest.mark.parametrize("what", ["mark", "shapes"])
def test_an_item_without_images_is_not_found(store, client, what):
    record = add_item(store, 1, images=False)
    for key in (record.key, 99):
        assert client.get(f"/item/{key}/{what}").status_code == 404
    assert put(client, record, [BOX]).status_code == 409


def test_names_from_outside_stay_text(store, client):
    evil = "<img src=x onerror=alert(1)>'\""
    record = add_item(store, 1, item_id=evil)
    page = client.get(f"/item/{record.key}/mark").text
    assert "<img src=x" not in page
