"""Products (skus) and their pieces: what a seed fixes, and what differs from piece to piece."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from damage_perception.simulation.artwork import (
    Colour,
    Picture,
    barcode,
    board,
    hand_hole,
    logo,
    palette,
    printed,
    scuff,
    shipping_label,
    stick,
    tape,
    text_block,
)
from damage_perception.simulation.decoys import print_decoy
from damage_perception.simulation.mesh import Body, Patch, Skin, box, rotation, sheet
from damage_perception.simulation.outline import rough_noise, smooth_noise
from damage_perception.simulation.rounds import bottle_patches, cylinder_patches
from damage_perception.simulation.split import Split, generator

FORMS = ("carton", "printed_box", "mailer", "cylinder", "bottle", "book", "multipack")
FORM_SHARES = (0.22, 0.22, 0.15, 0.12, 0.07, 0.07, 0.15)
_TEXELS_ALONG_LONGEST = 300


@dataclass(frozen=True)
class Product:
    """A product: its number fixes form, size and artwork for ever.

    size_m is length, width and height as it rests. Products of different splits never coincide.
    """

    split: Split
    index: int
    form: str
    size_m: tuple[float, float, float]

    @classmethod
    def generate(cls, split: Split, index: int, form: str | None = None) -> Product:
        """The product of a number; with a form given, the product of that form and number."""
        rng = generator(split, "product", index)
        drawn = str(rng.choice(FORMS, p=FORM_SHARES))
        chosen = form or drawn
        return cls(split, index, chosen, _SIZES[chosen](rng))

    @property
    def sku(self) -> str:
        return f"{self.split.value}-{self.form}-{self.index:06d}"

    def piece(self, rng: np.random.Generator, decoy: bool = False) -> Body:
        """One piece: the product's artwork with labels, tape, wear and folds of its own.

        decoy prints a picture of damage on the artwork.
        """
        return _BUILDERS[self.form](self, generator(self.split, "artwork", self.index), rng, decoy)

    def texels(self, *lengths_m: float) -> tuple[int, ...]:
        """Picture sizes in texels of lengths in metres."""
        density = _TEXELS_ALONG_LONGEST / max(self.size_m)
        return tuple(max(12, min(512, round(density * length))) for length in lengths_m)


def sample_product(split: Split, rng: np.random.Generator, form: str | None = None) -> Product:
    """Draw a product of a split, of a form where one is given."""
    return Product.generate(split, int(rng.integers(1_000_000)), form)


def _box_size(rng: np.random.Generator) -> tuple[float, float, float]:
    longest = float(np.exp(rng.uniform(np.log(0.07), np.log(0.5))))
    x, y, z = longest * np.array([1, rng.uniform(0.35, 1), rng.uniform(0.15, 0.9)])
    return float(x), float(y), float(z)


def _mailer_size(rng: np.random.Generator) -> tuple[float, float, float]:
    longest = rng.uniform(0.14, 0.42)
    return float(longest), float(longest * rng.uniform(0.55, 0.95)), float(rng.uniform(0.012, 0.06))


def _cylinder_size(rng: np.random.Generator) -> tuple[float, float, float]:
    diameter = float(np.exp(rng.uniform(np.log(0.035), np.log(0.16))))
    length = diameter * rng.uniform(0.5, 2.6)
    standing = rng.random() < 0.5
    return (diameter, diameter, float(length)) if standing else (float(length), diameter, diameter)


def _bottle_size(rng: np.random.Generator) -> tuple[float, float, float]:
    diameter = rng.uniform(0.035, 0.1)
    length = float(diameter * rng.uniform(1.8, 3.6))
    standing = rng.random() < 0.35
    diameter = float(diameter)
    return (diameter, diameter, length) if standing else (length, diameter, diameter)


def _book_size(rng: np.random.Generator) -> tuple[float, float, float]:
    longest = rng.uniform(0.15, 0.32)
    return float(longest), float(longest * rng.uniform(0.6, 0.85)), float(rng.uniform(0.012, 0.06))


def _multipack_size(rng: np.random.Generator) -> tuple[float, float, float]:
    columns, rows = int(rng.integers(2, 6)), int(rng.integers(2, 5))
    pitch = min(float(rng.uniform(0.035, 0.09)), 0.5 / columns)
    return columns * pitch, rows * pitch, float(pitch * rng.uniform(0.6, 2.2))


def _tone(rng: np.random.Generator, body: Body) -> Body:
    """Wear that differs from piece to piece, on every skin once."""
    amount = rng.uniform(0, 1) ** 2
    for skin in {id(patch.skin): patch.skin for patch in body.patches}.values():
        scuff(rng, skin.texture, float(amount))
    return body


def _bulge(rng: np.random.Generator, patches: list[Patch], size: tuple[float, ...]) -> None:
    """Faces of real boxes are never quite flat."""
    for patch in patches:
        height = rng.normal(0, 0.006) * min(size)
        profile = np.outer(np.sin(np.pi * patch.v), np.sin(np.pi * patch.u))
        patch.points = (
            patch.points + (height * profile[..., None]).astype(np.float32) * patch.outward
        )


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


def _carton(
    product: Product, sku: np.random.Generator, rng: np.random.Generator, decoy: bool
) -> Body:
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
    _ship(product, rng, skins, chance=0.6)
    patches = box(product.size_m, skins)
    _bulge(rng, patches, product.size_m)
    return _tone(rng, Body("carton", product.size_m, patches))


def _ship(
    product: Product, rng: np.random.Generator, skins: dict[str, Skin], chance: float
) -> None:
    """Stick shipping labels and small stickers where they happen to land."""
    for name, skin in skins.items():
        if rng.random() > (chance if name == "top" else chance / 4):
            continue
        shape = skin.texture.shape
        height = max(10, int(rng.uniform(0.25, 0.55) * shape[0]))
        width = max(10, min(int(height * rng.uniform(0.7, 1.8)), int(0.8 * shape[1])))
        label = shipping_label(product.split, rng, (height, width))
        stick(rng, skin.texture, label, float(rng.uniform(0.05, 0.5)))


def _printed_box(
    product: Product, sku: np.random.Generator, rng: np.random.Generator, decoy: bool
) -> Body:
    colours = palette(sku, int(sku.integers(3, 6)))
    gloss = float(sku.uniform(0.1, 0.7))
    pictures = _faces(product, lambda _, shape: printed(product.split, sku, shape, colours))
    if decoy:
        print_decoy(product.split, sku, pictures["top"])
        if sku.random() < 0.5:
            print_decoy(product.split, sku, pictures["front"])
    skins = {name: Skin.of(picture, gloss) for name, picture in pictures.items()}
    _ship(product, rng, skins, chance=0.15)
    patches = box(product.size_m, skins)
    _bulge(rng, patches, product.size_m)
    return _tone(rng, Body("printed_box", product.size_m, patches))


def _mailer(
    product: Product, sku: np.random.Generator, rng: np.random.Generator, decoy: bool
) -> Body:
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
    _ship(product, rng, {"top": skin}, chance=0.8)

    cells = 26
    top = sheet(
        np.float32([-x / 2, y / 2, 0]),
        np.float32([x, 0, 0]),
        np.float32([0, -y, 0]),
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
    return _tone(rng, Body("mailer", product.size_m, [top, *rim]))


def _skirt(top: Patch, skin: Skin) -> list[Patch]:
    """Close the gap between the border of a soft sheet and the ground."""
    strips = []
    line = np.array([0, 1], np.float32)
    for index, part in enumerate((np.s_[0, :], np.s_[-1, :], np.s_[:, 0], np.s_[:, -1])):
        upper = top.points[part]
        lower = upper * np.float32([1, 1, 0])
        outward = np.broadcast_to(upper * np.float32([1, 1, 0]), (2, *upper.shape)).copy()
        outward /= np.linalg.norm(outward, axis=-1, keepdims=True) + 1e-9
        along = top.u if index < 2 else top.v
        strips.append(Patch(np.stack([upper, lower]), outward, along, line, skin, name="rim"))
    return strips


def _round_body(product: Product, rng: np.random.Generator, patches: list[Patch]) -> Body:
    """Stand the patches, made upright, as the product's size says: upright or lying along x."""
    x, _, z = product.size_m
    if x > z + 1e-9 or product.form == "cylinder" and x != product.size_m[1]:
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
    return _tone(rng, Body(product.form, product.size_m, patches))


