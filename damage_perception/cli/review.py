"""The command that serves the page at the sideline: review."""

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from damage_perception.cli.gallery import open_gallery
from damage_perception.cli.pipeline import StationOption, load_inspector
from damage_perception.cli.running import Running
from damage_perception.cli.terminal import console, held
from damage_perception.cli.transport import use_large_image_transport

if TYPE_CHECKING:
    from damage_perception.gallery.store.store import GalleryStore
    from damage_perception.inspector import Inspector
    from damage_perception.records.item_record import ItemRecord
    from damage_perception.records.store import RecordStore
    from damage_perception.review.sharing import Shared


class ImageTransport(str, Enum):
    """How images come."""

    raw = "raw"
    compressed = "compressed"


@dataclass(frozen=True)
class ListeningOptions:
    """Options of where the page is served, and to whom."""

    host: Annotated[
        str, typer.Option(help="Address to listen on; one that others reach needs TLS.")
    ] = "127.0.0.1"
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: one that is free.")] = 8087
    token_file: Annotated[
        Optional[Path],
        typer.Option(
            help="What people sign in with; without a file it is made anew at each start."
        ),
    ] = None
    tls_cert: Annotated[Optional[Path], typer.Option(help="Certificate, PEM.")] = None
    tls_key: Annotated[Optional[Path], typer.Option(help="Its key, PEM.")] = None
    host_name: Annotated[
        Optional[list[str]],
        typer.Option(help="Another name that people open the page by; repeatable."),
    ] = None


def review(
    records: Annotated[Path, typer.Argument(help="Folder that damage_recorder writes.")],
    gallery: Annotated[
        Optional[str], typer.Option(help="References to show and to add to: folder or address.")
    ] = None,
    vendors: Annotated[
        Optional[Path], typer.Option(help="CSV file with the columns sku and vendor.")
    ] = None,
    cameras: Annotated[
        Optional[str],
        typer.Option(help="Names of live cameras (ROS) for the booth, separated by commas."),
    ] = None,
    image_transport: Annotated[
        ImageTransport, typer.Option(help="Of the live cameras, as the detector's parameter.")
    ] = ImageTransport.raw,
    station: StationOption = None,
    *,
    listening: ListeningOptions,
    running: Running,
) -> None:
    """Serve the page on which people judge, mark and count what was diverted."""
    from damage_perception.gallery.reference import NoGalleryError
    from damage_perception.records.store import RecordStore
    from damage_perception.records.vendors import read_vendors
    from damage_perception.review.serving import Listening, read_token, serve
    from damage_perception.review.sharing import Shared

    where = Listening(
        listening.host,
        listening.port,
        listening.tls_cert,
        listening.tls_key,
        tuple(listening.host_name or ()),
    )
    file = listening.token_file
    token = secrets.token_urlsafe(32) if file is None else read_token(file)
    store = RecordStore(records)
    names = tuple(filter(None, map(str.strip, (cameras or "").split(","))))
    shared = Shared(store, lambda: _inspector(running, store, names, station))
    if gallery is not None:
        shared.open_gallery = _opener(gallery)
        shared.judged_good = lambda record, by: _propose(shared, record, by)
        # Where there is none yet, the booth makes one; what else is wrong is said now.
        with suppress(NoGalleryError):
            shared.gallery()
    if vendors is not None:
        shared.vendors = read_vendors(vendors)
    if names:
        use_large_image_transport()
        from damage_perception.ros.live_cameras import LiveCameras

        live = LiveCameras(names, transport=image_transport.value)
        shared.cameras = held.enter_context(live)

    def announce(address: str) -> None:
        # A token that the site chose does not belong into logs.
        text = f"{address}?token={token}" if file is None else f"{address} with the token in {file}"
        console.print(f"open {text}", markup=False, soft_wrap=True)

    serve(shared, where, token, announce)


def _inspector(
    running: Running, store: "RecordStore", live: tuple[str, ...], station: Path | None
) -> "Inspector":
    """For the live cameras and all that are recorded; with a station file, for those in it."""
    from damage_perception.station import load_stations

    if station is not None:
        return load_inspector(running, tuple(load_stations(station)), station)
    rows = store.index.query("SELECT DISTINCT cameras FROM items")
    recorded = [name for (names,) in rows for name in str(names).split(",") if name]
    return load_inspector(running, tuple(dict.fromkeys((*live, *recorded))), None)


def _opener(uri: str) -> Callable[[bool], "GalleryStore"]:
    return cache(lambda create: open_gallery(uri, create))


def _propose(shared: "Shared", record: "ItemRecord", by: str) -> None:
    """Makes the views of an item that was called good candidates for references."""
    from damage_perception.review.good_items import propose_good

    recording = shared.recording(record)
    with shared.inspecting:
        propose_good(record, recording, shared.inspector(), shared.gallery, by)


COMMANDS = (review,)
