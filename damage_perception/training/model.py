"""The damage network in PyTorch: two encoders, of colour and of shape, and a decoder.

All but the colour encoder are plain 3x3 convolutions, which a CPU trains near its peak.
Normalisation is part of the graph, so whoever runs it hands over images as they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from damage_perception.kinds import KINDS
from damage_perception.network.contract import COMPARED_CHANNELS, SEEN_CHANNELS
from damage_perception.training.comparer import Comparer
from damage_perception.training.describer import Describer
from damage_perception.training.encoder import CHANNELS, ColorEncoder
from damage_perception.training.layers import Residual, convolution

# Local relief is a thousandth of the view's width where a dent begins; this makes it order one.
RELIEF_GAIN = 80.0
# Relief is measured against means over cells of the view, of which about so many lie along it.
CELLS = 80
FINE_WINDOW = 3
BROAD_WINDOW = 13
SHAPE_CHANNELS = 5
# Numbers that the encoder's features of a whole item become.
GLANCE = 48
# Less than any feature.
_FAR_BELOW = 100.0


class Outputs(NamedTuple):
    """What the network says of N views of S pixels.

    maps   (N, kinds, S/4, S/4) logits
    item   (N,) logits
    kinds  (N, kinds) logits
    cells  (N, S/16, S/16, COMPARED_CHANNELS) what the comparer takes of views and references
    looks  (N, S/16, S/16, SEEN_CHANNELS) unit vectors, what the colour encoder sees
    """

    maps: Tensor
    item: Tensor
    kinds: Tensor
    cells: Tensor
    looks: Tensor


class Preprocess(nn.Module):
    """Images as they are -> colour (N, 3, S, S) and shape (N, 5, S/2, S/2).

    Shape is height, fine and broad relief, where height is known, and the item; at half the size,
    because no depth camera resolves more. Heights are taken in widths of the view, so that slopes
    keep their meaning at every scale.
    """

    def forward(
        self, color: Tensor, height_m: Tensor, item: Tensor, width_m: Tensor
    ) -> tuple[Tensor, Tensor]:
        """color (N, S, S, 3) 0..255; height_m (N, S, S); item (N, S, S) uint8; width_m (N,)."""
        rgb = self.rgb(color)
        height_m = height_m[:, ::2, ::2].unsqueeze(1)
        on_item = item[:, ::2, ::2].unsqueeze(1).float()
        known = (height_m > -1.0).float() * (width_m > 0).float().view(-1, 1, 1, 1)
        width = width_m.clamp(min=0.02).view(-1, 1, 1, 1)
        height = (height_m / width).clamp(-0.3, 1.5) * known
        # The item against the item and the ground against the ground: their step would drown a
        # dent in the item's edge, or a puddle beside it.
        sides = torch.cat((on_item, 1 - on_item), dim=1) * known
        cell = _cell_side(height.shape[-1])
        sums = functional.avg_pool2d(torch.cat((height * sides, sides), dim=1), cell)
        fine = self._relief(height, sides, sums, FINE_WINDOW, cell)
        broad = self._relief(height, sides, sums, BROAD_WINDOW, cell)
        return rgb, torch.cat((2 * height, fine, broad, known, on_item), dim=1)

    @staticmethod
    def rgb(color: Tensor) -> Tensor:
        """(N, S, S, 3) 0..255 -> (N, 3, S, S)."""
        # Whoever trains in bfloat16 hands it over so; it holds these numbers exactly.
        values = color if color.is_floating_point() else color.float()
        return (values.permute(0, 3, 1, 2) - 128.0) / 64.0

    @staticmethod
    def _relief(height: Tensor, sides: Tensor, sums: Tensor, window: int, cell: int) -> Tensor:
        """Height against the mean of the neighbourhood on the same side, (N, 1, S/2, S/2) in -2..2.

        sides   (N, 2, S/2, S/2) 1 where height is known on the item, and off it
        sums    (N, 4, cells, cells) means of height on either side and of sides
        window  side of the neighbourhood in cells of ``cell`` pixels
        """
        # Along rows, then along columns: the same mean at a fraction of the cost.
        reach = window // 2
        mean = functional.avg_pool2d(sums, (1, window), 1, (0, reach), count_include_pad=False)
        mean = functional.avg_pool2d(mean, (window, 1), 1, (reach, 0), count_include_pad=False)
        base = mean[:, :2] / mean[:, 2:].clamp(min=0.02)
        if cell > 1:
            base = functional.interpolate(
                base, scale_factor=float(cell), mode="bilinear", align_corners=False
            )
        relief = ((height - base) * sides).sum(dim=1, keepdim=True)
        return (relief * RELIEF_GAIN).clamp(-2.0, 2.0)


def _cell_side(side: int) -> int:
    """Pixels along a cell: they divide ``side`` evenly, as near to CELLS of them as can be."""
    even = (cell for cell in range(1, side + 1) if side % cell == 0)
    return min(even, key=lambda cell: abs(math.log(side / cell / CELLS)))


class DamageNet(nn.Module):
    """Views -> Outputs.

    widths  channels of the shape branch at strides 4, 8, 16, 32, and of the decoder

    Colour is seen by an encoder that learned on photographs, shape by a branch that learned in the
    simulated cell. The decoder joins them at strides 8 to 32.
    """

    def __init__(self, widths: tuple[int, ...] = (24, 48, 80, 144, 96)) -> None:
        super().__init__()
        self.widths = widths
        w4, w8, w16, w32, wide = widths
        _, c8, c16, c32 = CHANNELS
        self.preprocess = Preprocess()
        self.encoder = ColorEncoder()
        self.shape_stem = nn.Conv2d(SHAPE_CHANNELS, w4, 6, 2, 2, bias=False)
        self.stem = nn.Sequential(nn.BatchNorm2d(w4), nn.ReLU(True))
        self.stage8 = nn.Sequential(convolution(w4, w8, 2), Residual(w8), Residual(w8))
        self.stage16 = nn.Sequential(convolution(w8, w16, 2), Residual(w16), Residual(w16))
        self.stage32 = nn.Sequential(convolution(w16, w32, 2), Residual(w32), Residual(w32))
        self.join32 = _Join(c32, w32, wide)
        self.join16 = _Join(c16, w16, wide)
        self.join8 = _Join(c8, w8, wide)
        self.stage64 = nn.Sequential(convolution(wide, wide, 2), Residual(wide))
        self.fuse32, self.fuse16 = Residual(wide), Residual(wide)
        self.fuse8 = nn.Sequential(convolution(wide, wide), convolution(wide, wide))
        self.maps = nn.Conv2d(wide, len(KINDS), 1)
        # Most cells show no damage; begin from there.
        self.maps.bias = nn.Parameter(torch.full((len(KINDS),), -4.0))
        # Sharpens the maps; begins at nothing.
        self.detail = nn.Conv2d(w4, len(KINDS), 3, 1, 1, bias=False)
        nn.init.zeros_(self.detail.weight)
        self.gain = nn.Parameter(torch.ones(len(KINDS)))
        # What the encoder says of the item, unmixed with what the simulated cell taught.
        self.glance = nn.Sequential(nn.Dropout(0.3), nn.Linear(2 * (c16 + c32), GLANCE))
        pooled = 3 * wide + len(KINDS) + GLANCE
        self.head = nn.Sequential(
            nn.Linear(pooled, 128), nn.ReLU(True), nn.Dropout(0.1), nn.Linear(128, 1 + len(KINDS))
        )
        self.embed8 = nn.Conv2d(wide, wide, 3, 2, 1)
        self.embed16 = nn.Sequential(nn.ReLU(True), Residual(wide))
        # Centred: angles between embeddings that share a large part say little.
        self.embed = nn.Sequential(
            nn.Conv2d(wide, COMPARED_CHANNELS, 1, bias=False), nn.BatchNorm2d(COMPARED_CHANNELS)
        )
        # Not learned but fitted: see `fit_looks`.
        self.looks = nn.Conv2d(c8 + c16 + c32, SEEN_CHANNELS, 1, bias=False).requires_grad_(False)
        # Learned together with what it compares, but a graph of its own.
        self.comparer = Comparer()
        # Learned apart, and part of the same graph: it sees the same views.
        self.describer = Describer()

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.gain.device

    def forward(
        self,
        color: Tensor,
        height_m: Tensor,
        item: Tensor,
        width_m: Tensor,
        lower: Sequence[Tensor] | None = None,
    ) -> Outputs:
        """What the network says of some views.

        lower  what the lower part of the colour encoder says of them; None: not known yet
        """
        rgb, shape = self.preprocess(color, height_m, item, width_m)
        return self.judge(rgb, shape, lower)

    def judge(self, rgb: Tensor, shape: Tensor, lower: Sequence[Tensor] | None = None) -> Outputs:
        """The same, from what `Preprocess` gives."""
        below = self.encoder.below(rgb) if lower is None else lower
        *_, c8, c16, c32 = self.encoder.above(below)
        x4 = self.stem(self.shape_stem(shape))
        x8 = self.stage8(x4)
        x16 = self.stage16(x8)
        x32 = self.stage32(x16)
        j32 = functional.relu(self.join32(c32, x32))
        x64 = self.stage64(j32)
        d32 = self.fuse32(j32 + _double(x64))
        d16 = self.fuse16(functional.relu(self.join16(c16, x16) + _double(d32)))
        d8 = self.fuse8(functional.relu(self.join8(c8, x8) + _double(d16)))
        maps = _double(self.maps(d8)) + self.detail(x4)
        # The strongest patch of each map, smoothed so that one hot pixel does not decide.
        evidence = functional.avg_pool2d(functional.avg_pool2d(maps, 2), 3, 1).amax(dim=(2, 3))
        glance = functional.relu(self.glance(_of_item(c16, c32, shape[:, -1:])))
        pooled = (d32.mean(dim=(2, 3)), d32.amax(dim=(2, 3)), x64.mean(dim=(2, 3)), evidence)
        context = self.head(torch.cat((*pooled, glance), dim=1))
        # What the maps show speaks first and the context corrects it: so the labels of the item
        # teach the maps from the first step. An item is damaged where any kind is present.
        kinds = self.gain * evidence + context[:, 1:]
        cells = self.embed(self.embed16(d16 + self.embed8(d8)))
        item = kinds.logsumexp(dim=1) + context[:, 0]
        looks = self.looks(_side_by_side(c8, c16, c32).to(self.looks.weight.dtype))
        looks = functional.normalize(looks.float(), dim=1)
        return Outputs(maps, item, kinds, cells.permute(0, 2, 3, 1), looks.permute(0, 2, 3, 1))

    def seen(self, rgb: Tensor) -> Tensor:
        """(N, C, S/16, S/16) what `looks` is made of: the encoder's features, side by side."""
        return _side_by_side(*self.encoder(rgb)[1:])


