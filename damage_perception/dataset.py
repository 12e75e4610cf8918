"""Reads the image-folder format: NAME_color, NAME_depth, camera.json, labels.csv, NAME_mask."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import CameraModel, ColorImage, DepthImage, Frame
from damage_perception.kinds import KINDS, NONE

COLOR_SUFFIXES: Final = ("_color.png", "_color.jpg", "_color.jpeg")
LABEL_COLUMNS: Final = ("name", "sku", "role", "damaged", "kind")
QUERY: Final = "query"
REFERENCE: Final = "reference"
# Stamps are made up, since the format has none: the images of a folder are this far apart.
FRAME_PERIOD_NS: Final = 100_000_000

_CAMERA_EXAMPLE: Final = (
    '{"width": 640, "height": 480, "fx": 525.0, "fy": 525.0, "cx": 319.5, "cy": 239.5, '
    '"depth_unit_m": 0.001}'
)
_CAMERA_KEYS: Final = ("width", "height", "fx", "fy", "cx", "cy", "depth_unit_m")
_TRUTH: Final = {"0": False, "false": False, "1": True, "true": True}


class DatasetError(ValueError):
    """Recorded images that cannot be read; the text names the file and the mend."""


@dataclass(frozen=True)
class Label:
    """One row of labels.csv.

    role    "query", or "reference" for a view of the pristine product
    kind    one of kinds.KINDS; "none" where undamaged or where the kind is not known
    extra   the further columns as they stand
    """

    sku: str
    role: str
    damaged: bool
    kind: str
    extra: Mapping[str, str]


@dataclass(frozen=True)
class RecordedCamera:
    """What camera.json holds: the pinhole model, and metres per unit of the depth images."""

    camera: CameraModel
    depth_unit_m: float


@dataclass(frozen=True)
class ImageRecord:
    """One image of a folder, read when asked for; ``label`` is None where it has none."""

    name: str
    color_path: Path
    calibration: RecordedCamera
    label: Label | None
    stamp_ns: int

    def frame(self) -> Frame:
        """The image as a frame. Raises DatasetError where a file cannot be read or sizes differ."""
        color = _read_color(self.color_path)
        depth = self._read_depth()
        try:
            return Frame(color, depth, self.calibration.camera, stamp_ns=self.stamp_ns)
        except ValueError as error:
            raise DatasetError(f"{self.color_path}: {error}; check camera.json") from error

    def mask(self) -> NDArray[np.bool_] | None:
        """(H, W) where NAME_mask.png is not black, which is where damage is; None without it."""
        labels = self._read_labels("mask")
        return None if labels is None else np.asarray(labels[..., :3].any(axis=2), np.bool_)

    def items(self) -> NDArray[np.integer[Any]] | None:
        """(H, W) which item each pixel of NAME_items.png shows, 0 none; None without that file."""
        labels = self._read_labels("items")
        return None if labels is None else labels[..., 0]

    def _beside(self, what: str) -> Path:
        return self.color_path.with_name(f"{self.name}_{what}.png")

    def _read_depth(self) -> DepthImage | None:
        path = self._beside("depth")
        if not path.exists():
            return None
        depth = _decode(path, cv2.IMREAD_UNCHANGED)
        if depth.dtype != np.uint16 or depth.ndim != 2:
            raise DatasetError(
                f"{path} is {depth.dtype} {depth.shape}; expected a 16-bit grey PNG whose values "
                "times depth_unit_m are metres, 0 where there is no reading"
            )
        return depth.astype(np.float32) * np.float32(self.calibration.depth_unit_m)

    def _read_labels(self, what: str) -> NDArray[np.integer[Any]] | None:
        """(H, W, channels)"""
        path = self._beside(what)
        if not path.exists():
            return None
        labels = _decode(path, cv2.IMREAD_UNCHANGED)
        camera = self.calibration.camera
        if labels.shape[:2] != (camera.height, camera.width):
            raise DatasetError(
                f"{path} is {labels.shape[1]}x{labels.shape[0]}; expected "
                f"{camera.width}x{camera.height}, as camera.json says"
            )
        return labels.reshape(camera.height, camera.width, -1)


class ImageFolder:
    """The records of a folder, in the order of their names.

    path         the folder
    camera_file  a camera.json to read in place of the folder's own

    ``unlabelled`` names the images that labels.csv leaves out; empty without a labels.csv.

    Raises DatasetError where the folder is missing or holds no image, or where camera.json or
    labels.csv is missing something, wrong, or names an image that is not there. An image that
    cannot be read is found out by its own ``ImageRecord.frame()``, so that it does not end a run.
    """

    cameras: Final = ("camera",)

    def __init__(self, path: Path | str, camera_file: Path | str | None = None) -> None:
        self.path = Path(path)
        images = _find_images(self.path)
        self.calibration = read_calibration(Path(camera_file or self.path / "camera.json"))
        labels_path = self.path / "labels.csv"
        self.labelled = labels_path.exists()
        labels = _read_labels_csv(labels_path, images) if self.labelled else {}
        self.unlabelled = tuple(name for name in images if name not in labels) if labels else ()
        self._records = tuple(
            ImageRecord(name, image, self.calibration, labels.get(name), (i + 1) * FRAME_PERIOD_NS)
            for i, (name, image) in enumerate(images.items())
        )

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[ImageRecord]:
        return iter(self._records)


def read_calibration(path: Path) -> RecordedCamera:
    """The content of a camera.json. Raises DatasetError, showing what one looks like."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DatasetError(
            f"{path} cannot be read ({error.strerror}): write one such as {_CAMERA_EXAMPLE}"
        ) from error
    except ValueError as error:
        raise DatasetError(f"{path} is not JSON ({error}); expected {_CAMERA_EXAMPLE}") from error
    if not isinstance(content, dict):
        raise DatasetError(f"{path} is not a JSON object; expected {_CAMERA_EXAMPLE}")
    missing = [key for key in _CAMERA_KEYS if key not in content]
    if missing:
        raise DatasetError(f"{path} lacks {', '.join(missing)}; expected {_CAMERA_EXAMPLE}")
    values = {key: _number(path, key, content[key]) for key in _CAMERA_KEYS}
    unit = values.pop("depth_unit_m")
    if unit <= 0:
        raise DatasetError(f"{path}: depth_unit_m is {unit}; expected metres per unit, positive")
    width, height = values.pop("width"), values.pop("height")
    if width != int(width) or height != int(height):
        raise DatasetError(f"{path}: image size is {width}x{height}; expected whole pixels")
    try:
        return RecordedCamera(CameraModel(int(width), int(height), **values), unit)
    except ValueError as error:
        raise DatasetError(f"{path}: {error}") from error


