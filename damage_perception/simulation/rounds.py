"""Round packaging made upright on z = 0: cans, tubes, jars and bottles."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from damage_perception.simulation.artwork import Picture, board, palette, printed
from damage_perception.simulation.decoys import print_decoy
from damage_perception.simulation.mesh import Patch, Skin, disc, revolved
from damage_perception.simulation.split import Split

Texels = Callable[..., tuple[int, ...]]


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
    radius = np.float32(diameter_m / 2)
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
