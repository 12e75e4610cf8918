"""A view, varied in ways that need no renderer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.network.contract import (
    CELL_STRIDE,
    MAP_STRIDE,
    cells_along,
    map_cells_along,
)
from damage_perception.odds import probabilities
from damage_perception.simulation.damage.bent import bend
from damage_perception.simulation.damage.written_damage import WRITABLE, write_damage
from damage_perception.simulation.split import Split
from damage_perception.training.views import UNKNOWN_KIND, LabelledViews, Row, coarse
from damage_perception.view import UNKNOWN_HEIGHT_M, USUAL_WIDTH_M

# Shares of the views; a camera that loses its depth must not cost the verdict.
NO_DEPTH_SHARE = 0.35
DEPTH_HOLES_SHARE = 0.3
DEPTH_NOISE_SHARE = 0.25
MOST_DEPTH_NOISE = 0.006
COARSE_DEPTH_SHARE = 0.2
TILTED_PLANE_SHARE = 0.3
# Of the view's width: what a plane fitted in one frame is off by, and a step of coarse depth.
PLANE_ERROR, LARGEST_DEPTH_STEP = 0.004, 0.006
# Of these, half meet a damaged view and stay as they are.
PRINTED_SHARE = 0.12
# Of the damage that is written in.
BENT_SHARE = 0.45
# A smaller item has no facets that a camera tells apart.
LEAST_BENT_PX = 400
GREY_SHARE = 0.04
SWAPPED_SHARE = 0.08
SOFT_SHARE = 0.12
# What lies under an item says nothing of it: of the views, where it is lit apart.
GROUND_SHARE = 0.35
PATTERNED_SHARE = 0.5
# Shadows and glare are no damage.
SHADED_SHARE = 0.2
# Small images and compressed ones, enlarged to the size of a view.
COARSE_SHARE, COMPRESSED_SHARE = 0.15, 0.15
UPRIGHT_SHARE = 0.6
LARGEST_ZOOM, LARGEST_SHIFT = 1.15, 0.06
# Parts of items, as tiles show them: share of the products or pictures whose views become such.
PART_SHARE = 0.12
PART_ZOOM = (1.5, 2.6)
# Cells of the map that damage in a part covers at least; less is neither seen nor unseen.
LEAST_DAMAGED_CELLS = 2

Images = tuple[Any, ...]
# Fields of LabelledViews, in the order of `Images`.
_IMAGES = ("color", "height_m", "item", "width_m", "kinds", "place_m")


@dataclass(frozen=True)
class Drawn:
    """A view at the size it is learned at: colour, height, item, width, codes, place.

    printed  whether another picture was printed over it: it is no piece of its product any more
    damaged  whether it shows damage, where that may have become another one than of the whole view
    """

    images: Images
    printed: bool = False
    damaged: bool | None = None


@dataclass(frozen=True)
class Variation:
    """What a view is varied by.

    own      of the view
    shared   seed of what all views of one product have in common, or they would show another one
    printed  share of the views that another picture is printed over
    swapped  share of the products whose inks are swapped
    """

    own: np.random.Generator
    shared: int
    printed: float = PRINTED_SHARE
    swapped: float = SWAPPED_SHARE


def draw(
    views: LabelledViews,
    row: int,
    size: int,
    variation: Variation | None = None,
    spoil: np.random.Generator | None = None,
) -> Drawn:
    """A view at ``size``; as it was rendered, or varied; with damage written in by ``spoil``."""
    images = _stored(views, row)
    if spoil is not None:
        images = _spoilt(images, spoil)
    if variation is not None:
        return _varied(images, size, variation, views)
    if len(images[0]) == size:
        *whole, place = images
        return Drawn((*whole, _cells(place)))
    return Drawn(warped(images, size, np.eye(2), np.zeros(2)))


def _varied(images: Images, size: int, variation: Variation, views: LabelledViews) -> Drawn:
    rng, shared = variation.own, np.random.default_rng(variation.shared)
    color, height, item, width, codes, place = images
    # Quarter turns lose no corner of the view, as production loses none.
    upright = rng.integers(4) * np.pi / 2 + rng.normal(0, 0.05)
    angle = upright if rng.random() < UPRIGHT_SHARE else rng.uniform(0, 2 * np.pi)
    is_part = shared.random() < PART_SHARE and (codes != UNKNOWN_KIND).all() and item.any()
    zoom = rng.uniform(*PART_ZOOM) if is_part else rng.uniform(1 / LARGEST_ZOOM, LARGEST_ZOOM)
    cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
    mirror = shared.choice((-1.0, 1.0))
    turn = np.array([[cos * mirror, -sin], [sin * mirror, cos]])
    shift = rng.uniform(-LARGEST_SHIFT, LARGEST_SHIFT, 2)
    if is_part:
        shift = _onto_middle(item, turn, rng)
    width = np.float32(width / zoom)
    printed = False
    if rng.random() < variation.printed:
        other = int(rng.integers(len(views)))
        if not views.damaged[other]:
            color, printed = _print_on(color, item, views.color[other], rng), True
    images = (color, height, item, width, codes, place)
    color, height, item, width, codes, place = warped(images, size, turn, shift)
    recolored = _recolor(color, rng, shared, variation.swapped)
    if rng.random() < GROUND_SHARE:
        ground = _lit(color, rng)
        if rng.random() < PATTERNED_SHARE:
            ground = _patterned(ground, views.color[int(rng.integers(len(views)))], rng)
        recolored = np.where(item[..., None] > 0, recolored, ground)
    if rng.random() < SHADED_SHARE:
        recolored = _shaded(recolored, rng)
    color = _worn(recolored, rng)
    _spoil_depth(height, float(width), rng)
    if (height == UNKNOWN_HEIGHT_M).all():
        item = _roughly_outlined(item, rng)
    damaged = bool((codes > 0).sum() >= LEAST_DAMAGED_CELLS) if is_part else None
    return Drawn((color, height, item, width, codes, place), printed, damaged)


def _onto_middle(
    item: NDArray[np.uint8], turn: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """The shift that brings some part of the item to the middle of the view.

    It is the part nearest to a point of the view, so that twins of other outlines show the same.
    """
    points = np.argwhere(item)[:, ::-1] - (len(item) - 1) / 2
    wanted = rng.normal(0, 0.2, 2) * len(item)
    nearest = points[int(np.square(points - wanted).sum(axis=1).argmin())]
    return np.asarray(-turn @ nearest / len(item))


def _stored(views: LabelledViews, row: int) -> Images:
    height, place = views.height_m[row].astype(np.float32), views.place_m[row].astype(np.float32)
    return views.color[row], height, views.item[row], views.width_m[row], views.kinds[row], place


def warped(
    images: Images,
    size: int,
    turn: NDArray[np.float64],
    shift: NDArray[np.float64],
    edge: int = cv2.BORDER_CONSTANT,
) -> Images:
    """Turned about the centre, and shifted by a share of the view.

    edge  of OpenCV's border modes, what the colours are beyond it
    """
    color, height, item, width, codes, place = images

    def warp(
        image: NDArray[Any], out: int, how: int, fill: Any, border: int = cv2.BORDER_CONSTANT
    ) -> NDArray[Any]:
        # About the centres of both images, pixel centres at whole numbers.
        scale = turn * (out / image.shape[0])
        middle_in, middle_out = (image.shape[0] - 1) / 2, (out - 1) / 2
        offset = middle_out + shift * out - scale @ np.full(2, middle_in)
        matrix = np.column_stack((scale, offset))
        return cv2.warpAffine(
            image, matrix, (out, out), flags=how, borderMode=border, borderValue=fill
        )

    return (
        warp(color, size, cv2.INTER_LINEAR, 0, edge),
        # Nearest, because a mean across an edge is a height that nothing has.
        warp(height, size, cv2.INTER_NEAREST, UNKNOWN_HEIGHT_M),
        warp(item, size, cv2.INTER_NEAREST, 0),
        width,
        warp(codes, map_cells_along(size), cv2.INTER_NEAREST, 0),
        warp(place, cells_along(size), cv2.INTER_NEAREST, (np.nan,) * 3),
    )


def _cells(place: NDArray[np.float32]) -> NDArray[np.float32]:
    """(G, G, 3) of (M, M, 3), from the middle of each cell."""
    every = CELL_STRIDE // MAP_STRIDE
    return np.ascontiguousarray(place[every // 2 :: every, every // 2 :: every])


def _recolor(
    color: NDArray[np.uint8],
    rng: np.random.Generator,
    shared: np.random.Generator,
    swapped: float,
) -> NDArray[np.uint8]:
    image: NDArray[Any] = _lit(color, rng)
    ink = shared.random()
    if ink < GREY_SHARE:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    elif ink < GREY_SHARE + swapped:
        image = np.ascontiguousarray(image[..., shared.permutation(3)])
    if rng.random() < SOFT_SHARE:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.3))
    deviation = rng.uniform(-8, 6)
    if deviation > 0:
        noise = np.zeros(image.shape, np.int16)
        cv2.setRNGSeed(int(rng.integers(2**31)))
        cv2.randn(noise, np.zeros(3), np.full(3, deviation))
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    return image.astype(np.uint8, copy=False)


def _lit(color: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Under a light of another strength and hue, by a camera of another response."""
    gain = rng.uniform(0.7, 1.3) * rng.uniform(0.86, 1.14, 3)
    levels = 255 * (np.arange(256)[:, None] / 255) ** rng.uniform(0.75, 1.35)
    table = np.clip(levels * gain + rng.uniform(-18, 18), 0, 255).astype(np.uint8)[:, None, :]
    return np.asarray(cv2.LUT(color, np.ascontiguousarray(table)), np.uint8)


