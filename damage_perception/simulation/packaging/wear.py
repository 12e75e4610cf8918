"""What differs from piece to piece and is no damage: labels, tape, hand holes, dirt and scuffs."""

from __future__ import annotations

import cv2
import numpy as np

from damage_perception.simulation.damage.outline import rough_noise
from damage_perception.simulation.packaging.artwork import barcode, text_block
from damage_perception.simulation.packaging.paper import Picture, to_bytes
from damage_perception.simulation.packaging.product import Product
from damage_perception.simulation.rendering.mesh import Body, Skin
from damage_perception.simulation.split import Split


def shipping_label(split: Split, rng: np.random.Generator, shape: tuple[int, int]) -> Picture:
    """A white label with text and a barcode."""
    label = np.full((*shape, 3), int(rng.integers(225, 256)), np.uint8)
    ink = (int(rng.integers(0, 60)),) * 3
    for _ in range(int(rng.integers(2, 5))):
        text_block(split, rng, label, ink)
    barcode(rng, label)
    if rng.random() < 0.4:
        y = int(rng.uniform(0.2, 0.8) * shape[0])
        cv2.line(label, (0, y), (shape[1], y), ink, 1)
    return label


def stick(
    rng: np.random.Generator, texture: Picture, label: Picture, gloss: float, full: bool = False
) -> None:
    """Put a label on a (h, w, 4) texture at a random place and angle; it may hang over an edge."""
    height, width = texture.shape[:2]
    lh, lw = label.shape[:2]
    angle = rng.choice([0, 90, 180, 270]) + rng.normal(0, 4)
    slack = 1.0 if full else 0.85
    x, y = rng.uniform(1 - slack, slack, 2) * (width, height)
    turn = cv2.getRotationMatrix2D((lw / 2, lh / 2), float(angle), 1.0)
    turn[:, 2] += (x - lw / 2, y - lh / 2)
    four = np.dstack([label, np.full((lh, lw), round(255 * gloss), np.uint8)])
    cv2.warpAffine(four, turn, (width, height), texture, cv2.INTER_LINEAR, cv2.BORDER_TRANSPARENT)


def tape(rng: np.random.Generator, texture: Picture, along: int, offset: float = 0.5) -> None:
    """A strip of parcel tape over the whole texture, along axis 0 (down) or 1 (across)."""
    extent = texture.shape[1 - along]
    half = extent * rng.uniform(0.06, 0.14)
    low = max(0, int(extent * offset - half))
    high = min(extent, int(extent * offset + half) + 1)
    strip = texture[:, low:high] if along == 0 else texture[low:high]
    colour = np.array(
        [(150, 110, 60), (190, 150, 100), (235, 235, 230), (200, 180, 150)][rng.integers(4)]
    )
    cover = rng.uniform(0.25, 0.9)
    strip[..., :3] = to_bytes(strip[..., :3] * (1 - cover) + colour * cover)
    strip[..., 3] = round(255 * rng.uniform(0.3, 0.7))


def scuff(rng: np.random.Generator, texture: Picture, amount: float) -> None:
    """Wear that is no damage: dirt clouds, fine scratches and rubbed spots."""
    height, width = texture.shape[:2]
    coarse = (max(4, height // 3), max(4, width // 3))
    dirt = np.clip(rough_noise(rng, coarse, 4) - 0.25, 0, 1) * (0.3 * amount)
    wear = 1 - cv2.resize(dirt.astype(np.float32), (width, height))
    lines = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.poisson(5 * amount))):
        start = rng.uniform(0, 1, 2) * (width, height)
        stop = start + rng.normal(0, 0.15, 2) * max(width, height)
        cv2.line(lines, _pixel(start), _pixel(stop), int(rng.integers(20, 110)), 1, cv2.LINE_AA)
    mark = lines.astype(np.float32) / 255
    kept = (wear * (1 - mark)).astype(np.float32)
    added = (mark * float(rng.choice([60, 120, 200]))).astype(np.uint8)
    cv2.multiply(texture, cv2.merge([kept, kept, kept, np.ones_like(kept)]), texture, 1, cv2.CV_8U)
    cv2.add(texture, cv2.merge([added, added, added, np.zeros_like(added)]), texture)


def hand_hole(rng: np.random.Generator, texture: Picture) -> None:
    """A clean oval cut-out, as cartons have for the hands."""
    height, width = texture.shape[:2]
    axes = (max(2, int(0.14 * width)), max(2, int(0.06 * height)))
    centre = (width // 2, int(height * rng.uniform(0.25, 0.4)))
    cv2.ellipse(texture, centre, axes, 0, 0, 360, (28, 22, 18, 0), -1, cv2.LINE_AA)


def ship(product: Product, rng: np.random.Generator, skins: dict[str, Skin], chance: float) -> None:
    """Stick shipping labels and small stickers where they happen to land."""
    for name, skin in skins.items():
        if rng.random() > (chance if name == "top" else chance / 4):
            continue
        shape = skin.texture.shape
        height = max(10, int(rng.uniform(0.25, 0.55) * shape[0]))
        width = max(10, min(int(height * rng.uniform(0.7, 1.8)), int(0.8 * shape[1])))
        label = shipping_label(product.split, rng, (height, width))
        stick(rng, skin.texture, label, float(rng.uniform(0.05, 0.5)))


def worn(rng: np.random.Generator, body: Body) -> Body:
    """Wear that differs from piece to piece, on every skin once."""
    amount = rng.uniform(0, 1) ** 2
    for skin in {id(patch.skin): patch.skin for patch in body.patches}.values():
        scuff(rng, skin.texture, float(amount))
    return body


def _pixel(point: Picture) -> tuple[int, int]:
    return int(point[0]), int(point[1])
