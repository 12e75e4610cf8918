"""Commands that speak ROS: demo, run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from damage_perception.cli.pipeline import ModelOption
from damage_perception.cli.terminal import Failure, console


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the summary and the pictures.")] = Path(
        "out/demo"
    ),
    items: Annotated[int, typer.Option(min=1, help="Items that pass the cell.")] = 24,
    seed: Annotated[int, typer.Option(min=0, help="Of the products and damage shown.")] = 1,
    model: ModelOption = None,
) -> None:
    """Run a simulated cell, the detector and a controller; status 1 where a report came late."""
    from damage_perception.ros.demo import DemoError, run_demo

    try:
        in_time = run_demo(out, items, seed, model, console)
    except DemoError as error:
        raise Failure(str(error)) from error
    raise typer.Exit(int(not in_time))


def run(
    params: Annotated[
        Path | None, typer.Option(help="Parameter file; config/damage_perception.yaml shows all.")
    ] = None,
    ros_arguments: Annotated[
        list[str] | None,
        typer.Argument(help="After --, as ros2 run takes them: -- -r __ns:=/cell", metavar="ROS"),
    ] = None,
) -> None:
    """Run the detector node."""
    from damage_perception.ros.share import dds_profile
    from damage_perception.ros.transport import PROFILE_VARIABLES

    if params is not None and not params.is_file():
        raise Failure(f"parameter file {params} does not exist")
    if not any(os.environ.get(name) for name in PROFILE_VARIABLES):
        os.environ[PROFILE_VARIABLES[0]] = str(dds_profile())
    # After the environment is set: Fast DDS reads it when it is loaded.
    from damage_perception.ros.detector import main

    arguments = ["--params-file", str(params)] if params else []
    arguments += ros_arguments or []
    raise typer.Exit(main(["--ros-args", *arguments] if arguments else None))


COMMANDS = (demo, run)
