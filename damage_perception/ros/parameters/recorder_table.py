"""Every parameter of the recorder node."""

from __future__ import annotations

from typing import Final

from damage_perception.ros.parameters.parameter import Change, Parameter

RECORDER_TABLE: Final[tuple[Parameter, ...]] = (
    Parameter(
        "folder",
        "string",
        "~/.ros/damage_records",
        "",
        "Folder of the records: a local disk, no network drive.",
        Change.AT_START,
    ),
    Parameter(
        "site",
        "string",
        "cell",
        "",
        "Name of this cell in the records, by which the cells of a fleet are told apart.",
        Change.AT_START,
    ),
    Parameter(
        "detector",
        "string",
        "damage_detector",
        "",
        "Name of the detector whose reports are recorded; its cameras and image_qos hold here too.",
        Change.AT_START,
    ),
    Parameter(
        "pass_sample",
        "double",
        0.01,
        "",
        "Share of the items that passed whose images are kept. What was diverted or unknown is "
        "always kept, and every item is counted.",
        Change.ANY_TIME,
        bounds=(0.0, 1.0),
    ),
    Parameter(
        "quota_gb",
        "double",
        50.0,
        "GB",
        "Disk that images may take. The oldest passes go first, what a person judged never goes.",
        Change.ANY_TIME,
        bounds=(0.01, 1e6),
    ),
    Parameter(
        "history_images",
        "integer",
        20,
        "",
        "Images of each topic that wait for a report on what they show; each takes memory. They "
        "must reach back from a report to the image that showed the damage.",
        Change.AT_START,
        bounds=(2, 300),
    ),
    Parameter(
        "images_per_camera",
        "integer",
        1,
        "",
        "Images of each camera that are kept of an item, those nearest in time to the report. To "
        "play a record into a detector, it must be frames_per_camera at least.",
        Change.ANY_TIME,
        bounds=(1, 50),
    ),
)
