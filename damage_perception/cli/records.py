"""Commands on the records of a cell: records export."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Optional

import typer

from damage_perception.cli.terminal import Failure, console, progress_bar

app = typer.Typer(
    name="records", help="What is kept of the items that a cell reported.", no_args_is_help=True
)
_DAY = "%Y-%m-%d"
_FOREVER_NS = 1 << 62


@app.command()
def export(
    records: Annotated[Path, typer.Argument(help="Folder of the records.")],
    out: Annotated[Path, typer.Argument(help="New folder for the pictures.")],
    since: Annotated[
        Optional[datetime], typer.Option(formats=[_DAY], help="First day, in local time.")
    ] = None,
    until: Annotated[
        Optional[datetime], typer.Option(formats=[_DAY], help="Last day, in local time.")
    ] = None,
) -> None:
    """Write the items that people judged as pictures to train with: COCO files, depth, cameras."""
    from damage_perception.records.coco import export_coco
    from damage_perception.records.store import RecordStore

    since_ns = 0 if since is None else _nanoseconds(since)
    until_ns = _FOREVER_NS if until is None else _nanoseconds(until + timedelta(days=1))
    store = RecordStore(records)
    count = len(store.index.judged(since_ns, until_ns))
    if not count:
        raise Failure("nobody judged an item of that time")
    with progress_bar() as bar:
        task = bar.add_task("exporting", total=count)
        done = export_coco(
            store, out, since_ns, until_ns, lambda number: bar.update(task, completed=number)
        )
    for why in done.unread:
        console.print(f"left out: {why}", style="yellow", markup=False)
    for item_id in done.unplaced:
        console.print(
            f"left out: {item_id} is damaged, but nobody marked where", style="yellow", markup=False
        )
    if not done.sources:
        raise Failure("no picture was written")
    console.print(
        f"{done.good} pictures of good items, {done.marked} with marked damage, "
        f"{done.unmarked} with damage that nobody marked"
    )
    console.print("for `own` of the training configuration:")
    for source in done.sources:
        console.print(f"  - {source}", markup=False, soft_wrap=True)


def _nanoseconds(local: datetime) -> int:
    return int(local.timestamp()) * 1_000_000_000
