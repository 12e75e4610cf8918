"""Pictures on packaging: board, prints in several styles, pseudo text, labels, tape and scuffs."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.simulation.outline import filled, outline, rough_noise, smooth_noise
from damage_perception.simulation.split import Split, choose

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]

_LETTERS = np.array(list("ABCDEFGHIKLMNOPRSTUVWXYZaeiounrst0123456789"))


def palette(rng: np.random.Generator, count: int = 4) -> list[Colour]:
    """A few colours that go together: one or two hues, with a light and a dark one."""
    hue = rng.uniform(0, 180)
    colours = []
    for index in range(count):
        shifted = (hue + rng.choice([0, 0, 15, 30, 90, 120]) + rng.normal(0, 4)) % 180
        saturation = rng.uniform(20, 255) if index else rng.uniform(60, 255)
        value = [rng.uniform(90, 255), rng.uniform(200, 255), rng.uniform(20, 110)][index % 3]
        if rng.random() < 0.2:
            saturation *= 0.15
        pixel = np.array([[[shifted, saturation, value]]], np.uint8)
        red, green, blue = cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0].tolist()
        colours.append((red, green, blue))
    return colours


def board(rng: np.random.Generator, shape: tuple[int, int], colour: Colour) -> Picture:
    """Paper or cardboard: one colour with fibres, cloudiness and sometimes faint flutes."""
    height, width = shape
    fibres = cv2.resize(
        rng.normal(0, 1, (height, max(1, width // 4))).astype(np.float32), (width, height)
    )
    tone = 1 + 0.025 * fibres + 0.05 * smooth_noise(rng, shape, 5)
    if rng.random() < 0.5:
        flutes = np.sin(np.arange(width) * (2 * np.pi / rng.uniform(3, 9)) + rng.uniform(0, 6))
        tone = tone + rng.uniform(0.0, 0.03) * flutes.astype(np.float32)
    return _clip(tone[..., None] * np.array(colour, np.float32))


def printed(
    split: Split, rng: np.random.Generator, shape: tuple[int, int], colours: Sequence[Colour]
) -> Picture:
    """One face of a printed package: a style of artwork, a logo and blocks of pseudo text."""
    picture = _STYLES[choose(split, "artwork", rng)](rng, shape, colours)
    if rng.random() < 0.8:
        logo(split, rng, picture, colours)
    for _ in range(int(rng.integers(0, 4))):
        text_block(split, rng, picture, _contrast(rng, colours))
    if rng.random() < 0.3:
        barcode(rng, picture)
    return picture


def logo(
    split: Split, rng: np.random.Generator, picture: Picture, colours: Sequence[Colour]
) -> None:
    """A large word, sometimes on a plate, drawn into the picture."""
    height, width = picture.shape[:2]
    word = "".join(rng.choice(_LETTERS, int(rng.integers(3, 9))))
    font = int(choose(split, "font", rng))
    (base, _), _ = cv2.getTextSize(word, font, 1.0, 2)
    scale = min(rng.uniform(0.35, 0.9) * width / max(base, 1), height / 40)
    x = int(rng.uniform(0.03, 0.3) * width)
    y = int(rng.uniform(0.2, 0.8) * height)
    thickness = max(1, round(scale * rng.uniform(1.5, 5)))
    if rng.random() < 0.4:
        corner = (x - int(6 * scale), y - int(28 * scale))
        far = (x + int((base + 8) * scale), y + int(10 * scale))
        cv2.rectangle(picture, corner, far, _pick(rng, colours), -1, cv2.LINE_AA)
    cv2.putText(picture, word, (x, y), font, scale, _contrast(rng, colours), thickness, cv2.LINE_AA)


def text_block(split: Split, rng: np.random.Generator, picture: Picture, colour: Colour) -> None:
    """Some lines of small pseudo text."""
    height, width = picture.shape[:2]
    font = int(choose(split, "font", rng))
    scale = rng.uniform(0.22, 0.5)
    x, y = int(rng.uniform(0.02, 0.7) * width), int(rng.uniform(0.1, 0.9) * height)
    letters = max(3, int(rng.uniform(0.15, 0.5) * width / (18 * scale)))
    for _ in range(int(rng.integers(1, 6))):
        line = "".join(rng.choice(_LETTERS, letters))
        cv2.putText(picture, line, (x, y), font, scale, colour, 1, cv2.LINE_AA)
        y += int(30 * scale) + 1


def barcode(rng: np.random.Generator, picture: Picture) -> None:
    """Black bars on a white field."""
    height, width = picture.shape[:2]
    w, h = int(rng.uniform(0.15, 0.4) * width), int(rng.uniform(0.1, 0.25) * height)
    if w < 8 or h < 4:
        return
    x, y = int(rng.uniform(0, width - w)), int(rng.uniform(0, height - h))
    bars = np.repeat(rng.random(w // 2 + 1) < 0.5, 2)[:w]
    picture[y : y + h, x : x + w] = 245
    margin = max(1, h // 8)
    field = picture[y + margin : y + h - margin, x : x + w]
    field[:, bars] = 20
    field[:, :2] = field[:, -2:] = 245


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
    strip[..., :3] = _clip(strip[..., :3] * (1 - cover) + colour * cover)
    strip[..., 3] = round(255 * rng.uniform(0.3, 0.7))


def scuff(rng: np.random.Generator, texture: Picture, amount: float) -> None:
    """Wear that is no damage: dirt clouds, fine scratches and rubbed spots."""
    height, width = texture.shape[:2]
    dirt = np.clip(rough_noise(rng, (height, width), 4) - 0.3, 0, 1) * (0.5 * amount)
    texture[..., :3] = _clip(texture[..., :3] * (1 - dirt[..., None]))
    for _ in range(int(rng.poisson(5 * amount))):
        start = rng.uniform(0, 1, 2) * (width, height)
        stop = start + rng.normal(0, 0.15, 2) * max(width, height)
        shade = int(rng.choice([60, 120, 200]))
        layer = texture.copy()
        cv2.line(layer, _pixel(start), _pixel(stop), (shade, shade, shade, 20), 1, cv2.LINE_AA)
        weight = rng.uniform(0.1, 0.4)
        cv2.addWeighted(layer, weight, texture, 1 - weight, 0, texture)


def hand_hole(rng: np.random.Generator, texture: Picture) -> None:
    """A clean oval cut-out, as cartons have for the hands."""
    height, width = texture.shape[:2]
    axes = (max(2, int(0.14 * width)), max(2, int(0.06 * height)))
    centre = (width // 2, int(height * rng.uniform(0.25, 0.4)))
    cv2.ellipse(texture, centre, axes, 0, 0, 360, (28, 22, 18, 0), -1, cv2.LINE_AA)


def _clip(values: NDArray[np.floating]) -> Picture:
    return np.clip(values, 0, 255).astype(np.uint8)


def _pixel(point: NDArray[np.float64]) -> tuple[int, int]:
    return int(point[0]), int(point[1])


def _pick(rng: np.random.Generator, colours: Sequence[Colour]) -> Colour:
    return colours[int(rng.integers(len(colours)))]


def _contrast(rng: np.random.Generator, colours: Sequence[Colour]) -> Colour:
    return [(250, 250, 250), (15, 15, 15), _pick(rng, colours)][int(rng.integers(3))]


def _plain(rng: np.random.Generator, shape: tuple[int, int], colours: Sequence[Colour]) -> Picture:
    return board(rng, shape, _pick(rng, colours))


def _gradient(
    rng: np.random.Generator, shape: tuple[int, int], colours: Sequence[Colour]
) -> Picture:
    corners = np.array([_pick(rng, colours) for _ in range(4)], np.uint8).reshape(2, 2, 3)
    return np.asarray(cv2.resize(corners, shape[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)


def _shapes(rng: np.random.Generator, shape: tuple[int, int], colours: Sequence[Colour]) -> Picture:
    picture = np.full((*shape, 3), _pick(rng, colours), np.uint8)
    for _ in range(int(rng.integers(3, 12))):
        x, y = _pixel(rng.uniform(0, 1, 2) * shape[::-1])
        r = int(rng.uniform(0.03, 0.3) * max(shape))
        match int(rng.integers(3)):
            case 0:
                cv2.circle(picture, (x, y), r, _pick(rng, colours), -1, cv2.LINE_AA)
            case 1:
                w, h = r, int(r * rng.uniform(0.2, 2))
                cv2.rectangle(picture, (x, y), (x + w, y + h), _pick(rng, colours), -1)
            case _:
                corners = np.array([x, y]) + rng.normal(0, r, (3, 2))
                cv2.fillPoly(picture, [corners.astype(np.int32)], _pick(rng, colours), cv2.LINE_AA)
    return picture


def _stripes(
    rng: np.random.Generator, shape: tuple[int, int], colours: Sequence[Colour]
) -> Picture:
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    angle = rng.choice([0, 0.5, 0.25]) * np.pi + rng.normal(0, 0.1)
    phase = (np.cos(angle) * x + np.sin(angle) * y) / (rng.uniform(0.05, 0.35) * max(shape))
    table = np.array([_pick(rng, colours) for _ in range(6)], np.uint8)
    return table[np.floor(phase).astype(int) % 6]


def _photo(rng: np.random.Generator, shape: tuple[int, int], colours: Sequence[Colour]) -> Picture:
    """Something like a photograph: noise through a colour ramp, with a bright object."""
    ramp = np.array([_pick(rng, colours) for _ in range(5)], np.float32)
    value = np.clip(rough_noise(rng, shape, rng.uniform(2, 7)) * 0.5 + 0.5, 0, 1) * 3.99
    low = value.astype(int)
    part = (value - low)[..., None]
    picture = _clip(ramp[low] * (1 - part) + ramp[low + 1] * part)
    centre = tuple(rng.uniform(0.3, 0.7, 2) * shape[::-1])
    size = rng.uniform(0.15, 0.35) * min(shape)
    mask = filled(outline(Split.TRAIN, rng, 1.2), shape, centre, np.float32([size, size]))
    shade = 0.75 + 0.4 * smooth_noise(rng, shape, 3)
    thing = np.array(_pick(rng, colours)) * shade[..., None]
    return _clip(picture * (1 - mask[..., None]) + thing * mask[..., None])


def _panels(rng: np.random.Generator, shape: tuple[int, int], colours: Sequence[Colour]) -> Picture:
    picture = np.full((*shape, 3), _pick(rng, colours), np.uint8)
    for _ in range(int(rng.integers(1, 4))):
        axis, low, high = int(rng.integers(2)), *np.sort(rng.uniform(0, 1, 2))
        part = slice(int(low * shape[axis]), int(high * shape[axis]) + 1)
        colour = _pick(rng, colours)
        if axis:
            picture[:, part] = colour
        else:
            picture[part] = colour
    return picture


def _rings(rng: np.random.Generator, shape: tuple[int, int], colours: Sequence[Colour]) -> Picture:
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    cx, cy = rng.uniform(-0.2, 1.2, 2) * shape[::-1]
    phase = np.hypot(x - cx, y - cy) / (rng.uniform(0.08, 0.4) * max(shape))
    table = np.array([_pick(rng, colours) for _ in range(6)], np.uint8)
    return table[np.floor(phase).astype(int) % 6]


def _tiles(rng: np.random.Generator, shape: tuple[int, int], colours: Sequence[Colour]) -> Picture:
    count = rng.integers(3, 10, 2)
    table = np.array([_pick(rng, colours) for _ in range(int(count.prod()))], np.uint8)
    coarse = table.reshape(int(count[0]), int(count[1]), 3)
    return np.asarray(cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_NEAREST), np.uint8)


def _waves(rng: np.random.Generator, shape: tuple[int, int], colours: Sequence[Colour]) -> Picture:
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32) / max(shape)
    height = y + rng.uniform(0.03, 0.12) * np.sin(x * rng.uniform(6, 25) + rng.uniform(0, 6))
    table = np.array([_pick(rng, colours) for _ in range(5)], np.uint8)
    return table[np.floor(height * rng.uniform(3, 8)).astype(int) % 5]


def _split(rng: np.random.Generator, shape: tuple[int, int], colours: Sequence[Colour]) -> Picture:
    first, second = (board(rng, shape, _pick(rng, colours)) for _ in range(2))
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    angle, at = rng.uniform(0, 6.3), rng.uniform(-0.2, 0.2) * max(shape)
    side = (x - shape[1] / 2) * np.cos(angle) + (y - shape[0] / 2) * np.sin(angle) > at
    return np.where(side[..., None], first, second).astype(np.uint8)


_STYLES = {
    "plain": _plain,
    "gradient": _gradient,
    "shapes": _shapes,
    "stripes": _stripes,
    "photo": _photo,
    "panels": _panels,
    "rings": _rings,
    "tiles": _tiles,
    "waves": _waves,
    "split": _split,
}
