"""Deformed items: what moves is the outline, and what changes is marked."""

import cv2
import numpy as np
import pytest

from damage_perception.kinds import CODES, CRUSH, TEAR
from damage_perception.simulation.bent import bend

SEEDS = range(40)


@pytest.fixture(scope="module")
def good():
    """A printed box on a plain ground; in its picture half a view of ground on every side."""
    rng = np.random.default_rng(0)
    item = np.zeros((160, 160), bool)
    item[45:115, 40:120] = True
    print_ = cv2.resize(rng.integers(90, 220, (12, 12, 3), np.uint8), (160, 160))
    color = np.where(item[..., None], print_, 60).astype(np.uint8)
    depth = np.where(item, 0.7, 0.9).astype(np.float32)
    return color, depth, item


@pytest.fixture(scope="module")
def bent(good):
    return [bend(*good, 0.002, np.random.default_rng(seed)) for seed in SEEDS]


def test_damage_is_marked_on_the_item_and_is_what_changed(good, bent):
    color, _, item = good
    for made in bent:
        marked = made.codes > 0
        assert set(np.unique(made.codes)) <= {0, CODES[CRUSH], CODES[TEAR]}
        assert marked.sum() >= 20 and not marked[~made.item].any()
        changed = np.abs(made.color.astype(int) - color).max(axis=2)
        # What is marked also holds plain print that moved onto the same print.
        assert changed[marked].mean() > 2 * changed[~marked & ~item].mean()
        assert (np.abs(made.color[:8].astype(int) - color[:8]) <= 2).mean() > 0.9


def test_outlines_give_way(good, bent):
    item = good[2]
    moved = [np.count_nonzero(made.item != item) / item.sum() for made in bent]
    assert np.median(moved) > 0.02 and max(moved) < 0.6


def test_both_kinds_come_and_the_same_seed_makes_the_same(good, bent):
    kinds = {int(made.codes.max()) for made in bent}
    assert kinds == {CODES[CRUSH], CODES[TEAR]}
    again = bend(*good, 0.002, np.random.default_rng(3))
    assert (again.color == bent[3].color).all() and (again.codes == bent[3].codes).all()


def test_without_depth_only_colour_changes(good):
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
