"""How far two cells look apart: a metric that was learned on pieces with and without damage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from damage_perception.network.contract import CELL_CHANNELS, COMPARED_CHANNELS, LOOK_CHANNELS

_SHAPE = (LOOK_CHANNELS, CELL_CHANNELS)


@dataclass(frozen=True, eq=False)
class Metric:
    """A projection of dense embeddings, in which the angle between cells is their distance.

    weights  (LOOK_CHANNELS, CELL_CHANNELS) float32
    """

    weights: NDArray[np.float32]

    @staticmethod
    def load(path: Path) -> Metric:
        """From a .npy file. Raises ValueError where that holds none."""
        try:
            weights = np.load(path, allow_pickle=False)
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {error}") from error
        if weights.shape != _SHAPE or not np.isfinite(weights).all():
            raise ValueError(f"{path} holds {weights.shape}; expected {_SHAPE}, all finite")
        return Metric(weights.astype(np.float32))

    def embed(self, cells: NDArray[np.float32]) -> NDArray[np.float32]:
        """Cells as the graph gives them -> as they are compared and kept.

        cells  (n, CELL_CHANNELS)

        (n, COMPARED_CHANNELS + LOOK_CHANNELS): what the comparer takes, then looks, unit vectors.
        """
        looks = unit(as_learned(cells) @ self.weights.T)
        return np.concatenate((cells[:, :COMPARED_CHANNELS], looks), axis=1)


def as_learned(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, CELL_CHANNELS) cells of which both parts have unit length: neither outweighs the other.

    What the colour encoder sees comes so from the graph.
    """
    compared = unit(cells[:, :COMPARED_CHANNELS])
    return np.concatenate((compared, cells[:, COMPARED_CHANNELS:]), axis=1)


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, C) of length 1."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)
