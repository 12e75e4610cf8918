"""Commands that make things and look things over: simulate, spoil, train, train-finder, doctor."""

import re
from enum import Enum
from pathlib import Path
from typing import Annotated, Final, Optional

import typer
from rich.table import Table
from rich.text import Text

from damage_perception.cli.pipeline import StationOption
from damage_perception.cli.sources import (
    CameraOption,
    SourceArgument,
    TopicOptions,
    open_frames,
)
from damage_perception.cli.terminal import Failure, console, progress_bar

_MARKS: Final = {
    "ok": ("ok", "green"),
    "warning": ("note", "yellow"),
    "missing": ("missing", "bold red"),
}


class SplitName(str, Enum):
    """Which world a simulated data set is drawn from."""

    train = "train"
    validation = "validation"
    test = "test"


def simulate(
    out: Annotated[Path, typer.Option(help="Folder for the data set.")],
    items: Annotated[int, typer.Option(min=1, help="Labelled images.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same images.")] = 0,
    split: Annotated[
        SplitName, typer.Option(help="World of products and damage; test is never trained on.")
    ] = SplitName.test,
    references: Annotated[
        int, typer.Option(min=0, help="Further images of each product, pristine.")
    ] = 0,
    damaged_share: Annotated[
        float, typer.Option(min=0, max=1, help="Chance of each labelled item to be damaged.")
    ] = 0.4,
    image_size: Annotated[
        str, typer.Option(help="Pixels of the camera, WIDTHxHEIGHT.")
    ] = "640x480",
    fill_px: Annotated[
        Optional[float],
        typer.Option(
            min=50,
            help="Pixels that items span in the image, about; without it, sizes and distances are "
            "drawn.",
        ),
    ] = None,
    decoys: Annotated[
        bool, typer.Option("--decoys", help="Only products that bear a printed picture of damage.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes that render.")] = 2,
) -> None:
    """Write a labelled data set of the simulated cell in the image-folder format."""
    from damage_perception.simulation.dataset_writer import simulate as run
    from damage_perception.simulation.rendering.camera import cell_camera
    from damage_perception.simulation.split import Split

    width, height = _size_of(image_size)
    if fill_px is not None and fill_px > height:
        raise Failure(f"--fill-px {fill_px:g} is more than the {height} rows of --image-size")
    with progress_bar() as progress:
        task = progress.add_task("simulating")
        run(
            out,
            items,
            seed,
            Split(split.value),
            damaged_share=damaged_share,
            references_per_product=references,
            camera=cell_camera(width, height, fill_px),
            fill_px=fill_px,
            decoys=decoys,
            workers=workers,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    console.print(f"wrote {out / 'labels.csv'}", markup=False)


def _size_of(text: str) -> tuple[int, int]:
    """Width and height. Raises Failure."""
    found = re.fullmatch(r"(\d+)x(\d+)", text)
    if found is None or min(size := (int(found[1]), int(found[2]))) < 64:
        raise Failure(f"--image-size {text}: expected WIDTHxHEIGHT of 64 pixels or more, 1280x720")
    return size


def spoil(
    source: SourceArgument,
    out: Annotated[Path, typer.Option(help="Folder for the data set.")],
    per_item: Annotated[int, typer.Option(min=1, help="Damaged copies of each item.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same damage.")] = 0,
    camera: CameraOption = None,
    station: StationOption = None,
    *,
    topics: TopicOptions,
) -> None:
    """Write damage into your own recordings of good items: a labelled data set to evaluate on."""
    from damage_perception.simulation.spoilt_dataset import spoil as run
    from damage_perception.station import Station, load_station

    frames = open_frames(source, out, camera, topics)
    where = load_station(station, frames.cameras[0]) if station else Station()
    with progress_bar() as progress:
        task = progress.add_task("writing damage", total=len(frames))
        done = run(
            frames,
            where,
            out,
            per_item,
            seed,
            progress=lambda done: progress.update(task, completed=done),
        )
    if done.left_out:
        console.print(f"left out: {done.reasons()}", style="yellow")
    console.print(f"wrote {done.items} items into {out / 'labels.csv'}", markup=False)


def train(
    config: Annotated[Path, typer.Argument(help="Training configuration, YAML.")],
    work: Annotated[
        Path, typer.Option(help="Folder of views, checkpoint and curves; a run there goes on.")
    ] = Path("out/training"),
    models: Annotated[Path, typer.Option(help="Folder for the graph and its card.")] = Path(
        "models"
    ),
) -> None:
    """Train the damage network on the simulated cell and export it with its card."""
    from damage_perception.training.config import TrainingConfig

    try:
        TrainingConfig.load(config)
    except ValueError as error:
        raise Failure(str(error)) from error
    from damage_perception.training.train import train as run

    try:
        card = run(config, work, models)
    except ValueError as error:
        raise Failure(str(error)) from error
    console.print(f"wrote {card}", markup=False)


def train_finder(
    config: Annotated[Path, typer.Argument(help="Configuration of the finder, YAML.")],
    work: Annotated[
        Path, typer.Option(help="Folder of pictures, features and checkpoint; a run there goes on.")
    ] = Path("out/finder"),
    models: Annotated[
        Path, typer.Option(help="Folder for the graph; the model card there names it.")
    ] = Path("models"),
) -> None:
    """Train what finds items by colour, for cameras without depth."""
    from damage_perception.training.finder import train_finder as run

    try:
        graph = run(config, work, models)
    except ValueError as error:
        raise Failure(str(error)) from error
    console.print(f"wrote {graph}", markup=False)


def doctor() -> None:
    """Say what is installed, what is missing and what to do; status 1 where most cannot work."""
    from damage_perception.doctor import examine

    with console.status("examining"):
        findings = examine()
    table = Table(box=None, pad_edge=False)
    for title in ("", "what", "found", "what to do"):
        table.add_column(title, overflow="fold")
    for finding in findings:
        mark, style = _MARKS[finding.state]
        table.add_row(
            Text(mark, style), Text(finding.name), Text(finding.detail), Text(finding.mend)
        )
    console.print(table)
    raise typer.Exit(int(any(finding.state == "missing" for finding in findings)))


COMMANDS = (simulate, spoil, train, train_finder, doctor)
