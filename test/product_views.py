"""Labelled views of made-up products for tests: coloured boxes, some with a dark hole."""

import numpy as np

from damage_perception.kinds import CODES
from damage_perception.network.contract import map_cells_along
from damage_perception.training.views import LabelledViews


def product_views(size, products=3, scenes=4):
    """Of each scene a view with a hole and its pristine twin, as training has them."""
    rng = np.random.default_rng(0)
    count, cells = products * scenes * 2, map_cells_along(size)
    color = np.full((count, size, size, 3), 120, np.uint8)
    height_m = np.zeros((count, size, size), np.float16)
    item = np.zeros((count, size, size), np.uint8)
    kinds = np.zeros((count, cells, cells), np.uint8)
    place_m = np.full((count, cells, cells, 3), np.nan, np.float16)
    eighth = size // 8
    box, hole = slice(eighth, -eighth), slice(3 * eighth, 4 * eighth)
    middles = (np.arange(cells) + 0.5) * 0.4 / cells
    place = np.dstack((*np.meshgrid(middles, middles), np.full((cells, cells), 0.1)))
    for row in range(count):
        ink = np.random.default_rng(row // (2 * scenes)).integers(60, 220, (7, 7, 3))
        print_ = np.kron(ink, np.ones((size // 7 + 1, size // 7 + 1, 1)))[:size, :size]
        lit = print_ * rng.uniform(0.8, 1.1) + rng.normal(0, 4, (size, size, 3))
        color[row, box, box] = np.clip(lit, 0, 255)[box, box]
        height_m[row, box, box], item[row, box, box] = 0.1, 1
        coarse = slice(eighth // 4, -eighth // 4)
        place_m[row, coarse, coarse] = place[coarse, coarse]
        if row % 2 == 0:
            color[row, hole, hole], height_m[row, hole, hole] = 20, 0.07
            kinds[row, 3 * eighth // 4 : eighth, 3 * eighth // 4 : eighth] = CODES["hole"]
    scene = np.arange(count, dtype=np.int32) // 2
    return LabelledViews(
        color,
        height_m,
        item,
        np.full(count, 0.4, np.float32),
        kinds,
        place_m,
        np.arange(count) % 2 == 0,
        scene // scenes,
        scene,
    )
