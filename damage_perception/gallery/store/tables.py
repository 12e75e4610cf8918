"""The tables of a gallery in LanceDB: the journal, and the views and embeddings it speaks of.

A change is one append to the journal, and that append is one atomic commit. Views and embeddings
are written before it under the change's id: where the process dies in between, nothing speaks of
them. Only this module knows LanceDB.
"""

from __future__ import annotations

import logging
import random
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final

from damage_perception.gallery.reference import GalleryError, NoGalleryError
from damage_perception.gallery.store.codec import EncodedEmbedding, EncodedView
from damage_perception.gallery.store.durability import make_durable, torn_version
from damage_perception.gallery.store.journal import JournalRecord
from damage_perception.gallery.store.schema import (
    JOURNAL,
    PIECES,
    Piece,
    check_format,
    piece_row,
    record_of,
    record_row,
    schemas,
)
from damage_perception.gallery.wording import in_words

# A reader opens one file for every append since the last compaction.
COMPACT_JOURNAL_AT: Final = 64
COMPACT_PIECES_AT: Final = 256
# Longer than any read takes: a reader may still be at a version that a compaction replaced.
KEEP_VERSIONS: Final = timedelta(hours=1)

_VIEW: Final = ("color", "height", "item", "width_m")
_EMBEDDING: Final = ("cells", "channels", "places", "descriptor")
_BATCH: Final = 200
_ATTEMPTS: Final = 8

Key = tuple[str, str]

_log = logging.getLogger(__name__)


class Tables:
    """Both tables of one gallery. A key is (change_id, reference_id)."""

    def __init__(self, uri: str, journal: Any, pieces: Any) -> None:
        self.uri = uri
        self._journal = journal
        self._pieces = pieces

    @staticmethod
    def open(uri: str, create: bool) -> Tables:
        """Raises GalleryError where there is no gallery and none is to be or can be created."""
        lancedb = _lancedb()
        folder = local_folder(uri)
        uri = uri if folder is None else str(folder)
        if folder is not None and not create and not folder.is_dir():
            raise NoGalleryError(
                f"gallery {uri} does not exist: enroll a reference, or mend the path"
            )
        for name in (PIECES, JOURNAL):
            torn = torn_version(folder / f"{name}.lance") if folder is not None else None
            if torn:
                raise GalleryError(
                    f"gallery {uri} was torn by a power cut: move {torn} away, and it is as it was "
                    "before that change"
                )
        with _errors(uri, "opened"):
            # Interval 0: every read looks for what other processes committed.
            database = lancedb.connect(uri, read_consistency_interval=timedelta(0))
            names = set(database.list_tables().tables or ())
            if JOURNAL not in names:
                _check_place(uri, folder, names, create)
                # The journal last: where it is, the gallery is whole.
                for name in (PIECES, JOURNAL):
                    database.create_table(name, schema=schemas()[name], exist_ok=True)
            journal = database.open_table(JOURNAL)
            check_format(uri, journal.schema.metadata)
            return Tables(uri, journal, database.open_table(PIECES))

    @property
    def version(self) -> int:
        """Of the journal; grows with every commit of any process."""
        with _errors(self.uri, "read"):
            return int(self._journal.version)

    def records(self) -> list[JournalRecord]:
        """The journal, oldest first."""
        return [record_of(row) for row in self._read(self._journal)]

    def append(self, record: JournalRecord, pieces: Sequence[Piece] = ()) -> None:
        """Commits ``record`` with the pieces it brings."""
        if pieces:
            self._add(self._pieces, PIECES, [piece_row(record, piece) for piece in pieces])
        self._add(self._journal, JOURNAL, [record_row(record)])
        self._compact_if_due()

    def embeddings(self, keys: Iterable[Key]) -> dict[Key, EncodedEmbedding]:
        """By key; those that are not there are left out."""
        rows = self._rows(keys, _EMBEDDING)
        return {
            key: EncodedEmbedding(*(row[name] for name in _EMBEDDING))
            for key, row in rows
            # Freed where there is none.
            if row["descriptor"]
        }

    def views(self, keys: Iterable[Key]) -> dict[Key, EncodedView]:
        """By key; those that are not there are left out."""
        rows = self._rows(keys, _VIEW)
        return {key: EncodedView(*(row[name] for name in _VIEW)) for key, row in rows}

    def keys(self) -> list[tuple[Key, int]]:
        """Of all pieces, with the time they were written, nanoseconds since 1970."""
        columns = ["change_id", "reference_id", "time_ns"]
        rows = self._read(self._pieces.search().select(columns))
        return [((row["change_id"], row["reference_id"]), row["time_ns"]) for row in rows]

    def bare(self, keys: Sequence[Key]) -> None:
        """Deletes the embeddings of pieces; their views stay."""
        with _errors(self.uri, "changed"):
            for batch in _batches(keys):
                where = f"({_any_of(batch)}) AND descriptor IS NOT NULL"
                self._pieces.update(where, dict.fromkeys(_EMBEDDING))

    def remove(self, keys: Sequence[Key]) -> None:
        """Deletes pieces and frees their space; readers at an older version of them fail."""
        with _errors(self.uri, "changed"):
            for batch in _batches(keys):
                self._pieces.delete(_any_of(batch))
            self._journal.optimize(cleanup_older_than=KEEP_VERSIONS)
            with warnings.catch_warnings():
                # That readers of older versions fail is meant: what was removed must be gone.
                warnings.simplefilter("ignore")
                self._pieces.optimize(cleanup_older_than=timedelta(0))

    def _rows(self, keys: Iterable[Key], columns: Sequence[str]) -> Iterator[tuple[Key, Any]]:
        for batch in _batches(keys):
            wanted = set(batch)
            where = " AND ".join(
                f"{name} IN ({', '.join(sorted({repr(key[i]) for key in batch}))})"
                for i, name in enumerate(("change_id", "reference_id"))
            )
            names = ["change_id", "reference_id", *columns]
            query = self._pieces.search().where(where).select(names)
            for row in self._read(query):
                key = (row["change_id"], row["reference_id"])
                if key in wanted:
                    yield key, row

    def _read(self, source: Any) -> list[dict[str, Any]]:
        """All rows of a table or a query."""
        with _errors(self.uri, "read"):
            try:
                rows = source.to_arrow()
            except (OSError, RuntimeError, ValueError):
                # Another process may have removed the files of the version that was being read.
                rows = source.to_arrow()
            return list(rows.to_pylist())

    def _add(self, table: Any, name: str, rows: list[dict[str, Any]]) -> None:
        import pyarrow

        data = pyarrow.Table.from_pylist(rows, schema=schemas()[name])
        started_s = time.time()
        with _errors(self.uri, "written"):
            for attempt in range(_ATTEMPTS):
                try:
                    table.add(data)
                    break
                except (OSError, RuntimeError, ValueError) as error:
                    if attempt == _ATTEMPTS - 1 or "conflict" not in str(error).lower():
                        raise
                    time.sleep(random.uniform(0, 0.02 * 2**attempt))
            folder = local_folder(self.uri)
            if folder is not None:
                make_durable(folder / f"{name}.lance", started_s)

    def _compact_if_due(self) -> None:
        limits = ((self._journal, COMPACT_JOURNAL_AT), (self._pieces, COMPACT_PIECES_AT))
        for table, limit in limits:
            try:
                if table.stats()["fragment_stats"]["num_small_fragments"] > limit:
                    table.optimize(cleanup_older_than=KEEP_VERSIONS)
            except (OSError, RuntimeError, ValueError) as error:
                # The change is committed; another process compacts, or the next change does.
                _log.warning("gallery %s was not compacted: %s", self.uri, in_words(error))


