"""Batches of views, varied in ways that need no renderer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from damage_perception.kinds import KINDS
from damage_perception.training.views import MAP_STRIDE, LabelledViews
from damage_perception.view import UNKNOWN_HEIGHT_M

# Shares of a batch; a camera that loses its depth must not cost the verdict.
NO_DEPTH_SHARE = 0.12
DEPTH_HOLES_SHARE = 0.3
GREY_SHARE = 0.04


@dataclass(frozen=True)
class Batch:
    """Network inputs as in DamageNet.forward, and targets.

    maps     (N, kinds, S/4, S/4) float32, 1 on damage of the kind
    kinds    (N, kinds) float32, 1 where the kind is in the view
    damaged  (N,) float32
    """

    inputs: tuple[Tensor, Tensor, Tensor, Tensor]
    maps: Tensor
    kinds: Tensor
    damaged: Tensor


def draw_batch(
    views: LabelledViews, rows: np.ndarray, size: int, rng: np.random.Generator, vary: bool
) -> Batch:
    """The given rows at ``size`` x ``size``; varied for training, as they are otherwise."""
    color = torch.from_numpy(views.color[rows])
    height = torch.from_numpy(views.height_m[rows]).float()
    item = torch.from_numpy(views.item[rows])
    width = torch.from_numpy(views.width_m[rows])
    codes = torch.from_numpy(views.kinds[rows])
    if vary:
        color, height, item, width, codes = _crop(color, height, item, width, codes, rng)
        color, height, item, codes = _turn(color, height, item, codes, rng)
    color, height, item, codes = _resize(color, height, item, codes, size)
    if vary:
        color = _recolor(color, rng)
        height = _lose_depth(height, rng)
    damaged = torch.from_numpy(views.damaged[rows]).float()
    present = codes.unsqueeze(1) == torch.arange(1, len(KINDS) + 1).view(1, -1, 1, 1)
    maps = present.float() * damaged.view(-1, 1, 1, 1)
    return Batch((color, height, item, width), maps, maps.amax(dim=(2, 3)), damaged)


def _crop(
    color: Tensor,
    height: Tensor,
    item: Tensor,
    width: Tensor,
    codes: Tensor,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """One side for the batch, a place for each view: a finder is never quite the same."""
    size = color.shape[1]
    side = int(rng.integers(round(0.86 * size), size + 1)) // MAP_STRIDE * MAP_STRIDE
    steps = (size - side) // MAP_STRIDE + 1
    corners = rng.integers(0, steps, (len(color), 2)) * MAP_STRIDE

    def cut(image: Tensor, scale: int) -> Tensor:
        length = side // scale
        return torch.stack(
            [
                one[y // scale : y // scale + length, x // scale : x // scale + length]
                for one, (y, x) in zip(image, corners, strict=True)
            ]
        )

    return (
        cut(color, 1),
        cut(height, 1),
        cut(item, 1),
        width * (side / size),
        cut(codes, MAP_STRIDE),
    )


def _turn(
    color: Tensor, height: Tensor, item: Tensor, codes: Tensor, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One of the eight symmetries of the square for each quarter of the batch."""
    parts = []
    for part in np.array_split(np.arange(len(color)), 4):
        quarter, mirror = int(rng.integers(4)), bool(rng.integers(2))
        turned = []
        for image in (color[part], height[part], item[part], codes[part]):
            image = torch.rot90(image, quarter, (1, 2))
            turned.append(image.flip(2) if mirror else image)
        parts.append(turned)
    color, height, item, codes = (torch.cat(images) for images in zip(*parts, strict=True))
    return color, height, item, codes


def _resize(
    color: Tensor, height: Tensor, item: Tensor, codes: Tensor, size: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    if color.shape[1] == size:
        return color, height, item, codes
    shrunk = functional.interpolate(
        color.permute(0, 3, 1, 2).float(), (size, size), mode="bilinear", antialias=True
    )
    color = shrunk.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)

    def nearest(image: Tensor, side: int) -> Tensor:
        return functional.interpolate(image.unsqueeze(1), (side, side), mode="nearest").squeeze(1)

    cells = size // MAP_STRIDE
    codes = functional.adaptive_max_pool2d(codes.float().unsqueeze(1), cells).squeeze(1)
    return color, nearest(height, size), nearest(item, size), codes.to(torch.uint8)


def _recolor(color: Tensor, rng: np.random.Generator) -> Tensor:
    count = len(color)
    gain = torch.from_numpy(rng.uniform(0.75, 1.3, (count, 1, 1, 1)).astype(np.float32))
    tint = torch.from_numpy(rng.uniform(0.92, 1.08, (count, 1, 1, 3)).astype(np.float32))
    offset = torch.from_numpy(rng.uniform(-18, 18, (count, 1, 1, 1)).astype(np.float32))
    image = color.float() * gain * tint + offset
    grey = torch.from_numpy(rng.random(count) < GREY_SHARE)
    image[grey] = image[grey].mean(dim=3, keepdim=True).expand(-1, -1, -1, 3)
    noise = torch.randn_like(image) * float(rng.uniform(0, 4))
    return (image + noise).clamp(0, 255).to(torch.uint8)


def _lose_depth(height: Tensor, rng: np.random.Generator) -> Tensor:
    count, size = len(height), height.shape[1]
    height = height.clone()
    lost = torch.from_numpy(rng.random(count) < NO_DEPTH_SHARE)
    height[lost] = UNKNOWN_HEIGHT_M
    for row in np.flatnonzero(rng.random(count) < DEPTH_HOLES_SHARE):
        for _ in range(int(rng.integers(1, 6))):
            y, x = rng.integers(0, size, 2)
            h, w = rng.integers(2, size // 8, 2)
            height[row, y : y + h, x : x + w] = UNKNOWN_HEIGHT_M
    return height
