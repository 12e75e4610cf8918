"""What the network says of a view for comparing it with others."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.network.contract import COMPARED_CHANNELS, LOOK_CHANNELS
from damage_perception.network.metric import Metric


@dataclass(frozen=True, eq=False)
class Embedding:
    """What the network says of a view for comparing it.

    given       (n, C) float32, of the cells that lie on the item: as they are compared, or as the
                graph gives them
    where       (n, 2) uint8, row and column of each cell in the grid of the view
    descriptor  (D,) float32, unit vector, alike for pieces of one product
    turned      (t, LOOK_CHANNELS) float32, of a reference: looks of it where it is turned; empty
                of any other view
    metric      makes of ``given`` what is compared, once somebody asks; None: it is that
    """

    given: NDArray[np.float32]
    where: NDArray[np.uint8]
    descriptor: NDArray[np.float32]
    turned: NDArray[np.float32] = field(
        default_factory=lambda: np.empty((0, LOOK_CHANNELS), np.float32)
    )
    metric: Metric | None = None

    @cached_property
    def cells(self) -> NDArray[np.float32]:
        """(n, COMPARED_CHANNELS + LOOK_CHANNELS): what the comparer takes, then looks."""
        return self.given if self.metric is None else self.metric.embed(self.given)

    @property
    def compared(self) -> NDArray[np.float32]:
        """(n, COMPARED_CHANNELS) what the comparer takes of the cells."""
        return self.cells[:, :COMPARED_CHANNELS]

    @property
    def looks(self) -> NDArray[np.float32]:
        """(n, LOOK_CHANNELS) unit vectors: the farther two cells look apart, the wider."""
        return self.cells[:, COMPARED_CHANNELS:]

    @staticmethod
    def of(
        cells: NDArray[np.float32],
        descriptor: NDArray[np.float32],
        item: NDArray[np.uint8],
        metric: Metric,
    ) -> Embedding:
        """From what the graph gives of a view.

        cells  (G, G, CELL_CHANNELS); descriptor (D,); item (S, S) uint8, 1 on the item
        """
        where = cells_on(item, len(cells))
        chosen = cells[where[:, 0], where[:, 1]].astype(np.float32)
        return Embedding(chosen, where, descriptor.astype(np.float32), metric=metric)


def cells_on(item: NDArray[np.uint8], along: int) -> NDArray[np.uint8]:
    """(n, 2) row and column of the cells that lie on the item.

    item  (S, S) uint8, 1 on the item; along  cells along one side of the view
    """
    return np.argwhere(on_item(item, along)).astype(np.uint8)


def on_item(item: NDArray[np.uint8], cells: int) -> NDArray[np.bool_]:
    """(cells, cells) of which half lies on the item; where none does, those with most of it.

    item  (S, S) uint8, 1 on the item
    """
    share = cv2.resize(item.astype(np.float32), (cells, cells), interpolation=cv2.INTER_AREA)
    return np.asarray((share >= min(0.5, float(share.max()))) & (share > 0))
