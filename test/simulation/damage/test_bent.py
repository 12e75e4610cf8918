"""Deformed items: what moves is the outline, and what changes is marked."""

import cv2
import numpy as np
import pytest

from damage_perception.kinds import CODES, CRUSH, TEAR
from damage_perception.simulation.damage.bent import bend

SEEDS = range(40)


@pytest.fixture(scope="module")
def good():
    """A printed box on a ground with grain, lit from one side, and a margin all around."""
    rng = np.random.default_rng(0)
    item = np.zeros((160, 160), bool)
    item[45:115, 40:120] = True
    print_ = cv2.resize(rng.integers(90, 220, (12, 12, 3), np.uint8), (160, 160))
    grain = rng.integers(-6, 7, (160, 160, 1)) + np.linspace(0, 40, 160)[:, None]
    ground = np.array((40, 50, 90)) + grain
    color = np.where(item[..., None], print_, ground).astype(np.uint8)
    depth = np.where(item, 0.7, 0.9).astype(np.float32)
    return color, depth, item


@pytest.fixture(scope="module")
def bent(good):
    return [bend(*good, 0.002, np.random.default_rng(seed)) for seed in SEEDS]


def test_damage_is_marked_on_the_item_and_shows(good, bent):
    color = good[0]
    for made in bent:
        marked = made.codes > 0
        assert set(np.unique(made.codes)) <= {0, CODES[CRUSH], CODES[TEAR]}
        assert marked.sum() >= 20 and not marked[~made.item].any()
        changed = np.abs(made.color.astype(int) - color)
        assert changed[marked].mean() > 9


def test_what_lies_around_the_item_stays_as_it_is(good, bent):
    color, depth, item = good
    for made in bent:
        # But for the fringe of the outline, where pixels are mixed.
        around = ~cv2.dilate((item | made.item).view(np.uint8), np.ones((9, 9))).view(bool)
        assert (made.color[around] == color[around]).all()
        assert (made.depth_m[around] == depth[around]).all()


def test_where_a_part_is_gone_the_ground_shows(good, bent):
    color, _, item = good
    ground = color[~item].mean(axis=0)
    seen = 0
    for made in bent:
        gone = cv2.erode((item & ~made.item).view(np.uint8), np.ones((5, 5))).view(bool)
        if gone.sum() >= 20:
            seen += 1
            assert np.abs(made.color[gone].mean(axis=0) - ground).max() < 40
            assert np.abs(made.depth_m[gone] - 0.9).max() < 1e-6
    assert seen >= 5


def test_outlines_give_way(good, bent):
    item = good[2]
    moved = [np.count_nonzero(made.item != item) / item.sum() for made in bent]
    assert np.median(moved) > 0.02 and max(moved) < 0.6


def test_both_kinds_come_and_the_same_seed_makes_the_same(good, bent):
    kinds = {int(made.codes.max()) for made in bent}
    assert kinds == {CODES[CRUSH], CODES[TEAR]}
    again = bend(*good, 0.002, np.random.default_rng(3))
    assert (again.color == bent[3].color).all() and (again.codes == bent[3].codes).all()


def test_a_depth_that_is_not_known_is_not_made_up(good):
    color, depth, item = good
    unknown = np.full_like(depth, np.nan)
    for seed in SEEDS:
        assert np.isnan(
            bend(color, unknown, item, 0.002, np.random.default_rng(seed)).depth_m
        ).all()


def test_a_dent_goes_away_from_the_camera(good, bent):
    _, depth, item = good
    for made in bent:
        crushed = (made.codes == CODES[CRUSH]) & item & np.isfinite(made.depth_m)
        if crushed.any():
            assert np.mean((made.depth_m - depth)[crushed]) > 0
