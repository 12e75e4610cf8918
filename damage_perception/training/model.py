"""The damage network in PyTorch: a plain residual encoder with a light decoder.

Plain 3x3 convolutions, because they are what a CPU and tensor cores both run near their peak.
Normalisation is part of the graph, so whoever runs it hands over images as they are.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from damage_perception.kinds import KINDS

# Local relief is a thousandth of the view's width where a dent begins; this makes it order one.
RELIEF_GAIN = 80.0
FINE_WINDOW = 3
BROAD_WINDOW = 15
CHANNELS = 8


class Preprocess(nn.Module):
    """Images as they are -> (N, 8, S, S): colour, height, fine and broad relief, known, item.

    Heights are taken in widths of the view, so that slopes keep their meaning at every scale.
    """

    def forward(self, color: Tensor, height_m: Tensor, item: Tensor, width_m: Tensor) -> Tensor:
        """color (N, S, S, 3) uint8; height_m (N, S, S); item (N, S, S) uint8; width_m (N,)."""
        rgb = color.permute(0, 3, 1, 2).float() / 64.0 - 2.0
        known = (height_m > -1.0).float().unsqueeze(1) * (width_m > 0).float().view(-1, 1, 1, 1)
        width = width_m.clamp(min=0.02).view(-1, 1, 1, 1)
        height = (height_m.unsqueeze(1) / width).clamp(-0.3, 1.5) * known
        on_item = item.unsqueeze(1).float()
        # The item against the item and the ground against the ground: their step would drown a
        # dent in the item's edge, or a puddle beside it.
        sides = torch.cat((on_item, 1 - on_item), dim=1) * known
        sums = functional.avg_pool2d(torch.cat((height * sides, sides), dim=1), 4)
        fine = self._relief(height, sides, sums, FINE_WINDOW)
        broad = self._relief(height, sides, sums, BROAD_WINDOW)
        return torch.cat((rgb, 2 * height, fine, broad, known, on_item), dim=1)

    @staticmethod
    def _relief(height: Tensor, sides: Tensor, sums: Tensor, window: int) -> Tensor:
        """Height against the mean of the neighbourhood on the same side, (N, 1, S, S) in -2..2.

        sides   (N, 2, S, S) 1 where height is known on the item, and off it
        sums    (N, 4, S/4, S/4) means of height on either side and of sides, in cells of 4 x 4
        window  side of the neighbourhood in such cells
        """
        mean = functional.avg_pool2d(sums, window, 1, window // 2, count_include_pad=False)
        mean = functional.interpolate(mean, scale_factor=4.0, mode="bilinear", align_corners=False)
        base = mean[:, :2] / mean[:, 2:].clamp(min=0.02)
        relief = ((height - base) * sides).sum(dim=1, keepdim=True)
        return (relief * RELIEF_GAIN).clamp(-2.0, 2.0)


def _convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(True)
    )


class Residual(nn.Module):
    """Two 3x3 convolutions beside the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _convolution(channels, channels)
        self.second = nn.Sequential(
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Same shape out as in."""
        return functional.relu(x + self.second(self.first(x)))


class DamageNet(nn.Module):
    """Views -> maps (N, kinds, S/4, S/4) of probabilities, item logit (N,), kind logits (N, kinds).

    widths  channels at strides 2, 4, 8, 16, 32
    """

    def __init__(self, widths: tuple[int, ...] = (16, 32, 64, 112, 144)) -> None:
        super().__init__()
        self.widths = widths
        w2, w4, w8, w16, w32 = widths
        self.preprocess = Preprocess()
        self.stem = _convolution(CHANNELS, w2, 2)
        self.stage4 = nn.Sequential(_convolution(w2, w4, 2), Residual(w4), Residual(w4))
        self.stage8 = nn.Sequential(_convolution(w4, w8, 2), Residual(w8), Residual(w8))
        self.stage16 = nn.Sequential(_convolution(w8, w16, 2), Residual(w16), Residual(w16))
        self.stage32 = nn.Sequential(_convolution(w16, w32, 2), Residual(w32))
        self.lateral16 = nn.Conv2d(w32, w16, 1)
        self.lateral8 = nn.Conv2d(w16, w8, 1)
        self.lateral4 = nn.Conv2d(w8, w4, 1)
        self.fuse16, self.fuse8 = Residual(w16), Residual(w8)
        self.fuse4 = _convolution(w4, w4)
        self.maps = nn.Conv2d(w4, len(KINDS), 1)
        # Most cells show no damage; begin from there.
        self.maps.bias = nn.Parameter(torch.full((len(KINDS),), -4.0))
        self.gain = nn.Parameter(torch.ones(len(KINDS)))
        pooled = 2 * w16 + w32 + len(KINDS)
        self.head = nn.Sequential(
            nn.Linear(pooled, 128), nn.ReLU(True), nn.Dropout(0.1), nn.Linear(128, 1 + len(KINDS))
        )

    def forward(
        self, color: Tensor, height_m: Tensor, item: Tensor, width_m: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Map logits, item logit and kind logits."""
        x4 = self.stage4(self.stem(self.preprocess(color, height_m, item, width_m)))
        x8 = self.stage8(x4)
        x16 = self.stage16(x8)
        x32 = self.stage32(x16)
        d16 = self.fuse16(x16 + _double(self.lateral16(x32)))
        d8 = self.fuse8(x8 + _double(self.lateral8(d16)))
        maps = self.maps(self.fuse4(x4 + _double(self.lateral4(d8))))
        # The strongest patch of each map, smoothed so that one hot pixel does not decide.
        evidence = functional.avg_pool2d(maps, 3, 1).amax(dim=(2, 3))
        pooled = (d16.mean(dim=(2, 3)), d16.amax(dim=(2, 3)), x32.mean(dim=(2, 3)), evidence)
        context = self.head(torch.cat(pooled, dim=1))
        # What the maps show speaks first and the context corrects it: so the labels of the item
        # teach the maps from the first step. An item is damaged where any kind is present.
        kinds = self.gain * evidence + context[:, 1:]
        return maps, kinds.logsumexp(dim=1) + context[:, 0], kinds


def _double(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")
