"""Every parameter of the detector node; the YAML reference and the README's table come from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, TypeAlias

Value: TypeAlias = bool | int | float | str | list[str] | list[float]

# Stands for the name of each camera in the name of a parameter that every camera has.
CAMERA: Final = "<camera>"


class Change(Enum):
    """When a parameter may change."""

    AT_START = "at start"
    UNCONFIGURED = "while unconfigured"
    ANY_TIME = "at any time"


@dataclass(frozen=True)
class Parameter:
    """One parameter.

    type     bool, integer, double, string, string_array or double_array, as ROS calls them
    bounds   smallest and largest value, both allowed
    choices  the only values of a string; empty where any goes
    lengths  the only lengths of an array; empty where any goes
    """

    name: str
    type: str
    default: Value
    unit: str
    description: str
    change: Change
    bounds: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()
    lengths: tuple[int, ...] = ()


_START, _SETUP, _LIVE = Change.AT_START, Change.UNCONFIGURED, Change.ANY_TIME

TABLE: Final[tuple[Parameter, ...]] = (
    Parameter(
        "cameras",
        "string_array",
        ["camera"],
        "",
        "Names of the cameras; the topics of each are under its name.",
        _START,
    ),
    Parameter(
        "autostart",
        "bool",
        False,
        "",
        "Configure and activate as the process starts, without a lifecycle manager.",
        _START,
    ),
    Parameter(
        "model",
        "string",
        "",
        "",
        "Path of the model card; empty: the model that comes with the package.",
        _SETUP,
    ),
    Parameter(
        "backend",
        "string",
        "auto",
        "",
        "What runs the network; auto takes the fastest that is installed.",
        _SETUP,
        choices=("auto", "onnxruntime"),
    ),
    Parameter(
        "threads",
        "integer",
        2,
        "",
        "Threads of one inference on the CPU.",
        _SETUP,
        bounds=(1, 64),
    ),
    Parameter(
        "image_qos",
        "string",
        "sensor_data",
        "",
        "QoS of the image subscriptions; sensor_data hears every publisher, reliable only "
        "reliable ones.",
        _SETUP,
        choices=("sensor_data", "reliable"),
    ),
    Parameter(
        "station_file",
        "string",
        "",
        "",
        "YAML file that calibrate_station writes and configuring reads; empty: not kept.",
        _SETUP,
    ),
    Parameter(
        f"{CAMERA}.pose",
        "double_array",
        [],
        "m",
        "Transform from the camera's optical frame to the station frame: x y z qx qy qz qw. "
        "Cameras with a pose look at one station together; empty: at a station of its own.",
        _SETUP,
        lengths=(0, 7),
    ),
    Parameter(
        f"{CAMERA}.plane",
        "double_array",
        [],
        "m",
        "Plane under the items in the camera's optical frame: unit normal toward the camera and "
        "height of the camera above it, nx ny nz d; empty: from station_file, otherwise fitted "
        "in every frame.",
        _SETUP,
        lengths=(0, 4),
    ),
    Parameter(
        f"{CAMERA}.region_of_interest",
        "double_array",
        [0.0, 0.0, 1.0, 1.0],
        "",
        "Part of the image in which items count, as fractions of it: x y width height.",
        _LIVE,
        bounds=(0.0, 1.0),
        lengths=(4,),
    ),
    Parameter(
        "damage_threshold",
        "double",
        0.0,
        "",
        "Confidence at or above which an item is diverted; 0: follows from "
        "false_diverts_per_1000 and the model card.",
        _LIVE,
        bounds=(0.0, 1.0),
    ),
    Parameter(
        "false_diverts_per_1000",
        "double",
        5.0,
        "items",
        "Good items diverted in a thousand that the site accepts.",
        _LIVE,
        bounds=(0.001, 500.0),
    ),
    Parameter(
        "frames_per_camera",
        "integer",
        3,
        "frames",
        "Usable frames of every camera before an item may pass.",
        _LIVE,
        bounds=(1, 100),
    ),
    Parameter(
        "decision_deadline_ms",
        "double",
        1000.0,
        "ms",
        "After an item was first seen, its report goes out whatever is known.",
        _LIVE,
        bounds=(10.0, 60000.0),
    ),
    Parameter(
        "leave_after_ms",
        "double",
        300.0,
        "ms",
        "An item not seen for so long, in frames that came, has left.",
        _LIVE,
        bounds=(0.0, 60000.0),
    ),
    Parameter(
        "join_radius_m",
        "double",
        0.08,
        "m",
        "Sightings nearer to one another than this are of one item.",
        _LIVE,
        bounds=(0.001, 5.0),
    ),
    Parameter(
        "pairing_tolerance_ms",
        "double",
        10.0,
        "ms",
        "Largest difference between the stamps of a colour and a depth image of one pair.",
        _LIVE,
        bounds=(0.0, 1000.0),
    ),
    Parameter(
        "source_timeout_ms",
        "double",
        500.0,
        "ms",
        "A camera without a new pair for so long is stale, and no item passes on it.",
        _LIVE,
        bounds=(20.0, 60000.0),
    ),
    Parameter(
        "min_item_height_m",
        "double",
        0.006,
        "m",
        "What rises less above the plane belongs to the station.",
        _LIVE,
        bounds=(0.001, 1.0),
    ),
    Parameter(
        "min_item_area_m2",
        "double",
        0.0004,
        "m²",
        "Visible area below which a thing is no item.",
        _LIVE,
        bounds=(0.0, 1.0),
    ),
    Parameter(
        "require_depth",
        "bool",
        True,
        "",
        "Whether a view without depth cannot pass an item.",
        _LIVE,
    ),
    Parameter(
        "min_depth_share",
        "double",
        0.3,
        "",
        "Share of an item's pixels that need a depth reading.",
        _LIVE,
        bounds=(0.0, 1.0),
    ),
    Parameter(
        "min_sharpness",
        "double",
        6.0,
        "grey levels",
        "99th percentile of the absolute Laplacian on an item below which a view is blurred; "
        "0: not checked.",
        _LIVE,
        bounds=(0.0, 255.0),
    ),
    Parameter(
        "dark_level",
        "integer",
        8,
        "grey levels",
        "A pixel at or below it says nothing.",
        _LIVE,
        bounds=(0, 254),
    ),
    Parameter(
        "bright_level",
        "integer",
        252,
        "grey levels",
        "A pixel at or above it says nothing.",
        _LIVE,
        bounds=(1, 255),
    ),
    Parameter(
        "max_lost_share",
        "double",
        0.8,
        "",
        "Share of such pixels on an item above which a view is too dark or too bright.",
        _LIVE,
        bounds=(0.0, 1.0),
    ),
)


def parameters_of(cameras: Iterable[str]) -> dict[str, Parameter]:
    """The parameters by name, those of each camera under the camera's name."""
    named = {}
    for parameter in TABLE:
        if CAMERA not in parameter.name:
            named[parameter.name] = parameter
            continue
        for camera in cameras:
            name = parameter.name.replace(CAMERA, camera)
            named[name] = replace(parameter, name=name)
    return named