def _upright(product: Product) -> tuple[float, float]:
    """Diameter and length of a round product, however it rests."""
    x, y, z = product.size_m
    return (y, z) if abs(x - y) < 1e-9 else (y, x)


def _cylinder(
    product: Product, sku: np.random.Generator, rng: np.random.Generator, decoy: bool
) -> Body:
    diameter, length = _upright(product)
    patches = cylinder_patches(product.split, sku, diameter, length, product.texels, decoy)
    return _round_body(product, rng, patches)


def _bottle(
    product: Product, sku: np.random.Generator, rng: np.random.Generator, decoy: bool
) -> Body:
    diameter, length = _upright(product)
    patches = bottle_patches(product.split, sku, diameter, length, product.texels, decoy)
    return _round_body(product, rng, patches)


def _book(
    product: Product, sku: np.random.Generator, rng: np.random.Generator, decoy: bool
) -> Body:
    colours = palette(sku, 4)
    gloss = float(sku.uniform(0.05, 0.6))

    def draw(name: str, shape: tuple[int, int]) -> Picture:
        if name in ("top", "left"):
            return printed(product.split, sku, shape, colours)
        pages = board(sku, shape, (232, 226, 210))
        lines = sku.integers(-25, 8, shape[0])[:, None, None]
        return np.clip(pages.astype(np.int16) + lines, 0, 255).astype(np.uint8)

    pictures = _faces(product, draw)
    if decoy:
        print_decoy(product.split, sku, pictures["top"])
    skins = {
        name: Skin.of(picture, gloss if name in ("top", "left") else 0.03)
        for name, picture in pictures.items()
    }
    _ship(product, rng, {"top": skins["top"]}, chance=0.2)
    patches = box(product.size_m, skins)
    return _tone(rng, Body("book", product.size_m, patches))


