"""What the damage network is told to get right: damage, and the comparison with references."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from damage_perception.network.contract import CELL_STRIDE, MAP_STRIDE
from damage_perception.training.batch import Batch
from damage_perception.training.comparer import ComparerOutput
from damage_perception.training.model import DamageNet, Outputs

# Damage covers about a hundredth of the cells; unweighted, the maps would learn to say nothing,
# and it is from the maps that the network learns where to look.
MAP_POSITIVE_WEIGHT = 10.0
MAP_LOSS, OVERLAP_LOSS, KIND_LOSS = 10.0, 1.0, 0.5
CHANGE_LOSS, PART_LOSS, SAME_LOSS = 2.0, 1.0, 0.3
# Of the views, whose matches are told.
TOLD_SHARE = 0.5
# References of a view in training and validation.
MOST_REFERENCES = 3
# Cells of two views show one part of the product where they lie no farther apart, in cells.
PART_REACH = 0.8


def forward(model: DamageNet, batch: Batch) -> Outputs:
    """Outputs in float32 of convolutions in bfloat16, which is several times faster."""
    color, *shape = batch.inputs
    with torch.autocast(model.device.type, torch.bfloat16):
        outputs = model(color.bfloat16(), *shape, batch.lower or None)
    return Outputs(*(output.float() for output in outputs))


def whole_loss(model: DamageNet, batch: Batch) -> Tensor:
    """The sum of all that is to be learned from a batch."""
    outputs = forward(model, batch)
    loss = damage_loss(outputs, batch)
    views, references = find_references(batch)
    if len(views):
        cells = cells_of(outputs, batch)
        loss = loss + comparison_loss(model, cells, batch, views, references)
    return loss


def damage_loss(outputs: Outputs, batch: Batch) -> Tensor:
    """Of maps, kinds and item."""
    weight = (1 + (MAP_POSITIVE_WEIGHT - 1) * batch.maps) * batch.known
    map_loss = functional.binary_cross_entropy_with_logits(outputs.maps, batch.maps, weight)
    item_loss = functional.binary_cross_entropy_with_logits(outputs.item, batch.damaged)
    kind_loss = functional.binary_cross_entropy_with_logits(
        outputs.kinds, batch.kinds, batch.all_known.expand_as(outputs.kinds)
    )
    overlap_loss = _dice_loss(outputs.maps.sigmoid(), batch)
    return item_loss + KIND_LOSS * kind_loss + MAP_LOSS * map_loss + OVERLAP_LOSS * overlap_loss


def _dice_loss(maps: Tensor, batch: Batch) -> Tensor:
    """Soft Dice (Milletari 2016) of the kinds present: a small tear counts like a large spill."""
    shared = (maps * batch.maps).sum(dim=(2, 3))
    total = (maps * batch.known).sum(dim=(2, 3)) + batch.maps.sum(dim=(2, 3))
    dice = 2 * shared / (total + 1)
    present = batch.kinds
    return 1 - (dice * present).sum() / present.sum().clamp(min=1)


def find_references(batch: Batch) -> tuple[Tensor, Tensor]:
    """The views that have references in the batch (V,), and these (V, R); -1: none.

    A reference is an undamaged view of the same product in another scene.
    """
    same = batch.product.unsqueeze(1) == batch.product
    other = batch.scene.unsqueeze(1) != batch.scene
    usable = same & other & (batch.damaged == 0) & (batch.product >= 0)
    views = usable.any(dim=1).nonzero().squeeze(1)
    # The first of each row: true sorts before false, in order.
    most = min(MOST_REFERENCES, int(usable.sum(dim=1).max()))
    order = (~usable[views]).long().argsort(dim=1, stable=True)[:, :most]
    references = torch.where(usable[views].gather(1, order), order, -1)
    return views, references


class Cells(NamedTuple):
    """The cells of a batch that lie on items, m of each view.

    embedding  (N, m, C)
    on         (N, m) 1, or 0 where the item has fewer
    place_m    (N, m, 3)
    changed    (N, m) 1 where there is damage
    """

    embedding: Tensor
    on: Tensor
    place_m: Tensor
    changed: Tensor


def cells_of(outputs: Outputs, batch: Batch) -> Cells:
    """The cells of which half lies on the item; where there is none, those with most of it."""
    share = functional.avg_pool2d(batch.item.unsqueeze(1).float(), CELL_STRIDE).flatten(1)
    least = share.amax(dim=1, keepdim=True).clamp(max=0.5)
    on = (share >= least) & (share > 0)
    most = max(1, int(on.sum(dim=1).max()))
    order = (~on).long().argsort(dim=1, stable=True)[:, :most]

    def taken(whole: Tensor) -> Tensor:
        return whole.gather(1, order.unsqueeze(2).expand(-1, -1, whole.shape[2]))

    changed = functional.max_pool2d(batch.maps.amax(dim=1), CELL_STRIDE // MAP_STRIDE).flatten(1)
    return Cells(
        taken(outputs.cells.flatten(1, 2)),
        on.gather(1, order).float(),
        taken(batch.place_m.flatten(1, 2)),
        changed.gather(1, order),
    )


def compare(
    model: DamageNet,
    cells: Cells,
    views: Tensor,
    references: Tensor,
    told: Tensor | None = None,
) -> ComparerOutput:
    """How ``views`` (V,) compare with ``references`` (V, R), rows of ``cells``."""
    bank = cells.embedding[references].flatten(1, 2)
    on_bank = (cells.on[references] * (references >= 0).unsqueeze(2)).flatten(1, 2)
    found: ComparerOutput = model.comparer(
        cells.embedding[views], bank, cells.on[views], on_bank, told
    )
    return found


def comparison_loss(
    model: DamageNet, cells: Cells, batch: Batch, views: Tensor, references: Tensor
) -> Tensor:
    """Of the item, where it changed, which part is which, and whether it is the same product."""
    reach = PART_REACH * batch.width_m[views] / batch.place_m.shape[1]
    near = same_part(cells, views, references, reach)
    # Half of the views are told which part is which: comparing is learned before matching is.
    told = near.float() * (torch.rand(len(views), 1, 1, device=near.device) < TOLD_SHARE)
    found = compare(model, cells, views, references, told)
    item = functional.binary_cross_entropy_with_logits(found.item, batch.damaged[views])
    changed, on = cells.changed[views], cells.on[views]
    weight = on * (1 + (MAP_POSITIVE_WEIGHT - 1) * changed)
    change = functional.binary_cross_entropy_with_logits(found.change, changed, weight)
    part = _part_loss(found.matching, cells, views, near)
    same = functional.binary_cross_entropy_with_logits(found.same, torch.ones_like(found.same))
    # Half a batch on there is another product, unless one product is all there is.
    other = references.roll(len(views) // 2, dims=0)
    wrong = batch.product[views] != batch.product[other[:, 0]]
    if wrong.any():
        mistaken = compare(model, cells, views[wrong], other[wrong])
        same = same + functional.binary_cross_entropy_with_logits(
            mistaken.same, torch.zeros_like(mistaken.same)
        )
    return item + CHANGE_LOSS * change + PART_LOSS * part + SAME_LOSS * same


def same_part(cells: Cells, views: Tensor, references: Tensor, reach_m: Tensor) -> Tensor:
    """(V, m, K) whether a cell of a view and one of its references show one part of the product.

    reach_m  (V,) distance within which they do
    """
    there = cells.place_m[references].flatten(1, 2)
    # NaN, where no place is known, is near nothing.
    near = torch.cdist(cells.place_m[views], there) < reach_m.view(-1, 1, 1)
    on_bank = (cells.on[references] * (references >= 0).unsqueeze(2)).flatten(1, 2)
    return near & (on_bank > 0).unsqueeze(1)


def _part_loss(matching: Tensor, cells: Cells, views: Tensor, near: Tensor) -> Tensor:
    """Each undamaged cell is to be matched with the cells that show its part of the product."""
    hit = matching.masked_fill(~near, -12.0).logsumexp(dim=2)
    weight = cells.on[views] * (1 - cells.changed[views]) * near.any(dim=2)
    return -(hit * weight).sum() / weight.sum().clamp(min=1)
