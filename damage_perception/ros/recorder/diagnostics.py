"""The state of the recorder as /diagnostics."""

from __future__ import annotations

from collections.abc import Sequence

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from std_msgs.msg import Header

from damage_perception.ros.messages import stamp_of
from damage_perception.ros.recorder.writing import MOST_FILES, WriterState


def recorder_status(
    node: str, now_ns: int, state: WriterState, cameras: Sequence[str]
) -> DiagnosticArray:
    """All of it as one message.

    now_ns   ROS time
    cameras  that are recorded; empty while the detector has not been heard
    """
    level, message = DiagnosticStatus.OK, f"{state.rows} items, images of {state.files}"
    if state.waiting >= MOST_FILES // 2:
        level, message = DiagnosticStatus.WARN, f"{state.waiting} items wait for the disk"
    if not cameras:
        level = DiagnosticStatus.WARN
        message = "the detector's parameters are not known yet: no images are recorded"
    if state.problem:
        level, message = DiagnosticStatus.ERROR, state.problem
    values = {
        "items": state.rows,
        "files": state.files,
        "dropped_files": state.dropped_files,
        "dropped_items": state.dropped_rows,
        "evicted_files": state.evicted,
        "waiting": state.waiting,
    }
    status = DiagnosticStatus(
        level=level,
        name=f"{node}: records",
        message=message,
        hardware_id=node,
        values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
    )
    return DiagnosticArray(header=Header(stamp=stamp_of(now_ns)), status=[status])
