"""Recordings of good items with damage written into them, as a labelled data set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from damage_perception.dataset import LABEL_COLUMNS, DatasetError
from damage_perception.frame import CameraModel
from damage_perception.kinds import NONE
from damage_perception.simulation.image_folder import Row, write_image, write_tables
from damage_perception.simulation.written_damage import WRITABLE, damage_frame
from damage_perception.source import Source
from damage_perception.station import Station, StationError


def spoil(
    source: Source,
    station: Station,
    out_dir: Path,
    per_item: int,
    seed: int,
    *,
    progress: Callable[[int], None] | None = None,
) -> tuple[int, int]:
    """Write every item found in ``source`` as it is, and ``per_item`` times with damage written in.

    The format is that of `damage_perception.dataset`. Items that reach the border or have no depth
    are left out. ``progress`` is called with the frames done. Returns how many items were written
    and left out.

    Raises DatasetError where a frame cannot be read or the cameras of two frames differ.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    camera: CameraModel | None = None
    written = left_out = 0
    for number, record in enumerate(source):
        frame = record.frame()
        if camera is not None and frame.camera != camera:
            raise DatasetError(f"{record.name} is of another camera than the frames before it")
        camera = frame.camera
        try:
            items = station.locate(frame)
        except StationError:
            items = []
        for index, item in enumerate(items):
            if item.cut_off or item.depth_share == 0:
                left_out += 1
                continue
            written += 1
            name, outline = f"{record.name}_{index}", item.mask.astype(np.uint8)
            write_image(out_dir, name, frame, np.zeros_like(outline), outline)
            rows.append((name, name, "query", 0, NONE, 0))
            for copy in range(per_item):
                rng = np.random.default_rng((seed, number, index, copy))
                kind = WRITABLE[(index + copy) % len(WRITABLE)]
                spoilt, damage = damage_frame(frame, item.mask, kind, rng)
                write_image(out_dir, f"{name}_{copy}", spoilt, damage.codes, outline)
                rows.append((f"{name}_{copy}", name, "query", 1, kind, round(damage.severity, 3)))
        if progress is not None:
            progress(number + 1)
    if camera is None or not rows:
        raise DatasetError("no item was found in any frame")
    write_tables(out_dir, (*LABEL_COLUMNS, "severity"), rows, camera)
    return written, left_out
