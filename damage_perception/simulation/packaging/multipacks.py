"""Pieces of multipacks: a tray with a grid of cans, boxes or bottles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from damage_perception.simulation.packaging.artwork import printed
from damage_perception.simulation.packaging.decoys import print_decoy
from damage_perception.simulation.packaging.paper import board, palette
from damage_perception.simulation.packaging.product import Product
from damage_perception.simulation.packaging.rounds import bottle_patches, cylinder_patches
from damage_perception.simulation.packaging.wear import worn
from damage_perception.simulation.rendering.mesh import (
    Body,
    Patch,
    Skin,
    box,
    rotation,
    sheet,
    vector,
)


def multipack(
    product: Product, sku: np.random.Generator, rng: np.random.Generator, decoy: bool
) -> Body:
    """A tray with its grid of equal units, each a little askew."""
    x, y, z = product.size_m
    columns, rows = product.units
    pitch = min(x / columns, y / rows)
    kind = str(sku.choice(["can", "box", "bottle"], p=[0.4, 0.35, 0.25]))
    fill = sku.uniform(0.86, 0.98)
    unit = _unit(product, sku, kind, pitch * fill, z * 0.96, decoy)
    patches = _tray(product, sku)
    for row in range(rows):
        for column in range(columns):
            turn = rotation("z", float(rng.uniform(0, 6.3)) if kind != "box" else 0.0)
            if kind == "box" and rng.random() < 0.5:
                turn = rotation("z", np.pi)
            jitter = rng.normal(0, 0.01 * pitch, 3)
            shift = np.array(
                [(column + 0.5) * x / columns - x / 2, (row + 0.5) * y / rows - y / 2, 0.004]
            )
            shift[:2] += jitter[:2]
            patches += [
                replace(
                    part,
                    points=(part.points @ turn.T + shift.astype(np.float32)).astype(np.float32),
                    outward=part.outward @ turn.T,
                    name=f"unit {row * columns + column}",
                )
                for part in unit
            ]
    return worn(rng, Body("multipack", product.size_m, patches))


def _unit(
    product: Product, sku: np.random.Generator, kind: str, width: float, height: float, decoy: bool
) -> list[Patch]:
    """One unit of a multipack around the origin."""
    if kind == "can":
        return cylinder_patches(
            product.split, sku, width, height, product.texels, decoy, segments=14
        )
    if kind == "bottle":
        return bottle_patches(product.split, sku, width, height, product.texels, decoy, segments=12)
    colours = palette(sku, 4)
    gloss = float(sku.uniform(0.1, 0.7))
    size = (width, width, height)
    w, h = product.texels(width, height)
    shapes = {"top": (w, w), "front": (h, w), "back": (h, w), "left": (h, w), "right": (h, w)}
    skins = {}
    for name, shape in shapes.items():
        picture = printed(product.split, sku, shape, colours)
        if decoy and name == "top":
            print_decoy(product.split, sku, picture)
        skins[name] = Skin.of(picture, gloss)
    return box(size, skins, cells=1)


def _tray(product: Product, sku: np.random.Generator) -> list[Patch]:
    """The open tray that holds the units: a floor, and four walls with two sides each."""
    x, y, z = product.size_m
    colour = (176, 138, 96) if sku.random() < 0.6 else palette(sku, 3)[int(sku.integers(3))]
    wall = float(z * sku.uniform(0.12, 0.75))
    shape = product.texels(wall, x)
    floor_shape = product.texels(y, x)
    floor = Skin.of(board(sku, (floor_shape[0], floor_shape[1]), colour), 0.05)
    side = Skin.of(board(sku, (shape[0], shape[1]), colour), 0.1)
    if sku.random() < 0.6:
        side.texture[..., :3] = printed(product.split, sku, (shape[0], shape[1]), palette(sku))
    inner = Skin.of(board(sku, (12, 24), colour), 0.03)
    thickness = 0.003
    outer = box((x + 2 * thickness, y + 2 * thickness, wall), dict.fromkeys(_WALLS, side), cells=6)
    lining = box((x, y, wall), dict.fromkeys(_WALLS, inner), cells=2)
    lining = [replace(patch, outward=-patch.outward, name="tray") for patch in lining]
    base = sheet(
        vector(-x / 2, -y / 2, 0.003),
        vector(x, 0, 0),
        vector(0, y, 0),
        floor,
        4,
        "floor",
    )
    return [base, *outer, *lining]


_WALLS = ("front", "back", "left", "right")
