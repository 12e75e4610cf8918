"""Whole pictures with the outline of every item, from which the finder learns."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.simulation.labelled_view import sample_image
from damage_perception.simulation.packaging.photographs import use
from damage_perception.simulation.packaging.product import sample_product
from damage_perception.simulation.rendering.camera import sample_camera
from damage_perception.simulation.split import Split, generator

# What NAME_items.png says of a pixel of which nobody knows whose it is.
UNKNOWN: Final = 255
RENDERED_WIDTH: Final = 448
_DAMAGED_SHARE: Final = 0.3


@dataclass(frozen=True)
class OutlinedPicture:
    """color (H, W, 3) uint8 RGB; items (H, W) uint8: 0 ground, 1 and more the items, or UNKNOWN."""

    color: NDArray[np.uint8]
    items: NDArray[np.uint8]


def load_outlined(folder: Path) -> list[OutlinedPicture]:
    """The pictures NAME_color.png or .jpg with NAME_items.png beside them.

    Raises ValueError where there is none, or where two do not fit together.
    """
    pictures = []
    for path in sorted(folder.glob("*_items.png")):
        stem = path.name.removesuffix("_items.png")
        colors = [folder / f"{stem}_color{suffix}" for suffix in (".png", ".jpg", ".jpeg")]
        color = next((cv2.imread(str(file)) for file in colors if file.exists()), None)
        items = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if color is None or items is None or items.shape != color.shape[:2]:
            raise ValueError(f"{path} has no colour picture of its size beside it")
        rgb: Any = cv2.cvtColor(color, cv2.COLOR_BGR2RGB)
        pictures.append(OutlinedPicture(rgb, np.asarray(items, np.uint8)))
    if not pictures:
        raise ValueError(f"{folder} holds no NAME_items.png")
    return pictures


def render_outlined(
    folder: Path,
    count: int,
    seed: int,
    workers: int,
    photographs: tuple[Path | None, Path | None] = (None, None),
    progress: Callable[[int], None] = lambda done: None,
) -> None:
    """Renders ``count`` pictures of the training split into ``folder``; those there already stay.

    photographs  folders of pictures to print on packaging and to lay under items
    """
    folder.mkdir(parents=True, exist_ok=True)
    waiting = [number for number in range(count) if not _items_path(folder, number).exists()]
    progress(count - len(waiting))
    with multiprocessing.get_context("spawn").Pool(workers, _set_up, photographs) as pool:
        done: Iterable[None] = pool.imap_unordered(partial(_render, folder, seed), waiting)
        for _ in done:
            progress(1)


def _items_path(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}_items.png"


def _set_up(prints: Path | None, grounds: Path | None) -> None:
    cv2.setNumThreads(1)
    use(prints, grounds)


def _render(folder: Path, seed: int, number: int) -> None:
    rng = generator(Split.TRAIN, "outlines", seed, number)
    product = sample_product(Split.TRAIN, rng)
    whole = sample_camera(rng)
    camera = whole.window(0, 0, whole.width, whole.height, RENDERED_WIDTH)
    damaged = bool(rng.random() < _DAMAGED_SHARE)
    view = sample_image(Split.TRAIN, rng, camera, product=product, damaged=damaged)
    color = cv2.cvtColor(view.frame.color, cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(folder / f"{number:06d}_color.png"), color)
    # Last, because its presence says that the picture is whole.
    cv2.imwrite(str(_items_path(folder, number)), view.items)