def _multipack(
    product: Product, sku: np.random.Generator, rng: np.random.Generator, decoy: bool
) -> Body:
    x, y, z = product.size_m
    count = generator(product.split, "product", product.index)
    count.choice(FORMS, p=FORM_SHARES)
    columns, rows = int(count.integers(2, 6)), int(count.integers(2, 5))
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
    return _tone(rng, Body("multipack", product.size_m, patches))


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
    """The open tray that holds the units: a floor and four walls with an inner and an outer side."""
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
        np.float32([-x / 2, -y / 2, 0.003]),
        np.float32([x, 0, 0]),
        np.float32([0, y, 0]),
        floor,
        4,
        "floor",
    )
    return [base, *outer, *lining]


_WALLS = ("front", "back", "left", "right")

_SIZES: dict[str, Callable[[np.random.Generator], tuple[float, float, float]]] = {
    "carton": _box_size,
    "printed_box": _box_size,
    "mailer": _mailer_size,
    "cylinder": _cylinder_size,
    "bottle": _bottle_size,
    "book": _book_size,
    "multipack": _multipack_size,
}

_BUILDERS: dict[str, Callable[[Product, np.random.Generator, np.random.Generator, bool], Body]] = {
    "carton": _carton,
    "printed_box": _printed_box,
    "mailer": _mailer,
    "cylinder": _cylinder,
    "bottle": _bottle,
    "book": _book,
    "multipack": _multipack,
}
