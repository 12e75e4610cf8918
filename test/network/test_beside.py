"""What lies beside an item counts, though no reference is compared there."""

import numpy as np
import pytest

from damage_perception.kinds import KINDS
from damage_perception.network.beside import beside
from damage_perception.network.comparison import Fusion
from damage_perception.odds import probability

ALONG = 80


def maps_with(rows, columns, confidence):
    maps = np.full((len(KINDS), ALONG, ALONG), 0.01, np.float32)
    maps[2, rows, columns] = confidence
    return maps


@pytest.fixture
def item():
    mask = np.zeros((320, 320), np.uint8)
    mask[80:240, 80:240] = 1
    return mask


def test_only_what_is_not_on_the_item_counts(item):
    on = maps_with(slice(30, 35), slice(30, 35), 0.9)
    assert probability(beside(on, item)) == pytest.approx(0.01, abs=1e-3)
    near = maps_with(slice(60, 62), slice(30, 35), 0.9)
    assert probability(beside(near, item)) == pytest.approx(0.01, abs=1e-3)
    off = maps_with(slice(70, 74), slice(30, 35), 0.9)
    assert probability(beside(off, item)) == pytest.approx(0.9, abs=1e-3)


def test_an_item_that_fills_its_view_has_nothing_beside_it():
    filled = np.ones((320, 320), np.uint8)
    assert beside(maps_with(slice(0, 80), slice(0, 80), 0.99), filled) < -9


def test_a_spill_beside_the_item_is_not_hidden_by_references():
    fusion = Fusion(0.05, 0.95, 0.0, True, beside=0.5)
    without = Fusion(0.05, 0.95, 0.0, True)
    assert fusion.join(4.0, -2.0, 3.0) == pytest.approx(without.join(4.0, -2.0, 3.0) + 1.5)


@pytest.mark.parametrize(("alone", "near"), [(4.0, -1.0), (-1.0, 4.0), (4.0, float("-inf"))])
def test_it_takes_the_verdict_and_the_map_to_say_so(alone, near):
    fusion = Fusion(0.05, 0.95, 0.0, True, beside=0.5)
    assert fusion.join(alone, -2.0, near) == pytest.approx(0.05 * alone - 1.9)
