"""The table of parameters on a node: overrides checked at start, changes checked as they come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter

from damage_perception.ros.parameters.check import ParameterError, parse_value
from damage_perception.ros.parameters.node_table import NodeTable
from damage_perception.ros.parameters.parameter import Change, Parameter, Value

# What ROS itself lets a parameter file say of any node.
_OF_ROS: Final = ("use_sim_time", "start_type_description_service")
_OF_ROS_PREFIX: Final = "qos_overrides."


class ParameterServer:
    """Declares a table on a node and holds its values.

    is_configured  whether the node has been configured and not cleaned up
    require        called with all values before some change; raises ParameterError against them
    on_change      called with all values after some changed

    Raises ParameterError, naming every parameter at fault, where a parameter file or the command
    line gives one that is unknown, of another type or out of bounds: rclpy would drop an unknown
    one without a word.
    """

    def __init__(
        self,
        node: Node,
        table: NodeTable,
        is_configured: Callable[[], bool],
        require: Callable[[dict[str, Value]], None],
        on_change: Callable[[dict[str, Value]], None],
    ) -> None:
        self._check_values = table.check
        self._is_configured = is_configured
        self._require = require
        self._on_change = on_change
        # rclpy gives no public access to the values of files and command line.
        given = {
            name: entry.value
            for name, entry in node._parameter_overrides.items()
            if name not in _OF_ROS and not name.startswith(_OF_ROS_PREFIX)
        }
        self._table, self.values = table.read(given)
        for name, parameter in self._table.items():
            _declare(node, parameter, self.values[name])
        node.add_pre_set_parameters_callback(self._as_declared)
        node.add_on_set_parameters_callback(self._check)
        node.add_post_set_parameters_callback(self._take)

    def _as_declared(self, changes: list[RosParameter]) -> list[RosParameter]:
        """``changes``, those that can be with the type of the table; rclpy refuses the others."""
        return [self._converted(change) for change in changes]

    def _converted(self, change: RosParameter) -> RosParameter:
        parameter = self._table.get(change.name)
        if parameter is None or change.type_ is RosParameter.Type.NOT_SET:
            return change
        try:
            return _ros_parameter(parameter, parse_value(parameter, change.value))
        except ParameterError:
            return change

    def _check(self, changes: list[RosParameter]) -> SetParametersResult:
        try:
            values = self.values | self._parse(changes)
            self._check_values(values)
            self._require(values)
        except ParameterError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _take(self, changes: list[RosParameter]) -> None:
        parsed = self._parse(changes)
        if parsed:
            self.values = self.values | parsed
            self._on_change(self.values)

    def _parse(self, changes: list[RosParameter]) -> dict[str, Value]:
        parsed = {}
        for change in changes:
            parameter = self._table.get(change.name)
            if parameter is None:
                continue
            if change.type_ is RosParameter.Type.NOT_SET:
                raise ParameterError(f"parameter {change.name} cannot be deleted")
            value = parse_value(parameter, change.value)
            if value != self.values[change.name]:
                self._require_changeable(parameter)
            parsed[change.name] = value
        return parsed

    def _require_changeable(self, parameter: Parameter) -> None:
        if parameter.change is Change.AT_START:
            raise ParameterError(
                f"parameter {parameter.name} is read as the node starts: start it again"
            )
        if parameter.change is Change.UNCONFIGURED and self._is_configured():
            raise ParameterError(
                f"parameter {parameter.name} cannot change while the node is configured: "
                "deactivate and clean up first"
            )


def _declare(node: Node, parameter: Parameter, value: Value) -> None:
    descriptor = ParameterDescriptor(
        description=parameter.description,
        additional_constraints=" ".join(
            part for part in (parameter.unit, f"changes {parameter.change.value}") if part
        ),
    )
    if parameter.bounds and parameter.type == "double":
        low, high = parameter.bounds
        descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
    elif parameter.bounds and parameter.type == "integer":
        low, high = parameter.bounds
        descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=1)]
    # By type and not by value: an empty array has no type that rclpy could infer.
    typed = _ros_parameter(parameter, value)
    node.declare_parameter(parameter.name, typed.type_, descriptor, ignore_override=True)
    node.set_parameters([typed])


def _ros_parameter(parameter: Parameter, value: Value) -> RosParameter:
    return RosParameter(parameter.name, RosParameter.Type[parameter.type.upper()], value)