def _patterned(
    ground: NDArray[np.uint8], picture: NDArray[np.uint8], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """A ground with holes, bars or another picture on it; what lies on it still shows."""
    size = len(ground)
    angle, period = rng.uniform(0, np.pi), size * rng.uniform(0.02, 0.15)
    level = rng.uniform(-0.6, 0.8)

    def waves(direction: float) -> NDArray[np.float32]:
        along = np.arange(size, dtype=np.float32) * np.float32(2 * np.pi / period)
        down, across = (np.float32(turn(direction)) * along for turn in (np.sin, np.cos))
        return np.asarray(np.cos(np.add.outer(down, across)) - np.float32(level))

    match int(rng.integers(3)):
        case 0:
            tone = probabilities(6 * (waves(angle) + waves(angle + np.pi / 2)))
        case 1:
            tone = probabilities(6 * waves(angle))
        case _:
            grey = cv2.cvtColor(cv2.resize(picture, (size, size)), cv2.COLOR_RGB2GRAY)
            tone = grey.astype(np.float32) / 255
    low, high = rng.uniform(0.1, 0.8), rng.uniform(0.9, 1.3)
    shaded = ground * (low + (high - low) * tone)[..., None]
    return np.asarray(np.clip(shaded, 0, 255), np.uint8)


def _shaded(color: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """With the shadow of something out of sight on it, or the glare of a lamp."""
    size = len(color)
    small = np.zeros((40, 40), np.float32)
    centre, radius = rng.uniform(0, 40, 2), rng.uniform(4, 22)
    angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 8))))
    corners = centre + radius * np.stack((np.cos(angles), np.sin(angles)), axis=-1)
    cv2.fillPoly(small, [corners.astype(np.int32)], 1.0)
    soft = cv2.GaussianBlur(small, (0, 0), rng.uniform(0.6, 5))
    mask = cv2.resize(soft, (size, size), interpolation=cv2.INTER_CUBIC)[..., None]
    if rng.random() < 0.7:
        shaded = color * (1 - rng.uniform(0.15, 0.65) * mask)
    else:
        shaded = color + (255.0 - color) * (rng.uniform(0.1, 0.6) * mask)
    return np.asarray(np.clip(shaded, 0, 255), np.uint8)


