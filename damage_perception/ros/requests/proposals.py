"""The service that says which threshold the newest items suggest; it changes nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from rclpy.node import Node
from rclpy.task import Future

from damage_perception.network.unlabelled import UnlabelledPoint, suggest_operating_point
from damage_perception.ros.requests.answers import Offered, resolver
from damage_perception.verdict.policy import VerdictPolicy
from damage_perception.verdict.score_watch import Scores, ScoreWatch
from damage_perception_msgs.srv import ProposeOperatingPoint

_BUSY: Final = "a proposal is being worked out: wait for its answer"


class Proposals(Offered):
    """``~/propose_operating_point`` from creation to ``destroy``, active or not.

    values  the node's parameters as they are now
    policy  the verdict policy as it is now
    """

    def __init__(
        self,
        node: Node,
        scores: ScoreWatch,
        values: Callable[[], Mapping[str, Any]],
        policy: Callable[[], VerdictPolicy],
    ) -> None:
        self._scores = scores
        self._values = values
        self._policy = policy
        self._proposing = False
        super().__init__(node, (ProposeOperatingPoint, "~/propose_operating_point", self._propose))

    async def _propose(
        self, request: ProposeOperatingPoint.Request, response: ProposeOperatingPoint.Response
    ) -> ProposeOperatingPoint.Response:
        values, policy = self._values(), self._policy()
        if request.camera and request.camera not in values["cameras"]:
            response.message = (
                f"camera {request.camera!r} is not one of {', '.join(values['cameras'])}"
            )
            return response
        if self._proposing:
            response.message = _BUSY
            return response
        scores = self._scores.scores(request.camera, request.compared, policy, request.items)
        # A number of the message has single precision.
        rate = round(request.false_diverts_per_1000, 6) or float(values["false_diverts_per_1000"])
        current = _threshold_of_most(scores, request.compared, policy)
        response.items = len(scores.log_odds)
        response.current_threshold = current
        if response.items:
            diverted = scores.diverted(policy, request.compared)
            response.diverts_per_1000 = 1000 * diverted / response.items
        answer: Future = Future()
        done = resolver(self._node, answer)
        self._proposing = True
        try:
            # Images are received on the thread that called.
            threading.Thread(target=_suggest, args=(scores, rate, done), daemon=True).start()
            suggested, response.message = await answer
        finally:
            self._proposing = False
        if suggested is not None:
            _fill(response, suggested, rate, current, self._node.get_fully_qualified_name())
        return response


def _suggest(scores: Scores, rate: float, done: Callable[[Any, str], None]) -> None:
    try:
        done(suggest_operating_point(scores.log_odds, rate), "")
    except ValueError as error:
        done(None, str(error))
    except Exception as error:
        done(None, f"{type(error).__name__}: {error}")


def _fill(
    response: ProposeOperatingPoint.Response,
    suggested: UnlabelledPoint,
    rate: float,
    current: float,
    node: str,
) -> None:
    point = suggested.point
    low, high = point.false_diverts_per_1000_95
    response.success = True
    response.threshold = point.threshold
    response.threshold_low, response.threshold_high = point.threshold_95
    response.damaged_share = suggested.damaged_share
    response.message = (
        f"{point.threshold:.6f} diverts {rate:g} good items in 1000 ({low:.2g} to {high:.2g} at "
        f"95 %), now it is {current:.6f}; to take it: "
        f"ros2 param set {node} damage_threshold {point.threshold:.6f}"
    )


def _threshold_of_most(scores: Scores, compared: bool, policy: VerdictPolicy) -> float:
    """The threshold that most of these items have."""
    colour = 2 * int(scores.without_depth.sum()) > len(scores.without_depth)
    return policy.threshold(compared=compared, without_depth=colour)
