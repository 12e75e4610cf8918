"""How good items of each world score: simulated forms, and real pictures made elsewhere.

An operating point is used where nobody trained. How far worlds are apart is seen by scoring each
by a calibration that has not seen it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from damage_perception.simulation.product import sample_product
from damage_perception.simulation.split import Split, generator
from damage_perception.training.calibration import fit_calibration, good_items, worlds_section
from damage_perception.training.views import LabelledViews

Logits = NDArray[np.floating]


def forms_of(views: LabelledViews, split: Split, seed: int) -> NDArray[np.str_]:
    """(N,) the form of the product that each rendered view shows; ``seed`` is that of the views."""
    numbers, index = np.unique(np.asarray(views.product), return_inverse=True)
    products = (
        sample_product(split, generator(split, "shown", seed, int(number))) for number in numbers
    )
    return np.array([product.form for product in products])[index]


def good_sections(
    logits: Logits,
    damaged: NDArray[np.bool_],
    world: NDArray[np.str_],
    elsewhere: Mapping[str, Logits],
    calibration: tuple[float, float],
) -> dict[str, Any]:
    """The sections ``good_items`` and ``worlds`` of a card.

    logits       (N,) of the calibration views
    world        (N,) of each of them
    elsewhere    logits of good items of real sources, by name, which calibrate nothing
    calibration  scale and offset of all calibration views
    """
    scale, offset = calibration
    by_world = {}
    for name in np.unique(world):
        others = world != name
        own_scale, own_offset = fit_calibration(logits[others], damaged[others])
        by_world[str(name)] = own_scale * logits[~others & ~damaged] + own_offset
    for name, found in elsewhere.items():
        by_world[name] = scale * found + offset
    return {
        "good_items": good_items(scale * logits + offset, damaged),
        "worlds": worlds_section(by_world),
    }
