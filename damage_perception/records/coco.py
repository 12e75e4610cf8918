"""What people said of items, as pictures to learn from: COCO files and image folders.

`damage_perception.training.own_data` reads the result as it is.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from damage_perception.dataset import LABEL_COLUMNS, QUERY
from damage_perception.frame import CameraModel, Frame
from damage_perception.kinds import CODES, KINDS
from damage_perception.records.item_record import (
    ItemRecord,
    Judgement,
    RecordError,
    Shape,
    fit_for_file,
)
from damage_perception.records.marks import marked_frame, outlines
from damage_perception.records.recording import Recording
from damage_perception.records.store import RecordStore

COCO_FILE: Final = "annotations.json"
_DEPTH_UNIT_M: Final = 0.001
_MOST_DEPTH: Final = np.iinfo(np.uint16).max


@dataclass(frozen=True)
class Exported:
    """What an export wrote, and what it had to leave out.

    sources   what training reads: COCO files, and folders with a labels.csv
    good      how many pictures show an undamaged item
    marked    in how many somebody marked damage
    unmarked  how many show damage that nobody marked
    unplaced  ids of damaged items without a mark of which no camera is known to show the damage
    unread    of each item whose images could not be read, why
    """

    sources: tuple[Path, ...]
    good: int
    marked: int
    unmarked: int
    unplaced: tuple[str, ...]
    unread: tuple[str, ...]


@dataclass(frozen=True)
class _Picture:
    """A picture that was written.

    marks  what its COCO entry draws; None where damage may be anywhere in it
    """

    name: str
    record: ItemRecord
    marks: tuple[Shape, ...] | None


@dataclass
class _Folder:
    """The pictures of one camera with one calibration."""

    path: Path
    camera: CameraModel
    pictures: list[_Picture] = field(default_factory=list)


def export_coco(
    store: RecordStore,
    out: Path,
    since_ns: int = 0,
    until_ns: int = 1 << 62,
    progress: Callable[[int], None] = lambda done: None,
) -> Exported:
    """Writes the items that people judged, reported in the given time, into the new folder ``out``.

    A picture of a good item, or one with marks, goes into annotations.json. COCO cannot say that
    damage is somewhere in a picture; such pictures are in labels.csv beside it. Of a damaged item
    only those pictures are written in which the damage is known to be seen. Cameras with different
    intrinsics get a folder each. Skipped items are left out.

    progress  is called with the number of items that are done

    Raises RecordError where ``out`` holds something already, or cannot be written.
    """
    _make_empty(out)
    folders: dict[tuple[str, CameraModel], _Folder] = {}
    unplaced, unread = [], []
    for done, record in enumerate(store.index.judged(since_ns, until_ns), 1):
        if record.file:
            try:
                pictures = _pictures(
                    record, store.recording(record), store.index.shapes(record.key)
                )
            except RecordError as error:
                unread.append(f"{record.item_id}: {error}")
                pictures = None
            if pictures == []:
                unplaced.append(record.item_id)
            for frame, marks in pictures or ():
                folder = _folder_of(folders, frame, out)
                name = f"{record.key:06d}-{fit_for_file(record.item_id)}-{folder.path.name}"
                _write_picture(folder.path, name, frame)
                folder.pictures.append(_Picture(name, record, marks))
        progress(done)
    written = _gathered(list(folders.values()), out)
    sources = [source for folder in written for source in _describe(folder)]
    marks_of = [picture.marks for folder in written for picture in folder.pictures]
    return Exported(
        tuple(sources),
        sum(marks == () for marks in marks_of),
        sum(bool(marks) for marks in marks_of),
        sum(marks is None for marks in marks_of),
        tuple(unplaced),
        tuple(unread),
    )


def _make_empty(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise RecordError(f"{out} is not empty: name a new folder")
    except OSError as error:
        raise RecordError(f"{out} cannot be written: {error.strerror}") from error


def _pictures(
    record: ItemRecord, recording: Recording, marks: Sequence[Shape]
) -> list[tuple[Frame, tuple[Shape, ...] | None]]:
    """The pictures of an item that say something, with the marks in each."""
    frames = {camera: marked_frame(recording, camera) for camera in recording.frames}
    if record.judgement is Judgement.GOOD:
        return [(frame, ()) for frame in frames.values()]
    visible = {
        name: tuple(mark for mark in marks if mark.camera == name and _is_visible(mark, frame))
        for name, frame in frames.items()
    }
    if any(visible.values()):
        return [(frames[name], drawn) for name, drawn in visible.items() if drawn]
    regions = [] if recording.report is None else recording.report.regions
    showing = {region.camera for region in regions} & set(frames)
    # An only camera must have shown what the person saw.
    names = showing or (set(frames) if len(frames) == 1 else set())
    return [(frames[name], None) for name in sorted(names)]


def _is_visible(mark: Shape, frame: Frame) -> bool:
    return bool(outlines(mark, frame.camera.width, frame.camera.height).polygons)


def _folder_of(folders: dict[tuple[str, CameraModel], _Folder], frame: Frame, out: Path) -> _Folder:
    key = (frame.camera_name, frame.camera)
    if key not in folders:
        name, taken = fit_for_file(frame.camera_name), {one.path.name for one in folders.values()}
        numbered = (f"{name}_{number}" for number in range(2, len(taken) + 3))
        path = out / (name if name not in taken else next(n for n in numbered if n not in taken))
        try:
            path.mkdir()
        except OSError as error:
            raise RecordError(f"{path} cannot be written: {error.strerror}") from error
        folders[key] = _Folder(path, frame.camera)
    return folders[key]


def _write_picture(folder: Path, name: str, frame: Frame) -> None:
    _write_png(folder / f"{name}_color.png", cv2.cvtColor(frame.color, cv2.COLOR_RGB2BGR))
    if frame.depth_m is not None:
        units = np.rint(frame.depth_m / _DEPTH_UNIT_M)
        # What does not fit into 16 bits is as good as not read.
        depth = np.where(units <= _MOST_DEPTH, units, 0).astype(np.uint16)
        _write_png(folder / f"{name}_depth.png", depth)


def _write_png(path: Path, image: np.ndarray[Any, Any]) -> None:
    _write(path, cv2.imencode(".png", image)[1].tobytes())


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise RecordError(f"{path} cannot be written: {error.strerror}") from error


def _gathered(folders: list[_Folder], out: Path) -> list[_Folder]:
    """The same pictures in ``out`` itself, where all cameras have the same intrinsics."""
    if len({folder.camera for folder in folders}) != 1:
        return folders
    for folder in folders:
        for file in folder.path.iterdir():
            file.rename(out / file.name)
        folder.path.rmdir()
    together = [picture for folder in folders for picture in folder.pictures]
    return [_Folder(out, folders[0].camera, together)]


def _describe(folder: _Folder) -> list[Path]:
    """Writes the files that say what a folder's pictures show; those that training is given."""
    camera = {**asdict(folder.camera), "depth_unit_m": _DEPTH_UNIT_M}
    _write(folder.path / "camera.json", json.dumps(camera, indent=2).encode())
    sources = []
    drawn = [picture for picture in folder.pictures if picture.marks is not None]
    if drawn:
        sources.append(folder.path / COCO_FILE)
        _write(sources[-1], json.dumps(_coco(drawn, folder.camera)).encode())
    anywhere = [picture.record for picture in folder.pictures if picture.marks is None]
    if anywhere:
        names = [picture.name for picture in folder.pictures if picture.marks is None]
        _write_labels(folder.path / "labels.csv", dict(zip(names, anywhere, strict=True)))
        sources.append(folder.path)
    return sources


