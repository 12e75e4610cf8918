"""Pieces of mailers and pouches: soft pillows with folds."""

from __future__ import annotations

import numpy as np

from damage_perception.simulation.damage.outline import rough_noise, smooth_noise
from damage_perception.simulation.packaging.artwork import logo, printed
from damage_perception.simulation.packaging.decoys import print_decoy
from damage_perception.simulation.packaging.paper import Colour, board, palette
from damage_perception.simulation.packaging.product import Product
from damage_perception.simulation.packaging.wear import ship, worn
from damage_perception.simulation.rendering.mesh import Body, Patch, Skin, sheet, vector


def mailer(
    product: Product, sku: np.random.Generator, rng: np.random.Generator, decoy: bool
) -> Body:
    """A mailer or pouch of plastic, paper or foil, filled and folded as it happens."""
    x, y, z = product.size_m
    width, height = product.texels(x, y)
    style = str(sku.choice(["poly", "kraft", "printed", "metal"], p=[0.4, 0.2, 0.3, 0.1]))
    base: Colour = [(225, 225, 228), (70, 72, 76), (178, 140, 98), (190, 192, 196)][
        {"poly": int(sku.integers(2)), "kraft": 2, "printed": 0, "metal": 3}[style]
    ]
    picture = (
        printed(product.split, sku, (height, width), palette(sku))
        if style == "printed"
        else board(sku, (height, width), base)
    )
    if style != "printed" and sku.random() < 0.5:
        logo(product.split, sku, picture, palette(sku, 3))
    if decoy:
        print_decoy(product.split, sku, picture)
    gloss = {"poly": 0.55, "kraft": 0.08, "printed": 0.5, "metal": 0.9}[style] * sku.uniform(
        0.6, 1.1
    )
    skin = Skin.of(picture, float(min(gloss, 1)))
    seal = max(2, width // 40)
    skin.texture[:, :seal, :3] = skin.texture[:, :seal, :3] // 8 * 7
    skin.texture[:, -seal:, :3] = skin.texture[:, -seal:, :3] // 8 * 7
    ship(product, rng, {"top": skin}, chance=0.8)

    cells = 26
    top = sheet(
        vector(-x / 2, y / 2, 0),
        vector(x, 0, 0),
        vector(0, -y, 0),
        skin,
        cells,
        "top",
    )
    top.outward = np.abs(top.outward)
    u, v = np.meshgrid(np.linspace(-1, 1, cells + 1), np.linspace(-1, 1, cells + 1))
    power = rng.uniform(2.0, 5)
    dome = np.sqrt(np.clip((1 - np.abs(u) ** power) * (1 - np.abs(v) ** power), 0, 1))
    shape = (cells + 1, cells + 1)
    lumps = 1 + 0.3 * smooth_noise(rng, shape, 3)
    folds = np.abs(rough_noise(rng, shape, rng.uniform(3, 7)))
    lift = z * dome * lumps + rng.uniform(0.002, 0.014) * folds * (0.25 + dome) + 0.003
    lift += 0.006 * np.clip(smooth_noise(rng, shape, 4), 0, 1) * (1 - dome)
    top.points[..., 2] = lift
    shrink = (
        1
        - 0.05
        * (1 - dome[..., None])
        * rng.uniform(0, 1, 2)
        * np.abs(smooth_noise(rng, shape, 6))[..., None]
    )
    top.points[..., :2] *= shrink
    rim_color = np.full((4, 4, 3), skin.texture[..., :3].mean((0, 1)), np.uint8)
    rim = _skirt(top, Skin.of(rim_color, gloss=float(min(gloss, 1))))
    return worn(rng, Body("mailer", product.size_m, [top, *rim]))


def _skirt(top: Patch, skin: Skin) -> list[Patch]:
    """Close the gap between the border of a soft sheet and the ground."""
    strips = []
    line = np.array([0, 1], np.float32)
    points = top.points
    for index, upper in enumerate((points[0], points[-1], points[:, 0], points[:, -1])):
        lower = upper * vector(1, 1, 0)
        outward = np.broadcast_to(upper * vector(1, 1, 0), (2, *upper.shape)).copy()
        outward /= np.linalg.norm(outward, axis=-1, keepdims=True) + 1e-9
        along = top.u if index < 2 else top.v
        strips.append(Patch(np.stack([upper, lower]), outward, along, line, skin, name="rim"))
    return strips
