"""The parameters of the detector whose reports are recorded, as they are now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from rcl_interfaces.msg import ParameterEvent
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.parameter import parameter_value_to_python
from rclpy.parameter_client import AsyncParameterClient
from rclpy.qos import qos_profile_parameter_events
from rclpy.task import Future

# How often it is asked for parameters that it was not there to tell, or that changed.
_ASK_S: Final = 0.5
# An answer that does not come by then was that of a detector that ended.
_PATIENCE: Final = 10


class DetectorParameters:
    """Follows the parameters of ``detector``, a node's name, whether it is there or not.

    changed  called with all values whenever some are new
    """

    def __init__(
        self, node: Node, detector: str, changed: Callable[[Mapping[str, Any]], None]
    ) -> None:
        self.values: Mapping[str, Any] = {}
        self._changed = changed
        self._client = AsyncParameterClient(node, detector)
        self._name = _full_name(node, detector)
        self._wanted = True
        self._asked = 0
        node.create_subscription(
            ParameterEvent, "/parameter_events", self._notice, qos_profile_parameter_events
        )
        # Simulated time may stand still.
        node.create_timer(_ASK_S, self._ask, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _notice(self, event: ParameterEvent) -> None:
        self._wanted = self._wanted or event.node == self._name

    def _ask(self) -> None:
        if self._asked:
            self._asked -= 1
            return
        if self._wanted and self._client.services_are_ready():
            self._wanted, self._asked = False, _PATIENCE
            self._client.list_parameters(callback=self._get)

    def _get(self, listed: Future) -> None:
        names = sorted(listed.result().result.names)
        self._client.get_parameters(names, callback=lambda got: self._take(names, got))

    def _take(self, names: list[str], got: Future) -> None:
        self._asked = 0
        values = [parameter_value_to_python(value) for value in got.result().values]
        if len(values) != len(names):  # one of them was undeclared meanwhile
            self._wanted = True
            return
        self.values = dict(zip(names, values, strict=True))
        self._changed(self.values)


def _full_name(node: Node, detector: str) -> str:
    if detector.startswith("/"):
        return detector
    return f"{node.get_namespace().rstrip('/')}/{detector}"
