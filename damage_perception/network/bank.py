"""What a view of a sku is compared with: dense embeddings of its references, bounded in number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.network.contract import MOST_REFERENCE_CELLS
from damage_perception.network.embedding import Embedding

# Distances in so many random directions are near enough to choose by.
_DIRECTIONS: Final = 24
# References that are held against the others to see how much they differ.
_HELD_AGAINST: Final = 8
# Between a mean, which a small dent does not move, and a maximum, which one bad cell does.
_ORDER: Final = 4
# Two pictures of one thing differ by more.
_LEAST_DISTANCE: Final = 1e-3


@dataclass(frozen=True, eq=False)
class Bank:
    """The cells of some references.

    compared     (K, COMPARED_CHANNELS) float16, K <= MOST_REFERENCE_CELLS
    looks        (L, LOOK_CHANNELS) float16, L likewise, chosen apart
    typical      distance of a reference from the others, the median; None: there is but one
    descriptors  (R, D), of the references
    """

    compared: NDArray[np.float16]
    looks: NDArray[np.float16]
    typical: float | None
    descriptors: NDArray[np.float32]

    @staticmethod
    def of(embeddings: Sequence[Embedding], most: int = MOST_REFERENCE_CELLS) -> Bank:
        """The cells of ``embeddings``, thinned out where there are more than ``most``.

        Raises ValueError where there is no cell.
        """
        shown = [embedding for embedding in embeddings if len(embedding.cells)]
        if not shown:
            raise ValueError("a bank needs a reference that shows at least one cell of its item")
        return Bank(
            _thinned(np.concatenate([one.compared for one in shown]), most).astype(np.float16),
            _thinned(np.concatenate([one.looks for one in shown]), most).astype(np.float16),
            _typical([one.looks for one in shown]),
            np.stack([embedding.descriptor for embedding in embeddings]),
        )

    def excess(self, looks: NDArray[np.float32]) -> float:
        """How much farther a view lies from the references than these from one another.

        looks  (n, LOOK_CHANNELS), n >= 1, of the view

        A logarithm: 0 as far, 0.7 twice as far. 0 too where there is one reference, which says
        nothing of how much good pieces differ.
        """
        if self.typical is None:
            return 0.0
        return distance(looks, self.looks.astype(np.float32)) - self.typical


def distance(looks: NDArray[np.float32], references: NDArray[np.float32]) -> float:
    """Logarithm of how far cells lie from the nearest of others, the worst of them counting most.

    looks, references  (n, C) and (K, C) unit vectors
    """
    far = np.clip(1 - (looks @ references.T).max(axis=1), _LEAST_DISTANCE, None)
    return float(np.log(np.mean(far**_ORDER)) / _ORDER)


def _typical(looks: Sequence[NDArray[np.float32]]) -> float | None:
    if len(looks) < 2:
        return None
    held = looks[:_HELD_AGAINST]
    # The median: a wrong one among three does not make the others look alike.
    return float(
        np.median(
            [
                distance(one, np.concatenate([*held[:place], *held[place + 1 :]]))
                for place, one in enumerate(held)
            ]
        )
    )


def _thinned(cells: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    return cells if len(cells) <= most else cells[np.sort(coreset(cells, most))]


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
