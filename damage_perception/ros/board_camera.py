"""Live images of several cameras, for a calibration that runs until it has enough."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from typing import Final

from damage_perception.frame import Frame
from damage_perception.ros.live_cameras import LiveCameras

_NODE: Final = "camera_calibration"
# Shorter than the time between two images.
_PAUSE_S: Final = 0.01


def live_rounds(
    cameras: Sequence[str], arguments: Sequence[str] = ()
) -> Generator[list[Frame], None, None]:
    """The new frames of all cameras, round after round, without end.

    cameras    names, which are the beginnings of their topics, as the detector has them
    arguments  of ROS, as `ros2 run` takes them: --ros-args -r __ns:=/cell

    A round lasts two seconds where no camera sends anything.
    """
    own = ["--ros-args", "-r", f"__node:={_NODE}", *(a for a in arguments if a != "--ros-args")]
    newest_ns: dict[str, int] = {}
    with LiveCameras(cameras, own) as live:
        while True:
            frames = [frame for name in cameras if (frame := live.newest(name)) is not None]
            new = [f for f in frames if newest_ns.get(f.camera_name) != f.stamp_ns]
            newest_ns |= {frame.camera_name: frame.stamp_ns for frame in new}
            yield new
            if not new:
                time.sleep(_PAUSE_S)
