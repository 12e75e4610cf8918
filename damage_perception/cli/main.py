"""All commands, and how they end where something is wrong."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from damage_perception import __version__
from damage_perception.cli import (
    calibrate,
    engine,
    enroll,
    fleet,
    gallery,
    live,
    recorded,
    records,
    review,
    secure,
    shift,
    site,
    workshop,
)
from damage_perception.cli.grouped import grouped
from damage_perception.cli.terminal import Failure, fail, held

app = typer.Typer(
    name="damage-perception",
    help="Damage perception for robot cells: RGB-D in, one report per item out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for commands in (
    live.COMMANDS,
    recorded.COMMANDS,
    calibrate.COMMANDS,
    review.COMMANDS,
    shift.COMMANDS,
    enroll.COMMANDS,
    workshop.COMMANDS,
    secure.COMMANDS,
):
    for command in commands:
        app.command()(grouped(command))
for counting in fleet.COMMANDS:
    records.app.command()(grouped(counting))
app.add_typer(engine.app)
app.add_typer(gallery.app)
app.add_typer(records.app)
app.add_typer(site.app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Version.")
    ] = False,
) -> None: ...


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line; a wrong input ends in one line on stderr and exit status 2."""
    try:
        with held:
            given = sys.argv[1:] if arguments is None else arguments
            app(list(given), prog_name="damage-perception")
    except ModuleNotFoundError as error:
        from damage_perception.doctor import missing_module

        fail(missing_module(error))
    except Exception as error:
        if not _is_expected(error):
            raise
        if isinstance(error, OSError) and error.filename and error.strerror:
            fail(f"{error.filename}: {error.strerror}")
        fail(str(error))


def _is_expected(error: Exception) -> bool:
    """Whether the error says what is wrong outside the program."""
    # Imported here, so that --help does not wait for them.
    from damage_perception.dataset import DatasetError
    from damage_perception.gallery.reference import GalleryError
    from damage_perception.network import BackendError, ModelCardError
    from damage_perception.records.item_record import RecordError
    from damage_perception.station import StationError
    from damage_perception.verdict.site_file import SiteError

    expected = (
        Failure,
        DatasetError,
        GalleryError,
        BackendError,
        ModelCardError,
        StationError,
        SiteError,
        RecordError,
        OSError,
    )
    return isinstance(error, expected)
