"""Commands that put references into a gallery: enroll, reembed."""

from typing import Annotated

import typer

from damage_perception.cli.gallery import GalleryOption, WhyOption, app, open_gallery, user
from damage_perception.cli.pipeline import (
    ModelOption,
    PipelineOptions,
    Precision,
    PrecisionOption,
    StationOption,
    ThreadsOption,
    load_inspector,
)
from damage_perception.cli.sources import (
    CameraOption,
    ColorTopicOption,
    DepthTopicOption,
    InfoTopicOption,
    SourceArgument,
)
from damage_perception.cli.terminal import Failure, console, shown
from damage_perception.topics import CAMERA_INFO, COLOR, DEPTH, Topics


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
    model: ModelOption = None,
    station: StationOption = None,
    threads: ThreadsOption = 2,
    precision: PrecisionOption = Precision.fp32,
    color_topic: ColorTopicOption = COLOR,
    depth_topic: DepthTopicOption = DEPTH,
    info_topic: InfoTopicOption = CAMERA_INFO,
) -> None:
    """Make references of a pristine product from recorded frames; three views suffice."""
    from damage_perception.dataset import DatasetError
    from damage_perception.enrolment import enrol, show
    from damage_perception.gallery.reference import check_sku
    from damage_perception.source import open_source

    check_sku(sku)
    frames = open_source(source, camera, Topics(color_topic, depth_topic, info_topic))
    options = PipelineOptions(model, station, None, None, threads, precision)
    inspector = load_inspector(options, frames.cameras)
    store = open_gallery(gallery, create=True)
    views, unread = [], {}
    for record in shown(frames, "looking", len(frames)):
        try:
            views.append(show(record.name, record.frame(), inspector))
        except (DatasetError, ValueError) as error:
            unread[record.name] = str(error)
    done = enrol(store, sku, views, inspector, user(), why, force)
    for name, reason in {**unread, **done.refused}.items():
        console.print(f"refused {name}: {reason}", style="yellow", markup=False)
    if done.change is None:
        raise Failure(f"no view of {sku} could be enrolled")
    console.print(f"enrolled {len(done.accepted)} views of {sku}", markup=False)
    console.print(f"undo with: damage-perception gallery undo {done.change.change_id}")


@app.command()
def reembed(
    gallery: GalleryOption,
    model: ModelOption = None,
    threads: ThreadsOption = 2,
    precision: PrecisionOption = Precision.fp32,
) -> None:
    """Embed the kept views of all references again, with another model."""
    from damage_perception.enrolment import embed_again
    from damage_perception.network import DamageNetwork, OnnxRuntimeBackend
    from damage_perception.share import default_model_card

    card, backend = model or default_model_card(), OnnxRuntimeBackend(threads)
    network = DamageNetwork.load(card, precision.value, backend)
    count = embed_again(open_gallery(gallery), network, user())
    console.print(f"{count} references embedded by {network.card.model_id}", markup=False)


COMMANDS = (enroll,)
