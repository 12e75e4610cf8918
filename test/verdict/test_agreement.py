"""Colour that does not show the item of the depth image is told from colour that does."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from damage_perception.frame import CameraModel, Frame
from damage_perception.station import Station
from damage_perception.verdict.agreement import agreement_of
from damage_perception.view import UNKNOWN_HEIGHT_M, View, Window, cut_views

SIDE = 320
BOX = np.s_[80:240, 90:250]


def view_of(color, seed=0, noise=2.0):
    """A view of a box 10 cm high, with the noise of a camera."""
    rng = np.random.default_rng(seed)
    height = np.zeros((SIDE, SIDE), np.float32)
    item = np.zeros((SIDE, SIDE), np.uint8)
    height[BOX], item[BOX] = 0.1, 1
    pixels = color + rng.normal(0, noise, color.shape)
    return View(np.clip(pixels, 0, 255).astype(np.uint8), height, item, 0.4, Window(0, 0, SIDE))


def ground(level=120, pattern=False):
    color = np.full((SIDE, SIDE, 3), float(level))
    if pattern:
        for row in range(10, SIDE, 28):
            for column in range(10, SIDE, 28):
                cv2.circle(color, (column, row), 8, (30.0, 30.0, 30.0), cv2.FILLED)
    return color


def with_box(color, level, shadow=0.0):
    color = color.copy()
    color[240:246, 90:250] -= shadow
    color[BOX] = level
    return color


@pytest.mark.parametrize(
    ("under", "item", "shadow"),
    [(120, 180, 0), (120, 60, 0), (235, 244, 40), (20, 12, 0), (200, 190, 25)],
)
def test_an_item_is_seen_on_any_ground(under, item, shadow):
    assert agreement_of(view_of(with_box(ground(under), item, shadow))).holds


@pytest.mark.parametrize("pattern", [False, True])
@pytest.mark.parametrize("level", [20, 120, 235, 247])
def test_an_empty_station_in_colour_shows_no_item(level, pattern):
    agreement = agreement_of(view_of(ground(level, pattern)))
    assert not agreement.holds


def test_an_item_on_a_patterned_ground_is_seen():
    assert agreement_of(view_of(with_box(ground(150, pattern=True), 200))).holds


@pytest.mark.parametrize("rest", [0, 128, 255])
def test_an_image_that_came_in_half_is_not_seen(rest):
    view = view_of(with_box(ground(), 180))
    color = view.color.copy()
    color[190:] = rest
    agreement = agreement_of(replace(view, color=color))
    assert agreement.blank > 0.2 and not agreement.holds


@pytest.mark.parametrize("row", [110, 145, 175])
def test_an_image_torn_across_the_item_shows_it_in_part_only(row):
    whole, empty = view_of(with_box(ground(), 180)), view_of(ground(), seed=1)
    color = whole.color.copy()
    color[row:] = empty.color[row:]
    assert not agreement_of(replace(whole, color=color)).holds


def test_without_ground_beside_it_nothing_is_said():
    view = view_of(ground())
    full = replace(view, height_m=np.full((SIDE, SIDE), 0.1, np.float32))
    assert agreement_of(full).holds


def test_ground_without_depth_is_ground():
    view = view_of(ground())
    height = np.where(view.item > 0, 0.1, UNKNOWN_HEIGHT_M).astype(np.float32)
    assert not agreement_of(replace(view, height_m=height)).holds


@pytest.fixture(scope="module")
def scenes(recordings):
    """Real scenes of groceries: frame, plane and items of each."""
    camera = CameraModel(640, 480, 525.0, 525.0, 319.5, 239.5)
    found = []
    for path in sorted((recordings / "mosd").glob("*_color.png")):
        color = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        depth = cv2.imread(str(path).replace("_color", "_depth"), cv2.IMREAD_UNCHANGED)
        frame = Frame(color, (depth / 1000).astype(np.float32), camera)
        plane = Station().plane_in(frame)
        found.append((frame, plane, Station().locate(frame, plane)))
    if not found:
        pytest.skip("no scenes of mosd")
    return found


def judged(frame, items, plane):
    return [agreement_of(view).holds for view in cut_views(frame, items, plane, SIDE)]


def test_real_items_are_seen_in_any_light(scenes):
    rng = np.random.default_rng(0)
    held = []
    for frame, plane, items in scenes:
        for gain, noise in ((1.0, 0.0), (0.3, 3.0), (1.5, 2.0), (0.7, 5.0)):
            color = frame.color * gain + rng.normal(0, noise, frame.color.shape)
            shift = np.array([[1, 0, rng.uniform(-3, 3)], [0, 1, rng.uniform(-3, 3)]])
            color = cv2.warpAffine(
                np.clip(color, 0, 255).astype(np.uint8), shift, (640, 480),
                borderMode=cv2.BORDER_REPLICATE,
            )  # fmt: skip
            held += judged(replace(frame, color=color), items, plane)
    assert len(held) > 200 and all(held)


def test_real_items_are_not_seen_where_the_colour_is_of_the_empty_table(scenes):
    held = []
    for frame, plane, items in scenes:
        mask = np.any([item.mask for item in items], axis=0).astype(np.uint8)
        mask = cv2.dilate(mask, np.ones((15, 15), np.uint8))
        empty = cv2.inpaint(frame.color, mask, 5, cv2.INPAINT_TELEA)
        empty = np.clip(empty + np.random.default_rng(0).normal(0, 2, empty.shape), 0, 255)
        held += judged(replace(frame, color=empty.astype(np.uint8)), items, plane)
    assert np.mean(held) < 0.05
