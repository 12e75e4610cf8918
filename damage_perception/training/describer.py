"""The network that tells products apart, in PyTorch.

It shares nothing with the network that sees damage: that one learns to look away from what is
printed on a product, which is what this one looks at. It is small, and sees less of a view, so
that it can learn from many products at once.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from damage_perception.network.contract import DESCRIPTOR_CHANNELS
from damage_perception.training.layers import Residual, convolution

# Side of the views that it sees, in pixels.
DESCRIBED_SIZE = 160
# Metres that a view usually spans, and by which lengths are taken.
USUAL_WIDTH_M = 0.3
_WIDTHS = (24, 40, 80, 128)
# Height, where it is known, the item; of what the damage network takes as shape.
_SHAPE = (0, 3, 4)
_SIZES = 6


class Describer(nn.Module):
    """Views -> (N, DESCRIPTOR_CHANNELS) unit vectors, alike for pieces of one product."""

    def __init__(self) -> None:
        super().__init__()
        w4, w8, w16, w32 = _WIDTHS
        self.color_stem = nn.Conv2d(3, w4, 4, 2, 1, bias=False)
        self.shape_stem = nn.Conv2d(len(_SHAPE), w4, 3, 1, 1, bias=False)
        self.stem = nn.Sequential(nn.BatchNorm2d(w4), nn.ReLU(True))
        self.stages = nn.Sequential(
            convolution(w4, w8, 2),
            convolution(w8, w16, 2),
            Residual(w16),
            convolution(w16, w32, 2),
            Residual(w32),
        )
        # Of one scale first: sizes spread wider than means of features, and would drown them.
        self.head = nn.Sequential(
            nn.BatchNorm2d(2 * w32 + _SIZES),
            nn.Conv2d(2 * w32 + _SIZES, 256, 1, bias=False),
            nn.BatchNorm2d(256),
            nn.ReLU(True),
            nn.Conv2d(256, DESCRIPTOR_CHANNELS, 1, bias=False),
            nn.BatchNorm2d(DESCRIPTOR_CHANNELS),
        )

    def forward(self, rgb: Tensor, shape: Tensor, width_m: Tensor) -> Tensor:
        """As `Preprocess` gives them: rgb (N, 3, S, S), shape (N, 5, S/2, S/2); width_m (N,)."""
        seen = shape[:, _SHAPE]
        rgb, seen = _shrunk(rgb, DESCRIBED_SIZE), _shrunk(seen, DESCRIBED_SIZE // 2)
        x = self.stages(self.stem(self.color_stem(rgb) + self.shape_stem(seen)))
        on_item = functional.avg_pool2d(seen[:, 2:], seen.shape[-1] // x.shape[-1])
        share = on_item.mean(dim=(2, 3)).clamp(min=1e-3)
        mean = (x * on_item).mean(dim=(2, 3)) / share
        greatest = (x * on_item).amax(dim=(2, 3))
        sizes = self._sizes(seen.float(), width_m.float()).to(x.dtype)
        features = torch.cat((mean, greatest, sizes), dim=1)
        descriptor = self.head(features.unsqueeze(2).unsqueeze(3)).flatten(1)
        return functional.normalize(descriptor.float(), dim=1)

    @staticmethod
    def _sizes(seen: Tensor, width_m: Tensor) -> Tensor:
        """(N, _SIZES) how long, broad and high the item is, and what of this is known."""
        height, known, item = seen.unbind(dim=1)
        count = item.mean(dim=(1, 2)).clamp(min=1e-3)
        # Second moments, in widths of the view: of a box, its sides.
        along = torch.linspace(-0.5, 0.5, item.shape[-1], device=item.device)
        x, y = along.view(1, 1, -1), along.view(1, -1, 1)
        mean_x, mean_y = ((item * axis).mean(dim=(1, 2)) / count for axis in (x, y))
        xx = (item * x * x).mean(dim=(1, 2)) / count - mean_x * mean_x
        yy = (item * y * y).mean(dim=(1, 2)) / count - mean_y * mean_y
        xy = (item * x * y).mean(dim=(1, 2)) / count - mean_x * mean_y
        middle = (xx + yy) / 2
        spread = ((xx - yy) ** 2 / 4 + xy * xy).clamp(min=1e-12).sqrt()
        sides = (12 * torch.stack((middle + spread, middle - spread), dim=1)).clamp(min=1e-4).sqrt()
        measured = (known * item).mean(dim=(1, 2))
        # Half of what the shape says is height in widths of the view.
        high = (height * item).mean(dim=(1, 2)) / (2 * measured.clamp(min=1e-3))
        scale = width_m.clamp(min=0.02) / USUAL_WIDTH_M
        has_width, has_height = (width_m > 0).float(), (measured > 0.01).float()
        return torch.stack(
            (
                *(2 * ((sides * scale.unsqueeze(1)).log() * has_width.unsqueeze(1))).unbind(dim=1),
                2 * (high * scale).clamp(0.02, 2.0).log() * has_height,
                4 * (sides[:, 0] / sides[:, 1]).log(),
                has_width,
                has_height,
            ),
            dim=1,
        )


def _shrunk(images: Tensor, size: int) -> Tensor:
    """(N, C, S, S) at ``size``, at which it is learned; smaller ones stay as they are."""
    side = images.shape[-1]
    pooled = max((n for n in range(1, side // size + 1) if side % n == 0), default=1)
    if pooled > 1:
        images = functional.avg_pool2d(images, pooled)
    if images.shape[-1] > size:
        images = functional.interpolate(images, (size, size), mode="bilinear", align_corners=False)
    return images
