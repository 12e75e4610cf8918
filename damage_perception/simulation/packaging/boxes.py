"""Pieces of cartons, printed boxes and books."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from damage_perception.simulation.packaging.artwork import barcode, logo, printed, text_block
from damage_perception.simulation.packaging.decoys import print_decoy
from damage_perception.simulation.packaging.paper import Colour, Picture, board, palette, to_bytes
from damage_perception.simulation.packaging.product import Product
from damage_perception.simulation.packaging.wear import hand_hole, ship, tape, worn
from damage_perception.simulation.rendering.mesh import Body, Patch, Skin, box


def carton(
    product: Product, sku: np.random.Generator, rng: np.random.Generator, decoy: bool
) -> Body:
    """A shipping carton of kraft or white board, most often taped and labelled."""
    if sku.random() < 0.75:
        tone = sku.uniform(0.75, 1.1)
        colour: Colour = (int(186 * tone), int(146 * tone), int(102 * tone * sku.uniform(0.8, 1.1)))
    else:
        white = int(sku.integers(205, 245))
        colour = (white, white, int(white * sku.uniform(0.93, 1)))
    ink = palette(sku, 3)[2] if sku.random() < 0.6 else (40, 35, 30)
    holes = sku.random() < 0.2
    gloss = sku.uniform(0.02, 0.15)

    def draw(name: str, shape: tuple[int, int]) -> Picture:
        picture = board(sku, shape, colour)
        if sku.random() < 0.4:
            logo(product.split, sku, picture, [ink])
        if sku.random() < 0.4:
            text_block(product.split, sku, picture, ink)
        if name != "top" and sku.random() < 0.2:
            barcode(sku, picture)
        return picture

    pictures = _faces(product, draw)
    if decoy:
        print_decoy(product.split, sku, pictures["top"])
    skins = {name: Skin.of(picture, gloss) for name, picture in pictures.items()}
    top = skins["top"].texture
    middle = top.shape[0] // 2
    top[middle : middle + 1, :, :3] = top[middle : middle + 1, :, :3] // 3
    if holes:
        for name in ("left", "right"):
            hand_hole(rng, skins[name].texture)
    if rng.random() < 0.8:
        strip_state = rng.bit_generator.state
        tape(rng, top, 1)
        for name in ("left", "right"):
            rng.bit_generator.state = strip_state
            side = skins[name].texture
            tape(rng, side[: int(side.shape[0] * 0.3)], 0)
    ship(product, rng, skins, chance=0.6)
    patches = box(product.size_m, skins)
    _bulge(rng, patches, product.size_m)
    return worn(rng, Body("carton", product.size_m, patches))


def printed_box(
    product: Product, sku: np.random.Generator, rng: np.random.Generator, decoy: bool
) -> Body:
    """A retail box, printed on all sides."""
    colours = palette(sku, int(sku.integers(3, 6)))
    gloss = float(sku.uniform(0.1, 0.7))
    pictures = _faces(product, lambda _, shape: printed(product.split, sku, shape, colours))
    if decoy:
        print_decoy(product.split, sku, pictures["top"])
        if sku.random() < 0.5:
            print_decoy(product.split, sku, pictures["front"])
    skins = {name: Skin.of(picture, gloss) for name, picture in pictures.items()}
    ship(product, rng, skins, chance=0.15)
    patches = box(product.size_m, skins)
    _bulge(rng, patches, product.size_m)
    return worn(rng, Body("printed_box", product.size_m, patches))


def book(product: Product, sku: np.random.Generator, rng: np.random.Generator, decoy: bool) -> Body:
    """A book: printed cover and spine, the edges of its pages on three sides."""
    colours = palette(sku, 4)
    gloss = float(sku.uniform(0.05, 0.6))

    def draw(name: str, shape: tuple[int, int]) -> Picture:
        if name in ("top", "left"):
            return printed(product.split, sku, shape, colours)
        pages = board(sku, shape, (232, 226, 210))
        lines = sku.integers(-25, 8, shape[0])[:, None, None]
        return to_bytes(pages + lines.astype(np.float32))

    pictures = _faces(product, draw)
    if decoy:
        print_decoy(product.split, sku, pictures["top"])
    skins = {
        name: Skin.of(picture, gloss if name in ("top", "left") else 0.03)
        for name, picture in pictures.items()
    }
    ship(product, rng, {"top": skins["top"]}, chance=0.2)
    patches = box(product.size_m, skins)
    return worn(rng, Body("book", product.size_m, patches))


def _faces(product: Product, draw: Callable[[str, tuple[int, int]], Picture]) -> dict[str, Picture]:
    x, y, z = product.texels(*product.size_m)
    shapes = {
        "top": (y, x),
        "front": (z, x),
        "back": (z, x),
        "left": (z, y),
        "right": (z, y),
    }
    return {name: draw(name, shape) for name, shape in shapes.items()}


def _bulge(rng: np.random.Generator, patches: list[Patch], size: tuple[float, ...]) -> None:
    """Faces of real boxes are never quite flat."""
    for patch in patches:
        height = rng.normal(0, 0.006) * min(size)
        profile = np.outer(np.sin(np.pi * patch.v), np.sin(np.pi * patch.u))
        patch.points = (
            patch.points + (height * profile[..., None]).astype(np.float32) * patch.outward
        )
