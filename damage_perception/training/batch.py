"""Batches of views, as the network takes them, with what it is to learn from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from damage_perception.kinds import KINDS
from damage_perception.training.augment import Drawn, Variation, draw
from damage_perception.training.views import UNKNOWN_KIND, LabelledViews


@dataclass(frozen=True)
class Batch:
    """Network inputs as in DamageNet.forward, and targets; S, M and G as in network.contract.

    maps     (N, kinds, M, M) float32, 1 on damage of the kind
    known    (N, 1, M, M) float32, 1 where it is known what is there
    damaged  (N,) float32
    place_m  (N, G, G, 3) float32, where on the product it is; NaN where that is not known
    product  (N,) int64, -1 where a view stands for no product: not known, or printed over
    scene    (N,) int64
    lower    of the colour encoder's lower part, as DamageNet.forward takes it; empty: not known
    """

    color: Tensor
    height_m: Tensor
    item: Tensor
    width_m: Tensor
    maps: Tensor
    known: Tensor
    damaged: Tensor
    place_m: Tensor
    product: Tensor
    scene: Tensor
    lower: tuple[Tensor, ...] = ()

    def __len__(self) -> int:
        return len(self.damaged)

    @property
    def inputs(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What the network takes."""
        return self.color, self.height_m, self.item, self.width_m

    @property
    def kinds(self) -> Tensor:
        """(N, kinds) float32, 1 where the kind is in the view."""
        return self.maps.amax(dim=(2, 3))

    @property
    def all_known(self) -> Tensor:
        """(N, 1) float32, 1 where it is known of the whole view what is there."""
        return self.known.amin(dim=(2, 3))

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        lower = tuple(features.to(device) for features in self.lower)
        moved = {name: part.to(device) for name, part in self._parts.items()}
        return replace(self, **moved, lower=lower)

    def joined(self, other: Batch) -> Batch:
        """This batch and another one; features are not known of both together."""
        theirs = other._parts
        both = {name: torch.cat((part, theirs[name])) for name, part in self._parts.items()}
        return replace(self, **both, lower=())

    @property
    def _parts(self) -> dict[str, Tensor]:
        return {name: part for name, part in vars(self).items() if isinstance(part, Tensor)}


def draw_batch(
    views: LabelledViews,
    rows: NDArray[np.integer],
    size: int,
    variations: Sequence[Variation] | None = None,
    spoil: Mapping[int, np.random.Generator] | None = None,
) -> Batch:
    """The given rows at ``size`` x ``size``.

    variations  how each is varied for training; None: views stay as they are
    spoil       by place in the batch: pristine views that get damage written into them
    """
    spoil = spoil or {}
    drawn: list[Drawn] = [
        draw(views, int(row), size, variations[i] if variations else None, spoil.get(i))
        for i, row in enumerate(rows)
    ]
    color, height, item, width, codes, place = (
        torch.from_numpy(np.stack(part)) for part in zip(*(d.images for d in drawn), strict=True)
    )
    damaged = torch.from_numpy(views.damaged[rows]).float()
    damaged[list(spoil)] = 1.0
    for i, one in enumerate(drawn):
        if one.damaged is not None:
            damaged[i] = float(one.damaged)
    present = codes.unsqueeze(1) == torch.arange(1, len(KINDS) + 1).view(1, -1, 1, 1)
    maps = present.float() * damaged.view(-1, 1, 1, 1)
    known = (codes != UNKNOWN_KIND).float().unsqueeze(1)
    printed = np.array([d.printed for d in drawn])
    product = torch.from_numpy(np.where(printed, -1, views.product[rows])).long()
    scene = torch.from_numpy(np.asarray(views.scene[rows])).long()
    return Batch(color, height, item, width, maps, known, damaged, place, product, scene)
