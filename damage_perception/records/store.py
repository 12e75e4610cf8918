"""The folder of the records: a file for each item whose images are kept, and the index of all."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from itertools import accumulate
from pathlib import Path
from typing import IO, Final

from damage_perception.records.index import INDEX_FILE, Index
from damage_perception.records.item_record import ItemRecord, RecordError, fit_for_file
from damage_perception.records.recording import Recording, read_recording

_FILES: Final = "items"
_UNFINISHED: Final = ".part"
# Files without a row are leftovers once they are so old: until then somebody may be writing.
_LEFT_OVER_S: Final = 60.0
# Files that are dropped in one go, at most.
_BATCH: Final = 100


class FullError(RecordError):
    """The quota is used up by items that somebody judged, which are never dropped."""


class RecordStore:
    """The records in ``folder``.

    create  make an empty folder where there is none

    Raises RecordError where there are none, or the index cannot be opened; so does whatever cannot
    be read or written later.
    """

    def __init__(self, folder: Path, create: bool = False) -> None:
        self.folder = folder
        if create:
            try:
                (folder / _FILES).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise RecordError(f"{folder} cannot be written: {error.strerror}") from error
        self.index = Index(folder / INDEX_FILE, create)

    def add(
        self, record: ItemRecord, write: Callable[[IO[bytes]], None] | None = None
    ) -> ItemRecord:
        """Adds an item, and the file that ``write`` fills; the record as it is then.

        When it returns, both survive a power cut. What fails leaves neither.
        """
        if write is None:
            return replace(record, key=self.index.add([record])[0])
        day = datetime.fromtimestamp(record.time_ns / 1e9, timezone.utc).strftime("%Y-%m-%d")
        name = f"{record.time_ns}-{fit_for_file(record.item_id)}.mcap"
        path = self.folder / _FILES / day / name
        unfinished = path.with_suffix(_UNFINISHED)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with unfinished.open("wb") as stream:
                write(stream)
                stream.flush()
                os.fsync(stream.fileno())
                size = stream.tell()
            unfinished.rename(path)
            for folder in (path.parent, path.parent.parent):
                _sync(folder)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            raise RecordError(f"{path} cannot be written: {error.strerror}") from error
        kept = replace(record, file=f"{_FILES}/{day}/{name}", bytes=size)
        try:
            return replace(kept, key=self.index.add([kept])[0])
        except RecordError:
            path.unlink(missing_ok=True)
            raise

    def path(self, record: ItemRecord) -> Path:
        """Where the file of an item is. Raises RecordError where it is not kept."""
        if not record.file:
            raise RecordError(f"the images of item {record.item_id} are not kept")
        return self.folder / record.file

    def recording(self, record: ItemRecord) -> Recording:
        """What the file of an item holds. Raises RecordError where it is not kept or not read."""
        return read_recording(self.path(record))

    def make_room(self, quota_bytes: int) -> int:
        """Drops files until all together are within the quota; how many.

        Passes go first, the oldest of them first; what somebody judged stays. Raises FullError
        where that leaves more than the quota.
        """
        dropped = 0
        while (excess := self.index.kept_bytes() - quota_bytes) > 0:
            oldest = self.index.oldest_to_drop(_BATCH)
            sizes = accumulate((record.bytes for record in oldest), initial=0)
            needed = sum(1 for size in sizes if size < excess)
            gone = self.index.drop_files(oldest[:needed])
            if not oldest:
                raise FullError(
                    f"records in {self.folder} that somebody judged take more than the quota of "
                    f"{quota_bytes / 1e9:g} GB: raise it, or move some away"
                )
            for record in gone:
                (self.folder / record.file).unlink(missing_ok=True)
            dropped += len(gone)
        return dropped

    def clean(self) -> int:
        """Removes files that a process which was ended left without a row; how many."""
        known = self.index.files()
        removed = 0
        for path in (self.folder / _FILES).glob("*/*"):
            name = path.relative_to(self.folder).as_posix()
            if name not in known and time.time() - path.stat().st_mtime > _LEFT_OVER_S:
                path.unlink(missing_ok=True)
                removed += 1
        return removed


def is_records(path: Path) -> bool:
    """Whether ``path`` is a folder of records."""
    return (path / INDEX_FILE).is_file()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
