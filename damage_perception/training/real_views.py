"""Real pictures as labelled views: openly licensed recordings and photographs, made elsewhere.

They are read where they lie and are never part of the package. Which of them are never trained on
is said by `RealSplit`.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import CameraModel, Frame
from damage_perception.kinds import CODES, CRUSH, TEAR
from damage_perception.station import FindForeground, Item, Station, StationError
from damage_perception.training.augment import spoilt_row
from damage_perception.training.real_split import RealSplit
from damage_perception.training.views import (
    UNKNOWN_KIND,
    LabelledViews,
    Row,
    item_of,
    labelled_row,
    stacked,
)
from damage_perception.view import cut_items, cut_view

# Of the structured-light camera that recorded mosd.
_MOSD_CAMERA: Final = CameraModel(640, 480, 525.0, 525.0, 319.5, 239.5)
_STATES: Final = {"intact": None, "crushed": CODES[CRUSH], "torn": CODES[TEAR]}
# Cut-out products are pasted onto so many grounds each.
_GROUNDS_EACH: Final = 4
_BLACK: Final = 12
# Sets whose pictures show several objects, of which nobody says which are alike.
_OF_SCENES: Final = ("mosd",)
_COMPLETE: Final = "complete"
# What lies beside the colour images of a recording.
_BESIDE: Final = ("_depth", "_label")
# A hand holds the package in the middle of a photograph taken in a shop, upright as it was taken.
_HELD: Final = (0.15, 0.03, 0.7, 0.94)
_GRABCUT_SIDE: Final = 160


@dataclass(frozen=True)
class RealViews:
    """Views of real pictures.

    views    damage of known kind may be anywhere on the item: it is not drawn
    dataset  (N,) names of the sets
    shown    (N,) the object or scene of each, as "set/object"
    material (N,) "board" or "plastic"
    """

    views: LabelledViews
    dataset: NDArray[np.str_]
    shown: NDArray[np.str_]
    material: NDArray[np.str_]

    def save(self, folder: Path, made: str) -> None:
        """Writes one file for each field; `load` reads them. ``made`` says how they were made."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, values in (vars(self) | vars(self.views)).items():
            if name != "views":
                np.save(folder / f"{name}.npy", values)
        (folder / _COMPLETE).write_text(made, encoding="utf-8")

    @staticmethod
    def load(folder: Path, made: str) -> RealViews | None:
        """What was saved, on disk until a row is read; None where it is not whole.

        Raises ValueError where it was made in another way than ``made``.
        """
        if not (folder / _COMPLETE).exists():
            return None
        if (found := (folder / _COMPLETE).read_text(encoding="utf-8")) != made:
            raise ValueError(f"{folder} holds views of another configuration: {found}; not {made}")
        names = (np.load(folder / f"{name}.npy") for name in ("dataset", "shown", "material"))
        return RealViews(LabelledViews.load(folder), *names)

    def by_object(self) -> LabelledViews:
        """The views, with each object as a product and each picture as a scene.

        A picture and its copy with damage written in are one scene: neither vouches for the other.
        Sets that show many objects in a scene have no products.
        """
        copy = np.char.endswith(self.dataset, "+")
        objects = np.unique(self.shown, return_inverse=True)[1]
        many = np.isin(np.char.rstrip(self.dataset, "+"), _OF_SCENES)
        return replace(
            self.views,
            product=np.where(many, -1, objects).astype(np.int32),
            scene=np.cumsum(~copy).astype(np.int32),
        )

    def only(self, rows: NDArray[np.bool_]) -> RealViews:
        """Some of them."""
        chosen = {name: values[rows] for name, values in vars(self.views).items()}
        return RealViews(
            LabelledViews(**chosen), self.dataset[rows], self.shown[rows], self.material[rows]
        )

    def with_written(self, each: int, seed: int) -> RealViews:
        """At most ``each`` pictures of an object; of whole ones also a copy with damage written in.

        Copies count as a set of their own, with the name of their set and ``+``.
        """
        rng = np.random.default_rng(seed)
        rows, dataset, shown, material = [], [], [], []
        for object_ in np.unique(self.shown):
            places = np.flatnonzero(self.shown == object_)
            for row in rng.permutation(places)[:each]:
                whole = {name: values[row] for name, values in vars(self.views).items()}
                copies = [("", whole)]
                if not whole["damaged"]:
                    copies.append(("+", spoilt_row(whole, rng)))
                for mark, copy in copies:
                    rows.append(copy)
                    dataset.append(f"{self.dataset[row]}{mark}")
                    shown.append(object_)
                    material.append(self.material[row])
        return RealViews(stacked(rows), *map(np.array, (dataset, shown, material)))


