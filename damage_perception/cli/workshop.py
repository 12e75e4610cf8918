"""Commands that make things and look things over: simulate, train, doctor."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from damage_perception.cli.terminal import Failure, console, needs, progress_bar


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
) -> None:
    """Write a labelled data set of the simulated cell in the image-folder format."""
    try:
        from damage_perception.simulation.dataset_writer import simulate as run
        from damage_perception.simulation.split import Split
    except ModuleNotFoundError as error:
        raise needs(str(error.name), "pip install 'damage_perception[simulation]'") from error
    with progress_bar() as progress:
        task = progress.add_task("simulating")
        run(
            out,
            items,
            seed,
            Split(split.value),
            references_per_product=references,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    console.print(f"wrote {out / 'labels.csv'}", markup=False)


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
    try:
        from damage_perception.training.config import TrainingConfig
        from damage_perception.training.train import train as run
    except ModuleNotFoundError as error:
        raise needs(str(error.name), "pip install 'damage_perception[training]'") from error
    try:
        TrainingConfig.load(config)
    except ValueError as error:
        raise Failure(str(error)) from error
    card = run(config, work, models)
    console.print(f"wrote {card}", markup=False)


COMMANDS = (simulate, train)
