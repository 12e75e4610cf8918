"""A threshold from scores of items of which some are damaged and nobody knows which."""

import numpy as np
import pytest

from damage_perception.network.unlabelled import fewest_items, suggest_operating_point

# Log odds of good items: the usual bell, a heavier tail, two kinds of products.
GOOD = {
    "normal": lambda rng, n: rng.normal(-4, 1.5, n),
    "logistic": lambda rng, n: rng.logistic(-4, 0.8, n),
    "products": lambda rng, n: np.where(
        rng.random(n) < 0.8, rng.normal(-5, 1, n), rng.normal(-3.5, 0.8, n)
    ),
}
NORMAL = GOOD["normal"]
# Where one good normal item in a hundred is.
HIGH = -4 + 1.5 * 2.326


def stream(good, damaged_share, count=3000, seed=0, spread=3.0):
    """Scores of which some are of damaged items: half of them above all but a few good ones."""
    rng = np.random.default_rng(seed)
    damaged = rng.binomial(count, damaged_share)
    scores = np.concatenate((good(rng, count - damaged), rng.normal(HIGH, spread, damaged)))
    return rng.permutation(scores)


@pytest.mark.parametrize("name", GOOD)
def test_the_true_rate_lies_within_the_interval_whatever_share_is_damaged(name):
    good = GOOD[name]
    true = np.sort(good(np.random.default_rng(99), 1_000_000))
    for share, fewest in ((0.0, 15), (0.001, 15), (0.01, 15), (0.03, 13)):
        held, rates = 0, []
        for seed in range(17):
            point = suggest_operating_point(stream(good, share, seed=seed), 5).point
            log_odds = np.log(point.threshold / (1 - point.threshold))
            rates.append(1000 * (1 - np.searchsorted(true, log_odds) / len(true)))
            low, high = point.false_diverts_per_1000_95
            held += low <= rates[-1] <= high
        assert held >= fewest, share
        assert 1.5 < np.median(rates) < 7, share


def test_damaged_items_move_the_threshold_less_than_a_quantile_of_all_items():
    scores = np.concatenate((stream(NORMAL, 0.0, 4950), np.linspace(HIGH + 2, HIGH + 8, 50)))
    threshold = suggest_operating_point(scores, 5).point.threshold
    right = -4 + 1.5 * 2.576
    off = abs(np.log(threshold / (1 - threshold)) - right)
    assert off < 0.3 < abs(np.quantile(scores, 0.995) - right)


def test_more_items_make_it_surer_and_what_is_stated_is_consistent():
    few = suggest_operating_point(stream(NORMAL, 0.001, 500), 10)
    many = suggest_operating_point(stream(NORMAL, 0.001, 20_000), 10)
    assert (few.items, many.items) == (500, 20_000)
    for found in (few, many):
        point = found.point
        assert point.threshold_95[0] <= point.threshold <= point.threshold_95[1]
        assert point.false_diverts_per_1000_95[0] < 10 < point.false_diverts_per_1000_95[1]
        assert found.damaged_share == 0.02
        assert (np.diff(found.tail_per_1000) <= 0).all() and found.tail_per_1000[0] > 100
    widths = [np.ptp(found.point.threshold_95) for found in (few, many)]
    assert widths[1] < widths[0] / 2


def test_the_same_scores_give_the_same_answer_in_any_order():
    scores = stream(NORMAL, 0.001)
    one, other = (suggest_operating_point(s, 5).point for s in (scores, scores[::-1].copy()))
    assert one == other


def test_the_threshold_falls_with_the_false_diverts_allowed():
    scores = stream(NORMAL, 0.001, 5000)
    thresholds = [suggest_operating_point(scores, rate).point.threshold for rate in (1, 5, 20, 100)]
    assert thresholds == sorted(thresholds, reverse=True)


def test_what_cannot_be_answered_is_refused_with_the_reason():
    scores = stream(NORMAL, 0.0)
    assert fewest_items(5) == 400 and fewest_items(1) == 1000
    with pytest.raises(ValueError, match="399 items are too few for 5 false diverts in 1000: 400"):
        suggest_operating_point(scores[:399], 5)
    with pytest.raises(ValueError, match=r"3000 items are too few for 0\.1 false .* 10000 are"):
        suggest_operating_point(scores, 0.1)
    for rate in (0, -1, 101, float("nan")):
        with pytest.raises(ValueError, match="expected more than 0, at most 100"):
            suggest_operating_point(scores, rate)
    with pytest.raises(ValueError, match="all alike"):
        suggest_operating_point(np.full(1000, -3.0), 5)


def test_more_damaged_items_than_it_holds_for_are_noticed():
    scores = stream(lambda rng, n: rng.normal(-6, 1, n), 0.04, 5000, spread=1.0)
    with pytest.raises(ValueError, match=r"about 3\.\d% of 5000 items look damaged; .* up to 2%"):
        suggest_operating_point(scores, 5)
