"""Writing the image-folder format; `damage_perception.dataset` reads it."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import CameraModel, Frame

DEPTH_UNIT_M = 0.0005
Row = tuple[str | float, ...]


def write_tables(
    out_dir: Path,
    columns: Sequence[str],
    rows: Sequence[Row],
    camera: CameraModel,
) -> None:
    """Writes labels.csv and camera.json."""
    with (out_dir / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    intrinsics = {
        name: getattr(camera, name) for name in ("width", "height", "fx", "fy", "cx", "cy")
    }
    text = json.dumps(intrinsics | {"depth_unit_m": DEPTH_UNIT_M}, indent=2)
    (out_dir / "camera.json").write_text(text + "\n")


def write_image(
    out_dir: Path, name: str, frame: Frame, kinds: NDArray[np.uint8], items: NDArray[np.uint8]
) -> None:
    """Writes NAME_color, NAME_depth (units of 0.5 mm), NAME_mask (codes of kinds), NAME_items.

    Raises OSError where a file cannot be written.
    """
    depth_m = frame.depth_m
    units = np.zeros(kinds.shape) if depth_m is None else np.round(depth_m / DEPTH_UNIT_M)
    pictures = {
        "color": cv2.cvtColor(frame.color, cv2.COLOR_RGB2BGR),
        "depth": np.clip(units, 0, 65535).astype(np.uint16),
        "mask": kinds,
        "items": items,
    }
    for what, picture in pictures.items():
        path = out_dir / f"{name}_{what}.png"
        if not cv2.imwrite(str(path), picture):
            raise OSError(f"{path} could not be written: is the disk full or the folder read-only?")
