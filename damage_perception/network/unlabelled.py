"""The operating point of a site from scores of its items, without knowing which are damaged.

Few items of a site are damaged, but where they are they lie at the top, among the good items that
an operating point is about. So the top is taken for a mixture: good items whose log odds fall off
as a generalised Pareto tail (Pickands 1975), and a small share of damaged ones spread as a logistic
distribution of unknown place and width. All of it is weighed on a grid (Bayes, no sampling, the
same answer every time); what is asked of good items is read off their part alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log
from typing import Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.network.operating_point import OperatingPoint
from damage_perception.odds import probability

# Share of damaged items up to which an answer holds; with more it is refused where it shows.
MOST_DAMAGED_SHARE: Final = 0.02
LEAST_ITEMS: Final = 400
MOST_PER_1000: Final = 100.0

# The tail is the highest of the items; below lies what says nothing of it.
_TAIL_SHARE: Final = 0.15
_BINS: Final = 50
# Log odds of good items fall off between as fast as a normal distribution's and an exponential.
_SHAPE_MEAN, _SHAPE_SPREAD = -0.06, 0.1
_SHAPES: Final = np.linspace(-0.4, 0.15, 17)
_SCALES: Final = np.geomspace(0.5, 1.8, 28)
# Room above what is promised, so that more than that is noticed.
_DAMAGED: Final = np.linspace(0.0, 0.05, 26)
_DAMAGED_PLACES: Final = (0.0, 2.0, 4.0, 6.0, 9.0, 13.0)
_DAMAGED_WIDTHS: Final = (0.7, 1.6, 3.0)
# Small shares are likelier; less so in the intervals, which have to hold with the others, too.
_DAMAGED_USUAL: Final = 0.002
_DAMAGED_POSSIBLE: Final = 0.01
# Wider than 95 %: no tail has exactly the form that is fitted.
_INTERVAL: Final = (0.01, 0.99)


@dataclass(frozen=True, eq=False)
class UnlabelledPoint:
    """What unlabelled items suggest.

    point          the threshold with its intervals
    items          that it rests on
    damaged_share  share of damaged items up to which it holds
    tail_log_odds  (K,) log odds, from where the tail begins upward
    tail_per_1000  (K,) good items in a thousand at or above them, by the fit
    """

    point: OperatingPoint
    items: int
    damaged_share: float
    tail_log_odds: NDArray[np.float64]
    tail_per_1000: NDArray[np.float64]


def fewest_items(false_diverts_per_1000: float) -> int:
    """How many items are needed for that rate: one of them is to be diverted by it."""
    return max(LEAST_ITEMS, ceil(1000 / false_diverts_per_1000))


def suggest_operating_point(
    log_odds: NDArray[np.float64], false_diverts_per_1000: float
) -> UnlabelledPoint:
    """The threshold that diverts so many of the good ones among unlabelled items.

    log_odds  (N,) calibrated log odds of damage, of items in any order

    Raises ValueError where the rate is none, the items are too few or all alike, or more of them
    look damaged than the answer holds for.
    """
    rate = false_diverts_per_1000
    if not 0 < rate <= MOST_PER_1000:
        raise ValueError(
            f"false_diverts_per_1000 is {rate:g}; expected more than 0, at most {MOST_PER_1000:g}"
        )
    count, fewest = len(log_odds), fewest_items(rate)
    if count < fewest:
        raise ValueError(
            f"{count} items are too few for {rate:g} false diverts in 1000: {fewest} are needed"
        )
    tail = _Tail.of(log_odds)
    usual, possible = tail.weights(_DAMAGED_USUAL), tail.weights(_DAMAGED_POSSIBLE)
    damaged = float(usual[..., _DAMAGED > MOST_DAMAGED_SHARE].sum())
    if damaged > 0.9:
        seen = float((usual.sum(axis=(0, 1)) * _DAMAGED).sum())
        raise ValueError(
            f"about {seen:.1%} of {count} items look damaged; the answer holds up to "
            f"{MOST_DAMAGED_SHARE:.0%}: leave the damaged ones out, or label them"
        )
    thresholds = tail.log_odds_at(rate / 1000)
    (threshold,) = _quantiles(thresholds, usual, (0.5,))
    low, high = _quantiles(thresholds, possible, _INTERVAL)
    rates = _quantiles(tail.share_above(threshold), possible, _INTERVAL)
    places = np.linspace(tail.begin, max(log_odds.max(), high), 60)
    return UnlabelledPoint(
        OperatingPoint(
            probability(threshold),
            (probability(low), probability(high)),
            (1000 * rates[0], 1000 * rates[1]),
        ),
        count,
        MOST_DAMAGED_SHARE,
        places,
        np.array([1000 * float((usual * tail.share_above(place)).sum()) for place in places]),
    )


@dataclass(frozen=True, eq=False)
class _Tail:
    """Every tail that is weighed: over scales, shapes and shares of damaged items.

    begin       log odds at which the tail begins
    unit        log odds that scales, and places and widths of damaged items, are counted in
    likelihood  (scales, shapes, damaged shares, spreads of damaged items) log likelihood
    """

    begin: float
    unit: float
    likelihood: NDArray[np.float64]

    @staticmethod
    def of(log_odds: NDArray[np.float64]) -> _Tail:
        """The tail of (N,) log odds. Raises ValueError where these are all alike."""
        ordered = np.sort(log_odds)
        kept = int(len(ordered) * _TAIL_SHARE)
        begin = float(ordered[-kept - 1])
        above = ordered[-kept:] - begin
        unit = float(np.median(above)) / log(2)
        if unit <= 0:
            raise ValueError("the highest scores are all alike: they say nothing of a threshold")
        # Finer toward the top, where good and damaged items are to be told apart.
        inner = np.quantile(above, 1 - np.geomspace(1, 1 / kept, _BINS))[1:-1]
        edges = np.unique(np.concatenate(([0.0], inner)))
        counts, _ = np.histogram(above, np.append(edges, np.inf))
        good = _between(_pareto(edges[:, None, None] / unit))
        damaged = _between(_damaged(edges / unit))
        share = _DAMAGED / _TAIL_SHARE
        likelihood = np.zeros((*good.shape[1:], len(share), damaged.shape[1]))
        for i in np.flatnonzero(counts):
            of_good = (1 - share)[:, None] * good[i, :, :, None, None]
            likelihood += counts[i] * np.log(of_good + share[:, None] * damaged[i] + 1e-30)
        return _Tail(begin, unit, likelihood)

    def weights(self, damaged_share: float) -> NDArray[np.float64]:
        """(scales, shapes, damaged shares) how likely each is; they sum to 1.

        damaged_share  beyond which a share of damaged items is the less likely the larger it is
        """
        prior = -0.5 * ((_SHAPES - _SHAPE_MEAN) / _SHAPE_SPREAD) ** 2
        log_weights = self.likelihood + prior[:, None, None]
        log_weights -= np.log(_DAMAGED + damaged_share)[:, None]
        weights = np.exp(log_weights - log_weights.max()).sum(axis=-1)
        return np.asarray(weights / weights.sum())

    def log_odds_at(self, share: float) -> NDArray[np.float64]:
        """(scales, shapes, damaged shares) log odds that this share of good items reaches."""
        beyond = share / _good_in_tail()
        excess = (beyond ** -_SHAPES[:, None] - 1) / _SHAPES[:, None]
        return np.asarray(self.begin + self.unit * _SCALES[:, None, None] * excess)

    def share_above(self, log_odds: float) -> NDArray[np.float64]:
        """(scales, shapes, damaged shares) share of good items at or above some log odds."""
        above = _pareto(np.full((1, 1), (log_odds - self.begin) / self.unit))
        return np.asarray(above[:, :, None] * _good_in_tail())


def _good_in_tail() -> NDArray[np.float64]:
    """(damaged shares,) share of the good items that is in the tail, where all damaged ones are."""
    return np.asarray((_TAIL_SHARE - _DAMAGED) / (1 - _DAMAGED))


def _pareto(excess: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., scales, shapes) share of the tail above (..., 1, 1) units from its begin."""
    grown = 1 + _SHAPES * excess / _SCALES[:, None]
    # Beyond the end of a tail that has one there is nothing.
    return np.asarray(np.where(grown > 0, np.maximum(grown, 1e-12) ** (-1 / _SHAPES), 0.0))


def _damaged(excess: NDArray[np.float64]) -> NDArray[np.float64]:
    """(E, spreads) share of damaged items above (E,) units, of those in the tail."""
    columns = []
    for place in _DAMAGED_PLACES:
        for width in _DAMAGED_WIDTHS:
            above = 0.5 * (1 - np.tanh(0.5 * (np.append(0.0, excess) - place) / width))
            columns.append(above[1:] / above[0])
    return np.stack(columns, axis=1)


def _between(above: NDArray[np.float64]) -> NDArray[np.float64]:
    """What lies between each edge and the next, from what lies above each of (E, ...)."""
    nothing = np.zeros_like(above[:1])
    return np.asarray(-np.diff(np.concatenate((above, nothing)), axis=0))


def _quantiles(
    values: NDArray[np.float64], weights: NDArray[np.float64], shares: tuple[float, ...]
) -> list[float]:
    order = np.argsort(values, axis=None)
    summed = np.cumsum(weights.ravel()[order])
    places = np.minimum(np.searchsorted(summed, shares), len(order) - 1)
    return [float(value) for value in values.ravel()[order][places]]
