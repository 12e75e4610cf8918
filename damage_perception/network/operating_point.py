"""From the scores of good items to the threshold that diverts no more of them than asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

# Of the normal distribution, for 95 %.
_Z: Final = 1.96
# With fewer worlds there is no telling how far worlds are apart.
FEWEST_WORLDS: Final = 3
# Rates that are weighed, and means and spreads of what they are drawn from, in logarithms.
_LOG_RATES: Final = np.linspace(-14.0, 0.0, 281)
_MEANS, _SPREADS = (
    grid.ravel() for grid in np.meshgrid(np.linspace(-12.0, -1.0, 45), np.linspace(0.05, 2.5, 15))
)
# Worlds seldom differ by more than a factor of ten either way.
_USUAL_SPREAD: Final = 1.0
_IN_95: Final = (0.025, 0.975)


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold, and what is known of it from a finite number of good items.

    threshold                  confidence at or above which an item is diverted, 0..1
    threshold_95               least and greatest threshold that the same number of other good
                               items might have given
    false_diverts_per_1000_95  95 % interval of the rate that the threshold will show
    """

    threshold: float
    threshold_95: tuple[float, float]
    false_diverts_per_1000_95: tuple[float, float]


@dataclass(frozen=True, eq=False)
class World:
    """Good items of one simulated family or real source, scored as if it had never been seen.

    highest  (N,) sorted scores of the highest-scoring ones, by a calibration without this world
    count    how many were scored in all
    """

    name: str
    highest: NDArray[np.float64]
    count: int


@dataclass(frozen=True, eq=False)
class GoodItems:
    """What a model card knows of how good items score.

    highest  (N,) sorted scores of the highest-scoring ones of all worlds together
    count    how many were scored in all
    worlds   the same of each world by itself; empty where the card does not tell them apart
    """

    highest: NDArray[np.float64]
    count: int
    worlds: tuple[World, ...] = ()

    @staticmethod
    def parse(
        items: Mapping[str, Any], worlds: Sequence[Mapping[str, Any]] | None = None
    ) -> GoodItems:
        """From sections of a card. Raises KeyError, TypeError, ValueError."""
        entries = tuple(World(str(w["name"]), *_scores(w)) for w in worlds or ())
        if entries and len(entries) < FEWEST_WORLDS:
            raise ValueError(f"worlds: {len(entries)} of them; expected {FEWEST_WORLDS} or more")
        return GoodItems(*_scores(items), entries)

    def operating_point(self, false_diverts_per_1000: float) -> OperatingPoint:
        """For a new world where worlds are told apart, otherwise for one like all together.

        Raises ValueError outside what so many good items can show.
        """
        if self.worlds:
            return find_operating_point_of_worlds(self.worlds, false_diverts_per_1000)
        return find_operating_point(self.highest, self.count, false_diverts_per_1000)


def _scores(section: Mapping[str, Any]) -> tuple[NDArray[np.float64], int]:
    return np.sort(np.asarray(section["highest_confidences"], np.float64)), int(section["count"])


def find_operating_point(
    highest: NDArray[np.float64], count: int, false_diverts_per_1000: float
) -> OperatingPoint:
    """The lowest threshold at which no more good items than asked for are diverted.

    highest  (N,) sorted scores of the highest-scoring good items
    count    how many good items were scored in all

    Raises ValueError outside what so many good items can show.
    """
    least, most = 1000 / count, 1000 * (len(highest) - 1) / count
    if not least <= false_diverts_per_1000 <= most:
        raise ValueError(
            f"false_diverts_per_1000 is {false_diverts_per_1000:g}; {count} good items can show "
            f"{least:.2g} to {most:.4g}"
        )
    allowed = int(count * false_diverts_per_1000 / 1000)
    low, high = _wilson(allowed, count)

    def threshold(diverted: float) -> float:
        # Beyond the scores that were kept, or above the highest, the bound is theirs.
        place = int(np.clip(diverted, 0, len(highest) - 1))
        return float(np.nextafter(highest[-1 - place], 1.0))

    return OperatingPoint(
        threshold(allowed),
        (threshold(np.ceil(high * count)), threshold(np.floor(low * count))),
        (1000 * low, 1000 * high),
    )


