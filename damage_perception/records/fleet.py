"""The indexes of many cells, read together: Parquet in a folder or an object store.

    ADDRESS/cell_7/days.json                        what is there of the site, and of which version
    ADDRESS/cell_7/2026-10-09-0f3a61d5c2b4.parquet  the items of one day (UTC)

A day that changed is a new file: days.json is put in the place of the old one when all new files
are there, and what it no longer names stays for an hour. So whoever reads has whole files of one
moment, however often a cell publishes.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from damage_perception.records.item_record import RecordError, fit_for_file
from damage_perception.records.schema import COLUMNS, HOUR_NS
from damage_perception.records.store import RecordStore

if TYPE_CHECKING:
    import pyarrow
    from pyarrow.fs import FileSystem

FORMAT: Final = 1
MANIFEST: Final = "days.json"
# Longer than a query takes.
KEEP_NS: Final = HOUR_NS
_ENDING: Final = ".parquet"
_UNFINISHED: Final = ".part"
_DAY_NS: Final = 24 * HOUR_NS
_DAY: Final = f"time_ns - time_ns % {_DAY_NS}"
# Names of people stay at the cell.
_PUBLISHED: Final = ("key", *(name for name in COLUMNS if name != "judged_by"))
_TEXTS: Final = frozenset(
    ("site", "item_id", "sku", "detail", "kind", "camera", "cameras", "model_id", "kept", "file")
) | {"judged_kind"}
_NUMBERS: Final = frozenset(
    ("confidence", "threshold", "alone", "anomaly_score", "area_cm2", "depth_mm", "item_share")
) | {"latency_ms"}

# What changes when a row of the day is added or judged, or its file goes; of judgements the
# milliseconds, because nanoseconds do not add up in 64 bits.
_STATES: Final = f"""
SELECT site, {_DAY}, count(*), max(key), sum(bytes), sum(judgement), sum(judged_ns / 1000000)
FROM items GROUP BY 1, 2"""
_ROWS: Final = f"""
SELECT {", ".join(_PUBLISHED)} FROM items
WHERE time_ns >= ? AND time_ns < ? AND site = ? ORDER BY time_ns, key"""
_FIRST: Final = "SELECT time_ns, item_id FROM items WHERE site = ? ORDER BY key LIMIT 1"


@dataclass(frozen=True)
class _Site:
    """What days.json says of a site.

    first     tells the records of a cell from those of another one that goes by the same name
    days      files by day
    replaced  when files were last named, nanoseconds since 1970
    """

    name: str
    first: str
    days: Mapping[str, str] = field(default_factory=dict)
    replaced: Mapping[str, int] = field(default_factory=dict)


def publish(store: RecordStore, uri: str) -> int:
    """Writes the days that changed since the last time to ``uri``; how many.

    uri  a folder, or an address such as s3://bucket/fleet. Credentials and endpoint of an object
         store come from the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION,
         AWS_ENDPOINT.

    Raises RecordError where that cannot be, or another cell has published under the same name.
    """
    place = _Place(uri)
    sites: dict[str, dict[int, str]] = {}
    for site, start_ns, *state in store.index.query(_STATES):
        sites.setdefault(site, {})[start_ns] = _version(state)
    return sum(_publish(store, place, site, days) for site, days in sites.items())


class FleetIndex:
    """All sites that are published at ``uri``, as they are now, for any number of threads.

    Raises RecordError where there are none, or a package that it needs is missing.
    """

    def __init__(self, uri: str) -> None:
        try:
            import duckdb
            from pyarrow import dataset
        except ImportError as error:
            raise RecordError(
                f"the figures of a fleet need the package {error.name}: pip install duckdb pyarrow"
            ) from error
        place = _Place(uri)
        self._uri = uri
        self._lock = threading.Lock()
        self._errors = (OSError, duckdb.Error)
        self._connection = duckdb.connect()
        parquet, time_ns = dataset.ParquetFileFormat(), dataset.field("time_ns")
        # With the times of each file, those of other days are not even opened.
        fragments = [
            parquet.make_fragment(
                f"{place.path}/{folder}/{file}",
                place.files,
                (time_ns >= _start_ns(day)) & (time_ns < _start_ns(day) + _DAY_NS),
            )
            for folder in place.folders()
            if (site := place.site(folder))
            for day, file in site.days.items()
        ]
        if not fragments:
            raise RecordError(f"no site is published at {uri}: damage-perception records publish")
        rows = dataset.FileSystemDataset(fragments, _schema(), parquet, place.files)
        self._connection.register("items", rows)

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a SELECT from ``items``, in DuckDB's SQL."""
        try:
            with self._lock:
                return self._connection.execute(sql, list(values)).fetchall()
        except self._errors as error:
            raise RecordError(f"fleet {self._uri} cannot be read: {error}") from error