def _coco(pictures: Sequence[_Picture], camera: CameraModel) -> dict[str, Any]:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, picture in enumerate(pictures, 1):
        images.append(
            {
                "id": number,
                "file_name": f"{picture.name}_color.png",
                "width": camera.width,
                "height": camera.height,
            }
        )
        for mark in picture.marks or ():
            drawn = outlines(mark, camera.width, camera.height)
            points = np.concatenate(drawn.polygons)
            corner, far = points.min(axis=0), points.max(axis=0)
            annotations.append(
                {
                    # 0 is "no annotation" to pycocotools.
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": CODES[mark.kind],
                    "segmentation": [polygon.ravel().tolist() for polygon in drawn.polygons],
                    "bbox": [*corner.tolist(), *(far - corner).tolist()],
                    "area": drawn.area_px,
                    "iscrowd": 0,
                }
            )
    categories = [{"id": CODES[kind], "name": kind} for kind in KINDS]
    return {"images": images, "annotations": annotations, "categories": categories}


def _write_labels(path: Path, records: Mapping[str, ItemRecord]) -> None:
    try:
        with path.open("w", newline="", encoding="utf-8") as stream:
            rows = csv.writer(stream)
            rows.writerow(LABEL_COLUMNS)
            for name, record in records.items():
                rows.writerow((name, record.sku, QUERY, 1, record.judged_kind))
    except OSError as error:
        raise RecordError(f"{path} cannot be written: {error.strerror}") from error
