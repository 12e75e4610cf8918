"""How good items of each world score: simulated forms, and real pictures made elsewhere.

An operating point is used where nobody trained. How far worlds are apart is seen by scoring each
by a calibration that has not seen it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from damage_perception.simulation.packaging.product import sample_product
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


@dataclass(frozen=True)
class Calibrations:
    """Scale and offset by what all calibration views say, and without each of their worlds.

    A node calibrates views with and without depth alike, and so does this.

    damaged  (N,) of the calibration views
    world    (N,) where each comes from
    whole    scale and offset by all of them
    without  the same by those of all other worlds, by the world that is left out
    """

    damaged: NDArray[np.bool_]
    world: NDArray[np.str_]
    whole: tuple[float, float]
    without: Mapping[str, tuple[float, float]]

    @staticmethod
    def fit(logits: Logits, damaged: NDArray[np.bool_], world: NDArray[np.str_]) -> Calibrations:
        """From the (N,) logits that calibrate."""
        without = {
            str(name): fit_calibration(logits[world != name], damaged[world != name])
            for name in np.unique(world)
        }
        return Calibrations(damaged, world, fit_calibration(logits, damaged), without)

    def good_sections(self, logits: Logits, elsewhere: Mapping[str, Logits]) -> dict[str, Any]:
        """The sections ``good_items`` and ``worlds`` of a card.

        logits     (N,) of the calibration views, seen as the sections say
        elsewhere  logits of good items of real sources, by name, which calibrate nothing
        """
        scale, offset = self.whole
        by_world = {}
        for name, (own_scale, own_offset) in self.without.items():
            good = (self.world == name) & ~self.damaged
            by_world[name] = own_scale * logits[good] + own_offset
        for name, found in elsewhere.items():
            by_world[name] = scale * found + offset
        return {
            "good_items": good_items(scale * logits + offset, self.damaged),
            "worlds": worlds_section(by_world),
        }
