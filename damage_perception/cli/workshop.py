"""Commands that make things and look things over: simulate, train, doctor."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from damage_perception.cli.terminal import Failure, console, needs, shown


class SplitName(str, Enum):
    """Which world a simulated data set is drawn from."""

    train = "train"
    validation = "validation"
    test = "test"


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


COMMANDS = (train,)
