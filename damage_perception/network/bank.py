"""What a view of a sku is compared with: dense embeddings of its references, bounded in number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.network.contract import MOST_REFERENCE_CELLS
from damage_perception.network.coreset import spread
from damage_perception.network.embedding import Embedding

# References that are held against the others to see how much they differ.
_HELD_AGAINST: Final = 8
# Between a mean, which a small dent does not move, and a maximum, which one bad cell does.
ORDER: Final = 4
# Two pictures of one thing differ by more.
LEAST_DISTANCE: Final = 1e-3
# Pieces differ by as much under one camera. References that differ by less show one piece that
# nobody moved, which says nothing of the next one.
LEAST_TYPICAL: Final = float(np.log(0.03))


@dataclass(frozen=True, eq=False)
class Looks:
    """What some references look like, in the metric.

    cells  (L, LOOK_CHANNELS) float16
    owner  (L,) which of the references each cell is of
    """

    cells: NDArray[np.float16]
    owner: NDArray[np.intp]

    @staticmethod
    def of(parts: Sequence[NDArray[np.float32]], most: int) -> Looks:
        """Of (n, LOOK_CHANNELS) cells of each reference, thinned out to ``most`` at most."""
        cells = np.concatenate(parts)
        owner = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        kept = spread(cells, most)
        return Looks(cells[kept].astype(np.float16), owner[kept])

    def without(self, reference: int) -> NDArray[np.float16]:
        """(k, LOOK_CHANNELS) the cells of all other references."""
        return np.asarray(self.cells[self.owner != reference])


@dataclass(frozen=True, eq=False)
class Bank:
    """The cells of some references.

    compared     (K, COMPARED_CHANNELS) float16, K <= MOST_REFERENCE_CELLS
    upright      at most as many, chosen apart, of the references as they were taken
    turned       likewise, of their turned copies; there may be none
    held         looks of the references that `typical` is measured on
    descriptors  (R, D), of the references
    """

    compared: NDArray[np.float16]
    upright: Looks
    turned: Looks
    held: tuple[NDArray[np.float32], ...]
    descriptors: NDArray[np.float32]

    @staticmethod
    def of(embeddings: Sequence[Embedding], most: int = MOST_REFERENCE_CELLS) -> Bank:
        """The cells of ``embeddings``, thinned out where there are more than ``most``.

        Raises ValueError where there is no cell.
        """
        shown = [embedding for embedding in embeddings if len(embedding.cells)]
        if not shown:
            raise ValueError("a bank needs a reference that shows at least one cell of its item")
        compared = np.concatenate([one.compared for one in shown])
        return Bank(
            compared[spread(compared, most)].astype(np.float16),
            Looks.of([one.looks for one in shown], most),
            Looks.of([one.turned for one in shown], most),
            tuple(one.looks for one in shown[:_HELD_AGAINST]),
            np.stack([embedding.descriptor for embedding in embeddings]),
        )

    # When it is first asked for: of ten thousand skus that a gallery holds few are on the belt.
    @cached_property
    def typical(self) -> float | None:
        """Distance of a reference from the others, the median, at least that of pieces under one
        camera; None: there is but one.
        """
        apart = []
        for place, looks in enumerate(self.held):
            others = [side.without(place) for side in (self.upright, self.turned)]
            if len(others[0]):
                apart.append(_nearer(looks, others))
        # The median: a wrong one among three does not make the others look alike.
        return max(float(np.median(apart)), LEAST_TYPICAL) if apart else None

    def distance(self, looks: NDArray[np.float32]) -> float:
        """How far a view lies from the references, a logarithm.

        looks  (n, LOOK_CHANNELS), n >= 1, of the view
        """
        return _nearer(looks, (self.upright.cells, self.turned.cells))


def _nearer(looks: NDArray[np.float32], sides: Iterable[NDArray[np.floating[Any]]]) -> float:
    """Distance from the references as they are, or turned, whichever fits the whole view better.

    Not cell by cell: what is damaged would find its like in a copy that lies otherwise.
    """
    return min(distance(looks, cells.astype(np.float32)) for cells in sides if len(cells))


def distance(looks: NDArray[np.float32], references: NDArray[np.float32]) -> float:
    """Logarithm of how far cells lie from the nearest of others, the worst of them counting most.

    looks, references  (n, C) and (K, C) unit vectors
    """
    far = np.clip(1 - (looks @ references.T).max(axis=1), LEAST_DISTANCE, None)
    return float(np.log(np.mean(far**ORDER)) / ORDER)
