"""Tiles of a large item at the camera's own resolution, judged beside the whole view."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import Frame
from damage_perception.network.damage_network import Assessment
from damage_perception.network.detail import Detail
from damage_perception.odds import probability
from damage_perception.station import Item, Plane
from damage_perception.view import View, Window, cut_windows

# A whole view that is shrunk by less loses little.
LARGER: Final = 1.25
# Of a tile's side, at least, with the next one: damage on a border is whole in one of them.
OVERLAP: Final = 0.25
# Tiles along each side of an item: at most nine, so that the time of a frame has a bound.
MOST_ALONG: Final = 3
# A tile that shows less of the item, as a share of its pixels, is not judged.
LEAST_SHOWN: Final = 0.05


def tile_windows(item: Item, size: int) -> tuple[Window, ...]:
    """Overlapping squares of ``size`` pixels that cover the box of ``item``, row by row.

    None where the whole view, of that size too, shows the item as well. Where MOST_ALONG tiles do
    not cover it, tiles are of more pixels, which are shrunk as those of the whole view.
    """
    if Window.around(item).side <= LARGER * size:
        return ()
    x, y, width, height = item.box
    covered = 1 + (MOST_ALONG - 1) * (1 - OVERLAP)
    side = max(size, ceil(max(width, height) / covered))
    rows, columns = item.mask.shape
    windows = (
        Window(left, top, side)
        for top in _starts(y, height, side, rows)
        for left in _starts(x, width, side, columns)
    )
    least = LEAST_SHOWN * side**2
    mask = item.mask.view(np.uint8)
    return tuple(w for w in windows if np.count_nonzero(w.cut(mask, 0)) >= least)


def cut_tiles(frame: Frame, item: Item, plane: Plane | None, size: int) -> list[View]:
    """The tiles of ``item`` as views of ``size`` pixels; none where it is no larger than one."""
    return cut_windows(frame, item, tile_windows(item, size), plane, size)


def joined(
    whole: Assessment,
    window: Window,
    tiles: Sequence[Assessment],
    tiled: Sequence[Window],
    detail: Detail,
) -> Assessment:
    """What the whole view of ``window`` and at least one tile say together.

    A kind is as sure as where it is surest, since a tile may show what the whole view does not.
    """
    logit = detail.join(whole.logit, [tile.logit for tile in tiles])
    surest = max(tiles, key=lambda tile: tile.logit)
    return Assessment(
        logit,
        probability(logit),
        np.maximum(whole.kinds, surest.kinds),
        lay_in(whole.maps, window, [tile.maps for tile in tiles], tiled),
        whole.embedding,
        whole.beside,
    )


def lay_in(
    whole: NDArray[np.float32],
    window: Window,
    tiles: Sequence[NDArray[np.float32]],
    tiled: Sequence[Window],
) -> NDArray[np.float32]:
    """The maps of tiles, laid at their place into those of the whole view.

    whole  (kinds, h, w) over ``window``
    tiles  (kinds, h, w) each, over ``tiled``

    Returns (kinds, n, n) over ``window``, with cells as small as those of the tiles; each has the
    greatest value of those that show it.
    """
    cell = tiled[0].side / tiles[0].shape[1]
    n = round(window.side / cell)
    maps = np.stack([cv2.resize(m, (n, n), interpolation=cv2.INTER_LINEAR) for m in whole])
    for tile, place in zip(tiles, tiled, strict=True):
        row, column = round((place.y - window.y) / cell), round((place.x - window.x) / cell)
        top, left = max(0, -row), max(0, -column)
        laid = maps[:, max(0, row) : row + tile.shape[1], max(0, column) : column + tile.shape[2]]
        part = tile[:, top : top + laid.shape[1], left : left + laid.shape[2]]
        np.maximum(laid, part, out=laid)
    return maps.astype(np.float32, copy=False)


def _starts(low: int, length: int, side: int, limit: int) -> list[int]:
    """Where tiles of ``side`` pixels begin that cover ``length`` from ``low`` on, evenly.

    Within the image's ``limit`` pixels, where they fit.
    """
    most = max(0, limit - side)
    if length <= side:
        return [min(max(0, round(low + (length - side) / 2)), most)]
    count = 1 + ceil((length - side) / (side * (1 - OVERLAP)))
    starts = np.linspace(low, low + length - side, count).round().astype(int)
    return [min(max(0, int(start)), most) for start in starts]
