"""Fits the projection that keeps most of what the colour encoder sees in few channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch

from damage_perception.network.contract import SEEN_CHANNELS
from damage_perception.training.model import DamageNet
from damage_perception.training.views import LabelledViews

# Of each set, drawn at random; every cell of them counts.
_VIEWS: Final = 200
_BATCH: Final = 20


@torch.no_grad()
def fit_looks(model: DamageNet, sets: Sequence[LabelledViews], seed: int = 0) -> float:
    """Sets ``model.looks`` to the principal directions of the encoder's features of some views.

    Not about their mean: so angles between cells stay what they were. The share of the squared
    length that they keep, 0..1.
    """
    rng = np.random.default_rng(seed)
    model.eval()
    total = torch.zeros(model.looks.in_channels, model.looks.in_channels, dtype=torch.float64)
    for views in sets:
        rows = np.sort(rng.permutation(len(views))[:_VIEWS])
        for start in range(0, len(rows), _BATCH):
            color = torch.from_numpy(views.color[rows[start : start + _BATCH]]).to(model.device)
            seen = model.seen(model.preprocess.rgb(color)).flatten(2).transpose(1, 2).flatten(0, 1)
            total += (seen.T @ seen).double().cpu()
    # Ascending.
    lengths, directions = torch.linalg.eigh(total)
    kept = directions[:, -SEEN_CHANNELS:].flip(1).T
    model.looks.weight.copy_(kept.float().reshape(model.looks.weight.shape))
    return float(lengths[-SEEN_CHANNELS:].sum() / lengths.sum())
