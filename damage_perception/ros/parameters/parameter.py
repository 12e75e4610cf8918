"""What is said of one parameter of the detector node."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

Value: TypeAlias = bool | int | float | str | list[str] | list[float]


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
