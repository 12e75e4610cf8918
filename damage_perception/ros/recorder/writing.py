"""Writes records in a thread of its own, so that no report waits for a disk."""

from __future__ import annotations

import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import IO, Any, Final

from damage_perception.records.item_record import ItemRecord, Kept, RecordError
from damage_perception.records.store import RecordStore

# Items whose images wait for the disk; of more, the images are dropped and the items counted.
MOST_FILES: Final = 16
# Rows that wait for the disk: hours of a full disk at the pace of a cell.
MOST_ROWS: Final = 100_000
_RETRY_S: Final = 1.0
_STOP_S: Final = 10.0

Done = Callable[[ItemRecord | None, str], None]


@dataclass(frozen=True)
class Job:
    """An item to record.

    write  fills its file; None: it is only counted, though its record may say that it was to be
           kept
    done   called in the writing thread with the record once the disk has it, or None and why not
    """

    record: ItemRecord
    write: Callable[[IO[bytes]], None] | None = None
    done: Done | None = None


@dataclass(frozen=True)
class WriterState:
    """What became of the items.

    rows, files    written since the start
    dropped_files  items counted without their images: too many waited, or the disk took none
    dropped_rows   items that were not even counted
    evicted        files that went to keep the quota
    problem        why the newest could not be written, with the mend; empty where it could
    """

    rows: int = 0
    files: int = 0
    dropped_files: int = 0
    dropped_rows: int = 0
    evicted: int = 0
    waiting: int = 0
    problem: str = ""


class Writing:
    """Takes jobs without waiting, from `start` to `stop`.

    quota_bytes  what images may take, asked for each time
    log_error    called in the thread with one line; not twice in a row with the same
    """

    def __init__(
        self,
        store: RecordStore,
        quota_bytes: Callable[[], int],
        log_error: Callable[[str], Any],
    ) -> None:
        self._store = store
        self._quota_bytes = quota_bytes
        self._log_error = log_error
        self._state = WriterState()
        self._problems: dict[str, str] = {}
        self._files: deque[Job] = deque()
        self._rows: deque[ItemRecord] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="record_writer", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Writes what waits, for ten seconds at most, and ends the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(_STOP_S)

    @property
    def state(self) -> WriterState:
        """What became of the items until now."""
        with self._changed:
            waiting = len(self._files) + len(self._rows)
            problem = "; ".join(filter(None, self._problems.values()))
            return replace(self._state, waiting=waiting, problem=problem)

    @property
    def has_room(self) -> bool:
        """Whether the images of one more item would be taken."""
        return len(self._files) < MOST_FILES

    def add(self, job: Job) -> None:
        """Takes an item; where too many wait, it is counted without its images."""
        with self._changed:
            if job.write is not None:
                self._files.append(job)
            else:
                self._count_only(job, "too many items wait for the disk")
            self._changed.notify()

    def _count_only(self, job: Job, why: str) -> None:
        """Queues the row alone; the caller holds the condition."""
        if job.record.kept is not Kept.NOT:
            self._add_up(dropped_files=1)
        if len(self._rows) < MOST_ROWS:
            self._rows.append(replace(job.record, kept=Kept.NOT))
        else:
            self._add_up(dropped_rows=1)
        if job.done is not None:
            job.done(None, why)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not (self._files or self._rows or self._stopping):
                    self._changed.wait()
                if self._stopping and not (self._files or self._rows):
                    return
                job = self._files.popleft() if self._files else None
                rows = list(self._rows)
            try:
                if job is not None:
                    with self._told("images"):
                        self._write_file(job)
                if rows:
                    with self._told("rows"):
                        self._write_rows(rows)
            except RecordError:
                self._wait()

    def _write_file(self, job: Job) -> None:
        try:
            record = self._store.add(job.record, job.write)
        except Exception as error:
            with self._changed:
                self._count_only(job, str(error))
            raise
        with self._changed:
            self._add_up(rows=1, files=1)
        if job.done is not None:
            job.done(record, "")
        evicted = self._store.make_room(self._quota_bytes())
        with self._changed:
            self._add_up(evicted=evicted)

    def _write_rows(self, rows: list[ItemRecord]) -> None:
        self._store.index.add(rows)
        with self._changed:
            for _ in rows:
                self._rows.popleft()
            self._add_up(rows=len(rows))

    def _add_up(self, **counts: int) -> None:
        added = {name: getattr(self._state, name) + count for name, count in counts.items()}
        self._state = replace(self._state, **added)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Says what fails, until the next time that it does not; all that fails is RecordError."""
        problem = ""
        try:
            yield
        except Exception as error:
            expected = isinstance(error, RecordError)
            problem = str(error) if expected else "".join(traceback.format_exception(error))
            raise RecordError(problem) from error
        finally:
            if problem and problem != self._problems.get(what):
                self._log_error(problem)
            self._problems[what] = problem

    def _wait(self) -> None:
        """Until it is worth another try; a node that stops tries no more."""
        with self._changed:
            if self._stopping:
                self._files.clear()
                self._add_up(dropped_rows=len(self._rows))
                self._rows.clear()
            self._changed.wait(_RETRY_S)
