"""The parameters of one node, as its parameter file may give them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from damage_perception.ros.parameters.barcode_table import BARCODE_TABLE, check_barcodes
from damage_perception.ros.parameters.check import ParameterError, check_values, parse_value
from damage_perception.ros.parameters.parameter import Parameter, Value
from damage_perception.ros.parameters.recorder_table import RECORDER_TABLE
from damage_perception.ros.parameters.table import TABLE, parameters_of


@dataclass(frozen=True)
class NodeTable:
    """What is said of the parameters of a node.

    node   its usual name
    rows   a row for each parameter, or for each parameter that every camera has
    named  the parameters by name, from what is given; may raise ParameterError
    check  raises ParameterError where values do not go together
    """

    node: str
    rows: tuple[Parameter, ...]
    named: Callable[[Mapping[str, Any]], dict[str, Parameter]]
    check: Callable[[Mapping[str, Value]], None]

    def read(self, given: Mapping[str, Any]) -> tuple[dict[str, Parameter], dict[str, Value]]:
        """The parameters, and the value of each where ``given`` gives some.

        Raises ParameterError that names all at fault.
        """
        named = self.named(given)
        values = {name: parameter.default for name, parameter in named.items()}
        problems = []
        for name, value in sorted(given.items()):
            try:
                if name not in named:
                    raise ParameterError(
                        f"parameter {name} is not known; the README and "
                        f"config/damage_perception.yaml list all{_cameras(values)}"
                    )
                values[name] = parse_value(named[name], value)
            except ParameterError as error:
                problems.append(str(error))
        if not problems:
            try:
                self.check(values)
            except ParameterError as error:
                problems.append(str(error))
        if problems:
            raise ParameterError("; ".join(problems))
        return named, values


def _of_detector(given: Mapping[str, Any]) -> dict[str, Parameter]:
    cameras = parse_value(TABLE[0], given.get("cameras", TABLE[0].default))
    return parameters_of(cameras)  # type: ignore[arg-type]


def _cameras(values: Mapping[str, Value]) -> str:
    cameras = values.get("cameras")
    return f", cameras are {', '.join(cameras)}" if isinstance(cameras, list) else ""  # type: ignore[arg-type]


DETECTOR: Final = NodeTable("damage_detector", TABLE, _of_detector, check_values)
RECORDER: Final = NodeTable(
    "damage_recorder",
    RECORDER_TABLE,
    lambda given: {parameter.name: parameter for parameter in RECORDER_TABLE},
    lambda values: None,
)
BARCODES: Final = NodeTable(
    "damage_barcodes",
    BARCODE_TABLE,
    lambda given: {parameter.name: parameter for parameter in BARCODE_TABLE},
    check_barcodes,
)
NODES: Final = (DETECTOR, RECORDER, BARCODES)
