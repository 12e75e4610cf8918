"""AUPRO of maps whose answer is known."""

import numpy as np
import pytest

from damage_perception.evaluation.pixels import aupro, score_pixels
from damage_perception.view import Window

WINDOW = Window(0, 0, 80)


def mask_of(*boxes):
    mask = np.zeros((80, 80), bool)
    for y, x, side in boxes:
        mask[y : y + side, x : x + side] = True
    return mask


def maps_of(mask, found=0.95, elsewhere=0.02):
    cells = np.where(mask[2::4, 2::4], found, elsewhere).astype(np.float32)
    return np.stack((np.zeros_like(cells), cells))


def test_maps_that_show_the_damage_and_nothing_else_are_perfect():
    mask = mask_of((8, 8, 20), (48, 40, 12))
    assert aupro([score_pixels(maps_of(mask), WINDOW, mask)]) == pytest.approx(1.0, abs=0.01)


def test_maps_that_know_nothing_are_at_chance():
    rng = np.random.default_rng(0)
    mask = mask_of((20, 20, 32))
    scores = [
        score_pixels(rng.random((2, 20, 20)).astype(np.float32), WINDOW, mask) for _ in range(60)
    ]
    assert aupro(scores) == pytest.approx(0.15, abs=0.02)


def test_a_small_region_counts_like_a_large_one():
    large, small = mask_of((8, 8, 32)), mask_of((60, 60, 8))
    missed = maps_of(large, elsewhere=0.02)
    value = aupro([score_pixels(missed, WINDOW, large | small)])
    # One of two regions is found at once, the other only with everything else.
    assert 0.5 < value < 0.7


def test_damage_outside_the_view_is_not_asked_of_its_maps():
    mask = mask_of((0, 0, 80))
    outside = score_pixels(maps_of(mask_of()), Window(100, 100, 80), np.zeros((80, 80), bool))
    assert not len(outside.regions)
    assert aupro([outside]) is None
    assert aupro([]) is None
    assert len(score_pixels(maps_of(mask), WINDOW, mask).regions) == 1
