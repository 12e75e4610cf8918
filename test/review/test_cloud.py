"""The points of an item: what is sent of the image and the depth."""

import struct

import numpy as np
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("mcap")

import made_records
from made_records import CAMERA, add_item, parcel

from damage_perception.frame import CameraModel, Frame
from damage_perception.kinds import COLORS
from damage_perception.records.item_record import Shape
from damage_perception.review.cloud import MOST_POINTS, cloud
from damage_perception.verdict.report import Verdict

BROWN, GREY = (170, 120, 70), (90, 90, 90)
PARCEL_M = (0.28, 0.24)  # at 0.6 m with a focal length of 300: 140 and 120 pixels


def read(data):
    """Positions (N, 3) in metres and colours (N, 3)."""
    (count,) = struct.unpack_from("<I", data)
    assert len(data) == 4 + 15 * count
    points = np.frombuffer(data, "<f4", 3 * count, 4).reshape(-1, 3)
    return points, np.frombuffer(data, np.uint8, 3 * count, 4 + 12 * count).reshape(-1, 3)


def changed(frame, color=None, depth_m=None, camera=None):
    return Frame(
        frame.color if color is None else color,
        frame.depth_m if depth_m is None else depth_m,
        camera or frame.camera,
    )


def test_the_item_lies_in_the_middle_in_metres():
    points, colors = read(cloud(parcel("front", 0)))
    item = points[(colors == BROWN).all(axis=1)]
    assert np.ptp(item, axis=0) == pytest.approx((*PARCEL_M, 0), abs=0.01)
    assert np.abs(item.min(axis=0) + item.max(axis=0)).max() < 0.02


def test_the_surface_under_it_is_shown_and_the_rest_is_not():
    frame = parcel("front", 0)
    depth = frame.depth_m.copy()
    depth[:, :20] = 3.0  # a wall behind the table
    points, colors = read(cloud(changed(frame, depth_m=depth)))
    assert (colors == GREY).all(axis=1).any()
    # The table is 0.1 m farther than the top of the parcel.
    assert points[:, 2].max() == pytest.approx(0.1, abs=0.015)


def test_there_are_never_too_many_points():
    frame = parcel("front", 0)
    color, depth = (np.kron(a, np.ones((4, 4, 1)[: a.ndim])) for a in (frame.color, frame.depth_m))
    camera = CameraModel(1280, 960, 1200.0, 1200.0, 639.5, 479.5)
    large = Frame(color.astype(np.uint8), depth.astype(np.float32), camera)
    count = len(read(cloud(large))[0])
    assert MOST_POINTS / 4 < count <= MOST_POINTS


def test_marks_tint_the_points_in_them():
    mark = Shape("front", "hole", "box", ((100.0, 70.0), (140.0, 95.0)))
    frame = parcel("front", 0)
    plain, tinted = (read(cloud(frame, marks))[1] for marks in ([], [mark]))
    differs = (plain != tinted).any(axis=1)
    assert differs.sum() == pytest.approx(40 * 25, rel=0.1)
    mixed = np.array(BROWN) + 0.45 * (np.array(COLORS["hole"]) - BROWN)
    assert np.abs(tinted[differs] - mixed).max() <= 1


def test_of_two_items_the_marked_one_is_shown():
    frame = parcel("front", 0)
    depth = np.full_like(frame.depth_m, 0.7)
    color = np.full_like(frame.color, 90)
    for left, paint in ((20, (200, 0, 0)), (220, (0, 0, 200))):
        depth[100:150, left : left + 50] = 0.62
        color[100:150, left : left + 50] = paint
    two = changed(frame, color, depth)
    for left, paint in ((20, (200, 0, 0)), (220, (0, 0, 200))):
        mark = Shape("front", "hole", "box", ((left + 5.0, 105.0), (left + 7.0, 107.0)))
        points, colors = read(cloud(two, [mark]))
        item = points[(colors == paint).all(axis=1)]
        assert np.abs(item[:, :2].mean(axis=0)).max() < 0.01


def test_without_anything_that_stands_out_what_is_amid_the_image_is_shown():
    flat = changed(parcel("front", 0), depth_m=np.full((240, 320), 0.7, np.float32))
    points, _ = read(cloud(flat))
    assert np.abs(points.mean(axis=0)).max() < 0.01
    assert np.linalg.norm(points, axis=1).max() <= 0.25


def test_a_single_reading_is_enough():
    depth = np.zeros((240, 320), np.float32)
    depth[7, 9] = 0.5
    points, _ = read(cloud(changed(parcel("front", 0), depth_m=depth)))
    assert np.abs(points).max() < 1e-6 and len(points) == 1


def test_without_a_reading_there_is_none():
    frame = parcel("front", 0)
    assert cloud(Frame(frame.color, None, CAMERA)) is None
    assert cloud(changed(frame, depth_m=np.zeros((240, 320), np.float32))) is None


def test_the_page_sends_points_with_the_reported_damage_tinted(store, client):
    damaged = add_item(store, 1)
    passed = add_item(store, 1, Verdict.PASS, item_id="the same, not reported")
    answer = client.get(f"/item/{damaged.key}/cloud/top")
    assert answer.headers["content-type"] == "application/octet-stream"
    tinted, plain = answer.content, client.get(f"/item/{passed.key}/cloud/top").content
    assert (read(tinted)[1] != read(plain)[1]).any()


def test_what_a_person_marked_is_tinted_in_place_of_what_was_reported(store, client):
    damaged = add_item(store, 1)
    passed = add_item(store, 1, Verdict.PASS, item_id="the same, not reported")
    store.index.mark(damaged.key, [Shape("front", "tear", "box", ((91.0, 61.0), (99.0, 69.0)))])
    assert (
        client.get(f"/item/{damaged.key}/cloud/top").content
        == client.get(f"/item/{passed.key}/cloud/top").content
    )


def test_a_camera_without_depth_has_no_points(store, client, monkeypatch):
    def flat(camera, stamp_ns, number=0):
        return Frame(parcel(camera, stamp_ns).color, None, CAMERA, camera, "", stamp_ns)

    monkeypatch.setattr(made_records, "parcel", flat)
    record = add_item(store, 1)
    answer = client.get(f"/item/{record.key}/cloud/front")
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("address", ["/item/1/cloud/left", "/item/99/cloud/front"])
def test_what_is_not_there_is_not_found(store, client, address):
    add_item(store, 1)
    assert client.get(address).status_code == 404
