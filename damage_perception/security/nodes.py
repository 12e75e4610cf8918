"""What each node of the package says and hears, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from damage_perception.security.policy import Enclave, Profile
from damage_perception.topics import CAMERA_INFO, COLOR, DEPTH, DEPTH_INFO

_COLOR_TOPICS: Final = (COLOR, f"{COLOR}/compressed")
_CAMERA_TOPICS: Final = (
    *_COLOR_TOPICS,
    DEPTH,
    f"{DEPTH}/compressedDepth",
    CAMERA_INFO,
    DEPTH_INFO,
)
_PARAMETERS: Final = (
    "describe_parameters",
    "get_parameter_types",
    "get_parameters",
    "list_parameters",
    "set_parameters",
    "set_parameters_atomically",
)
_LIFECYCLE: Final = (
    "change_state",
    "get_available_states",
    "get_available_transitions",
    "get_state",
    "get_transition_graph",
)
_DETECTOR: Final = (
    "calibrate_station",
    "confirm_item",
    "enroll_reference",
    "inspect",
    "propose_operating_point",
    "reload_site",
    "review_candidates",
    "undo_gallery_change",
)
_REPORTED: Final = ("reports", "overlay", "markers", "packaging_changes")
_NAME: Final = re.compile(r"(/?[A-Za-z_][A-Za-z0-9_]*)+|/")


def cell_enclaves(
    namespace: str = "/", cameras: Sequence[str] = ("camera",), detector: str = "damage_detector"
) -> list[Enclave]:
    """Enclaves of everything that takes part in a cell.

    namespace  of its nodes, /cell_1
    cameras    as the detector's parameter has them; with a slash in front where their topics are
               remapped to another namespace
    detector   its node's name

    Raises ValueError where one is no name of ROS.
    """
    namespace = "/" + namespace.strip("/")
    for name in (namespace, detector, *cameras):
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of ROS: expected letters, digits, underscores")
    images = tuple(f"{camera}/{topic}" for camera in cameras for topic in _CAMERA_TOPICS)
    colours = tuple(f"{camera}/{topic}" for camera in cameras for topic in _COLOR_TOPICS)
    services = (*_PARAMETERS, *_LIFECYCLE, *_DETECTOR)
    announcements, reports = f"{detector}/announcements", f"{detector}/reports"

    def enclave(node: str, serves: str, **does: tuple[str, ...]) -> Enclave:
        return Enclave(f"{namespace.rstrip('/')}/{node}", _node(node, namespace, **does), serves)

    return [
        enclave(
            detector,
            "the detector",
            publish=(*(f"~/{topic}" for topic in _REPORTED), "~/transition_event", "/diagnostics"),
            subscribe=("~/announcements", *images),
            reply=tuple(f"~/{service}" for service in (*_LIFECYCLE, *_DETECTOR)),
        ),
        enclave(
            "damage_recorder",
            "the recorder",
            publish=("/diagnostics",),
            subscribe=(reports, *images, "/parameter_events"),
            reply=("~/record_item",),
            request=tuple(f"{detector}/{service}" for service in _PARAMETERS),
        ),
        enclave(
            "damage_barcodes",
            "the barcode node",
            publish=(announcements, "/diagnostics"),
            subscribe=(*colours, "scanner/*"),
        ),
        enclave("damage_review", "live cameras of the review page", subscribe=images),
        enclave(
            "reference_controller",
            "the cell's controller, the reference controller or yours",
            publish=(announcements,),
            subscribe=(reports, announcements, f"{detector}/overlay"),
        ),
        enclave(
            "cameras",
            "drivers of the cameras",
            publish=(*(f"{camera}/*" for camera in cameras), "/tf_static", "/diagnostics"),
            subscribe=tuple(f"{camera}/*" for camera in cameras),
            reply=tuple(f"{camera}/*" for camera in cameras),
        ),
        enclave(
            "operator",
            "people at a terminal: ros2 topic, param, lifecycle, service; calibrate",
            publish=("/tf_static",),
            subscribe=(
                *(f"{detector}/{topic}" for topic in _REPORTED),
                announcements,
                f"{detector}/transition_event",
                *images,
                "/diagnostics",
                "/rosout",
                "/parameter_events",
                "/tf_static",
            ),
            request=(
                *(f"{detector}/{service}" for service in services),
                "damage_recorder/record_item",
                *(f"damage_recorder/{service}" for service in _PARAMETERS),
                *(f"damage_barcodes/{service}" for service in _PARAMETERS),
            ),
        ),
    ]


def _node(
    node: str,
    namespace: str,
    publish: tuple[str, ...] = (),
    subscribe: tuple[str, ...] = (),
    reply: tuple[str, ...] = (),
    request: tuple[str, ...] = (),
) -> Profile:
    """A profile with what every node of ROS 2 has."""
    return Profile(
        node,
        namespace,
        publish=("/parameter_events", "/rosout", *publish),
        subscribe=("/clock", *subscribe),
        reply=(*(f"~/{service}" for service in (*_PARAMETERS, "get_type_description")), *reply),
        request=request,
    )
