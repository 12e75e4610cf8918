"""The index of all reported items: an SQLite file that several processes read and write at once.

SQLite, because a cell writes one small row at a time and a page reads the newest few: a commit is
on the disk when it returns, and whatever ends a process leaves a file that opens. Many cells are
read together as Parquet (`damage_perception.records.fleet`).
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from damage_perception.kinds import KINDS, NONE
from damage_perception.records.item_record import ItemRecord, Judgement, RecordError, Shape
from damage_perception.records.schema import (
    APPLICATION,
    COLUMNS,
    FORMAT,
    TABLES,
    WAITING,
    record_of,
    row_of,
)

INDEX_FILE: Final = "index.sqlite"
# How long a writer waits for another one.
_PATIENCE_S: Final = 10.0
# Orders of the newest first, by time and then by key.
_NEWEST: Final = "ORDER BY time_ns DESC, key DESC"


class AlreadyJudgedError(RecordError):
    """Somebody else judged the item since it was shown."""


class Index:
    """The index in the file ``path``, for any number of threads.

    Raises RecordError where the file is missing, of another program or of a newer version; so does
    whatever cannot be read or written later.
    """

    def __init__(self, path: Path, create: bool = False) -> None:
        self.path = path
        self._threads = threading.local()
        if not create and not path.exists():
            raise RecordError(f"there are no records at {path.parent}: start damage_recorder there")
        with self._transaction() as connection:
            _prepare(connection, path)

    def add(self, records: Sequence[ItemRecord]) -> list[int]:
        """Adds rows; their keys, once the disk has them."""
        names = ", ".join(COLUMNS)
        places = ", ".join(f":{name}" for name in COLUMNS)
        insert = f"INSERT INTO items ({names}) VALUES ({places})"
        with self._transaction() as connection:
            return [int(connection.execute(insert, row_of(one)).lastrowid or 0) for one in records]

    def find(self, key: int) -> ItemRecord:
        """The record of a key. Raises RecordError where there is none."""
        rows = self._select("SELECT * FROM items WHERE key = ?", (key,))
        if not rows:
            raise RecordError(f"there is no record {key}")
        return record_of(dict(rows[0]))

    def waiting(self, limit: int, before: ItemRecord | None = None) -> list[ItemRecord]:
        """Items that wait for a person, newest first; older than ``before`` where that is given."""
        where, values = _older(before)
        return self._records(f"WHERE {WAITING}{where} {_NEWEST} LIMIT ?", (*values, limit))

    def count_waiting(self) -> int:
        """How many items wait for a person."""
        return int(self._select(f"SELECT count(*) FROM items WHERE {WAITING}")[0][0])

    def newest(
        self, limit: int, before: ItemRecord | None = None, judgement: Judgement | None = None
    ) -> list[ItemRecord]:
        """Items with images, newest first; of one judgement where that is given."""
        where, values = _older(before)
        if judgement is not None:
            where, values = f"{where} AND judgement = ?", (*values, int(judgement))
        return self._records(f"WHERE file <> ''{where} {_NEWEST} LIMIT ?", (*values, limit))

    def judged(self, since_ns: int = 0, until_ns: int = 1 << 62) -> list[ItemRecord]:
        """Items that a person called damaged or good, oldest first, by the time of the report."""
        return self._records(
            "WHERE judgement IN (1, 2) AND time_ns >= ? AND time_ns < ? ORDER BY time_ns, key",
            (since_ns, until_ns),
        )

    def shapes(self, key: int) -> list[Shape]:
        """What a person marked on an item."""
        rows = self._select("SELECT * FROM shapes WHERE item = ? ORDER BY rowid", (key,))
        return [
            Shape(
                row["camera"],
                row["kind"],
                row["tool"],
                tuple((float(x), float(y)) for x, y in json.loads(row["points"])),
                row["width_px"],
            )
            for row in rows
        ]

    def judge(
        self,
        key: int,
        judgement: Judgement,
        by: str,
        now_ns: int,
        kind: str = NONE,
        seen: Judgement | None = Judgement.UNSEEN,
    ) -> ItemRecord:
        """Says what an item is; the record as it is then.

        kind  of damage, where it is known
        seen  what the person saw that was said of it before; None: whatever it was

        Raises AlreadyJudgedError where something else was said in the meantime, RecordError where
        there is no such item or kind, or ``by`` is empty.
        """
        _check(judgement, by, kind)
        with self._transaction() as connection:
            record = _locked(connection, key)
            if seen is not None and record.judgement is not seen:
                raise AlreadyJudgedError(
                    f"{record.judged_by or 'somebody'} has judged item {record.item_id} meanwhile"
                )
            connection.execute(
                "INSERT INTO judgements (item, time_ns, by, judgement, kind) "
                "VALUES (?, ?, ?, ?, ?)",
                (key, now_ns, by, int(judgement), kind),
            )
            _settle(connection, key)
        return self.find(key)

    def undo(self, by: str) -> ItemRecord | None:
        """Takes the person's newest judgement back; the record as it is then, None without one."""
        with self._transaction() as connection:
            row = connection.execute(
                "SELECT key, item FROM judgements WHERE by = ? AND undone = 0 "
                "ORDER BY key DESC LIMIT 1",
                (by,),
            ).fetchone()
            if row is None:
                return None
            connection.execute("UPDATE judgements SET undone = 1 WHERE key = ?", (row["key"],))
            _settle(connection, row["item"])
        return self.find(row["item"])

    def mark(self, key: int, shapes: Iterable[Shape]) -> None:
        """Puts ``shapes`` in the place of those that the item has."""
        with self._transaction() as connection:
            _locked(connection, key)
            connection.execute("DELETE FROM shapes WHERE item = ?", (key,))
            connection.executemany(
                "INSERT INTO shapes VALUES (?, ?, ?, ?, ?, ?)",
                [(key, s.camera, s.kind, s.tool, json.dumps(s.points), s.width_px) for s in shapes],
            )

    def kept_bytes(self) -> int:
        """Size of all files that are kept."""
        total = self._select("SELECT sum(bytes) FROM items WHERE file <> ''")[0][0]
        return int(total or 0)

    def oldest_to_drop(self, limit: int) -> list[ItemRecord]:
        """Items whose files may go: passes first, oldest first; never one that somebody judged."""
        return self._records(
            "WHERE file <> '' AND judgement = 0 ORDER BY verdict = 1 DESC, time_ns, key LIMIT ?",
            (limit,),
        )

    def drop_files(self, records: Iterable[ItemRecord]) -> list[ItemRecord]:
        """Says that files are no longer kept, but of items judged meanwhile; those it was said of.

        The items stay counted.
        """
        drop = "UPDATE items SET file = '', bytes = 0 WHERE key = ? AND judgement = 0"
        with self._transaction() as connection:
            return [one for one in records if connection.execute(drop, (one.key,)).rowcount]

    def files(self) -> set[str]:
        """The names of all files that are kept."""
        return {row[0] for row in self._select("SELECT file FROM items WHERE file <> ''")}

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a SELECT."""
        return [tuple(row) for row in self._select(sql, values)]

    def close(self) -> None:
        """Closes the connection of the calling thread."""
        connection = self._threads.__dict__.pop("connection", None)
        if connection is not None:
            connection.close()

    def _records(self, clause: str, values: Sequence[Any]) -> list[ItemRecord]:
        return [
            record_of(dict(row)) for row in self._select(f"SELECT * FROM items {clause}", values)
        ]

    def _select(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        with self._errors("read"), closing(self._connection().execute(sql, values)) as cursor:
            return cursor.fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """One that nobody else writes during; on the disk when it ends."""
        with self._errors("written"):
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._threads, "connection", None)
        if connection is None:
            connection = sqlite3.connect(
                self.path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False
            )
            connection.row_factory = sqlite3.Row
            # Readers and one writer at once; what is committed survives a power cut.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            self._threads.connection = connection
        return connection

    @contextmanager
    def _errors(self, done: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise RecordError(f"index {self.path} cannot be {done}: {error}") from error


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Makes the tables of a new file; raises RecordError where the file is none of ours."""
    application, version, tables = (
        connection.execute(sql).fetchone()[0]
        for sql in (
            "PRAGMA application_id",
            "PRAGMA user_version",
            "SELECT count(*) FROM sqlite_master",
        )
    )
    if application != APPLICATION and tables:
        raise RecordError(f"{path} is another program's database: name another folder")
    if version > FORMAT:
        raise RecordError(
            f"index {path} has format {version}; this version reads up to {FORMAT}: update "
            "damage_perception"
        )
    if not tables:
        for statement in filter(str.strip, TABLES.split(";")):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")


