"""``python -m benchmarks.records``: what the pages ask of an index with a million items.

Two indexes: a million items in a month, and in a year, of 500 skus whose share falls off as in a
warehouse; three of a hundred are diverted, three are unknown, most of both are judged. Each
question is asked fifteen times after once that warms the cache, and the fastest is shown, in
milliseconds: what else a machine does only adds to it. Added and judged is one row at a time, each
on the disk before the next one. The same figures are timed on the Parquet of a fleet of one such
site. Results go to benchmarks/results/records.json.
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.table import Table

from damage_perception.kinds import KINDS, NONE
from damage_perception.records.confidences import confidences
from damage_perception.records.figures import By, Span
from damage_perception.records.fleet import FleetIndex, publish
from damage_perception.records.hints import hints
from damage_perception.records.index import Index
from damage_perception.records.item_record import ItemRecord, Judgement, Kept
from damage_perception.records.numbers import Rows, grouped, over_time
from damage_perception.records.store import RecordStore
from damage_perception.verdict.report import Reason, Verdict
from damage_perception.verdict.severity import Extent, Severity

RESULTS: Final = Path(__file__).parent / "results" / "records.json"
_ROWS: Final = 1_000_000
_SKUS: Final = 500
_CAMERAS: Final = ("front", "top", "left", "right")
_WHY: Final = (
    Reason.BLUR,
    Reason.EXPOSURE,
    Reason.STALE_CAMERA,
    Reason.NO_EVIDENCE,
    Reason.BLUR | Reason.EXPOSURE,
    Reason.DEADLINE,
)
_BATCH: Final = 20_000
_TIMES: Final = 15
_SINGLE: Final = 300
_DAY_NS: Final = 86_400_000_000_000
_END_NS: Final = 1_790_000_000_000_000_000
_LIMIT_MS: Final = 200.0


def records(days: int) -> Iterator[ItemRecord]:
    """A million items of so many days, oldest first."""
    random = np.random.default_rng(days)
    times = np.sort(random.integers(0, days * _DAY_NS, _ROWS)) + _END_NS - days * _DAY_NS
    shares = 1 / np.arange(1, _SKUS + 1) ** 0.8
    skus = random.choice(_SKUS, _ROWS, p=shares / shares.sum())
    chances = random.random((_ROWS, 4))
    for time_ns, sku, (what, sampled, seen, right) in zip(
        times.tolist(), skus.tolist(), chances.tolist(), strict=True
    ):
        number = time_ns % 1009
        passed = ItemRecord(
            site="cell_1",
            time_ns=time_ns,
            item_id=f"{time_ns:x}",
            sku=f"SKU-{sku:06d}",
            verdict=Verdict.PASS,
            reasons=Reason.NONE,
            confidence=0.3 * seen,
            threshold=0.9,
            alone=0.3 * seen,
            camera="front",
            cameras=_CAMERAS,
            model_id="damage_net-0123456789ab",
            latency_ms=120.0,
        )
        yield _noted(passed, number, what, sampled, seen, right)


def _noted(
    record: ItemRecord, number: int, what: float, sampled: float, seen: float, right: float
) -> ItemRecord:
    """``record`` diverted, unknown, sampled or as it is, and judged, by the chances."""
    file = f"items/2026-09-01/{record.time_ns}-{record.item_id}.mcap"
    kind = KINDS[number % len(KINDS)]
    if what < 0.03:
        judgement = Judgement.DAMAGED if right < 0.9 else Judgement.GOOD
        diverted = replace(
            record,
            verdict=Verdict.DIVERT,
            reasons=Reason.DAMAGE,
            confidence=0.9 + 0.1 * right,
            kind=kind,
            camera=_CAMERAS[number % len(_CAMERAS)],
            severity=Severity.MODERATE,
            extent=Extent(12.5, 15.0, 0.07),
            kept=Kept.DIVERTED,
            file=file,
            bytes=4_000_000,
        )
        return _judged(diverted, judgement, kind) if seen < 0.8 else diverted
    if what < 0.06:
        unknown = replace(
            record,
            verdict=Verdict.UNKNOWN,
            reasons=_WHY[number % len(_WHY)],
            cameras=_CAMERAS[: 1 + number % len(_CAMERAS)],
            kept=Kept.UNKNOWN,
            file=file,
            bytes=4_000_000,
        )
        judgement = Judgement.DAMAGED if right < 0.1 else Judgement.GOOD
        return _judged(unknown, judgement, kind) if seen < 0.5 else unknown
    if sampled < 0.01:
        return replace(record, kept=Kept.SAMPLED, file=file, bytes=4_000_000)
    return record


def _judged(record: ItemRecord, judgement: Judgement, kind: str) -> ItemRecord:
    return replace(
        record,
        judgement=judgement,
        judged_kind=kind if judgement is Judgement.DAMAGED else NONE,
        judged_by="ann",
        judged_ns=record.time_ns + 60_000_000_000,
    )


def fill(index: Index, days: int) -> float:
    """Adds a million items, many in one go; seconds."""
    started = time.monotonic()
    batch: list[ItemRecord] = []
    for record in records(days):
        batch.append(record)
        if len(batch) == _BATCH:
            index.add(batch)
            batch.clear()
    return time.monotonic() - started


def measure(days: int, folder: Path) -> dict[str, Any]:
    """All times of one index."""
    store = RecordStore(folder / "records", create=True)
    index = store.index
    result: dict[str, Any] = {"days": days, "fill_s": round(fill(index, days), 1)}
    result["index_mb"] = round(index.path.stat().st_size / 1e6)
    last = index.waiting(50)[-1]
    result["queue_ms"] = {
        name: _fastest(ask)
        for name, ask in {
            "waiting": lambda: index.waiting(50),
            "waiting, older": lambda: index.waiting(50, last),
            "count_waiting": index.count_waiting,
            "newest": lambda: index.newest(50),
            "newest, damaged": lambda: index.newest(50, judgement=Judgement.DAMAGED),
            "kept_bytes": index.kept_bytes,
            "oldest_to_drop": lambda: index.oldest_to_drop(20),
            "judged, last day": lambda: index.judged(_END_NS - _DAY_NS),
        }.items()
    }
    result["numbers_ms"] = _numbers_ms(index)
    uri = str(folder / "fleet")
    started = time.monotonic()
    files = publish(store, uri)
    result["publish"] = {"files": files, "s": round(time.monotonic() - started, 1)}
    result["fleet_ms"] = _numbers_ms(FleetIndex(uri))
    result["write_ms"] = _write_ms(index)
    started = time.monotonic()
    files = publish(store, uri)
    result["publish_again"] = {"files": files, "s": round(time.monotonic() - started, 1)}
    return result


def _numbers_ms(rows: Rows) -> dict[str, dict[str, float]]:
    spans = {"24 h": Span(_END_NS - _DAY_NS), "7 days": Span(_END_NS - 7 * _DAY_NS), "all": Span()}
    found: dict[str, dict[str, float]] = {}
    for name, span in spans.items():
        asked: dict[str, Callable[..., Any]] = {"over time": over_time}
        asked |= {f"by {by.value}": partial(grouped, by=by) for by in By}
        asked |= {"confidences": confidences, "hints": hints}
        for what, ask in asked.items():
            found.setdefault(what, {})[name] = _fastest(partial(ask, rows, span))
    return found


def _write_ms(index: Index) -> dict[str, float]:
    """One row at a time."""
    added, judged = [], []
    for number in range(_SINGLE):
        what = (0.01, 0.05, *(0.5,) * 8)[number % 10]
        plain = ItemRecord(
            "cell_1", _END_NS + number, f"n{number}", f"SKU-{number * 7 % _SKUS:06d}",
            Verdict.PASS, Reason.NONE, cameras=_CAMERAS, camera="front",
        )  # fmt: skip
        record = _noted(plain, number, what, 0.5, 0.99, 0.5)
        started = time.perf_counter()
        key = index.add([record])[0]
        added.append(time.perf_counter() - started)
        if record.verdict is Verdict.DIVERT:
            started = time.perf_counter()
            index.judge(key, Judgement.GOOD, "ann", _END_NS)
            judged.append(time.perf_counter() - started)
    return {
        "add, median": _ms(np.median(added)),
        "add, 99 %": _ms(np.percentile(added, 99)),
        "judge, median": _ms(np.median(judged)),
    }


def _fastest(ask: Callable[[], Any]) -> float:
    ask()
    times = []
    for _ in range(_TIMES):
        started = time.perf_counter()
        ask()
        times.append(time.perf_counter() - started)
    return _ms(min(times))


def _ms(seconds: Any) -> float:
    return round(1e3 * float(seconds), 2)


def _table(results: list[dict[str, Any]]) -> Table:
    table = Table(title=f"{_ROWS:,} items; milliseconds, the fastest of {_TIMES}")
    table.add_column("asked")
    for result in results:
        for name in ("24 h", "7 days", "all"):
            table.add_column(f"{result['days']} days:\n{name}", justify="right")

    def cell(value: float) -> str:
        return f"[red]{value:.1f}[/red]" if value > _LIMIT_MS else f"{value:.1f}"

    for part in ("queue_ms", "write_ms"):
        for name in results[0][part]:
            table.add_row(name, *(c for r in results for c in ("", "", cell(r[part][name]))))
    for part, where in (("numbers_ms", ""), ("fleet_ms", "fleet: ")):
        table.add_section()
        for name in results[0][part]:
            table.add_row(where + name, *(cell(v) for r in results for v in r[part][name].values()))
    return table


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown processor"


def main() -> None:
    """Measures, prints and stores."""
    results = []
    for days in (30, 365):
        with tempfile.TemporaryDirectory() as folder:
            results.append(measure(days, Path(folder)))
    content = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {_processor()}",
        "python": platform.python_version(),
        "rows": _ROWS,
        "results": results,
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(content, indent=1) + "\n")
    Console(width=140).print(_table(results))


if __name__ == "__main__":
    main()
