"""Commands that speak ROS: run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from damage_perception.cli.terminal import Failure


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


COMMANDS = (run,)
