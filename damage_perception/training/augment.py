"""Batches of views, varied in ways that need no renderer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from damage_perception.kinds import KINDS
from damage_perception.simulation.split import Split
from damage_perception.simulation.written_damage import WRITABLE, write_damage
from damage_perception.training.views import MAP_STRIDE, UNKNOWN_KIND, LabelledViews, coarse
from damage_perception.view import UNKNOWN_HEIGHT_M

# Shares of the views; a camera that loses its depth must not cost the verdict.
NO_DEPTH_SHARE = 0.18
DEPTH_HOLES_SHARE = 0.3
DEPTH_NOISE_SHARE = 0.25
MOST_DEPTH_NOISE = 0.006
COARSE_DEPTH_SHARE = 0.2
TILTED_PLANE_SHARE = 0.3
# Of the view's width: what a plane fitted in one frame is off by, and a step of coarse depth.
PLANE_ERROR, LARGEST_DEPTH_STEP = 0.004, 0.006
# Of these, half meet a damaged view and stay as they are.
PRINTED_SHARE = 0.24
# What a view spans where that is not known.
USUAL_WIDTH_M = 0.3
GREY_SHARE = 0.04
SWAPPED_SHARE = 0.08
SOFT_SHARE = 0.12
UPRIGHT_SHARE = 0.6
LARGEST_ZOOM, LARGEST_SHIFT = 1.15, 0.06


@dataclass(frozen=True)
class Batch:
    """Network inputs as in DamageNet.forward, and targets.

    maps     (N, kinds, S/4, S/4) float32, 1 on damage of the kind
    known    (N, 1, S/4, S/4) float32, 1 where it is known what is there
    damaged  (N,) float32
    """

    inputs: tuple[Tensor, Tensor, Tensor, Tensor]
    maps: Tensor
    known: Tensor
    damaged: Tensor

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
        color, height_m, item, width_m = (part.to(device) for part in self.inputs)
        targets = (self.maps.to(device), self.known.to(device), self.damaged.to(device))
        return Batch((color, height_m, item, width_m), *targets)

    def joined(self, other: Batch) -> Batch:
        """This batch and another one."""
        color, height_m, item, width_m = (
            torch.cat(parts) for parts in zip(self.inputs, other.inputs, strict=True)
        )
        return Batch(
            (color, height_m, item, width_m),
            torch.cat((self.maps, other.maps)),
            torch.cat((self.known, other.known)),
            torch.cat((self.damaged, other.damaged)),
        )


def draw_batch(
    views: LabelledViews,
    rows: NDArray[np.integer],
    size: int,
    rngs: Sequence[np.random.Generator] | None = None,
    spoil: Mapping[int, np.random.Generator] | None = None,
) -> Batch:
    """The given rows at ``size`` x ``size``.

    rngs   how each is varied for training; None: views stay as they are
    spoil  by place in the batch: pristine views that get damage written into them
    """
    spoil = spoil or {}
    drawn = [
        _draw(views, int(row), size, None if rngs is None else rngs[i], spoil.get(i))
        for i, row in enumerate(rows)
    ]
    color, height, item, width, codes = (
        torch.from_numpy(np.stack(part)) for part in zip(*drawn, strict=True)
    )
    damaged = torch.from_numpy(views.damaged[rows]).float()
    damaged[list(spoil)] = 1.0
    present = codes.unsqueeze(1) == torch.arange(1, len(KINDS) + 1).view(1, -1, 1, 1)
    maps = present.float() * damaged.view(-1, 1, 1, 1)
    known = (codes != UNKNOWN_KIND).float().unsqueeze(1)
    return Batch((color, height, item, width), maps, known, damaged)


def _draw(
    views: LabelledViews,
    row: int,
    size: int,
    rng: np.random.Generator | None,
    spoil: np.random.Generator | None,
) -> tuple[Any, ...]:
    color, item = views.color[row], views.item[row]
    height = views.height_m[row].astype(np.float32)
    codes, width = views.kinds[row], views.width_m[row]
    if spoil is not None:
        color, height, codes = _spoilt(color, height, item, float(width), spoil)
    stored = color.shape[0]
    if rng is None and stored == size:
        return color, height, item, width, codes
    turn = np.eye(2, dtype=np.float64)
    shift = np.zeros(2)
    if rng is not None:
        # Quarter turns lose no corner of the view, as production loses none.
        upright = rng.integers(4) * np.pi / 2 + rng.normal(0, 0.05)
        angle = upright if rng.random() < UPRIGHT_SHARE else rng.uniform(0, 2 * np.pi)
        zoom = rng.uniform(1 / LARGEST_ZOOM, LARGEST_ZOOM)
        cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
        mirror = rng.choice((-1.0, 1.0))
        turn = np.array([[cos * mirror, -sin], [sin * mirror, cos]])
        shift = rng.uniform(-LARGEST_SHIFT, LARGEST_SHIFT, 2)
        width = np.float32(width / zoom)

    def warp(image: NDArray[Any], out: int, how: int, fill: float) -> NDArray[Any]:
        # About the centres of both images, pixel centres at whole numbers.
        scale = turn * (out / image.shape[0])
        middle_in, middle_out = (image.shape[0] - 1) / 2, (out - 1) / 2
        offset = middle_out + shift * out - scale @ np.full(2, middle_in)
        matrix = np.column_stack((scale, offset))
        return cv2.warpAffine(
            image, matrix, (out, out), flags=how, borderMode=cv2.BORDER_CONSTANT, borderValue=fill
        )

    if rng is not None and rng.random() < PRINTED_SHARE:
        other = int(rng.integers(len(views)))
        if not views.damaged[other]:
            color = _print_on(color, item, views.color[other], rng)
    color = warp(color, size, cv2.INTER_LINEAR, 0)
    # Nearest, because a mean across an edge is a height that nothing has.
    height = warp(height, size, cv2.INTER_NEAREST, UNKNOWN_HEIGHT_M)
    item = warp(item, size, cv2.INTER_NEAREST, 0)
    codes = warp(codes, size // MAP_STRIDE, cv2.INTER_NEAREST, 0)
    if rng is not None:
        color = _recolor(color, rng)
        _spoil_depth(height, float(width), rng)
        if (height == UNKNOWN_HEIGHT_M).all():
            item = _roughly_outlined(item, rng)
    return color, height, item, width, codes


def _recolor(color: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    gain = rng.uniform(0.75, 1.3) * rng.uniform(0.92, 1.08, 3)
    levels = 255 * (np.arange(256)[:, None] / 255) ** rng.uniform(0.75, 1.35)
    table = np.clip(levels * gain + rng.uniform(-18, 18), 0, 255).astype(np.uint8)[:, None, :]
    image = cv2.LUT(color, np.ascontiguousarray(table))
    draw = rng.random()
    if draw < GREY_SHARE:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    elif draw < GREY_SHARE + SWAPPED_SHARE:
        image = np.ascontiguousarray(image[..., rng.permutation(3)])
    if rng.random() < SOFT_SHARE:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.3))
    deviation = rng.uniform(-8, 6)
    if deviation > 0:
        noise = np.zeros(image.shape, np.int16)
        cv2.setRNGSeed(int(rng.integers(2**31)))
        cv2.randn(noise, np.zeros(3), np.full(3, deviation))
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    return image.astype(np.uint8, copy=False)


def _spoilt(
    color: NDArray[np.uint8],
    height: NDArray[np.float32],
    item: NDArray[np.uint8],
    width_m: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.uint8]]:
    """Colour, height and codes of a pristine view with damage written into it."""
    metre = (width_m or USUAL_WIDTH_M) / len(item)
    # Height falls where distance grows.
    depth = np.where(height == UNKNOWN_HEIGHT_M, np.nan, -height)
    kind = str(rng.choice(WRITABLE))
    written = write_damage(color, depth, item > 0, metre, kind, rng, Split.TRAIN)
    height = np.where(np.isnan(written.depth_m), UNKNOWN_HEIGHT_M, -written.depth_m)
    return written.color, height.astype(np.float32), coarse(written.codes)


def _print_on(
    color: NDArray[np.uint8],
    item: NDArray[np.uint8],
    picture: NDArray[np.uint8],
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Another view shines through the item's surface: endless artwork, none of which is damage."""
    share = float(rng.uniform(0.15, 0.5))
    mixed = cv2.addWeighted(color, 1 - share, picture, share, 0)
    return np.where(item[..., None] > 0, mixed, color).astype(np.uint8, copy=False)


