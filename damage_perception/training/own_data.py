"""A site's own annotated pictures as labelled views, cut by the code that cuts them in the node."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from damage_perception.dataset import DatasetError, ImageFolder, ImageRecord
from damage_perception.kinds import CODES, KINDS, NONE
from damage_perception.station import FindForeground, Station, StationError
from damage_perception.station.target import find_target
from damage_perception.training.views import UNKNOWN_KIND, LabelledViews, Row, labelled_row, stacked
from damage_perception.view import cut_items

# Besides the kinds of damage, COCO annotations may outline the item that is meant.
ITEM_CATEGORY = "item"


@dataclass(frozen=True)
class Annotated:
    """A picture and what is true of it.

    codes    (H, W) uint8 of kinds.CODES; UNKNOWN_KIND where damage is possible but not drawn
    outline  (H, W) where the item is; None where that is not known
    """

    record: ImageRecord
    damaged: bool
    codes: NDArray[np.uint8]
    outline: NDArray[np.bool_] | None


@dataclass(frozen=True)
class OwnViews:
    """Views of own pictures, and the names of those in which the item was not found."""

    views: LabelledViews
    not_located: tuple[str, ...]


def load_own_views(
    sources: Iterable[Path], size: int, find: FindForeground | None = None
) -> OwnViews:
    """All annotated pictures of some image folders and COCO files, ``size`` pixels wide.

    sources  each an image folder with labels.csv, or a COCO JSON file beside the images and the
             camera.json of one
    find     finds items of pictures without depth, as `Station.locate` takes it

    Raises DatasetError naming what cannot be read or used.
    """
    rows, missed = [], []
    for source in sources:
        for picture in _coco(source) if source.is_file() else _folder(source):
            row = _row(picture, size, find)
            if row is None:
                missed.append(picture.record.name)
            else:
                rows.append(row)
    if not rows:
        raise DatasetError("the own pictures hold no item that could be found")
    return OwnViews(stacked(rows), tuple(missed))


def _folder(path: Path) -> Iterator[Annotated]:
    folder = ImageFolder(path)
    if not folder.labelled:
        raise DatasetError(f"{path} has no labels.csv; learning needs to know what is damaged")
    for record in folder:
        if record.label is None:
            continue
        items, mask = record.items(), record.mask()
        shape = (record.calibration.camera.height, record.calibration.camera.width)
        codes = np.zeros(shape, np.uint8)
        if record.label.damaged:
            kind = record.label.kind
            code = UNKNOWN_KIND if kind == NONE else CODES[kind]
            # Where damage is not drawn, it may be anywhere.
            codes[...] = UNKNOWN_KIND if mask is None else np.where(mask, code, 0)
        outline = None if items is None else items == 1
        yield Annotated(record, record.label.damaged, codes, outline)


def _coco(path: Path) -> Iterator[Annotated]:
    """Pictures of a COCO file; one without a damage annotation is undamaged."""
    from pycocotools.coco import COCO

    try:
        with contextlib.redirect_stdout(io.StringIO()):
            coco = COCO(str(path))
        categories = {entry["id"]: _category(entry["name"], path) for entry in coco.cats.values()}
        images = {Path(entry["file_name"]).name: entry for entry in coco.imgs.values()}
    except (OSError, KeyError, TypeError, AssertionError, ValueError) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"{path} is not a COCO annotation file: {error}") from error
    records = {record.color_path.name: record for record in ImageFolder(path.parent)}
    absent = sorted(set(images) - set(records))
    if absent:
        raise DatasetError(f"{path} annotates {absent[0]}, which {path.parent} does not hold")
    for name, entry in images.items():
        record = records[name]
        camera = record.calibration.camera
        if (entry["height"], entry["width"]) != (camera.height, camera.width):
            raise DatasetError(
                f"{path} says {name} is {entry['width']}x{entry['height']}; camera.json says "
                f"{camera.width}x{camera.height}"
            )
        codes = np.zeros((camera.height, camera.width), np.uint8)
        outline = None
        for annotation in coco.imgToAnns[entry["id"]]:
            drawn = coco.annToMask(annotation).astype(np.bool_)
            category = categories[annotation["category_id"]]
            if category == ITEM_CATEGORY:
                outline = drawn if outline is None else outline | drawn
            else:
                codes[drawn] = CODES[category]
        yield Annotated(record, bool(codes.any()), codes, outline)


def _category(name: str, path: Path) -> str:
    category = name.strip().lower().replace(" ", "_").replace("-", "_")
    if category not in (*KINDS, ITEM_CATEGORY):
        raise DatasetError(
            f"{path} has the category {name!r}; expected {', '.join(KINDS)}, or {ITEM_CATEGORY} "
            "around the item that is meant"
        )
    return category


def _row(picture: Annotated, size: int, find: FindForeground | None) -> Row | None:
    frame = picture.record.frame()
    try:
        found = cut_items(frame, Station(), size, find)
    except StationError:
        return None
    damage = picture.codes > 0 if picture.damaged else None
    target = find_target([item for item, _ in found], frame, picture.outline, damage)
    if target is None:
        return None
    return labelled_row(found[target][1], picture.codes, picture.damaged)
