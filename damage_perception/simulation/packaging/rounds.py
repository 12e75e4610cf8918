"""Pieces of round packaging: cans, tubes, jars and bottles, upright or lying."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from damage_perception.simulation.packaging.artwork import printed
from damage_perception.simulation.packaging.decoys import print_decoy
from damage_perception.simulation.packaging.paper import Picture, board, palette
from damage_perception.simulation.packaging.product import Product
from damage_perception.simulation.packaging.wear import worn
from damage_perception.simulation.rendering.mesh import Body, Patch, Skin, disc, revolved, rotation
from damage_perception.simulation.split import Split

Texels = Callable[..., tuple[int, ...]]


def cylinder(
    product: Product, sku: np.random.Generator, rng: np.random.Generator, decoy: bool
) -> Body:
    """A can, a tube or a jar, upright or lying."""
    diameter, length = _upright(product)
    patches = cylinder_patches(product.split, sku, diameter, length, product.texels, decoy)
    return _round_body(product, rng, patches)


def bottle(
    product: Product, sku: np.random.Generator, rng: np.random.Generator, decoy: bool
) -> Body:
    """A bottle with a cap, upright or lying."""
    diameter, length = _upright(product)
    patches = bottle_patches(product.split, sku, diameter, length, product.texels, decoy)
    return _round_body(product, rng, patches)


def cylinder_patches(
    split: Split,
    sku: np.random.Generator,
    diameter_m: float,
    length_m: float,
    texels: Texels,
    decoy: bool,
    segments: int = 36,
) -> list[Patch]:
    """A can, a tube or a jar with straight sides: side, top and bottom."""
    around, height, across = texels(np.pi * diameter_m, length_m, diameter_m)
    picture = printed(split, sku, (height, around), palette(sku))
    if decoy:
        print_decoy(split, sku, picture)
    metal = sku.random() < 0.6
    if metal:
        picture[: max(1, height // 30)] = picture[-max(1, height // 30) :] = 170
    gloss = float(sku.uniform(0.35, 0.9)) if metal else float(sku.uniform(0.05, 0.5))
    radius = diameter_m / 2
    rows = 3 if segments < 20 else 7
    z = np.linspace(length_m, 0, rows, dtype=np.float32)
    side = revolved(np.full(rows, radius), z, Skin.of(picture, gloss), segments)
    lid = Skin.of(_lid(split, sku, across, metal), 0.75 if metal else 0.3)
    rings = 1 if segments < 20 else 3
    sunk = length_m - (0.03 * diameter_m if metal else 0.0)
    top = disc(float(radius), sunk, lid, rings)
    bottom = disc(float(radius), 0.0005, lid, rings, "bottom")
    bottom.outward = -bottom.outward
    return [side, top, bottom]


def bottle_patches(
    split: Split,
    sku: np.random.Generator,
    diameter_m: float,
    length_m: float,
    texels: Texels,
    decoy: bool,
    segments: int = 32,
) -> list[Patch]:
    """A bottle with a label band, shoulder, neck and cap."""
    radius = diameter_m / 2
    shoulder, neck = sku.uniform(0.55, 0.75), sku.uniform(0.25, 0.5)
    rise = np.linspace(0, 1, 4 if segments < 20 else 6)
    profile_z = np.concatenate(
        [
            [0.0, 0.02],
            np.linspace(0.1, shoulder, 4),
            shoulder + (0.86 - shoulder) * rise[1:],
            [0.88, 1.0, 1.0],
        ]
    )
    bend = neck + (1 - neck) * np.cos(rise[1:] * np.pi / 2) ** sku.uniform(0.5, 1.5)
    cap = neck * sku.uniform(1.05, 1.3)
    profile_r = np.concatenate([[0.9, 1.0], np.ones(4), bend, [cap, cap, 0.02]])
    around, height = texels(np.pi * diameter_m, length_m)
    colours = palette(sku, 4)
    picture: Picture = board(sku, (height, around), colours[0])
    index = np.linspace(0, 1, len(profile_z))
    shoulder_v = 1 - float(np.interp(shoulder, profile_z[:-1], index[:-1]))
    cap_v = 1 - float(index[-3])
    low, high = int(height * (shoulder_v + 0.04)), int(height * 0.85)
    if high - low > 8:
        picture[low:high] = printed(split, sku, (high - low, around), colours[1:])
        if decoy:
            print_decoy(split, sku, picture[low:high])
    picture[: int(height * cap_v) + 1] = colours[1]
    skin = Skin.of(picture, float(sku.uniform(0.3, 0.9)))
    side = revolved(
        (radius * profile_r[::-1]).astype(np.float32),
        (length_m * profile_z[::-1]).astype(np.float32),
        skin,
        segments,
    )
    return [side]


def _lid(split: Split, sku: np.random.Generator, across: int, metal: bool) -> Picture:
    """A picture of a lid: rings and a tab on metal, a plain or printed one otherwise."""
    if not metal and sku.random() < 0.5:
        return printed(split, sku, (across, across), palette(sku))
    tone = int(sku.integers(120, 215)) if metal else int(sku.integers(30, 250))
    picture = board(sku, (across, across), (tone, tone, tone))
    centre = (across // 2, across // 2)
    for share in sku.uniform(0.3, 0.48, 3):
        shade = (int(tone * sku.uniform(0.5, 1.2)) % 256,) * 3
        cv2.circle(picture, centre, int(share * across), shade, 1, cv2.LINE_AA)
    if metal and sku.random() < 0.5:
        axes = (max(1, across // 10), max(1, across // 5))
        cv2.ellipse(picture, centre, axes, 0, 0, 360, (tone // 2,) * 3, 2, cv2.LINE_AA)
    return picture


def _round_body(product: Product, rng: np.random.Generator, patches: list[Patch]) -> Body:
    """Stand the patches, made upright, as the product's size says: upright or lying along x."""
    x, _, z = product.size_m
    if x > z + 1e-9 or (product.form == "cylinder" and x != product.size_m[1]):
        roll = rotation("y", np.pi / 2) @ rotation("z", float(rng.uniform(0, 2 * np.pi)))
        shift = np.array([-x / 2, 0, z / 2], np.float32)
        patches = [
            replace(
                patch,
                points=(patch.points @ roll.T + shift).astype(np.float32),
                outward=patch.outward @ roll.T,
            )
            for patch in patches
        ]
    return worn(rng, Body(product.form, product.size_m, patches))


def _upright(product: Product) -> tuple[float, float]:
    """Diameter and length of a round product, however it rests."""
    x, y, z = product.size_m
    return (y, z) if abs(x - y) < 1e-9 else (y, x)
