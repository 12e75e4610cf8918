"""Commands on the figures of one cell or many: records publish and numbers."""

from datetime import datetime
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Optional

import typer
from rich.table import Table
from rich.text import Text

from damage_perception.cli.terminal import console
from damage_perception.records.figures import FOREVER_NS, By, Figures, Group, Span, as_csv

if TYPE_CHECKING:
    from damage_perception.records.numbers import Rows

_FORMATS: Final = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
# More rows than that are for a spreadsheet.
_MOST: Final = 40

RecordsArgument = Annotated[Path, typer.Argument(help="Folder that damage_recorder writes.")]
SinceOption = Annotated[
    Optional[datetime], typer.Option(formats=_FORMATS, help="From then on, in local time.")
]
UntilOption = Annotated[
    Optional[datetime], typer.Option(formats=_FORMATS, help="Before then, in local time.")
]
VendorsOption = Annotated[
    Optional[Path], typer.Option(help="CSV file with the columns sku and vendor.")
]


def nanoseconds(local: datetime) -> int:
    """A time without a zone, which means this machine's, in nanoseconds since 1970."""
    return int(local.timestamp()) * 10**9


def publish(
    records: RecordsArgument,
    uri: Annotated[
        str, typer.Argument(help="Folder, or address such as s3://bucket/fleet, of all sites.")
    ],
) -> None:
    """Write the days that changed as Parquet, for the figures of many cells; without images."""
    from damage_perception.records.fleet import publish
    from damage_perception.records.store import RecordStore

    days = publish(RecordStore(records), uri)
    console.print(f"{days} days written to {uri}", markup=False)


def numbers(
    source: Annotated[
        str, typer.Argument(help="Folder of one cell's records, or where sites are published.")
    ],
    by: Annotated[By, typer.Option(help="What the table is grouped by.")] = By.SKU,
    csv: Annotated[Optional[Path], typer.Option(help="File for the whole table.")] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    vendors: VendorsOption = None,
) -> None:
    """Count what was passed, diverted and unknown, and what people said of it."""
    from damage_perception.records.hints import hints
    from damage_perception.records.number_words import NumberWords
    from damage_perception.records.numbers import grouped, over_time
    from damage_perception.records.vendors import read_vendors

    rows = _rows(source)
    span = Span(
        nanoseconds(since) if since else 0,
        nanoseconds(until) if until else FOREVER_NS,
    )
    of = read_vendors(vendors) if vendors else {}
    hours = over_time(rows, span)
    total = Figures.joined(hour.figures for hour in hours)
    groups = grouped(rows, span, by, of, hours=hours)
    console.print(_summary(total), markup=False)
    console.print(_table(groups[:_MOST], by))
    if len(groups) > _MOST:
        console.print(f"and {len(groups) - _MOST} more: --csv FILE writes all")
    words = NumberWords.of("en")
    for hint in hints(rows, span):
        when = words.times(hint.since_ns, hint.until_ns)
        line = f"{hint.cause.site}, {when}: {words.cause(hint)}"
        console.print(line, style="yellow", markup=False)
    if csv:
        csv.write_text(as_csv(groups, by), encoding="utf-8")
        console.print(f"{len(groups)} rows written to {csv}", markup=False)


def _rows(source: str) -> "Rows":
    from damage_perception.records.fleet import FleetIndex
    from damage_perception.records.index import INDEX_FILE
    from damage_perception.records.store import RecordStore

    folder = Path(source)
    return RecordStore(folder).index if (folder / INDEX_FILE).exists() else FleetIndex(source)


def _summary(total: Figures) -> str:
    share = "" if isnan(total.judged_share) else f" ({total.judged_share:.0%})"
    return (
        f"{total.items} items: {total.passed} passed, {total.diverted} diverted, "
        f"{total.unknown} unknown; {total.judged} of the diverted are judged{share}, "
        f"{total.unjudged} are not; {total.confirmed} damaged, {total.false_alarms} false alarms; "
        f"{total.missed} damaged among what was not diverted"
    )


def _table(groups: list[Group], by: By) -> Table:
    from damage_perception.records.number_words import NumberWords

    words = NumberWords.of("en")
    # Eighty columns hold it.
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(by.value, overflow="fold", min_width=8)
    for title in (
        "items",
        "diverted",
        "unknown",
        "damaged",
        "false\nalarms",
        "not\njudged",
        "missed",
        "false alarms\nper 1000 (95 %)",
    ):
        table.add_column(title, justify="right", no_wrap=True)
    for group in groups:
        figures, known = group.figures, group.false_alarms
        counts = (
            figures.items,
            figures.diverted,
            figures.unknown,
            figures.confirmed,
            figures.false_alarms,
            figures.unjudged,
            figures.missed,
        )
        table.add_row(Text(group.name or "-"), *map(str, counts), words.rate(known))
    return table


COMMANDS = (publish, numbers)
