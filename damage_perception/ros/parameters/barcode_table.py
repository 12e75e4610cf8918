"""Every parameter of the barcode node."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from damage_perception.barcodes import FORMATS
from damage_perception.ros.parameters.check import ParameterError
from damage_perception.ros.parameters.parameter import Change, Parameter, Value

_CAMERA: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")

BARCODE_TABLE: Final[tuple[Parameter, ...]] = (
    Parameter(
        "cameras",
        "string_array",
        ["camera"],
        "",
        "Names of the cameras whose colour images are read; empty: of none, where a scanner reads.",
        Change.AT_START,
    ),
    Parameter(
        "image_transport",
        "string",
        "raw",
        "",
        "raw, or compressed: color/image_raw/compressed, as image_transport names it.",
        Change.AT_START,
        choices=("raw", "compressed"),
    ),
    Parameter(
        "image_qos",
        "string",
        "sensor_data",
        "",
        "QoS of the image subscriptions; sensor_data hears every publisher, reliable only "
        "reliable ones.",
        Change.AT_START,
        choices=("sensor_data", "reliable"),
    ),
    Parameter(
        "detector",
        "string",
        "damage_detector",
        "",
        "Name of the detector to which items are announced.",
        Change.AT_START,
    ),
    Parameter(
        "name_camera",
        "bool",
        True,
        "",
        "Whether an announcement names the camera that read the code, so that no other one's item "
        "takes it. false where the cameras here are not the detector's.",
        Change.ANY_TIME,
    ),
    Parameter(
        "scanner_topic",
        "string",
        "",
        "",
        "Topic of a scanner's codes, std_msgs/String: they are announced too; empty: there is "
        "none.",
        Change.AT_START,
    ),
    Parameter(
        "rate_hz",
        "double",
        5.0,
        "Hz",
        "Images of each camera that are read in a second, the newest ones, at most.",
        Change.ANY_TIME,
        bounds=(0.1, 60.0),
    ),
    Parameter(
        "gone_after_ms",
        "double",
        1000.0,
        "ms",
        "A code that images do not show for so long is gone; when it comes again it is a new "
        "item's. Longer than a code is unreadable while its item lies there, shorter than the gap "
        "between two items of one product.",
        Change.ANY_TIME,
        bounds=(0.0, 60000.0),
    ),
    Parameter(
        "formats",
        "string_array",
        list(FORMATS),
        "",
        f"Which codes are read, of {', '.join(FORMATS)}; fewer are read faster.",
        Change.ANY_TIME,
    ),
)


def check_barcodes(values: Mapping[str, Value]) -> None:
    """Checks what holds between the parts of a value, or between two. Raises ParameterError."""
    given: Mapping[str, Any] = values
    cameras, formats = given["cameras"], given["formats"]
    wrong = [name for name in cameras if not _CAMERA.fullmatch(name)]
    if wrong or len(set(cameras)) != len(cameras):
        raise ParameterError(
            f"parameter cameras is {cameras}; expected names of letters, digits and underscores, "
            "each once"
        )
    if not cameras and not given["scanner_topic"]:
        raise ParameterError("parameter cameras is empty, and scanner_topic too: set one of both")
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise ParameterError(
            f"parameter formats is {formats}; expected one or more of {', '.join(FORMATS)}"
        )
