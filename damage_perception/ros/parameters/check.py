"""Values held against the table of parameters."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from damage_perception.ros.parameters.parameter import Parameter, Value
from damage_perception.station import Plane, RegionOfInterest
from damage_perception.verdict.belt import Belt

_PYTHON_TYPES: Final = {"bool": bool, "integer": int, "double": float, "string": str}
# Far from any rounding of a quaternion written with four digits.
_QUATERNION_TOLERANCE = 1e-3


class ParameterError(ValueError):
    """A parameter that is unknown, of another type or out of bounds; the text names it."""


def parse_value(parameter: Parameter, value: Any) -> Value:
    """``value`` as the parameter's type: whole numbers become doubles, no value an empty array.

    Raises ParameterError where the type, a bound, a choice or a length does not hold.
    """
    parsed = _as_type(parameter, value)
    numbers = parsed if isinstance(parsed, list) else [parsed]
    if parameter.bounds is not None:
        low, high = parameter.bounds
        if not all(low <= number <= high for number in numbers):  # type: ignore[operator]
            raise ParameterError(
                f"parameter {parameter.name} is {value!r}; expected {low:g} to {high:g}"
                + (f" {parameter.unit}" if parameter.unit else "")
            )
    if parameter.choices and parsed not in parameter.choices:
        raise ParameterError(
            f"parameter {parameter.name} is {value!r}; expected one of "
            + ", ".join(parameter.choices)
        )
    if parameter.lengths and len(numbers) not in parameter.lengths:
        lengths = " or ".join(map(str, parameter.lengths))
        raise ParameterError(
            f"parameter {parameter.name} has {len(numbers)} values; expected {lengths}: "
            f"{parameter.description}"
        )
    return parsed


def check_values(values: Mapping[str, Value]) -> None:
    """Checks what holds between the parts of a value, or between two values.

    Raises ParameterError.
    """
    for name, value in values.items():
        try:
            if name == "cameras":
                _check_cameras(value)  # type: ignore[arg-type]
            elif name.endswith(".region_of_interest"):
                RegionOfInterest(*value)  # type: ignore[misc]
            elif name.endswith(".plane") and value:
                plane_of(value)  # type: ignore[arg-type]
            elif name == "belt_velocity" and value:
                Belt(np.array(value, np.float64))
            elif name.endswith((".pose", ".depth_to_color")) and value:
                pose_of(value)  # type: ignore[arg-type]
        except ValueError as error:
            raise ParameterError(f"parameter {name}: {error}") from error
    _check_belt(values)
    dark, bright = values["dark_level"], values["bright_level"]
    if not dark < bright:  # type: ignore[operator]
        raise ParameterError(
            f"parameter dark_level is {dark}, bright_level is {bright}; expected the first below "
            "the second"
        )


def plane_of(values: list[float]) -> Plane:
    """The plane of nx ny nz d. Raises StationError."""
    return Plane(np.array(values[:3], np.float64), values[3])


def pose_of(values: list[float]) -> NDArray[np.float64]:
    """The (4, 4) transform of x y z qx qy qz qw.

    Raises ValueError where the quaternion is no unit quaternion.
    """
    length = math.sqrt(sum(part * part for part in values[3:]))
    if not abs(length - 1.0) <= _QUATERNION_TOLERANCE or not all(map(math.isfinite, values)):
        raise ValueError(
            f"quaternion {values[3:]} has length {length:.4f}; expected a unit quaternion, "
            "qx qy qz qw"
        )
    x, y, z, w = (part / length for part in values[3:])
    pose = np.eye(4)
    pose[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    pose[:3, 3] = values[:3]
    return pose


def _check_belt(values: Mapping[str, Value]) -> None:
    """One belt goes past several cameras only where it is known how they stand to each other."""
    if not values["belt_velocity"]:
        if values["belt_encoder"]:
            raise ParameterError(
                "parameter belt_encoder is true, but belt_velocity is empty; expected the "
                "direction of the belt"
            )
        return
    cameras: list[str] = values["cameras"]  # type: ignore[assignment]
    alone = [name for name in cameras if not values[f"{name}.pose"]]
    if len(cameras) > 1 and alone:
        raise ParameterError(
            f"parameter belt_velocity: camera {alone[0]} has no pose; several cameras over one "
            "belt need one each: damage-perception calibrate-cameras finds them"
        )


def _check_cameras(cameras: list[str]) -> None:
    if not cameras or len(set(cameras)) != len(cameras):
        raise ValueError(f"is {cameras}; expected one or more names, each once")
    for name in cameras:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
            raise ValueError(
                f"{name!r} cannot be part of a topic; expected letters, digits and underscores, a "
                "letter first"
            )


def _as_type(parameter: Parameter, value: Any) -> Value:
    if parameter.type.endswith("_array"):
        # ROS gives an empty list in YAML no type, and so no value.
        entries = [] if value is None else value
        if not isinstance(entries, str | bytes) and isinstance(entries, Iterable):
            element = replace(parameter, type=parameter.type.removesuffix("_array"))
            return [_as_type(element, entry) for entry in entries]  # type: ignore[return-value]
    elif parameter.type == "double" and type(value) is int:
        return float(value)
    elif type(value) is _PYTHON_TYPES[parameter.type]:
        return cast(Value, value)
    raise ParameterError(
        f"parameter {parameter.name} is {value!r} ({type(value).__name__}); expected "
        f"{parameter.type}"
    )
