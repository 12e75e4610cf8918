"""Few cells that stand for many."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

# Distances in so many random directions are near enough to choose by.
_DIRECTIONS: Final = 24


def spread(cells: NDArray[np.float32], most: int) -> NDArray[np.intp]:
    """Rows of at most so many of ``cells`` (N, C), in their order."""
    return np.arange(len(cells)) if len(cells) <= most else np.sort(coreset(cells, most))


def coreset(cells: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """Rows of ``cells`` (N, C) that leave none of the others far away.

    The farthest from all chosen so far comes next, as in PatchCore (Roth 2022), in a random
    projection (Johnson-Lindenstrauss).
    """
    directions = np.random.default_rng(0).standard_normal((cells.shape[1], _DIRECTIONS))
    near = (cells @ directions.astype(np.float32)).astype(np.float32)
    chosen = np.empty(count, np.intp)
    chosen[0] = 0
    left = np.square(near - near[0]).sum(axis=1)
    for place in range(1, count):
        chosen[place] = left.argmax()
        step = np.square(near - near[chosen[place]]).sum(axis=1)
        np.minimum(left, step, out=left)
    return chosen