def _check(judgement: Judgement, by: str, kind: str) -> None:
    if judgement is Judgement.UNSEEN:
        raise RecordError("a judgement is taken back by undoing it")
    if not by.strip():
        raise RecordError("a judgement needs the name of the person")
    if kind not in (NONE, *KINDS) or (kind != NONE and judgement is not Judgement.DAMAGED):
        raise RecordError(f"kind is {kind!r}; expected {', '.join(KINDS)} of a damaged item")


def _locked(connection: sqlite3.Connection, key: int) -> ItemRecord:
    row = connection.execute("SELECT * FROM items WHERE key = ?", (key,)).fetchone()
    if row is None:
        raise RecordError(f"there is no record {key}")
    return record_of(dict(row))


def _settle(connection: sqlite3.Connection, key: int) -> None:
    """Writes the newest judgement that holds into the item's row."""
    row = connection.execute(
        "SELECT judgement, kind, by, time_ns FROM judgements WHERE item = ? AND undone = 0 "
        "ORDER BY key DESC LIMIT 1",
        (key,),
    ).fetchone()
    connection.execute(
        "UPDATE items SET judgement = ?, judged_kind = ?, judged_by = ?, judged_ns = ? "
        "WHERE key = ?",
        (*(row or (0, NONE, "", 0)), key),
    )


def _older(before: ItemRecord | None) -> tuple[str, tuple[int, ...]]:
    if before is None:
        return "", ()
    return " AND (time_ns, key) < (?, ?)", (before.time_ns, before.key)
