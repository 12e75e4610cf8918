"""Options of the commands that read recorded frames."""

from pathlib import Path
from typing import Annotated, Optional

import typer

SourceArgument = Annotated[Path, typer.Argument(help="Image folder, rosbag2 folder or MCAP file.")]
CameraOption = Annotated[
    Optional[Path], typer.Option("--camera", help="camera.json in place of the folder's own.")
]
ColorTopicOption = Annotated[
    str, typer.Option(help="What the colour topics of a recording end in.")
]
DepthTopicOption = Annotated[str, typer.Option(help="What its depth topics end in.")]
InfoTopicOption = Annotated[str, typer.Option(help="What its camera_info topics end in.")]
