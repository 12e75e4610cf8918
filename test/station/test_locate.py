"""Items are found where they stand, as one each, whatever the camera misses."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from workplace import Workplace, iou, tilted_plane

from damage_perception.frame import CameraModel, Frame
from damage_perception.station import Plane, RegionOfInterest, Station

NOISE = 0.0012


def test_an_empty_station_has_no_items(workplace):
    frame, _ = workplace.render(NOISE)
    assert Station(workplace.plane).locate(frame) == []
    assert Station().locate(frame) == []


@pytest.mark.parametrize("tilt", [0.0, 20.0, 40.0])
@pytest.mark.parametrize("width", [320, 640, 1280])
def test_one_item_is_found_whole(tilt, width):
    camera = CameraModel(width, width * 3 // 4, width * 0.8, width * 0.8, width / 2, width * 0.375)
    workplace = Workplace(camera, tilted_plane(tilt, 0.8))
    workplace.add(0.02, -0.03, (0.16, 0.11, 0.09), turn_deg=25)
    frame, shown = workplace.render(NOISE)
    (item,) = Station().locate(frame)
    assert iou(item.mask, shown == 1) > 0.93
    rows, columns = np.nonzero(item.mask)
    assert item.box == (
        columns.min(),
        rows.min(),
        np.ptp(columns) + 1,
        np.ptp(rows) + 1,
    )
    assert item.depth_share == 1.0
    assert not item.cut_off


def test_the_centroid_is_the_centre_of_the_visible_surface(workplace):
    workplace.add(0.0, 0.0, (0.16, 0.11, 0.09))
    frame, shown = workplace.render()
    (item,) = Station(workplace.plane).locate(frame)
    points = frame.camera.rays[shown == 1] * frame.depth_m[shown == 1][:, None]
    assert np.allclose(item.centroid_m, points.mean(axis=0), atol=0.004)


def test_separate_items_come_largest_first(workplace):
    workplace.add(-0.15, 0.0, (0.08, 0.08, 0.08))
    workplace.add(0.12, 0.05, (0.18, 0.12, 0.1), turn_deg=40)
    frame, shown = workplace.render(NOISE)
    large, small = Station(workplace.plane).locate(frame)
    assert iou(large.mask, shown == 2) > 0.93
    assert iou(small.mask, shown == 1) > 0.93
    assert len(Station(workplace.plane, max_items=1).locate(frame)) == 1


def test_an_item_on_another_is_an_item_of_its_own(workplace):
    workplace.add(0.0, 0.0, (0.22, 0.2, 0.08))
    workplace.add(0.0, 0.0, (0.11, 0.1, 0.09), turn_deg=30, bottom_m=0.08)
    frame, shown = workplace.render(NOISE)
    items = Station(workplace.plane).locate(frame)
    assert len(items) == 2
    for number in (1, 2):
        assert max(iou(item.mask, shown == number) for item in items) > 0.9
    together = Station(workplace.plane, separate_touching=False).locate(frame)
    assert len(together) == 1


def test_an_item_that_hides_part_of_another_is_told_apart(workplace):
    workplace.add(0.0, -0.12, (0.2, 0.08, 0.2))
    workplace.add(0.03, 0.06, (0.1, 0.08, 0.16), turn_deg=15)
    frame, shown = workplace.render(NOISE)
    items = Station(workplace.plane).locate(frame)
    assert len(items) == 2
    for number in (1, 2):
        assert max(iou(item.mask, shown == number) for item in items) > 0.9


def test_a_small_item_beside_a_large_one_is_told_apart():
    workplace = Workplace(plane=tilted_plane(25, 0.8))
    workplace.add(0.0, 0.0, (0.3, 0.2, 0.065))
    workplace.add(0.19, -0.02, (0.07, 0.08, 0.05))
    frame, shown = workplace.render(NOISE)
    items = Station(workplace.plane).locate(frame)
    assert len(items) == 2
    for number in (1, 2):
        assert max(iou(item.mask, shown == number) for item in items) > 0.85


def test_items_between_which_the_support_is_seen_are_items_apart(workplace):
    workplace.add(-0.056, 0.0, (0.1, 0.12, 0.06))
    workplace.add(0.056, 0.0, (0.1, 0.12, 0.06))
    frame, shown = workplace.render(NOISE)
    items = Station(workplace.plane).locate(frame)
    assert len(items) == 2
    for number in (1, 2):
        assert max(iou(item.mask, shown == number) for item in items) > 0.9


@pytest.mark.parametrize("tilt", [10.0, 35.0])
def test_an_opened_carton_with_its_flaps_is_one_item(tilt):
    workplace = Workplace(plane=tilted_plane(tilt, 0.8))
    workplace.add(0, 0, (0.25, 0.2, 0.01))
    for x, y, size in (
        (0.125, 0.0, (0.004, 0.2, 0.12)),
        (-0.125, 0.0, (0.004, 0.2, 0.12)),
        (0.0, 0.1, (0.25, 0.004, 0.12)),
        (0.0, -0.1, (0.25, 0.004, 0.12)),
    ):
        workplace.add(x, y, size)
    workplace.add(0.175, 0.0, (0.1, 0.2, 0.003), bottom_m=0.12)
    workplace.add(-0.175, 0.0, (0.1, 0.2, 0.003), bottom_m=0.12)
    frame, shown = workplace.render(NOISE)
    (item,) = Station(workplace.plane).locate(frame)
    assert iou(item.mask, shown > 0) > 0.93


def add_walls(workplace: Workplace, width: float, depth: float, height: float) -> None:
    """Four walls around the middle, 6 mm thick."""
    for side in (-1, 1):
        workplace.add(side * width / 2, 0.0, (0.006, depth, height))
        workplace.add(0.0, side * depth / 2, (width, 0.006, height))


@pytest.mark.parametrize("tilt", [0.0, 20.0])
def test_the_walls_of_a_tote_around_an_item_are_no_items(tilt):
    workplace = Workplace(plane=tilted_plane(tilt, 0.8))
    number = workplace.add(0.0, 0.0, (0.12, 0.1, 0.05), turn_deg=20)
    add_walls(workplace, 0.3, 0.26, 0.06)
    frame, shown = workplace.render(NOISE)
    (item,) = Station(workplace.plane).locate(frame)
    assert iou(item.mask, shown == number) > 0.9


@pytest.mark.parametrize(("tilt", "y"), [(20.0, 0.04), (30.0, -0.04), (40.0, -0.08)])
def test_an_item_before_the_wall_of_a_tote_is_cut_free_of_it(tilt, y):
    workplace = Workplace(plane=tilted_plane(tilt, 0.8))
    number = workplace.add(0.0, y, (0.09, 0.08, 0.2), turn_deg=20)
    add_walls(workplace, 0.34, 0.3, 0.08)
    frame, shown = workplace.render(NOISE)
    # The wall is too dark for the camera: no jump of depth parts it from the item before it.
    near = cv2.dilate((shown == number).astype(np.uint8), np.ones((41, 41), np.uint8)) > 0
    dark = near & (shown > 0) & (shown != number)
    depth = np.where(dark, 0, frame.depth_m).astype(np.float32)
    (item,) = Station(workplace.plane).locate(replace(frame, depth_m=depth))
    assert iou(item.mask, shown == number) > 0.8


def test_walls_around_nothing_are_an_item(workplace):
    add_walls(workplace, 0.2, 0.16, 0.08)
    frame, shown = workplace.render(NOISE)
    (item,) = Station(workplace.plane).locate(frame)
    assert iou(item.mask, shown > 0) > 0.85


def test_the_holes_of_a_perforated_support_are_no_items():
    workplace = Workplace(plane=tilted_plane(0, 0.8))
    workplace.add(0.0, 0.0, (0.14, 0.1, 0.08))
    frame, shown = workplace.render(NOISE)
    rows, columns = np.mgrid[:480, :640]
    hole = (np.hypot(rows % 60 - 30, columns % 60 - 30) < 18) & (shown == 0)
    color, depth = frame.color.copy(), frame.depth_m.copy()
    color[hole], depth[hole] = 25, 0
    (item,) = Station(workplace.plane).locate(replace(frame, color=color, depth_m=depth))
    assert iou(item.mask, shown == 1) > 0.85


def test_an_item_that_leaves_the_image_is_cut_off():
    workplace = Workplace(plane=tilted_plane(0, 0.8))
    workplace.add(0.45, 0.0, (0.25, 0.2, 0.1))
    frame, shown = workplace.render(NOISE)
    (item,) = Station(workplace.plane).locate(frame)
    assert item.cut_off
    assert iou(item.mask, shown == 1) > 0.93


def test_the_region_of_interest_cuts_items_and_hides_others(workplace):
    workplace.add(-0.15, 0.0, (0.1, 0.1, 0.08))
    workplace.add(0.15, 0.0, (0.1, 0.1, 0.08))
    frame, shown = workplace.render(NOISE)
    column = int(np.nonzero((shown == 2).any(axis=0))[0].mean())
    roi = RegionOfInterest(0.5, 0.0, column / 640 - 0.5, 1.0)
    (item,) = Station(workplace.plane, roi).locate(frame)
    assert item.cut_off
    assert not item.mask[:, : 640 // 2].any()
    assert not item.mask[:, column:].any()


def test_holes_in_the_depth_of_an_item_belong_to_it(workplace):
    workplace.add(0.0, 0.0, (0.18, 0.14, 0.09), turn_deg=10)
    frame, shown = workplace.render(NOISE)
    random = np.random.default_rng(5)
    depth = frame.depth_m.copy()
    rows, columns = np.nonzero(shown == 1)
    for at in random.integers(len(rows), size=25):
        depth[rows[at] - 5 : rows[at] + 6, columns[at] - 7 : columns[at] + 8] = 0
    half_lost = replace(frame, depth_m=depth)
    (item,) = Station(workplace.plane).locate(half_lost)
    assert iou(item.mask, shown == 1) > 0.9
    assert item.depth_share == pytest.approx((depth[item.mask] > 0).mean())
    assert item.depth_share < 0.95


def test_an_item_without_any_reading_is_found_by_its_colour(workplace):
    workplace.add(0.0, 0.0, (0.18, 0.14, 0.09))
    frame, shown = workplace.render(NOISE)
    depth = np.where(shown == 1, 0, frame.depth_m).astype(np.float32)
    (item,) = Station(workplace.plane).locate(replace(frame, depth_m=depth))
    assert iou(item.mask, shown == 1) > 0.9
    assert item.depth_share == 0.0
    assert item.centroid_m is None


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("absent", [True, False])
def test_without_any_depth_colour_alone_decides(workplace, known, absent):
    workplace.add(-0.1, 0.0, (0.12, 0.1, 0.09))
    workplace.add(0.15, 0.0, (0.12, 0.14, 0.09))
    frame, shown = workplace.render()
    depth = None if absent else np.zeros_like(frame.depth_m)
    station = Station(workplace.plane if known else None)
    items = station.locate(replace(frame, depth_m=depth))
    assert len(items) == 2
    for number in (1, 2):
        assert max(iou(item.mask, shown == number) for item in items) > 0.9
    assert all(item.centroid_m is None and item.depth_share == 0 for item in items)


@pytest.mark.parametrize("level", [0, 255])
def test_a_black_or_white_image_hides_no_item_that_has_depth(workplace, level):
    workplace.add(0.0, 0.0, (0.18, 0.14, 0.09))
    frame, shown = workplace.render(NOISE)
    blind = replace(frame, color=np.full_like(frame.color, level))
    (item,) = Station().locate(blind)
    assert iou(item.mask, shown == 1) > 0.93
    assert Station().locate(replace(blind, depth_m=None)) == []


def test_what_lies_beyond_the_support_is_no_item():
    workplace = Workplace(plane=tilted_plane(45, 0.6))
    workplace.add(0.0, 0.0, (0.12, 0.1, 0.1))
    frame, shown = workplace.render(NOISE)
    wall = frame.camera.rays[..., 2] * np.float32(1.6)
    beyond = frame.depth_m > 1.05
    behind = replace(frame, depth_m=np.where(beyond, wall, frame.depth_m).astype(np.float32))
    assert beyond.mean() > 0.15
    (item,) = Station(workplace.plane).locate(behind)
    assert iou(item.mask, shown == 1) > 0.93


def test_items_are_the_same_every_time(workplace):
    workplace.add(0.0, 0.0, (0.22, 0.2, 0.08))
    workplace.add(0.0, 0.0, (0.11, 0.1, 0.09), turn_deg=30, bottom_m=0.08)
    frame, _ = workplace.render(0.003)
    one, other = (Station().locate(frame) for _ in range(2))
    assert all(np.array_equal(a.mask, b.mask) for a, b in zip(one, other, strict=True))


def test_a_region_that_shows_nothing_but_depth_loss_is_survived(workplace):
    frame, _ = workplace.render()
    depth = frame.depth_m.copy()
    depth[:, 100:] = 0
    station = Station(Plane(workplace.plane.normal, workplace.plane.offset_m))
    assert station.locate(replace(frame, depth_m=depth)) == []


def test_depth_that_is_rubbish_in_stripes_is_divided_without_an_error():
    # Floats read as 16-bit millimetres, as under a wrong encoding.
    rng = np.random.default_rng(7)
    depth = rng.normal(0.8, 0.001, (240, 320)).astype("f4")
    depth[80:160, 93:173] -= 0.12
    wrong = (depth.view("u2")[:, :320] * 0.001).astype(np.float32)
    color = np.full((240, 320, 3), 90, np.uint8)
    frame = Frame(color, wrong, CameraModel(320, 240, 304.0, 304.0, 160.0, 120.0))
    plane = Station().plane_in(frame)
    assert isinstance(Station().locate(frame, plane), list)
