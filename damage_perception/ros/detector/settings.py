"""From the values of the parameters to what the inspector takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from damage_perception.inspector import Inspector, MountedCamera
from damage_perception.network.model_card import ModelCard
from damage_perception.ros.parameters.check import ParameterError, plane_of, pose_of
from damage_perception.station import RegionOfInterest, Station, load_stations
from damage_perception.verdict.belt import Belt
from damage_perception.verdict.policy import VerdictPolicy
from damage_perception.verdict.quality import QualityLimits
from damage_perception.verdict.site import Site
from damage_perception.verdict.site_file import read_site

NANOSECONDS_PER_MS = 1_000_000

Values = Mapping[str, Any]


def nanoseconds(values: Values, name: str) -> int:
    """A parameter in milliseconds as nanoseconds."""
    return round(float(values[name]) * NANOSECONDS_PER_MS)


def site_of(values: Values, card: ModelCard) -> Site:
    """The rules of the site; none where no file is named. Raises SiteError."""
    if not values["site_file"]:
        return Site()
    return read_site(Path(values["site_file"]).expanduser(), card, values["cameras"])


def policy_of(values: Values, card: ModelCard, site: Site) -> VerdictPolicy:
    """The verdict policy. Raises ParameterError where the card cannot show the rate asked for."""
    try:
        return VerdictPolicy.build(
            card,
            threshold=values["damage_threshold"] or None,
            false_diverts_per_1000=values["false_diverts_per_1000"],
            site=site,
            frames_per_camera=values["frames_per_camera"],
            deadline_ns=nanoseconds(values, "decision_deadline_ms"),
            leave_ns=nanoseconds(values, "leave_after_ms"),
            join_radius_m=values["join_radius_m"],
            require_sku=values["require_sku"],
            pieces_within_m=values["pieces_within_m"],
        )
    except ValueError as error:
        raise ParameterError(f"parameter false_diverts_per_1000: {error}") from error


def quality_of(values: Values) -> QualityLimits:
    """The limits below which a view does not count."""
    return QualityLimits(
        require_depth=values["require_depth"],
        min_depth_share=values["min_depth_share"],
        min_sharpness=values["min_sharpness"],
        dark=values["dark_level"],
        bright=values["bright_level"],
        max_lost_share=values["max_lost_share"],
        check_color=values["check_color"],
        frozen_after_ns=nanoseconds(values, "frozen_after_ms"),
    )


def configure(values: Values, inspector: Inspector) -> None:
    """Gives a running inspector the limits that ``values`` hold."""
    inspector.configure(
        policy_of(values, inspector.network.card, inspector.policy.site),
        quality_of(values),
        cameras={
            name: replace(camera, station=with_limits(camera.station, values, name))
            for name, camera in inspector.cameras.items()
        },
        identify=values["identify"],
        detail=values["detail"],
    )


def mounted_cameras(values: Values) -> dict[str, MountedCamera]:
    """Every camera with its station: the plane from the parameters, otherwise from the file.

    Raises StationError where there is a station file that is not understood.
    """
    file = station_file(values)
    known = load_stations(file) if file is not None and file.exists() else {}
    cameras = {}
    for name in values["cameras"]:
        plane, pose = values[f"{name}.plane"], values[f"{name}.pose"]
        station = Station(plane_of(plane)) if plane else known.get(name, Station())
        cameras[name] = MountedCamera(
            with_limits(station, values, name), pose_of(pose) if pose else None
        )
    return cameras


def belt_of(values: Values) -> Belt | None:
    """The belt; None where there is none."""
    if not values["belt_velocity"]:
        return None
    return Belt(np.array(values["belt_velocity"], np.float64), values["belt_encoder"])


def depth_to_color(values: Values) -> dict[str, NDArray[np.float64]]:
    """(4, 4) from the optical frame of depth to that of colour, where depth is not registered."""
    given = {name: values[f"{name}.depth_to_color"] for name in values["cameras"]}
    return {name: pose_of(pose) for name, pose in given.items() if pose}


def with_limits(station: Station, values: Values, camera: str) -> Station:
    """The station with the limits that the parameters set."""
    return replace(
        station,
        roi=RegionOfInterest(*values[f"{camera}.region_of_interest"]),
        min_height_m=values["min_item_height_m"],
        min_area_m2=values["min_item_area_m2"],
        separate_touching=values["separate_touching"],
        max_offset_mm=values["max_support_offset_mm"],
        max_tilt_deg=values["max_support_tilt_deg"],
    )


def station_file(values: Values) -> Path | None:
    """Where stations are kept; None where they are not."""
    return Path(values["station_file"]).expanduser() if values["station_file"] else None