def _spoil_depth(height: NDArray[np.float32], width_m: float, rng: np.random.Generator) -> None:
    """Noise, a plane that is off, coarse depth, holes, or no depth at all; in place."""
    size = len(height)
    unknown = height == UNKNOWN_HEIGHT_M
    if rng.random() < COARSE_DEPTH_SHARE:
        _coarsen(height, unknown, width_m, rng)
    if rng.random() < TILTED_PLANE_SHARE:
        offset, along, down = rng.normal(0, PLANE_ERROR * width_m, 3)
        line = np.linspace(-1, 1, size, dtype=np.float32)
        height += np.float32(offset) + np.float32(along) * line + np.float32(down) * line[:, None]
    if rng.random() < DEPTH_NOISE_SHARE:
        noise = rng.standard_normal(height.shape, np.float32)
        height += noise * np.float32(rng.uniform(0, MOST_DEPTH_NOISE) * width_m)
    if rng.random() < NO_DEPTH_SHARE:
        unknown[:] = True
    elif rng.random() < DEPTH_HOLES_SHARE:
        for _ in range(int(rng.integers(1, 6))):
            y, x = rng.integers(0, size, 2)
            h, w = rng.integers(2, size // 8, 2)
            unknown[y : y + h, x : x + w] = True
    height[unknown] = UNKNOWN_HEIGHT_M


def _roughly_outlined(item: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The item as colour alone outlines it: too much, too little, or with something beside it."""
    reach = int(rng.integers(1, max(2, len(item) // 12)))
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    match int(rng.integers(5)):
        case 0:
            item = np.asarray(cv2.dilate(item, kernel), np.uint8)
        case 1:
            item = np.asarray(cv2.erode(item, kernel), np.uint8)
        case 2:
            x, y, width, height = cv2.boundingRect(item)
            item = item.copy()
            item[y : y + height, x : x + width] = 1
        case 3:
            item = item.copy()
            y, x = rng.integers(0, len(item), 2)
            height, width = rng.integers(reach, 5 * reach, 2)
            item[y : y + height, x : x + width] = rng.integers(2)
        case _:
            pass
    return item


def _coarsen(
    height: NDArray[np.float32],
    unknown: NDArray[np.bool_],
    width_m: float,
    rng: np.random.Generator,
) -> None:
    """What a sensor of few pixels makes of it: means over cells, waves and steps; in place."""
    size = len(height)
    cells = int(rng.integers(size // 6, size // 2))
    sums = np.dstack((np.where(unknown, 0, height), (~unknown).astype(np.float32)))
    sums = cv2.resize(sums, (cells, cells), interpolation=cv2.INTER_AREA)
    means = sums[..., 0] / np.maximum(sums[..., 1], 1e-3)
    bumps = rng.standard_normal((int(rng.integers(4, 24)),) * 2, np.float32)
    bumps = bumps * np.float32(rng.uniform(0, MOST_DEPTH_NOISE) * width_m)
    means = means + cv2.resize(bumps, (cells, cells), interpolation=cv2.INTER_CUBIC)
    step = np.float32(rng.uniform(0, LARGEST_DEPTH_STEP) * width_m + 1e-5)
    means = np.round(means / step) * step
    height[:] = cv2.resize(means, (size, size), interpolation=cv2.INTER_NEAREST)
