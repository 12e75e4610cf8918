"""The command that writes one page on a shift: report."""

import time
from pathlib import Path
from typing import Annotated, Final

import typer

from damage_perception.cli.fleet import (
    RecordsArgument,
    SinceOption,
    UntilOption,
    VendorsOption,
    nanoseconds,
)
from damage_perception.cli.terminal import Failure, console

_SHIFT_S: Final = 8 * 3600


def report(
    records: RecordsArgument,
    out: Annotated[Path, typer.Option(help="PDF file.")] = Path("shift.pdf"),
    since: SinceOption = None,
    until: UntilOption = None,
    vendors: VendorsOption = None,
    language: Annotated[str, typer.Option(help="en or de.")] = "en",
) -> None:
    """Write one page on a shift, the last eight hours where no time is named: figures, pictures."""
    from damage_perception.records.figures import Span
    from damage_perception.records.number_words import LANGUAGES
    from damage_perception.records.shift_report import write_shift_report
    from damage_perception.records.store import RecordStore
    from damage_perception.records.vendors import read_vendors

    if language not in LANGUAGES:
        raise Failure(f"language is {language!r}; expected {' or '.join(LANGUAGES)}")
    until_ns = nanoseconds(until) if until else time.time_ns()
    since_ns = nanoseconds(since) if since else until_ns - _SHIFT_S * 10**9
    if since_ns >= until_ns:
        raise Failure("the span ends before it begins: mend --since or --until")
    page = write_shift_report(
        RecordStore(records),
        Span(since_ns, until_ns),
        read_vendors(vendors) if vendors else {},
        language,
    )
    out.write_bytes(page)
    console.print(f"{out} written", markup=False)


COMMANDS = (report,)
