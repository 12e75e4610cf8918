"""Probabilities and their log odds."""

from __future__ import annotations

from math import tanh
from typing import Final

import numpy as np
from numpy.typing import NDArray

# Nearer to 0 and 1, log odds say nothing more.
_LEAST: Final = 1e-12


def probability(log_odds: float) -> float:
    """0..1 of log odds."""
    return 0.5 * (1.0 + tanh(0.5 * log_odds))


def probabilities(log_odds: NDArray[np.floating]) -> NDArray[np.floating]:
    """0..1 of an array of log odds, same shape and dtype."""
    # In this form neither sign overflows.
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * log_odds)))


def log_odds_of(
    confidence: NDArray[np.float64] | float, least: float = _LEAST
) -> NDArray[np.float64]:
    """Finite log odds of probabilities of any shape, of 0 and 1, too; float64.

    least  how near to 0 and 1 a probability says anything
    """
    held = np.clip(confidence, least, 1 - least)
    return np.asarray(np.log(held / (1 - held)))
