"""Commands that put references into a gallery: enroll, reembed."""

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Annotated

import typer

from damage_perception.cli.gallery import GalleryOption, WhyOption, app, open_gallery, user
from damage_perception.cli.grouped import grouped
from damage_perception.cli.pipeline import StationOption, load_inspector
from damage_perception.cli.running import Running
from damage_perception.cli.sources import (
    CameraOption,
    SourceArgument,
    TopicOptions,
)
from damage_perception.cli.terminal import Failure, console, shown


def enroll(
    sku: Annotated[str, typer.Argument(help="The product; what controllers announce it as.")],
    source: SourceArgument,
    gallery: GalleryOption,
    why: WhyOption = "",
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="You vouch for the views: damage and product are not checked."
        ),
    ] = False,
    camera: CameraOption = None,
    station: StationOption = None,
    no_depth: Annotated[
        bool, typer.Option("--no-depth", help="By colour alone, as where cameras give no depth.")
    ] = False,
    *,
    running: Running,
    topics: TopicOptions,
) -> None:
    """Make references of a pristine product from recorded frames; three views suffice."""
    from damage_perception.dataset import DatasetError
    from damage_perception.enrollment import enroll_views, show
    from damage_perception.gallery.reference import NoGalleryError, check_sku
    from damage_perception.source import open_source
    from damage_perception.verdict.quality import QualityLimits

    check_sku(sku)
    frames = open_source(source, camera, topics.topics())
    limits = QualityLimits(require_depth=not no_depth)
    inspector = load_inspector(running, frames.cameras, station, limits=limits)
    # Whatever else is wrong with the gallery is said before the views are read.
    with suppress(NoGalleryError):
        open_gallery(gallery)
    views, unread = [], {}
    for record in shown(frames, "looking", len(frames)):
        try:
            frame = record.frame()
            seen = replace(frame, depth_m=None) if no_depth else frame
            views.append(show(record.name, seen, inspector))
        except (DatasetError, ValueError) as error:
            unread[record.name] = str(error)
    done = enroll_views(partial(open_gallery, gallery), sku, views, inspector, user(), why, force)
    for name, reason in {**unread, **done.refused}.items():
        console.print(f"refused {name}: {reason}", style="yellow", markup=False)
    if done.change is None:
        raise Failure(f"no view of {sku} could be enrolled")
    console.print(f"enrolled {len(done.accepted)} views of {sku}", markup=False)
    console.print(f"undo with: damage-perception gallery undo {done.change.change_id}")
    console.print(f"how well they serve: damage-perception gallery show '{sku}' --out sheet.jpg")


@app.command()
@grouped
def reembed(gallery: GalleryOption, *, running: Running) -> None:
    """Embed the kept views of all references again, with another model."""
    from damage_perception.enrollment import embed_again

    network = running.load()
    count = embed_again(open_gallery(gallery), network, user())
    console.print(f"{count} references embedded by {network.card.model_id}", markup=False)


COMMANDS = (enroll,)
