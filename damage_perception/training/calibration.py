"""From logits of calibration views to what the model card says of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from damage_perception.odds import probabilities

# The card keeps the top of the distribution of good items, where operating points lie.
KEPT_SCORES_SHARE = 0.1
# Of one world more: where one point serves all, some worlds divert many times what was asked for.
_KEPT_OF_A_WORLD = 0.25


def fit_logistic(
    features: NDArray[np.floating],
    truth: NDArray[np.bool_],
    counts: NDArray[np.floating] | None = None,
) -> NDArray[np.float64]:
    """Weights of (N, F) features, and last the offset, of log odds, by maximum likelihood.

    counts  (N,) how often each row counts; None: all alike
    """
    x = np.column_stack((features, np.ones(len(features)))).astype(np.float64)
    y = truth.astype(np.float64)
    shares = np.full(len(y), 1 / len(y)) if counts is None else counts / counts.sum()

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        odds = x @ weights
        gradient = x.T @ (shares * (probabilities(odds) - y))
        return float(shares @ (np.logaddexp(0, odds) - y * odds)), gradient

    start = np.zeros(x.shape[1])
    return np.asarray(minimize(loss, start, jac=True, method="BFGS").x, np.float64)


def fit_calibration(
    logits: NDArray[np.floating], damaged: NDArray[np.bool_]
) -> tuple[float, float]:
    """Scale and offset of Platt scaling (1999) of (N,) logits, by maximum likelihood."""
    scale, offset = fit_logistic(logits[:, None], damaged)
    return float(scale), float(offset)


def good_items(log_odds: NDArray[np.floating], damaged: NDArray[np.bool_]) -> dict[str, Any]:
    """The section ``good_items`` of a card, from (N,) calibrated log odds."""
    return _highest(log_odds[~damaged], KEPT_SCORES_SHARE)


def worlds_section(log_odds_by_world: Mapping[str, NDArray[np.floating]]) -> list[dict[str, Any]]:
    """The section ``worlds`` of a card.

    log_odds_by_world  (N,) of the good items of each world, by a calibration without that world
    """
    return [
        {"name": name, **_highest(log_odds, _KEPT_OF_A_WORLD)}
        for name, log_odds in log_odds_by_world.items()
    ]


def _highest(log_odds: NDArray[np.floating], share: float) -> dict[str, Any]:
    good = np.sort(probabilities(log_odds.astype(np.float64)))
    kept = good[-max(1, int(len(good) * share)) :]
    return {
        "count": len(good),
        "highest_confidences": [round(float(score), 6) for score in kept],
    }
