"""Commands that speak ROS: demo, run, replay."""

from __future__ import annotations

import json
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
    if params is not None and not params.is_file():
        raise Failure(f"parameter file {params} does not exist")
    _use_large_image_transport()
    # After the environment is set: Fast DDS reads it when it is loaded.
    from damage_perception.ros.detector import main

    arguments = ["--params-file", str(params)] if params else []
    arguments += ros_arguments or []
    raise typer.Exit(main(["--ros-args", *arguments]))


def replay(
    source: Annotated[Path, typer.Argument(help="Image folder, rosbag2 folder or MCAP file.")],
    camera: Annotated[
        str, typer.Option(help="Name whose topics are used; that of the recording by default.")
    ] = "",
    rate: Annotated[float, typer.Option(help="Frames a second.")] = 10.0,
    repeat: Annotated[int, typer.Option(min=1, help="Times that each frame is published.")] = 1,
    loop: Annotated[bool, typer.Option(help="From the start again, without end.")] = False,
    wait: Annotated[float, typer.Option(min=0.0, help="Seconds to wait for a detector.")] = 30.0,
) -> None:
    """Publish recorded frames on the camera topics."""
    from damage_perception.source import open_source

    open_source(source)
    if not rate > 0:
        raise Failure(f"--rate is {rate}; expected frames a second, above 0")
    _use_large_image_transport()
    from damage_perception.ros.replay_node import main

    values = {
        "source": str(source),
        "camera": camera,
        "rate_hz": rate,
        "repeat": repeat,
        "loop": loop,
        "wait_s": wait,
    }
    # Values are YAML, which JSON is a part of: a folder named 12 stays a string.
    pairs = [f"{name}:={json.dumps(value)}" for name, value in values.items()]
    raise typer.Exit(main(["--ros-args", *(word for pair in pairs for word in ("-p", pair))]))


def _use_large_image_transport() -> None:
    """Sets the Fast DDS profile, unless the environment names one."""
    from damage_perception.ros.share import dds_profile
    from damage_perception.ros.transport import PROFILE_VARIABLES

    if not any(os.environ.get(name) for name in PROFILE_VARIABLES):
        os.environ[PROFILE_VARIABLES[0]] = str(dds_profile())


COMMANDS = (demo, run, replay)