@dataclass(frozen=True)
class _Cut:
    """Views are ``size`` pixels wide, around what ``find`` calls items; ``rng`` draws grounds."""

    size: int
    find: FindForeground | None
    rng: np.random.Generator


@dataclass(frozen=True)
class _Picture:
    dataset: str
    name: str
    row: Row


def load_real_views(
    root: Path,
    split: RealSplit,
    size: int,
    held_out: bool | None,
    seed: int = 0,
    find: FindForeground | None = None,
) -> RealViews:
    """Views of pictures below ``root``, ``size`` pixels wide.

    root      has a folder for each set of the split that is to be read; the others are left out
    held_out  which of them: those that are held out, those that are not, or, None, all
    find      finds items of pictures without depth, as `Station.locate` takes it

    Raises ValueError where there is none.
    """
    pictures = []
    for dataset, read in READERS.items():
        folder = root / dataset
        if not folder.is_dir():
            continue
        cut = _Cut(size, find, np.random.default_rng(seed))
        names = [
            name for name in _names(folder) if held_out in (None, split.held_out(dataset, name))
        ]
        pictures += [
            _Picture(dataset, name, row) for name in names for row in read(folder, name, cut)
        ]
    if not pictures:
        raise ValueError(f"{root} holds none of {', '.join(READERS)}")
    return RealViews(
        stacked([picture.row for picture in pictures]),
        np.array([picture.dataset for picture in pictures]),
        np.array([f"{p.dataset}/{split.object_of(p.dataset, p.name)}" for p in pictures]),
        np.array(["plastic" if p.name.startswith("plastic") else "board" for p in pictures]),
    )


def _names(folder: Path) -> list[str]:
    """Of the pictures in a folder, in order: stems without ``_color``."""
    if (folder / "labels.csv").exists():
        return [path.name.removesuffix("_color.jpg") for path in sorted(folder.glob("*_color.jpg"))]
    stems = (path.stem for path in folder.iterdir() if path.suffix in (".jpg", ".png"))
    return sorted({stem.removesuffix("_color") for stem in stems if not stem.endswith(_BESIDE)})


def _trashnet(folder: Path, name: str, cut: _Cut) -> Iterator[Row]:
    """One item on a light ground. Opened packages are neither whole nor damaged."""
    state = _states(folder)[name]
    if state not in _STATES:
        return
    color = _read(folder / f"{name}_color.jpg")
    frame = Frame(color, None, _nominal_camera(color))
    code = _STATES[state]
    codes = np.full(color.shape[:2], 0 if code is None else UNKNOWN_KIND, np.uint8)
    item = _largest(frame, cut.find) or item_of(frame, _grabcut(color, (0.05, 0.05, 0.9, 0.9)))
    yield labelled_row(cut_view(frame, item, None, cut.size), codes, code is not None)


@cache
def _states(folder: Path) -> dict[str, str]:
    with (folder / "states.csv").open(encoding="utf-8", newline="") as file:
        return {row["name"]: row["state"] for row in csv.DictReader(file)}


def _groceries(folder: Path, name: str, cut: _Cut) -> Iterator[Row]:
    """Whole packages: held in a hand before a shelf, or of a catalogue, on white."""
    color = _read(folder / f"{name}.jpg")
    mask = color.min(axis=2) < 245 if name.startswith("iconic") else _grabcut(color, _HELD)
    yield _good(color, mask, cut.size)