def _worn(color: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """As fewer pixels show it, or as compression leaves it."""
    if rng.random() < COARSE_SHARE:
        side = round(len(color) * rng.uniform(0.3, 0.8))
        small = cv2.resize(color, (side, side), interpolation=cv2.INTER_AREA)
        color = np.asarray(cv2.resize(small, (len(color), len(color))), np.uint8)
    if rng.random() < COMPRESSED_SHARE:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 90))]
        color = np.asarray(cv2.imdecode(cv2.imencode(".jpg", color, quality)[1], 1), np.uint8)
    return color


def _spoilt(images: Images, rng: np.random.Generator) -> Images:
    """A pristine view with damage written into it."""
    color, height, item, width, _, place = images
    metre = (float(width) or USUAL_WIDTH_M) / len(item)
    # Height falls where distance grows.
    depth = np.where(height == UNKNOWN_HEIGHT_M, np.nan, -height)
    if rng.random() < BENT_SHARE and item.sum() >= LEAST_BENT_PX:
        bent = bend(color, depth, item > 0, metre, rng)
        color, depth, item = bent.color, bent.depth_m, bent.item.view(np.uint8)
        codes = coarse(bent.codes)
        # What has moved is elsewhere on the product than it was.
        place = np.where(codes[..., None] > 0, np.float32(np.nan), place)
    else:
        kind = str(rng.choice(WRITABLE))
        written = write_damage(color, depth, item > 0, metre, kind, rng, Split.TRAIN)
        color, depth, codes = written.color, written.depth_m, coarse(written.codes)
    height = np.where(np.isnan(depth), UNKNOWN_HEIGHT_M, -depth).astype(np.float32)
    return color, height, item, width, codes, place


def spoilt_row(row: Row, rng: np.random.Generator) -> Row:
    """A row of LabelledViews, of a pristine view, with damage written into it."""
    images = tuple(row[name] for name in _IMAGES)
    color, height, *others = images
    spoilt = _spoilt((color, height.astype(np.float32), *others), rng)
    kept = {
        name: value.astype(row[name].dtype) for name, value in zip(_IMAGES, spoilt, strict=True)
    }
    return row | kept | {"damaged": np.bool_(True)}


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
