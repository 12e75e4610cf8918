"""Commands that speak ROS: demo, run, replay."""

import json
from importlib import import_module
from pathlib import Path
from typing import Annotated, Optional

import typer

from damage_perception.cli.running import ModelOption
from damage_perception.cli.sources import CameraOption, SourceArgument, TopicOptions
from damage_perception.cli.terminal import Failure, console, shown
from damage_perception.cli.transport import use_large_image_transport

RosArguments = Annotated[
    Optional[list[str]],
    typer.Argument(help="After --, as ros2 run takes them: -- -r __ns:=/cell", metavar="ROS"),
]


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the summary and the pictures.")] = Path(
        "out/demo"
    ),
    items: Annotated[int, typer.Option(min=1, help="Items that pass the cell.")] = 24,
    seed: Annotated[int, typer.Option(min=0, help="Of the products and damage shown.")] = 1,
    model: ModelOption = None,
    record: Annotated[
        bool,
        typer.Option("--record", help="Keep items for `review`, which may run at the same time."),
    ] = False,
) -> None:
    """Run a simulated cell, the detector and a controller; status 1 where a report came late."""
    from damage_perception.ros.demo.run import DemoError, run_demo

    # What its processes need is missed before they start.
    import_module("damage_perception.simulation.rendering.render")
    try:
        in_time = run_demo(out, items, seed, model, console, record)
    except DemoError as error:
        raise Failure(str(error)) from error
    raise typer.Exit(int(not in_time))


def run(
    params: Annotated[
        Optional[Path],
        typer.Option(help="Parameter file; config/damage_perception.yaml shows all."),
    ] = None,
    ros_arguments: RosArguments = None,
) -> None:
    """Run the detector node."""
    if params is not None and not params.is_file():
        raise Failure(f"parameter file {params} does not exist")
    use_large_image_transport()
    # After the environment is set: Fast DDS reads it when it is loaded.
    from damage_perception.ros.detector.process import main

    arguments = ["--params-file", str(params)] if params else []
    arguments += ros_arguments or []
    raise typer.Exit(main(["--ros-args", *arguments]))


def replay(
    source: SourceArgument,
    ros_arguments: RosArguments = None,
    camera: CameraOption = None,
    name: Annotated[
        str, typer.Option("--as", help="Camera name to publish under; by default the source's own.")
    ] = "",
    rate: Annotated[float, typer.Option(help="Frames a second of each camera.")] = 10.0,
    hold: Annotated[
        Optional[float],
        typer.Option(
            min=0.0,
            help="Seconds that each image is shown, again and again, so that the detector decides; "
            "0: once. By default 1 for an image folder, 0 for a recording.",
        ),
    ] = None,
    gap: Annotated[
        Optional[float],
        typer.Option(
            min=0.0,
            help="Seconds of black images without depth before each image, as with the lens "
            "covered: longer than the detector's leave_after_ms, they part its items from those of "
            "the image before. By default 0.6 for an image folder, 0 for a recording.",
        ),
    ] = None,
    loop: Annotated[bool, typer.Option(help="From the start again, without end.")] = False,
    wait: Annotated[float, typer.Option(min=0.0, help="Seconds to wait for a detector.")] = 30.0,
    *,
    topics: TopicOptions,
) -> None:
    """Publish recorded frames on the camera topics, stamped as they go out.

    An image folder is played such that a detector with its default parameters
    gives one report for each item of each image; a recording as a film.
    """
    if not rate > 0:
        raise Failure(f"--rate is {rate}; expected frames a second, above 0")
    use_large_image_transport()
    from damage_perception.ros.demo.replay_node import Unheard
    from damage_perception.ros.demo.replay_node import replay as run

    values = {
        "source": str(source),
        "camera_file": camera and str(camera),
        **vars(topics),
        "camera": name,
        "rate_hz": rate,
        "hold_s": hold,
        "gap_s": gap,
        "loop": loop,
        "wait_s": wait,
    }
    # Values are YAML, which JSON is a part of: a folder named 12 stays a string.
    given = [f"{key}:={json.dumps(value)}" for key, value in values.items() if value is not None]
    parameters = [word for pair in given for word in ("-p", pair)]
    try:
        published = run(
            ["--ros-args", *parameters, *(ros_arguments or [])],
            lambda images, total: shown(images, "replaying", total),
        )
    except Unheard as error:
        raise Failure(str(error)) from error
    if not published:
        raise Failure("no image could be published")
    console.print(f"published {published} frames")


COMMANDS = (demo, run, replay)