def local_folder(uri: str) -> Path | None:
    """Where ``uri`` is on this machine; None for an object store."""
    if uri.startswith("file://"):
        uri = uri.removeprefix("file://")
    return None if "://" in uri else Path(uri).expanduser()


def _lancedb() -> Any:
    try:
        import lancedb
    except ImportError as error:
        # Not installed, or of a version that does not go with another one.
        raise GalleryError(
            f"a gallery needs the Python module lancedb, which cannot be imported ({error}): "
            "pip install -r requirements/robot.txt, in a checkout of damage_perception"
        ) from error
    return lancedb


def _check_place(uri: str, folder: Path | None, names: set[str], create: bool) -> None:
    """Raises GalleryError where no gallery is to be created."""
    # Another process may be about to create it, or have died over it.
    others = names - {PIECES}
    if folder is not None and folder.is_dir():
        ours = {f"{name}.lance" for name in (PIECES, JOURNAL)}
        others |= {file.name for file in folder.iterdir()} - ours
    if others:
        raise GalleryError(
            f"{uri} is no gallery, and holds {sorted(others)[0]!r}: name a gallery, or a new folder"
        )
    if not create:
        raise NoGalleryError(
            f"there is no gallery at {uri}: enroll a reference, or mend the address"
        )


@contextmanager
def _errors(uri: str, done: str) -> Iterator[None]:
    """What LanceDB raises inside becomes a GalleryError: ``uri`` cannot be ``done``."""
    try:
        yield
    except GalleryError:
        raise
    except (OSError, RuntimeError, ValueError) as error:
        raise GalleryError(f"gallery {uri} cannot be {done}: {in_words(error)}") from error


def _any_of(keys: Iterable[Key]) -> str:
    """That a row has one of ``keys``."""
    each = (f"(change_id = '{change}' AND reference_id = '{name}')" for change, name in keys)
    return " OR ".join(each)


def _batches(keys: Iterable[Key]) -> Iterator[list[Key]]:
    each = iter(keys)
    while batch := list(islice(each, _BATCH)):
        yield batch
