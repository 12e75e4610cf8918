"""One piece of a product: its artwork with labels, tape, wear and folds of the piece's own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from damage_perception.simulation.packaging.boxes import book, carton, printed_box
from damage_perception.simulation.packaging.mailers import mailer
from damage_perception.simulation.packaging.multipacks import multipack
from damage_perception.simulation.packaging.product import Product
from damage_perception.simulation.packaging.rounds import bottle, cylinder
from damage_perception.simulation.rendering.mesh import Body
from damage_perception.simulation.split import generator


def make_piece(product: Product, rng: np.random.Generator, decoy: bool = False) -> Body:
    """One piece of a product; decoy prints a picture of damage on its artwork."""
    sku = generator(product.split, "artwork", product.index)
    return _BUILDERS[product.form](product, sku, rng, decoy)


_BUILDERS: dict[str, Callable[[Product, np.random.Generator, np.random.Generator, bool], Body]] = {
    "carton": carton,
    "printed_box": printed_box,
    "mailer": mailer,
    "cylinder": cylinder,
    "bottle": bottle,
    "book": book,
    "multipack": multipack,
}
