"""What a view of a sku is compared with: dense embeddings of its references, bounded in number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.network import Embedding
from damage_perception.network.contract import MOST_REFERENCE_CELLS

# Distances in so many random directions are near enough to choose by.
_DIRECTIONS: Final = 24


@dataclass(frozen=True, eq=False)
class Bank:
    """The cells of some references.

    cells        (K, C) float16, K <= MOST_REFERENCE_CELLS
    reference    (K,) which of the references each cell is of
    descriptors  (R, D), of the references
    """

    cells: NDArray[np.float16]
    reference: NDArray[np.int32]
    descriptors: NDArray[np.float32]

    @staticmethod
    def of(embeddings: Sequence[Embedding], most: int = MOST_REFERENCE_CELLS) -> Bank:
        """The cells of ``embeddings``, thinned out where there are more than ``most``.

        Raises ValueError where there is no cell.
        """
        counts = [len(embedding.cells) for embedding in embeddings]
        if not sum(counts):
            raise ValueError("a bank needs a reference that shows at least one cell of its item")
        cells = np.concatenate([embedding.cells for embedding in embeddings])
        reference = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        if len(cells) > most:
            chosen = np.sort(coreset(cells, most))
            cells, reference = cells[chosen], reference[chosen]
        descriptors = np.stack([embedding.descriptor for embedding in embeddings])
        return Bank(cells.astype(np.float16), reference, descriptors)


def coreset(cells: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """Rows of ``cells`` (N, C) that leave none of the others far away.

    The farthest from all chosen so far comes next, as in PatchCore (Roth 2022), in a random
    projection (Johnson-Lindenstrauss).
    """
    directions = np.random.default_rng(0).standard_normal((cells.shape[1], _DIRECTIONS))
    near = (cells @ directions.astype(np.float32)).astype(np.float32)
    chosen = np.empty(count, np.intp)
    chosen[0] = 0
    distance = np.square(near - near[0]).sum(axis=1)
    for place in range(1, count):
        chosen[place] = distance.argmax()
        step = np.square(near - near[chosen[place]]).sum(axis=1)
        np.minimum(distance, step, out=distance)
    return chosen
