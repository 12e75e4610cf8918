"""The comparison of a view with the references of its product, in PyTorch.

Both come as dense embeddings of the damage network. The first channels of an embedding say which
part of the product a cell shows, the others what it looks like there: what a view looks like is
held against what the references look like at the same part, wherever in the image that lies.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from damage_perception.network.contract import COMPARED_CHANNELS, PART_CHANNELS

_STATE_CHANNELS = COMPARED_CHANNELS - PART_CHANNELS
_NEVER = -1e4


class ComparerOutput(NamedTuple):
    """What B views look like against their references: n cells of a view, K of its references.

    item      (B,) logits of damage
    same      (B,) logits of the references being of the product that the view shows
    change    (B, n) logits of a cell differing from what it should look like
    missing   (B, K) logits of a cell of the references having no match in the view
    matching  (B, n, K) log of the share of each reference cell in the match of a cell
    """

    item: Tensor
    same: Tensor
    change: Tensor
    missing: Tensor
    matching: Tensor


class _Difference(nn.Module):
    """Features and a logit of cells against their matches on the other side."""

    def __init__(self, inner: int, features: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Linear(3 * _STATE_CHANNELS + 1, inner),
            nn.ReLU(),
            nn.Linear(inner, features),
            nn.ReLU(),
        )
        self.logit = nn.Linear(features, 1)

    def forward(self, state: Tensor, match: Tensor, best: Tensor) -> tuple[Tensor, Tensor]:
        seen = torch.cat((state, match, (state - match).abs(), best.unsqueeze(2)), dim=2)
        # As a matrix: so each layer is exported under its name, for a training to begin from.
        features = self.features(seen.flatten(0, 1))
        logits = self.logit(features).reshape(state.shape[:2])
        return features.reshape(*state.shape[:2], -1), logits


class Comparer(nn.Module):
    """Cells of views and of their references -> ComparerOutput."""

    def __init__(self) -> None:
        super().__init__()
        self.sharpness = nn.Parameter(torch.tensor(20.0))
        self.forth = _Difference(96, 64)
        self.back = _Difference(64, 32)
        pooled = 2 * (64 + 1) + 2 * (32 + 1)
        self.item = nn.Sequential(nn.Linear(pooled, 64), nn.ReLU(), nn.Linear(64, 1))
        self.same = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(
        self,
        view: Tensor,
        references: Tensor,
        on_view: Tensor | None = None,
        on_references: Tensor | None = None,
        told: Tensor | None = None,
    ) -> ComparerOutput:
        """Compares.

        view           (B, n, COMPARED_CHANNELS)
        references     (B, K, COMPARED_CHANNELS)
        on_view        (B, n) 1 on the item, 0 on cells that do not count; None: all count
        on_references  (B, K) the same of the references
        told           (B, n, K) 1 where two cells are known to show the same part; the match of a
                       cell of which this is known is not looked for. None: nothing is known
        """
        parts = functional.normalize(view[..., :PART_CHANNELS], dim=2)
        held = functional.normalize(references[..., :PART_CHANNELS], dim=2)
        likeness = parts @ held.transpose(1, 2)
        # Passes over all pairs are what a comparison takes its time for.
        if on_view is None or on_references is None:
            on_view, on_references = (
                torch.ones_like(view[..., 0]),
                torch.ones_like(references[..., 0]),
            )
        else:
            likeness = likeness + _NEVER * (1 - on_references).unsqueeze(1)
            likeness = likeness + _NEVER * (1 - on_view).unsqueeze(2)
        logits = likeness * self.sharpness
        state, looks = view[..., PART_CHANNELS:], references[..., PART_CHANNELS:]
        best, best_back = likeness.amax(dim=2), likeness.amax(dim=1)
        # Turned first: a softmax over rows is several times faster than one over columns.
        match, back = logits.softmax(dim=2), logits.transpose(1, 2).softmax(dim=2)
        if told is not None:
            match, back = _as_told(match, told), _as_told(back, told.transpose(1, 2))
        features, change = self.forth(state, match @ looks, best.clamp(min=-1))
        features_back, missing = self.back(looks, back @ state, best_back.clamp(min=-1))
        item = torch.cat(
            (
                *_pooled(features, change, on_view),
                *_pooled(features_back, missing, on_references),
            ),
            dim=1,
        )
        same = torch.cat((_spread(best, on_view), _spread(best_back, on_references)), dim=1)
        return ComparerOutput(
            self.item(item).squeeze(1),
            self.same(same).squeeze(1),
            change,
            missing,
            logits.log_softmax(dim=2),
        )


def _as_told(match: Tensor, told: Tensor) -> Tensor:
    """Shares of the matches of each cell, evenly on those that are known where there are any."""
    count = told.sum(dim=2, keepdim=True)
    return torch.where(count > 0, told / count.clamp(min=1), match)


def _pooled(features: Tensor, logits: Tensor, on: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Greatest and mean features, greatest and mean logit, of the cells that count."""
    weight = on.unsqueeze(2)
    count = weight.sum(dim=1).clamp(min=1)
    least = (logits + _NEVER * (1 - on)).amax(dim=1, keepdim=True).clamp(min=-20)
    return (
        (features * weight).amax(dim=1),
        (features * weight).sum(dim=1) / count,
        least,
        (logits * on).sum(dim=1, keepdim=True) / count,
    )


def _spread(best: Tensor, on: Tensor) -> Tensor:
    """(B, 3) mean, mean square and greatest of how well the cells that count find a match."""
    count = on.sum(dim=1, keepdim=True).clamp(min=1)
    kept = best.clamp(min=-1) * on
    return torch.cat(
        (
            kept.sum(dim=1, keepdim=True) / count,
            kept.square().sum(dim=1, keepdim=True) / count,
            kept.amax(dim=1, keepdim=True),
        ),
        dim=1,
    )
