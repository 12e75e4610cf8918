"""Stations in a YAML file: one file holds the stations of several cameras, by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from damage_perception.frame import CameraModel
from damage_perception.station.plane import Plane, StationError
from damage_perception.station.region import RegionOfInterest
from damage_perception.station.station import Station

_LIMITS: dict[str, type] = {
    "min_height_m": float,
    "min_area_m2": float,
    "max_items": int,
    "separate_touching": bool,
    "max_offset_mm": float,
    "max_tilt_deg": float,
}
_CAMERA = ("width", "height", "fx", "fy", "cx", "cy")
_KEYS = ("plane", "camera", "region_of_interest", *_LIMITS)


def load_station(path: Path | str, camera_name: str) -> Station:
    """The station of that camera. Raises StationError where the file or the camera is missing, or
    anything in the file is not understood."""
    stations = load_stations(path)
    if camera_name not in stations:
        known = ", ".join(stations) or "none"
        raise StationError(
            f"{path} has no station for camera {camera_name!r}; it has {known}: calibrate the "
            "station of this camera, or correct the name"
        )
    return stations[camera_name]


def load_stations(path: Path | str) -> dict[str, Station]:
    """All stations of the file by camera name. Raises StationError as ``load_station`` does."""
    try:
        document = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise StationError(
            f"station file {path} cannot be read ({error.strerror}): calibrate the station, or "
            "correct the path"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise StationError(f"station file {path} is not YAML: {error}") from error
    cameras = _mapping(document, ("stations",), str(path)).get("stations")
    if not isinstance(cameras, dict) or not all(isinstance(name, str) for name in cameras):
        raise StationError(f"{path}: stations is not a mapping of camera names")
    return {name: _station(entry, f"{path}: stations.{name}") for name, entry in cameras.items()}


def save_stations(path: Path | str, stations: Mapping[str, Station]) -> None:
    """Write stations under the names of their cameras and keep the file's other cameras.

    The file is replaced as a whole, so that a reader never sees half of it. Raises StationError
    where the file exists and is not a station file, or cannot be written.
    """
    path = Path(path)
    known = load_stations(path) if path.exists() else {}
    document = {"stations": {name: _entry(each) for name, each in {**known, **stations}.items()}}
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise StationError(f"station file {path} cannot be written: {error}") from error


def _entry(station: Station) -> dict[str, Any]:
    roi = station.roi
    entry: dict[str, Any] = {
        "plane": None,
        "region_of_interest": {"x": roi.x, "y": roi.y, "width": roi.width, "height": roi.height},
    }
    if station.plane is not None:
        entry["plane"] = {
            "normal": station.plane.normal.tolist(),
            "offset_m": station.plane.offset_m,
        }
    if station.camera is not None:
        entry["camera"] = {name: getattr(station.camera, name) for name in _CAMERA}
    return entry | {name: getattr(station, name) for name in _LIMITS}


def _station(entry: Any, where: str) -> Station:
    entry = _mapping(entry, _KEYS, where)
    if "plane" not in entry:
        raise StationError(f"{where} has no plane; write 'plane: null' to fit it in every frame")
    values: dict[str, Any] = {}
    if entry["plane"] is not None:
        values["plane"] = _plane(entry["plane"], f"{where}.plane")
    if "camera" in entry:
        values["camera"] = _camera(entry["camera"], f"{where}.camera")
    if "region_of_interest" in entry:
        values["roi"] = _region(entry["region_of_interest"], f"{where}.region_of_interest")
    for name, kind in _LIMITS.items():
        if name in entry:
            values[name] = _value(entry[name], kind, f"{where}.{name}")
    try:
        return Station(**values)
    except StationError as error:
        raise StationError(f"{where}: {error}") from error


def _plane(entry: Any, where: str) -> Plane:
    keys = ("normal", "offset_m")
    entry = _mapping(entry, keys, where)
    for key in keys:
        if key not in entry:
            raise StationError(f"{where} has no {key}: calibrate the station again")
    normal = entry["normal"]
    if not isinstance(normal, list) or len(normal) != 3:
        raise StationError(f"{where}.normal is {normal!r}; expected a list of three numbers")
    values = [_value(each, float, f"{where}.normal") for each in normal]
    offset_m = _value(entry["offset_m"], float, f"{where}.offset_m")
    try:
        return Plane(np.array(values), offset_m)
    except StationError as error:
        raise StationError(f"{where}: {error}") from error


def _camera(entry: Any, where: str) -> CameraModel:
    entry = _mapping(entry, _CAMERA, where)
    for key in _CAMERA:
        if key not in entry:
            raise StationError(f"{where} has no {key}: calibrate the station again")
    kinds = {key: int if key in ("width", "height") else float for key in _CAMERA}
    try:
        return CameraModel(**{k: _value(entry[k], kinds[k], f"{where}.{k}") for k in _CAMERA})
    except ValueError as error:
        raise StationError(f"{where}: {error}") from error


def _region(entry: Any, where: str) -> RegionOfInterest:
    entry = _mapping(entry, ("x", "y", "width", "height"), where)
    values = {key: _value(value, float, f"{where}.{key}") for key, value in entry.items()}
    try:
        return RegionOfInterest(**values)
    except StationError as error:
        raise StationError(f"{where}: {error}") from error


def _mapping(value: Any, keys: tuple[str, ...], where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise StationError(f"{where} is {type(value).__name__}; expected a mapping of {keys}")
    unknown = [key for key in value if key not in keys]
    if unknown:
        raise StationError(f"{where} has unknown keys {unknown}; known are {', '.join(keys)}")
    return value


def _value(value: Any, kind: type, where: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind:
        raise StationError(f"{where} is {value!r}; expected {kind.__name__}")
    return value
