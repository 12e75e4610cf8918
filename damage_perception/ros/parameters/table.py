"""Every parameter of the detector node; the YAML reference and the README's table come from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from damage_perception.engines.backend import BACKENDS
from damage_perception.network import PRECISIONS
from damage_perception.network.detail import AUTO, DETAILS
from damage_perception.ros.parameters.parameter import Change, Parameter
from damage_perception.station import Station
from damage_perception.verdict.evidence import KEPT_PER_CAMERA
from damage_perception.verdict.policy import VerdictPolicy
from damage_perception.verdict.quality import QualityLimits

# Stands for the name of each camera in the name of a parameter that every camera has.
CAMERA: Final = "<camera>"

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
        "threads",
        "integer",
        2,
        "",
        "Threads of one inference on the CPU.",
        _SETUP,
        bounds=(1, 64),
    ),
    Parameter(
        "precision",
        "string",
        "fp32",
        "",
        "Which graph of the model runs; int8 is the fastest on a CPU. Thresholds that follow from "
        "the model card are those of fp32.",
        _SETUP,
        choices=PRECISIONS,
    ),
    Parameter(
        "backend",
        "string",
        "auto",
        "",
        "What runs the model: tensorrt on a GPU, onnxruntime on the CPU; auto takes TensorRT where "
        "it and a GPU are, and says why where they are not.",
        _SETUP,
        choices=BACKENDS,
    ),
    Parameter(
        "require_gpu",
        "bool",
        False,
        "",
        "Fail to configure where the model would not run on a GPU.",
        _SETUP,
    ),
    Parameter(
        "serve_while_building",
        "bool",
        False,
        "",
        "Run the model on the CPU while its engines are being built for the GPU; otherwise items "
        "are reported unknown until they are.",
        _SETUP,
    ),
    Parameter(
        "image_transport",
        "string",
        "raw",
        "",
        "raw, or compressed: color/image_raw/compressed and depth/image_rect_raw/compressedDepth "
        "(PNG), as image_transport names them.",
        _SETUP,
        choices=("raw", "compressed"),
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
        f"{CAMERA}.depth_to_color",
        "double_array",
        [],
        "",
        "Transform from the optical frame of the depth camera to that of colour, x y z qx qy qz "
        "qw, where the depth topic is not registered: the node registers it, by depth/camera_info. "
        "Empty: depth is registered already.",
        _SETUP,
        lengths=(0, 7),
    ),
    Parameter(
        f"{CAMERA}.pose",
        "double_array",
        [],
        "m",
        "Transform from the camera's optical frame to the station frame, whose z axis points up: "
        "x y z qx qy qz qw. Cameras with a pose look at one station together; empty: at a station "
        "of its own.",
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
        bounds=(0.1, 100.0),
    ),
    Parameter(
        "site_file",
        "string",
        "",
        "",
        "Rules of the site: what is tolerated, and thresholds of single products and cameras. Read "
        "at start and by ~/reload_site; empty: none.",
        _SETUP,
    ),
    Parameter(
        "detail",
        "string",
        AUTO,
        "",
        "When an item that is larger than the network's view is judged by tiles at the camera's "
        "resolution, too: off; auto: on a GPU, or where all frames an item needs come through in "
        "half of decision_deadline_ms; always.",
        _LIVE,
        choices=DETAILS,
    ),
    Parameter(
        "gallery",
        "string",
        "",
        "",
        "References of pristine products: a folder, or the URI of an object store; empty: none.",
        _SETUP,
    ),
    Parameter(
        "identify",
        "bool",
        True,
        "",
        "Whether an item without an announced sku is compared with the enrolled one that it looks "
        "like.",
        _LIVE,
    ),
    Parameter(
        "require_sku",
        "bool",
        VerdictPolicy.require_sku,
        "",
        "Whether an item that does not look like its announced sku cannot pass.",
        _LIVE,
    ),
    Parameter(
        "frames_per_camera",
        "integer",
        VerdictPolicy.frames_per_camera,
        "frames",
        "Usable frames of every camera before an item may pass.",
        _LIVE,
        bounds=(1, KEPT_PER_CAMERA),
    ),
    Parameter(
        "decision_deadline_ms",
        "double",
        VerdictPolicy.deadline_ns / 1e6,
        "ms",
        "After an item was first seen, its report goes out whatever is known.",
        _LIVE,
        bounds=(10.0, 60000.0),
    ),
    Parameter(
        "leave_after_ms",
        "double",
        VerdictPolicy.leave_ns / 1e6,
        "ms",
        "An item not seen for so long, in frames that came, has left.",
        _LIVE,
        bounds=(0.0, 60000.0),
    ),
    Parameter(
        "belt_velocity",
        "double_array",
        [],
        "m/s",
        "Velocity of the belt that carries items past the cameras, x y z in the station frame; of "
        "one camera without pose in its optical frame. Empty: there is no belt. leave_after_ms and "
        "decision_deadline_ms must be longer than the way between two cameras takes.",
        _SETUP,
        lengths=(0, 3),
    ),
    Parameter(
        "belt_encoder",
        "bool",
        False,
        "",
        "Take how far the belt has come from ~/belt (sensor_msgs/JointState, position in metres, "
        "stamped as the images are); of belt_velocity the direction alone counts then.",
        _SETUP,
    ),
    Parameter(
        "join_radius_m",
        "double",
        VerdictPolicy.join_radius_m,
        "m",
        "Sightings nearer to one another than this are of one item.",
        _LIVE,
        bounds=(0.001, 5.0),
    ),
    Parameter(
        "pieces_within_m",
        "double",
        VerdictPolicy.pieces_within_m,
        "m",
        "Things that come together with an announced item, nearer to it than this, are pieces of "
        "it: they take no other name, and it does not pass. 0: where several announced items come "
        "together side by side.",
        _LIVE,
        bounds=(0.0, 5.0),
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
        Station.min_height_m,
        "m",
        "What rises less above the plane belongs to the station.",
        _LIVE,
        bounds=(0.001, 1.0),
    ),
    Parameter(
        "min_item_area_m2",
        "double",
        Station.min_area_m2,
        "m²",
        "Visible area below which a thing is no item.",
        _LIVE,
        bounds=(0.0, 1.0),
    ),
    Parameter(
        "separate_touching",
        "bool",
        Station.separate_touching,
        "",
        "Whether items that touch or hide one another count one by one; false where every item "
        "lies alone.",
        _LIVE,
    ),
    Parameter(
        "max_support_offset_mm",
        "double",
        Station.max_offset_mm,
        "mm",
        "How far the support may be from its calibrated plane. Less is followed; beyond it nothing "
        "passes until the station is calibrated again.",
        _LIVE,
        bounds=(1.0, 1000.0),
    ),
    Parameter(
        "max_support_tilt_deg",
        "double",
        Station.max_tilt_deg,
        "degrees",
        "The same for the angle between the support and its calibrated plane.",
        _LIVE,
        bounds=(0.1, 90.0),
    ),
    Parameter(
        "require_depth",
        "bool",
        QualityLimits.require_depth,
        "",
        "Whether a view without depth cannot pass an item.",
        _LIVE,
    ),
    Parameter(
        "min_depth_share",
        "double",
        QualityLimits.min_depth_share,
        "",
        "Share of an item's pixels that need a depth reading.",
        _LIVE,
        bounds=(0.0, 1.0),
    ),
    Parameter(
        "min_sharpness",
        "double",
        QualityLimits.min_sharpness,
        "grey levels",
        "99th percentile of the absolute Laplacian on an item below which a view is blurred; "
        "0: not checked.",
        _LIVE,
        bounds=(0.0, 255.0),
    ),
    Parameter(
        "dark_level",
        "integer",
        QualityLimits.dark,
        "grey levels",
        "A pixel at or below it says nothing.",
        _LIVE,
        bounds=(0, 254),
    ),
    Parameter(
        "bright_level",
        "integer",
        QualityLimits.bright,
        "grey levels",
        "A pixel at or above it says nothing.",
        _LIVE,
        bounds=(1, 255),
    ),
    Parameter(
        "max_lost_share",
        "double",
        QualityLimits.max_lost_share,
        "",
        "Share of such pixels on an item, and of those without any other near them, above which a "
        "view is too dark or too bright.",
        _LIVE,
        bounds=(0.0, 1.0),
    ),
    Parameter(
        "check_color",
        "bool",
        QualityLimits.check_color,
        "",
        "Whether an item that the depth image shows and the colour image does not cannot pass.",
        _LIVE,
    ),
    Parameter(
        "frozen_after_ms",
        "double",
        QualityLimits.frozen_after_ns / 1e6,
        "ms",
        "A camera that repeats colour and depth, or depth alone, to the bit for so long is frozen; "
        "one that repeats colour alone is at once. 0: not checked, for recordings that stand still "
        "and simulations without noise.",
        _LIVE,
        bounds=(0.0, 60000.0),
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
