"""From the values of the parameters to what the inspector takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from damage_perception.inspector import Inspector, MountedCamera
from damage_perception.network.model_card import ModelCard
from damage_perception.ros.parameters.check import ParameterError, plane_of, pose_of
from damage_perception.station import RegionOfInterest, Station, load_stations
from damage_perception.verdict.policy import VerdictPolicy
from damage_perception.verdict.quality import QualityLimits

NANOSECONDS_PER_MS = 1_000_000

Values = Mapping[str, Any]


def nanoseconds(values: Values, name: str) -> int:
    """A parameter in milliseconds as nanoseconds."""
    return round(float(values[name]) * NANOSECONDS_PER_MS)


def policy_of(values: Values, card: ModelCard) -> VerdictPolicy:
    """The verdict policy. Raises ParameterError where the card cannot show the rate asked for."""
    threshold, compared, without_depth = values["damage_threshold"], 0.0, 0.0
    if threshold == 0:
        rate = values["false_diverts_per_1000"]
        try:
            threshold = card.operating_point(rate).threshold
            compared = card.operating_point(rate, compared=True).threshold
            without_depth = card.operating_point(rate, without_depth=True).threshold
        except ValueError as error:
            raise ParameterError(f"parameter false_diverts_per_1000: {error}") from error
    return VerdictPolicy(
        threshold=threshold,
        frames_per_camera=values["frames_per_camera"],
        deadline_ns=nanoseconds(values, "decision_deadline_ms"),
        leave_ns=nanoseconds(values, "leave_after_ms"),
        join_radius_m=values["join_radius_m"],
        compared_threshold=compared,
        without_depth_threshold=without_depth,
        require_sku=values["require_sku"],
        pieces_within_m=values["pieces_within_m"],
    )


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
    inspector.configure(policy_of(values, inspector.network.card), quality_of(values))
    inspector.references.identify = values["identify"]
    inspector.detail = values["detail"]
    inspector.cameras = {
        name: replace(camera, station=with_limits(camera.station, values, name))
        for name, camera in inspector.cameras.items()
    }


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
