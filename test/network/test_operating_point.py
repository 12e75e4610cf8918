"""Thresholds from good items, and how sure they are."""

import numpy as np
import pytest

from damage_perception.network.operating_point import (
    GoodItems,
    World,
    find_operating_point,
    find_operating_point_of_worlds,
)
from damage_perception.training.calibration import worlds_section


def highest(count=3000, share=0.1, seed=0):
    scores = np.sort(np.random.default_rng(seed).beta(1, 8, count))
    return scores[-int(count * share) :]


def worlds(spread, seed, number=12, count=1000):
    """Worlds whose log odds are logistic about -4, each of them shifted by its own."""
    rng = np.random.default_rng(seed)
    shifts = rng.normal(0, spread, number)
    log_odds = {f"w{i}": rng.logistic(-4 + s, 0.8, count) for i, s in enumerate(shifts)}
    return GoodItems.parse({"highest_confidences": [], "count": 0}, worlds_section(log_odds)).worlds


def rate_in_a_world(threshold, shift):
    """Good items in a thousand that are truly diverted in such a world."""
    log_odds = np.log(threshold / (1 - threshold))
    return 1000 / (1 + np.exp((log_odds + 4 - shift) / 0.8))


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


def test_worlds_that_do_not_differ_give_what_all_items_together_give():
    for seed in range(5):
        alike = worlds(0.0, seed)
        every = np.sort(np.concatenate([world.highest for world in alike]))
        pooled = find_operating_point(every, 12_000, 5)
        point = find_operating_point_of_worlds(alike, 5)
        assert pooled.threshold_95[0] <= point.threshold <= pooled.threshold_95[1]
        low, high = point.false_diverts_per_1000_95
        assert low < 5 < high
        # Chance may look like a spread, never like a large one.
        assert high / low < 7


def test_where_worlds_differ_the_interval_is_wide_and_holds_a_new_world():
    held, rates, widths = 0, [], []
    for seed in range(40):
        point = find_operating_point_of_worlds(worlds(0.8, seed), 5)
        new = np.random.default_rng(10_000 + seed).normal(0, 0.8)
        rates.append(rate_in_a_world(point.threshold, new))
        low, high = point.false_diverts_per_1000_95
        held += low <= rates[-1] <= high
        widths.append(high / low)
    assert 36 <= held <= 40
    assert np.median(widths) > 15
    assert 3.5 < np.mean(rates) < 7


def test_a_world_of_few_items_says_less_than_one_of_many():
    alike = worlds(0.0, 1)
    # Ten times what the others divert, seen on 40 items and on 4,000.
    points = []
    for count in (40, 4000):
        scores = np.random.default_rng(0).logistic(-2.2, 0.8, count)
        (unlike,) = worlds_section({"unlike": scores})
        points.append(
            find_operating_point_of_worlds(
                (*alike, World("unlike", np.array(unlike["highest_confidences"]), count)), 5
            )
        )
    few, many = points
    assert few.threshold < many.threshold
    assert few.false_diverts_per_1000_95[1] < many.false_diverts_per_1000_95[1]


def test_fewer_than_three_worlds_and_rates_that_worlds_cannot_show_are_refused():
    two = worlds_section({name: np.linspace(-8, 0, 100) for name in "ab"})
    with pytest.raises(ValueError, match="worlds: 2 of them; expected 3 or more"):
        GoodItems.parse({"highest_confidences": [0.5], "count": 1}, two)
    for rate in (0.01, 400):
        with pytest.raises(ValueError, match=r"12 worlds can show 0\.083 to 2"):
            find_operating_point_of_worlds(worlds(0.0, 0), rate)


def test_the_card_takes_the_worlds_where_it_has_them():
    apart = worlds(0.8, 3)
    every = np.sort(np.concatenate([world.highest for world in apart]))
    told_apart = GoodItems(every, 12_000, apart).operating_point(5)
    assert told_apart == find_operating_point_of_worlds(apart, 5)
    assert GoodItems(every, 12_000).operating_point(5) == find_operating_point(every, 12_000, 5)
