"""Recordings of good items with damage written into them, as a labelled data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from damage_perception.dataset import LABEL_COLUMNS, QUERY, DatasetError
from damage_perception.frame import CameraModel, Frame
from damage_perception.kinds import NONE
from damage_perception.simulation.damage.written_damage import WRITABLE, damage_frame
from damage_perception.simulation.image_folder import Row, write_image, write_tables
from damage_perception.source import Source
from damage_perception.station import Item, Station, StationError


@dataclass
class Spoilt:
    """How many items were written, and how many frames or items were left out, by reason."""

    items: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    def reasons(self) -> str:
        """The counts of what was left out, in words; empty where nothing was."""
        return ", ".join(f"{count} {reason}" for reason, count in self.left_out.items())


def spoil(
    source: Source,
    station: Station,
    out_dir: Path,
    per_item: int,
    seed: int,
    *,
    progress: Callable[[int], None] | None = None,
) -> Spoilt:
    """Write every item found in ``source`` as it is, and ``per_item`` times with damage written in.

    The format is that of `damage_perception.dataset`. Items that reach the border or have no depth
    are left out. ``progress`` is called with the frames done.

    Raises DatasetError where a frame cannot be read, frames are of several cameras, or no item
    could be written.
    """
    if len(source.cameras) > 1:
        raise DatasetError(
            f"the frames are of the cameras {', '.join(source.cameras)}, whose intrinsics and "
            "planes may differ: record one camera at a time"
        )
    out_dir.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    done = Spoilt()
    camera: CameraModel | None = None
    for number, record in enumerate(source):
        frame = record.frame()
        if camera is not None and frame.camera != camera:
            raise DatasetError(f"{record.name} has other intrinsics than the frames before it")
        camera = frame.camera
        for index, item in enumerate(_whole_items(frame, station, done)):
            done.items += 1
            name, outline = f"{record.name}_{index}", item.mask.astype(np.uint8)
            write_image(out_dir, name, frame, np.zeros_like(outline), outline)
            rows.append((name, name, QUERY, 0, NONE, 0))
            for copy in range(per_item):
                rng = np.random.default_rng((seed, number, index, copy))
                kind = WRITABLE[(done.items + copy) % len(WRITABLE)]
                spoilt, damage = damage_frame(frame, item.mask, kind, rng)
                copied = f"{name}_spoilt{copy}"
                write_image(out_dir, copied, spoilt, damage.codes, outline)
                rows.append((copied, name, QUERY, 1, kind, round(damage.severity, 3)))
        if progress is not None:
            progress(number + 1)
    if camera is None or not rows:
        raise DatasetError(f"no item to write damage into: {done.reasons() or 'none was found'}")
    write_tables(out_dir, (*LABEL_COLUMNS, "severity"), rows, camera)
    return done


def _whole_items(frame: Frame, station: Station, done: Spoilt) -> list[Item]:
    """The items that damage can be written into; the others are counted."""
    try:
        found = station.locate(frame)
    except StationError:
        done.left_out["frames without a plane"] += 1
        return []
    whole = []
    for item in found:
        if item.cut_off:
            done.left_out["items at the border"] += 1
        elif item.depth_share == 0:
            done.left_out["items without depth"] += 1
        else:
            whole.append(item)
    return whole
