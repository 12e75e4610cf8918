"""From the scores of good items to the threshold that diverts no more of them than asked."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

# Of the normal distribution, for 95 %.
_Z: Final = 1.96


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


def _wilson(hits: int, count: int) -> tuple[float, float]:
    """95 % score interval of a share (Wilson 1927)."""
    share, weight = hits / count, _Z**2 / count
    middle = (share + weight / 2) / (1 + weight)
    half = _Z * sqrt(share * (1 - share) / count + weight / (4 * count)) / (1 + weight)
    return max(0.0, middle - half), min(1.0, middle + half)
