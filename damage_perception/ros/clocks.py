"""The two clocks of a node: ROS time for stamps, steady time for whatever waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from damage_perception.ros.messages import NANOSECONDS

_TOPIC: Final = "/clock"
_CHECK_S: Final = 0.25
# Checks, not seconds: while a callback keeps the executor busy, /clock is not heard either.
_CHECKS: Final = 4
_MEND: Final = (
    "start what publishes it (a simulation, ros2 bag play --clock), or set use_sim_time to false. "
    "Until then deadlines keep real time"
)


@dataclass(frozen=True)
class ClockState:
    """Where a node's ROS time comes from.

    simulated  from /clock, not from the system
    problem    why there is none, with the mend; empty where it goes on
    """

    simulated: bool = False
    problem: str = ""


class Clocks:
    """Both clocks of a node, in nanoseconds.

    ROS time is the system's or, with ``use_sim_time``, what comes on /clock. It stamps messages; it
    may be 0, stand still or jump. Steady time goes on whatever ROS time does.
    """

    def __init__(self, node: Node) -> None:
        self._clock = node.get_clock()

    def ros_ns(self) -> int:
        """ROS time; 0 where simulated time has not begun."""
        return int(self._clock.now().nanoseconds)

    def steady_ns(self) -> int:
        """Steady time."""
        return time.monotonic_ns()


class ClockWatch:
    """Notices where a node is to take its time from /clock and nothing comes, or nothing new.

    A problem is logged once, with the mend, until time goes on.

    changed  called when ``state`` has changed
    """

    def __init__(self, node: Node, changed: Callable[[], None]) -> None:
        self._node = node
        self._changed = changed
        self._newest_ns = -1
        self._unchanged = 0
        self.state = ClockState()
        node.create_timer(_CHECK_S, self._check, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _check(self) -> None:
        clock = self._node.get_clock()
        simulated, now_ns = bool(clock.ros_time_is_active), int(clock.now().nanoseconds)
        self._unchanged = self._unchanged + 1 if simulated and now_ns == self._newest_ns else 0
        self._newest_ns = now_ns
        problem = self._problem(now_ns) if self._unchanged >= _CHECKS else ""
        before, self.state = self.state, ClockState(simulated, problem)
        if bool(before.problem) == bool(problem):
            return
        if problem:
            self._node.get_logger().error(problem)
        else:
            self._node.get_logger().info("ROS time goes on")
        self._changed()

    def _problem(self, now_ns: int) -> str:
        if not self._node.count_publishers(_TOPIC):
            return f"use_sim_time is true and nobody publishes {_TOPIC}: {_MEND}"
        if now_ns == 0:
            return f"use_sim_time is true and nothing comes on {_TOPIC}: {_MEND}"
        return f"{_TOPIC} stands still at {now_ns / NANOSECONDS:.3f} s: go on with it, or {_MEND}"
