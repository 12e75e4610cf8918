"""Rates with the interval that the counts leave open."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan, sqrt
from typing import Final

# Standard normal quantile of 97.5 %.
_Z: Final = 1.959963984540054


@dataclass(frozen=True)
class Rate:
    """So many per thousand, and the ends of the 95 % interval; NaN where nothing was counted."""

    per_thousand: float
    low: float
    high: float


def wilson(hits: int, count: int) -> tuple[float, float]:
    """95 % score interval of a share: ``hits`` of ``count``, 0..1; NaN where nothing was counted.

    Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the
    American Statistical Association 22 (1927). Brown, Cai and DasGupta, "Interval estimation for a
    binomial proportion", Statistical Science 16 (2001), recommend it: it holds the 95 % on average
    from small counts on, never leaves 0..1, and says something after no hit at all, too. The exact
    interval of Clopper and Pearson never holds less than 95 %, but is wider than the counts
    warrant, and takes the quantiles of a beta distribution, many for each table.
    """
    if not count:
        return nan, nan
    share, weight = hits / count, _Z**2 / count
    middle = (share + weight / 2) / (1 + weight)
    half = _Z * sqrt(share * (1 - share) / count + weight / (4 * count)) / (1 + weight)
    # Rounding must not push the ends past what was counted.
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def rate(hits: int, count: int) -> Rate:
    """``hits`` per thousand of ``count``, with the interval of `wilson`."""
    low, high = wilson(hits, count)
    return Rate(1e3 * hits / count if count else nan, 1e3 * low, 1e3 * high)