class _Place:
    """A folder, local or in an object store; paths are below it."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        with self.errors("opened"):
            self.files, self.path = _file_system(uri)

    def folders(self) -> list[str]:
        """The names of the folders, a site each."""
        from pyarrow.fs import FileSelector, FileType

        with self.errors("read"):
            found = self.files.get_file_info(FileSelector(self.path, allow_not_found=True))
        return sorted(one.base_name for one in found if one.type == FileType.Directory)

    def site(self, folder: str) -> _Site | None:
        """What is published in a folder; None where nothing is."""
        with self.errors("read"):
            try:
                with self.files.open_input_stream(f"{self.path}/{folder}/{MANIFEST}") as stream:
                    values = json.loads(stream.read())
            except FileNotFoundError:
                return None
        if values["format"] > FORMAT:
            raise RecordError(
                f"site {folder} at {self.uri} has format {values['format']}; this version reads up "
                f"to {FORMAT}: update damage_perception"
            )
        return _Site(values["site"], values["first"], values["days"], values["replaced"])

    def write(self, path: str, data: bytes) -> None:
        """Writes a file that is there as a whole, or not at all."""
        from pyarrow.fs import LocalFileSystem

        target = f"{self.path}/{path}"
        with self.errors("written"):
            if isinstance(self.files, LocalFileSystem):
                Path(target).parent.mkdir(parents=True, exist_ok=True)
                unfinished = Path(f"{target}{_UNFINISHED}")
                with unfinished.open("wb") as stream:
                    stream.write(data)
                    stream.flush()
                    os.fsync(stream.fileno())
                unfinished.replace(target)
            else:
                # An object is there when it is closed, with all that was written at once.
                with self.files.open_output_stream(target) as stream:
                    stream.write(data)

    def remove_all(self, folder: str, but: Iterable[str]) -> None:
        """Removes the files of days from a folder, but those named; half ones, too."""
        from pyarrow.fs import FileSelector

        kept = set(but)
        with self.errors("written"):
            for one in self.files.get_file_info(FileSelector(f"{self.path}/{folder}")):
                ours = one.base_name.endswith((_ENDING, _UNFINISHED))
                if ours and one.base_name not in kept:
                    self.files.delete_file(one.path)

    @contextmanager
    def errors(self, done: str) -> Iterator[None]:
        """What is raised inside becomes a RecordError: the place cannot be ``done``."""
        try:
            yield
        except ImportError as error:
            raise RecordError(
                f"a fleet needs the package {error.name}: pip install pyarrow"
            ) from error
        # Of pyarrow, too: its errors are OSError and ValueError.
        except (OSError, ValueError, KeyError) as error:
            line = " ".join(str(error).split())
            raise RecordError(f"fleet {self.uri} cannot be {done}: {line}") from error


def _publish(store: RecordStore, place: _Place, name: str, versions: Mapping[int, str]) -> int:
    """Publishes a site, whose days have these versions by their starts."""
    folder, now_ns = fit_for_file(name), time.time_ns()
    first = " ".join(map(str, store.index.query(_FIRST, (name,))[0]))
    before = place.site(folder) or _Site(name, first)
    if (before.name, before.first) != (name, first):
        raise RecordError(
            f"{place.uri}/{folder} holds other records of site {before.name!r}: name the sites "
            "differently, or rename that folder, where this cell began anew"
        )
    days = {_day(start): f"{_day(start)}-{version}{_ENDING}" for start, version in versions.items()}
    changed = [
        start_ns for start_ns in versions if days[_day(start_ns)] not in before.days.values()
    ]
    for start_ns in changed:
        rows = store.index.query(_ROWS, (start_ns, start_ns + _DAY_NS, name))
        place.write(f"{folder}/{days[_day(start_ns)]}", _parquet(rows))
    if changed:
        replaced = {
            **{file: at for file, at in before.replaced.items() if now_ns - at < KEEP_NS},
            **dict.fromkeys(before.days.values(), now_ns),
        }
        unnamed = {file: replaced[file] for file in replaced.keys() - set(days.values())}
        values = {"format": FORMAT, "site": name, "first": first, "days": days, "replaced": unnamed}
        place.write(f"{folder}/{MANIFEST}", json.dumps(values, indent=1).encode())
        place.remove_all(folder, {*days.values(), *unnamed})
    return len(changed)


def _version(state: Iterable[int]) -> str:
    return hashlib.sha256(" ".join(map(str, state)).encode()).hexdigest()[:12]


def _day(start_ns: int) -> str:
    return datetime.fromtimestamp(start_ns // 10**9, timezone.utc).strftime("%Y-%m-%d")


def _start_ns(day: str) -> int:
    start = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=timezone.utc)
    return int(start.timestamp()) * 10**9


def _schema() -> pyarrow.Schema:
    import pyarrow

    def kind(name: str) -> pyarrow.DataType:
        if name in _TEXTS:
            return pyarrow.string()
        return pyarrow.float64() if name in _NUMBERS else pyarrow.int64()

    return pyarrow.schema([(name, kind(name)) for name in _PUBLISHED])


def _parquet(rows: Sequence[tuple[Any, ...]]) -> bytes:
    import pyarrow
    from pyarrow import parquet

    schema = _schema()
    columns = [
        pyarrow.array(values, one.type)
        for values, one in zip(zip(*rows, strict=True), schema, strict=True)
    ]
    stream = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.table(columns, schema=schema), stream, compression="zstd")
    return bytes(stream.getvalue())


def _file_system(uri: str) -> tuple[FileSystem, str]:
    """The file system of an address, and the path in it."""
    from pyarrow import fs

    if "://" not in uri:
        return fs.LocalFileSystem(), str(Path(uri).expanduser().absolute())
    if not uri.startswith("s3://"):
        found, path = fs.FileSystem.from_uri(uri)
        return found, path.rstrip("/")
    options: dict[str, Any] = {}
    if endpoint := os.environ.get("AWS_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT"):
        url = urlsplit(endpoint)
        options = {"endpoint_override": url.netloc, "scheme": url.scheme}
    if region := os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"):
        options["region"] = region
    # One request for a small file.
    return fs.S3FileSystem(allow_delayed_open=True, **options), uri.removeprefix("s3://").rstrip(
        "/"
    )
