"""Options of the commands that read recorded frames."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from damage_perception.cli.terminal import Failure
from damage_perception.topics import CAMERA_INFO, COLOR, DEPTH, Topics

if TYPE_CHECKING:
    from damage_perception.source import Source

SourceArgument = Annotated[Path, typer.Argument(help="Image folder, rosbag2 folder or MCAP file.")]
CameraOption = Annotated[
    Optional[Path], typer.Option("--camera", help="camera.json in place of the folder's own.")
]


@dataclass(frozen=True)
class TopicOptions:
    """Options of every command that reads recordings."""

    color_topic: Annotated[
        str, typer.Option(help="What the colour topics of a recording end in.")
    ] = COLOR
    depth_topic: Annotated[str, typer.Option(help="What its depth topics end in.")] = DEPTH
    info_topic: Annotated[str, typer.Option(help="What its camera_info topics end in.")] = (
        CAMERA_INFO
    )

    def topics(self) -> Topics:
        """As sources take them."""
        return Topics(self.color_topic, self.depth_topic, self.info_topic)


def open_frames(source: Path, out: Path, camera: Path | None, topics: TopicOptions) -> "Source":
    """The frames of ``source`` for a command that writes into ``out``; raises as both checks do."""
    from damage_perception.source import open_source

    frames = open_source(source, camera, topics.topics())
    keep_apart(source, out)
    return frames


def keep_apart(source: Path, out: Path) -> None:
    """Raises Failure where both are one: what is written has the names of a data set's own."""
    if source.resolve() == out.resolve():
        raise Failure(f"--out is the folder that is read, {source}; name another one")
