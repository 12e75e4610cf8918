"""Deformation written into a picture of a good item: crumpled parts, folded and missing corners.

The outline changes with the surface, which damage painted into an outline cannot show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.kinds import CODES, CRUSH, TEAR
from damage_perception.simulation.damage.outline import rough_noise, smooth_noise
from damage_perception.simulation.rendering.mesh import Array

# Of all deformations, those that crumple rather than fold; of these, those of the whole item.
_CRUMPLED_SHARE: Final = 0.75
_WHOLE_SHARE: Final = 0.35
# Of 255, on damage; what changes less is drawn anew, but not for ever.
_LEAST_CHANGE: Final = 9.0
_ATTEMPTS: Final = 4
# Of the item's area, what a folded corner takes.
_CORNER: Final = (0.04, 0.22)
# Of the corners, those that are gone; of the others, those whose back shows their own print.
_TORN_OFF_SHARE: Final = 0.3
_PRINTED_BACK_SHARE: Final = 0.25


@dataclass(frozen=True)
class Bent:
    """An item after its deformation.

    color    (H, W, 3) uint8
    depth_m  (H, W) float32
    item     (H, W) bool, which pixels show the item now
    codes    (H, W) uint8, the kind's where the damage is
    """

    color: NDArray[np.uint8]
    depth_m: Array
    item: NDArray[np.bool_]
    codes: NDArray[np.uint8]


def bend(
    color: NDArray[np.uint8],
    depth_m: Array,
    item: NDArray[np.bool_],
    metre: float,
    rng: np.random.Generator,
) -> Bent:
    """A deformation of some kind; arguments as those of `write_damage`, the item not too small."""
    near = _around(item)
    before = color[near].astype(np.float32)
    for _ in range(_ATTEMPTS):
        deform = _crumple if rng.random() < _CRUMPLED_SHARE else _fold_corner
        made = deform(before, depth_m[near], item[near], metre, rng)
        changed = np.abs(made.color - before)[made.codes > 0]
        if changed.size and changed.mean() > _LEAST_CHANGE:
            break
    whole = Bent(color.copy(), depth_m.astype(np.float32), item.copy(), np.zeros_like(item, "u1"))
    for name, part in vars(made).items():
        getattr(whole, name)[near] = part
    return whole


def _around(item: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Rows and columns of the item and of the ground beside it: the rest takes only time."""
    x, y, width, height = cv2.boundingRect(item.view(np.uint8))
    margin = 8 + max(width, height) // 10
    return (
        slice(max(0, y - margin), y + height + margin),
        slice(max(0, x - margin), x + width + margin),
    )