def find_operating_point_of_worlds(
    worlds: Sequence[World], false_diverts_per_1000: float
) -> OperatingPoint:
    """The lowest threshold at which a new world is expected to divert no more than asked.

    The worlds' rates are draws from a log-normal distribution, and what is counted in each of them
    is a draw from its rate (random effects; Stijnen, Hamza and Ozdemir 2010). Mean and spread are
    weighed on a grid; the expected rate and its interval are those of one more world. Where worlds
    do not differ, this is what all items together give.

    Raises ValueError outside what so many good items can show.
    """
    rate = false_diverts_per_1000 / 1000
    # Below the lowest score that was kept of a world, its rate is not known.
    known = max(float(world.highest[0]) for world in worlds)
    scores = np.unique(np.concatenate([world.highest for world in worlds]))
    candidates = np.nextafter(scores[scores >= known], 1.0)

    def place(share: float) -> int:
        """Of the lowest candidate at which no more than ``share`` is expected."""
        low, high = 0, len(candidates) - 1
        while low < high:
            middle = (low + high) // 2
            if _NewWorld.of(worlds, candidates[middle]).expected <= share:
                high = middle
            else:
                low = middle + 1
        return low

    chosen = place(rate)
    least = 1 / sum(world.count for world in worlds)
    most = _NewWorld.of(worlds, candidates[0]).expected
    if not least <= rate <= most:
        raise ValueError(
            f"false_diverts_per_1000 is {false_diverts_per_1000:g}; the good items of "
            f"{len(worlds)} worlds can show {1000 * least:.2g} to {1000 * most:.4g}"
        )
    new = _NewWorld.of(worlds, candidates[chosen])
    low, high = new.expected_95
    return OperatingPoint(
        float(candidates[chosen]),
        (
            float(candidates[place(rate * rate / low)]),
            float(candidates[place(rate * rate / high)]),
        ),
        (1000 * new.rate_95[0], 1000 * new.rate_95[1]),
    )


@dataclass(frozen=True)
class _NewWorld:
    """What the worlds that are known say of the share that one more diverts.

    expected     its mean over all worlds there could be
    expected_95  95 % interval of that mean
    rate_95      95 % interval of the share in one of them
    """

    expected: float
    expected_95: tuple[float, float]
    rate_95: tuple[float, float]

    @staticmethod
    def of(worlds: Sequence[World], threshold: float) -> _NewWorld:
        """At a threshold that is not below what was kept of any world."""
        draws = _draws()
        counts = np.array([[world.count] for world in worlds], np.float64)
        diverted = [len(w.highest) - np.searchsorted(w.highest, threshold) for w in worlds]
        # Poisson, with its factor that no rate changes left out.
        seen = np.array(diverted)[:, None] * _LOG_RATES - counts * np.exp(_LOG_RATES)
        seen = np.exp(seen - seen.max(axis=1, keepdims=True))
        weights = np.log(draws @ seen.T + 1e-300).sum(axis=1)
        weights -= 0.5 * (_SPREADS / _USUAL_SPREAD) ** 2
        weights = np.exp(weights - weights.max())
        weights /= weights.sum()
        new = weights @ draws
        means = draws @ np.exp(_LOG_RATES)
        order = np.argsort(means)
        low, high = np.interp(_IN_95, np.cumsum(weights[order]), means[order])
        least, most = np.exp(np.interp(_IN_95, np.cumsum(new), _LOG_RATES))
        return _NewWorld(
            float(weights @ means), (float(low), float(high)), (float(least), float(most))
        )


@cache
def _draws() -> NDArray[np.float64]:
    """(M * S, R) how likely each rate is, for every mean and spread of their logarithm."""
    place = (_LOG_RATES - _MEANS[:, None]) / _SPREADS[:, None]
    draws = np.exp(-0.5 * place**2)
    return np.asarray(draws / draws.sum(axis=1, keepdims=True))


def _wilson(hits: int, count: int) -> tuple[float, float]:
    """95 % score interval of a share (Wilson 1927)."""
    share, weight = hits / count, _Z**2 / count
    middle = (share + weight / 2) / (1 + weight)
    half = _Z * sqrt(share * (1 - share) / count + weight / (4 * count)) / (1 + weight)
    return max(0.0, middle - half), min(1.0, middle + half)