def _side_by_side(c8: Tensor, c16: Tensor, c32: Tensor) -> Tensor:
    """The encoder's features at one stride, each of unit length and averaged over 3 x 3 cells.

    As in PatchCore (Roth 2022), but at three strides: detail, parts and context count alike.
    """
    # In full: squares of features do not fit into half precision.
    same = (functional.avg_pool2d(c8.float(), 2), c16.float(), _double(c32.float()))
    return torch.cat(
        [
            functional.avg_pool2d(functional.normalize(x, dim=1), 3, 1, 1, count_include_pad=False)
            for x in same
        ],
        dim=1,
    ).detach()


def _of_item(c16: Tensor, c32: Tensor, on_item: Tensor) -> Tensor:
    """(N, 2 * (C16 + C32)) means and maxima of the encoder's features on the item and beside it.

    on_item  (N, 1, S/2, S/2)
    """
    # A cell more to each side: spills lie there.
    on16 = functional.max_pool2d(functional.max_pool2d(on_item, 8), 3, 1, 1)
    pooled = []
    for features, on in ((c16, on16), (c32, functional.max_pool2d(on16, 2))):
        mean = (features * on).sum(dim=(2, 3)) / on.sum(dim=(2, 3)).clamp(min=1)
        pooled += [mean, (features - _FAR_BELOW * (1 - on)).amax(dim=(2, 3)).clamp(min=-6)]
    return torch.cat(pooled, dim=1)


class _Join(nn.Module):
    """Colour and shape of one stride, as the decoder takes them."""

    def __init__(self, color: int, shape: int, outputs: int) -> None:
        super().__init__()
        # Each of one scale: what the encoder gives is many times larger.
        self.color = nn.Sequential(
            nn.Conv2d(color, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        )
        self.shape = nn.Sequential(
            nn.Conv2d(shape, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        )

    def forward(self, color: Tensor, shape: Tensor) -> Tensor:
        """(N, outputs, H, W)."""
        joined: Tensor = self.color(color) + self.shape(shape)
        return joined


def _double(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")