def _crumple(
    color: Array, depth: Array, item: NDArray[np.bool_], metre: float, rng: np.random.Generator
) -> Bent:
    """Facets with sharp edges, each lit its own way; near the outline the item gives way inward."""
    side = float(np.sqrt(item.sum()))
    radius = side * (1.6 if rng.random() < _WHOLE_SHARE else rng.uniform(0.2, 0.6))
    y, x = np.mgrid[: item.shape[0], : item.shape[1]].astype(np.float32)
    centre = _somewhere(item, rng)
    reach = np.hypot(x - centre[0], y - centre[1]) / radius
    reach = reach * (1 + 0.3 * smooth_noise(rng, item.shape, 2 * item.shape[1] / radius))
    weight = np.clip(1.6 - 1.6 * reach, 0, 1)
    facets, slopes = _facets(x, y, centre, min(radius, side), rng)
    # The outline gives way towards the middle, and the print slides with the facets.
    middle = np.argwhere(item).mean(axis=0)
    inward = np.stack((middle[1] - x, middle[0] - y))
    inward = inward / np.maximum(np.hypot(*inward), 1)
    push = np.clip(smooth_noise(rng, item.shape, rng.uniform(4, 12)) + 0.3, 0, None)
    push = push * rng.uniform(0.02, 0.2) * min(radius, side) * weight
    slide = cv2.GaussianBlur(slopes.transpose(1, 2, 0), (0, 0), max(1.0, 0.03 * side))
    slide = slide.transpose(2, 0, 1) * rng.uniform(0, 0.05) * min(radius, side) * weight
    at = (np.stack((x, y)) - inward * push + slide).astype(np.float32)
    bent = cv2.remap(color, at[0], at[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    pushed = cv2.remap(depth, at[0], at[1], cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    moved = cv2.remap(item.astype(np.uint8), at[0], at[1], cv2.INTER_NEAREST) > 0
    color, depth = _bared(color, depth, item, item & ~moved, rng)
    soft = cv2.GaussianBlur(moved.astype(np.float32), (0, 0), 0.7)[..., None]
    color, depth = color + (bent - color) * soft, np.where(moved, pushed, depth)
    weight = weight * moved
    angle = rng.uniform(0, 2 * np.pi)
    facing = np.cos(angle) * slopes[0] + np.sin(angle) * slopes[1]
    shade = 1 + rng.uniform(0.12, 0.4) * facing * weight
    edges = _edges(facets) * weight
    shade = shade + rng.uniform(-0.4, 0.5) * edges
    gloss = np.clip(facing - 0.9, 0, 1) * weight * rng.uniform(0, 0.7)
    color = color * np.clip(shade, 0.3, 1.7)[..., None]
    color = color + np.clip(255 - color, 0, 255) * gloss[..., None]
    relief = smooth_noise(rng, item.shape, 1.5 * item.shape[1] / min(radius, side)) + 0.15 * facing
    depth = depth + (0.03 + 0.12 * rng.random()) * min(radius, side) * metre * weight * (
        0.5 + np.clip(relief, -0.5, 1)
    )
    return _bent(color, depth, moved, weight > 0.25, CRUSH)


def _fold_corner(
    color: Array, depth: Array, item: NDArray[np.bool_], metre: float, rng: np.random.Generator
) -> Bent:
    """A corner lies folded over, so that its back shows, or is gone."""
    angle = rng.uniform(0, 2 * np.pi)
    along = np.array([np.cos(angle), np.sin(angle)])
    y, x = np.mgrid[: item.shape[0], : item.shape[1]].astype(np.float32)
    side = float(np.sqrt(item.sum()))
    ragged = rng.uniform(0, 0.03) * side
    across = along[0] * x + along[1] * y + ragged * rough_noise(rng, item.shape, 12)
    line = float(np.quantile(across[item], 1 - rng.uniform(*_CORNER)))
    gone = item & (across > line)
    printed = color
    color, depth = _bared(color, depth, item, gone, rng)
    kept = item & ~gone
    edge = kept & (np.abs(across - line) < 0.04 * side)
    if rng.random() < _TORN_OFF_SHARE:
        color = color + (_back(color, item, rng) - color) * (0.8 * edge)[..., None]
        return _bent(color, depth, kept, edge, TEAR)
    # Mirrored about the line, drawn in a little, as a flap seen from above is.
    mirror = np.eye(2) - (1 + rng.uniform(0.5, 1)) * np.outer(along, along)
    shift = along * line - mirror @ (along * line)
    matrix = np.column_stack((mirror, shift)).astype(np.float32)
    size = (item.shape[1], item.shape[0])
    flap = cv2.warpAffine(gone.astype(np.float32), matrix, size)
    back = _back(color, item, rng)
    if rng.random() < _PRINTED_BACK_SHARE:
        back = cv2.warpAffine(printed, matrix, size)
    slope = 1 + rng.uniform(-0.25, 0.2) * np.clip((line - across) / side, 0, 1)
    shadow = cv2.GaussianBlur(flap, (0, 0), rng.uniform(2, 6)) * kept * rng.uniform(0.2, 0.6)
    color = color * (1 - shadow)[..., None]
    color = color + (back * slope[..., None] - color) * flap[..., None]
    depth = depth - flap * rng.uniform(0.01, 0.1) * side * metre
    return _bent(color, depth, kept | (flap > 0.5), edge | (flap > 0.5), TEAR)


def _bared(
    color: Array,
    depth: Array,
    item: NDArray[np.bool_],
    gone: NDArray[np.bool_],
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """Colour and depth with the ground where a part of the item is gone, as it is nearest to it."""
    if not gone.any():
        return color, depth
    # The outline's own pixels are mixed with the item.
    cover = cv2.dilate(item.astype(np.uint8), np.ones((5, 5), np.uint8))
    _, labels = cv2.distanceTransformWithLabels(
        cover, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    ground = np.flatnonzero(cover == 0)
    if not len(ground):
        return color, depth
    place = np.zeros(int(labels.max()) + 1, np.intp)
    place[labels.ravel()[ground]] = ground
    nearest = place[labels]
    flat = cv2.GaussianBlur(color.reshape(-1, 3)[nearest], (0, 0), 3)
    grain = color - cv2.GaussianBlur(color, (0, 0), 3)
    # Grain of the ground, from wherever.
    scattered = grain.reshape(-1, 3)[rng.choice(ground, gone.sum())]
    color, depth = color.copy(), depth.copy()
    # With the fringe of the outline that has gone with it.
    fringe = (cv2.dilate(gone.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0) & ~(item & ~gone)
    color[fringe] = flat[fringe]
    color[gone] += scattered
    depth[gone] = depth.ravel()[nearest[gone]]
    return color, depth


def _bent(
    color: Array, depth: Array, item: NDArray[np.bool_], damaged: NDArray[np.bool_], kind: str
) -> Bent:
    return Bent(
        np.clip(color + 0.5, 0, 255).astype(np.uint8),
        np.asarray(depth, np.float32),
        item,
        np.where(damaged & item, CODES[kind], 0).astype(np.uint8),
    )


def _somewhere(item: NDArray[np.bool_], rng: np.random.Generator) -> tuple[float, float]:
    """x and y of a pixel of the item; half of the time well inside it."""
    inner = cv2.distanceTransform(item.astype(np.uint8), cv2.DIST_L2, 5)
    deep = inner > rng.choice((0.0, 0.4)) * inner.max()
    rows, columns = np.nonzero(deep & item)
    chosen = int(rng.integers(len(rows)))
    return float(columns[chosen]), float(rows[chosen])


def _facets(
    x: Array, y: Array, centre: tuple[float, float], radius: float, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], Array]:
    """(H, W) which facet each pixel is on, and (2, H, W) how it slopes, of order one."""
    count = int(rng.integers(5, 24))
    seeds = rng.normal(0, 0.6, (count, 2)) * radius + centre
    bend_x, bend_y = (0.1 * radius * smooth_noise(rng, x.shape, 16) for _ in range(2))
    stretch = rng.uniform(0.5, 2)
    nearest, facets = np.full(x.shape, np.inf, np.float32), np.zeros(x.shape, np.uint8)
    for number, (sx, sy) in enumerate(seeds):
        away = (x + bend_x - sx) ** 2 + stretch * (y + bend_y - sy) ** 2
        facets[away < nearest] = number
        nearest = np.minimum(nearest, away)
    slopes = rng.normal(0, 0.8, (2, count)).astype(np.float32)[:, facets]
    soft = rng.uniform(0.4, 2.5)
    return facets, np.stack([cv2.GaussianBlur(slope, (0, 0), soft) for slope in slopes])


def _edges(facets: NDArray[np.uint8]) -> Array:
    """(H, W) float32 0..1 along the edges of facets."""
    differs = cv2.morphologyEx(facets, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8)) > 0
    return cv2.GaussianBlur(differs.astype(np.float32), (0, 0), 0.7)


def _back(color: Array, item: NDArray[np.bool_], rng: np.random.Generator) -> Array:
    """(H, W, 3) what the inside of a package looks like: board, white or grey."""
    bright = float(np.percentile(color[item].mean(axis=1), 80))
    tint = np.array(((1.0, 0.84, 0.62), (1.0, 0.98, 0.94), (0.8, 0.8, 0.8))[int(rng.integers(3))])
    fibres = 1 + 0.06 * rough_noise(rng, item.shape, item.shape[1] / 6)
    return (bright * rng.uniform(0.6, 1.1) * tint * fibres[..., None]).astype(np.float32)