def _number(path: Path, key: str, value: Any) -> float:
    try:
        number = float(value) if type(value) in (int, float) else math.nan
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise DatasetError(f"{path}: {key} is {value!r}; expected a number: {_CAMERA_EXAMPLE}")
    return number


def _find_images(path: Path) -> dict[str, Path]:
    try:
        files = sorted(file for file in path.iterdir() if file.is_file())
    except OSError as error:
        raise DatasetError(f"image folder {path} cannot be read: {error.strerror}") from error
    images: dict[str, Path] = {}
    for file in files:
        suffix = next((s for s in COLOR_SUFFIXES if file.name.lower().endswith(s)), None)
        if suffix is None:
            continue
        name = file.name[: -len(suffix)]
        if name in images:
            raise DatasetError(f"{file} and {images[name].name} are both the image {name!r}")
        images[name] = file
    if not images:
        raise DatasetError(f"{path} holds no images; expected NAME_color.png or NAME_color.jpg")
    return images


def _read_labels_csv(path: Path, images: Mapping[str, Path]) -> dict[str, Label]:
    labels: dict[str, Label] = {}
    try:
        # Spreadsheets put a byte order mark before the first column's name.
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            columns = [column for column in LABEL_COLUMNS if column not in (rows.fieldnames or ())]
            if columns:
                raise DatasetError(
                    f"{path} lacks the column {', '.join(columns)}; its first line must hold "
                    f"{','.join(LABEL_COLUMNS)}"
                )
            for row in rows:
                name, label = _label(row, f"{path} line {rows.line_num}")
                if name in labels:
                    raise DatasetError(f"{path} line {rows.line_num} labels {name!r} again")
                if name not in images:
                    raise DatasetError(
                        f"{path} line {rows.line_num} labels {name!r}, but {path.parent} holds no "
                        f"{name}_color image"
                    )
                labels[name] = label
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path} cannot be read: {error}") from error
    if not labels:
        raise DatasetError(f"{path} holds no label; remove it, or label the images")
    return labels


def _label(row: Mapping[str | None, Any], where: str) -> tuple[str, Label]:
    if None in row or None in row.values():
        raise DatasetError(f"{where} has another number of fields than the first line")
    cells = {str(column): str(value).strip() for column, value in row.items()}
    # A name is part of a file name, where a space at the end counts.
    name = str(row["name"])
    role, damaged, kind = (cells[column].lower() for column in ("role", "damaged", "kind"))
    if role not in (QUERY, REFERENCE):
        raise DatasetError(f"{where}: role is {cells['role']!r}; expected {QUERY} or {REFERENCE}")
    if damaged not in _TRUTH:
        raise DatasetError(
            f"{where}: damaged is {cells['damaged']!r}; expected 0, 1, true or false"
        )
    if kind not in (NONE, *KINDS):
        raise DatasetError(
            f"{where}: kind is {cells['kind']!r}; expected {NONE}, {', '.join(KINDS)}"
        )
    if kind != NONE and not _TRUTH[damaged]:
        raise DatasetError(f"{where}: damaged is 0, but kind is {kind}; expected {NONE}")
    extra = {column: value for column, value in cells.items() if column not in LABEL_COLUMNS}
    return name, Label(cells["sku"], role, _TRUTH[damaged], kind, extra)


def _read_color(path: Path) -> ColorImage:
    # The depth image is not turned by the EXIF tag of the colour image, so neither is this one.
    image = _decode(path, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def _decode(path: Path, flags: int) -> NDArray[Any]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}") from error
    # A JPEG that breaks off decodes without complaint, grey from there on.
    whole = not data.startswith(b"\xff\xd8") or b"\xff\xd9" in data[len(data) // 2 :]
    image = None
    if data and whole:
        with suppress(cv2.error):
            image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if image is None:
        raise DatasetError(f"{path} is not an image, or breaks off; copy or record it again")
    return np.asarray(image)
