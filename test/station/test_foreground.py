"""Items of a frame without depth are what a finder calls foreground, cut apart at its seams."""

from dataclasses import replace

import numpy as np
import pytest
from workplace import iou

from damage_perception.station import Foreground, RegionOfInterest, Station

CELL = 8


def finder_of(shown, seam=False):
    """A finder that knows the truth in cells of 8 pixels; ``seam``: where 1 and 2 touch, too."""
    asked = []

    def find(color):
        asked.append(color)
        cells = shown[CELL // 2 :: CELL, CELL // 2 :: CELL]
        item = (cells > 0).astype(np.float32)
        touch = np.zeros_like(item)
        if seam:
            meets = (cells[:, :-1] != cells[:, 1:]) & (cells[:, :-1] > 0) & (cells[:, 1:] > 0)
            touch[:, :-1][meets] = touch[:, 1:][meets] = 1
        return Foreground(item, touch)

    return find, asked


def drawn(*boxes):
    """(480, 640) with the number of each box (top, bottom, left, right)."""
    shown = np.zeros((480, 640), np.int32)
    for number, (top, bottom, left, right) in enumerate(boxes, start=1):
        shown[top:bottom, left:right] = number
    return shown


@pytest.fixture
def blind(workplace):
    """A frame without depth."""
    frame, _ = workplace.render()
    return replace(frame, depth_m=None)


def test_items_are_what_the_finder_shows_largest_first(blind):
    shown = drawn((80, 160, 80, 160), (200, 360, 320, 480))
    find, asked = finder_of(shown)
    large, small = Station().locate(blind, find_foreground=find)
    assert iou(large.mask, shown == 2) > 0.95
    assert iou(small.mask, shown == 1) > 0.9
    assert asked[0].shape == (480, 640, 3)
    assert large.centroid_m is None and large.depth_share == 0


def test_items_that_touch_are_cut_apart_at_the_seam(blind):
    shown = drawn((160, 320, 160, 320), (160, 320, 320, 480))
    find, _ = finder_of(shown, seam=True)
    items = Station().locate(blind, find_foreground=find)
    assert len(items) == 2
    for number in (1, 2):
        assert max(iou(item.mask, shown == number) for item in items) > 0.9
    (together,) = Station(separate_touching=False).locate(blind, find_foreground=find)
    assert iou(together.mask, shown > 0) > 0.95


def test_a_small_item_that_is_half_seam_is_kept(blind):
    shown = drawn((200, 360, 160, 320), (200, 232, 320, 336))
    find, _ = finder_of(shown, seam=True)
    items = Station().locate(blind, find_foreground=find)
    assert len(items) == 2
    assert iou(items[1].mask, shown == 2) > 0.7


def test_what_the_finder_leaves_open_inside_an_item_belongs_to_it(blind):
    shown = drawn((160, 320, 160, 320))
    shown[220:260, 220:260] = 0
    find, _ = finder_of(shown)
    (item,) = Station().locate(blind, find_foreground=find)
    assert item.mask[240, 240]


def test_an_empty_image_and_a_speck_show_no_item(blind):
    speck = drawn((240, 248, 240, 248))
    for shown in (drawn(), speck):
        find, _ = finder_of(shown)
        assert Station().locate(blind, find_foreground=find) == []


def test_only_the_region_of_interest_is_searched(blind):
    shown = drawn((0, 240, 0, 320), (300, 380, 400, 560))
    find, asked = finder_of(shown[240:, 320:])
    region = RegionOfInterest(0.5, 0.5, 0.5, 0.5)
    (item,) = Station(roi=region).locate(blind, find_foreground=find)
    assert iou(item.mask, shown == 2) > 0.9
    assert not item.cut_off
    assert asked[0].shape == (240, 320, 3)


def test_what_has_depth_is_found_by_its_height(workplace):
    workplace.add(0.0, 0.0, (0.16, 0.11, 0.09))
    frame, shown = workplace.render()
    find, asked = finder_of(drawn((0, 80, 0, 80)))
    (item,) = Station().locate(frame, find_foreground=find)
    assert iou(item.mask, shown == 1) > 0.93
    assert not asked
