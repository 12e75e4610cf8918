"""`make chaos`: a cell of 20 items, 5 of them damaged, over DDS, under one fault after another.

Every row is a detector process of its own, whose station is calibrated before the fault begins.
Items of the simulated cell come one at a time at 10 Hz, each announced with a deadline of a
second, shown in 8 frames and followed by 5 of the empty station.

With ``--pairs`` every fault is played while another one lasts, too.

Ends with status 1 where something went unanswered, a fault that leaves nothing to judge by let a
broken item pass, the detector did not recover in time, or did not say what it has to.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import cv2
from rich.console import Console
from rich.live import Live
from rich.table import Table

from benchmarks.chaos import namespace
from benchmarks.chaos.cell import Cell
from benchmarks.chaos.fault import NONE, Fault
from benchmarks.chaos.faults import FAULTS, pairs
from benchmarks.chaos.items import SEED, scenery
from benchmarks.chaos.processes import PLAIN, Setup, running
from benchmarks.chaos.tally import COLUMNS, Row, cells, failures, markdown, row_of

RESULT = Path(__file__).parents[1] / "results" / "chaos.json"
DOCS = Path(__file__).parents[2] / "docs" / "results.md"
BEGIN, END = "<!-- chaos -->", "<!-- /chaos -->"


@contextmanager
def started(folder: Path, setup: Setup = PLAIN) -> Iterator[Cell]:
    """A cell around a detector that listens; logs are kept in ``folder``.

    Raises TimeoutError where it does not.
    """
    with running(folder, setup) as processes:
        os.environ.update(processes.environment)
        cell = Cell(processes)
        try:
            cell.connect()
            yield cell
        finally:
            cell.close()


def run(cell: Cell, fault: Fault, items: int) -> Row:
    """Calibrates the empty station, then plays so many items under ``fault``.

    Raises RuntimeError where the station cannot be calibrated.
    """
    # Rendered before the camera begins: it must not fall silent for that.
    calibrated, shown = scenery(items), scenery(items, fault.move)
    cell.calibrate(calibrated)
    cell.play(shown, fault)
    return row_of(fault, cell)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs, prints and stores; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos")
    parser.add_argument("--faults", default=",".join(FAULTS), help="names, separated by commas")
    parser.add_argument("--pairs", action="store_true", help="every fault while another one lasts")
    parser.add_argument("--items", type=int, default=20)
    parser.add_argument("--out", type=Path, default=RESULT, help="JSON file of the rows")
    parser.add_argument("--logs", type=Path, help="folder in which the detector's logs are kept")
    parser.add_argument("--write-docs", action="store_true", help="the table in docs/results.md")
    given = parser.parse_args(arguments)
    names = given.faults.split(",")
    if unknown := [name for name in names if name not in FAULTS]:
        parser.error(f"no fault {', '.join(unknown)}; there are {', '.join(FAULTS)}")
    faults = _playable([NONE, *(FAULTS[name] for name in names if name != NONE.name)])
    chosen = [pair for pair in pairs() if pair.name.partition("+")[0] in names]
    beside = _playable(chosen if given.pairs else [])
    cv2.setNumThreads(1)
    rows = _rows(faults, given.items, given.logs)
    of_pairs = _rows(beside, given.items, given.logs)
    content = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "seed": SEED,
        "rows": [asdict(row) for row in rows],
        "pairs": [asdict(row) for row in of_pairs],
    }
    given.out.write_text(json.dumps(content, indent=1) + "\n")
    if given.write_docs:
        DOCS.write_text(with_table(DOCS.read_text(), markdown(rows)))
    print("", *(f"{row.fault}: {note}" for row in rows + of_pairs for note in row.notes), sep="\n")
    found = failures(rows + of_pairs, faults + beside)
    print("", *found, sep="\n")
    return 1 if found else 0


def _playable(faults: Sequence[Fault]) -> list[Fault]:
    """Those of ``faults`` that this machine permits."""
    permitted = [fault for fault in faults if namespace.is_own() or not fault.setup.udp_only]
    for fault in faults:
        if fault not in permitted:
            print(f"{fault.name} is left out: unshare gives no network of one's own here")
    return permitted


def _rows(faults: Sequence[Fault], items: int, logs: Path | None) -> list[Row]:
    table = Table(title=f"{items} items, one in four damaged, seed {SEED}")
    for title in COLUMNS.values():
        table.add_column(title, justify="left" if title == "fault" else "right")
    rows: list[Row] = []
    if not faults:
        return rows
    with Live(table, console=Console(width=200), auto_refresh=False) as live:
        for fault in faults:
            with tempfile.TemporaryDirectory() as scratch:
                folder = logs / fault.name if logs else Path(scratch)
                folder.mkdir(parents=True, exist_ok=True)
                with started(folder, fault.setup) as cell:
                    rows.append(run(cell, fault, items))
            table.add_row(*cells(rows[-1]))
            live.refresh()
    return rows


def with_table(text: str, table: str) -> str:
    """``text`` with ``table`` between the marks. Raises ValueError where there are none."""
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"{DOCS} has no {BEGIN} with an {END} after it")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


if __name__ == "__main__":
    namespace.enter([sys.executable, "-m", "benchmarks.chaos", *sys.argv[1:]])
    if namespace.is_own():
        namespace.set_loopback(True)
    sys.exit(main())
