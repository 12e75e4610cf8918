"""Thresholds from good items, and how sure they are."""

import numpy as np
import pytest

from damage_perception.network.operating_point import find_operating_point


def highest(count=3000, share=0.1, seed=0):
    scores = np.sort(np.random.default_rng(seed).beta(1, 8, count))
    return scores[-int(count * share) :]


def test_the_threshold_diverts_as_many_as_asked_and_no_more():
    scores = highest()
    for rate in (1, 5, 50):
        point = find_operating_point(scores, 3000, rate)
        assert (scores >= point.threshold).sum() == 3 * rate


def test_intervals_hold_the_values_themselves():
    point = find_operating_point(highest(), 3000, 5)
    low, high = point.threshold_95
    assert low <= point.threshold <= high
    least, most = point.false_diverts_per_1000_95
    assert least < 5 < most


def test_the_interval_holds_the_true_rate_about_as_often_as_it_says():
    held = 0
    for seed in range(200):
        point = find_operating_point(highest(seed=seed), 3000, 10)
        # Beta(1, 8): the chance of a score above t is (1 - t)^8.
        true_rate = 1000 * (1 - point.threshold) ** 8
        least, most = point.false_diverts_per_1000_95
        held += least <= true_rate <= most
    assert 180 <= held <= 199


def test_more_items_make_it_surer():
    few = find_operating_point(highest(1000), 1000, 10).false_diverts_per_1000_95
    many = find_operating_point(highest(30_000), 30_000, 10).false_diverts_per_1000_95
    assert many[1] - many[0] < (few[1] - few[0]) / 3


def test_a_rate_that_so_many_items_cannot_show_is_refused():
    with pytest.raises(ValueError, match=r"3000 good items can show 0\.33 to 99\.67"):
        find_operating_point(highest(), 3000, 0.1)