def _packaging(folder: Path, name: str, cut: _Cut) -> Iterator[Row]:
    """Whole products cut out on black, on other grounds."""
    color = _read(folder / f"{name}.jpg")
    shown = (color.max(axis=2) > _BLACK).astype(np.uint8)
    mask = cv2.morphologyEx(shown, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8)) > 0
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.0)[..., None]
    rng = cut.rng
    for _ in range(_GROUNDS_EACH):
        cells = rng.uniform(30, 230, 3) * rng.uniform(0.9, 1.1, (4, 4, 1))
        cells = (cells + rng.normal(0, 6, (4, 4, 3))).astype(np.float32)
        ground = cv2.resize(cells, color.shape[1::-1], interpolation=cv2.INTER_CUBIC)
        ground = ground + rng.normal(0, rng.uniform(0, 6), color.shape)
        pasted = np.clip(color * soft + ground * (1 - soft), 0, 255).astype(np.uint8)
        yield _good(pasted, mask, cut.size)


def _mosd(folder: Path, name: str, cut: _Cut) -> Iterator[Row]:
    """Whole boxes on a table, with depth."""
    color = _read(folder / f"{name}_color.png")
    depth = cv2.imread(str(folder / f"{name}_depth.png"), cv2.IMREAD_UNCHANGED)
    depth_m = np.asarray(depth, np.float32) / np.float32(1000)
    frame = Frame(color, depth_m, _MOSD_CAMERA)
    try:
        found = cut_items(frame, Station(), cut.size)
    except StationError:
        return
    for _, view in found:
        yield labelled_row(view, np.zeros(color.shape[:2], np.uint8), False)


READERS: Final[dict[str, Callable[[Path, str, _Cut], Iterator[Row]]]] = {
    "trashnet": _trashnet,
    "groceries": _groceries,
    "packaging": _packaging,
    "mosd": _mosd,
}


def _good(color: NDArray[np.uint8], mask: NDArray[np.bool_], size: int) -> Row:
    frame = Frame(color, None, _nominal_camera(color))
    codes = np.zeros(color.shape[:2], np.uint8)
    return labelled_row(cut_view(frame, item_of(frame, mask), None, size), codes, False)


def _read(path: Path) -> NDArray[np.uint8]:
    image = cv2.imread(str(path))
    if image is None:
        raise ValueError(f"{path} cannot be read")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def _nominal_camera(color: NDArray[np.uint8]) -> CameraModel:
    """Of a photograph whose camera is not known: without depth nothing is measured by it."""
    height, width = color.shape[:2]
    return CameraModel(width, height, width, width, width / 2, height / 2)


def _largest(frame: Frame, find: FindForeground | None) -> Item | None:
    items = Station().locate(frame, None, find)
    return max(items, key=lambda item: item.mask.sum(), default=None)


def _grabcut(
    color: NDArray[np.uint8], within: tuple[float, float, float, float]
) -> NDArray[np.bool_]:
    """(H, W) what differs from its surroundings (Rother 2004); the whole box where nothing does.

    within  x, y, width and height of the box that holds it, as shares of the picture
    """
    height, width = color.shape[:2]
    scale = _GRABCUT_SIDE / max(height, width)
    small = cv2.resize(color, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    rows, columns = small.shape[:2]
    box = [round(share * side) for share, side in zip(within, (columns, rows) * 2, strict=True)]
    mask = np.zeros((rows, columns), np.uint8)
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(small, mask, box, background, foreground, 3, cv2.GC_INIT_WITH_RECT)
    kept = ((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)).astype(np.uint8)
    kept = cv2.morphologyEx(kept, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(kept)
    if count > 1:
        largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
        kept = (labels == largest).astype(np.uint8)
    if kept.sum() < 0.25 * box[2] * box[3]:
        x, y, wide, high = box
        kept[y : y + high, x : x + wide] = 1
    return np.asarray(cv2.resize(kept, (width, height), interpolation=cv2.INTER_NEAREST) > 0)
