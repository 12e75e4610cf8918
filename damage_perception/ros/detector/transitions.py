"""Lifecycle transitions that say why they failed, or cannot begin."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from typing import Any

from lifecycle_msgs.srv import ChangeState
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from damage_perception.network.session import BackendError

# What a site can mend; anything else comes with its traceback.
_EXPECTED = (ValueError, OSError, BackendError)

# Of what somebody asks for, in the log.
_LONGEST_LABEL = 40

Transition = Callable[[Any, LifecycleState], TransitionCallbackReturn]


def explained(transition: Transition) -> Transition:
    """Logs what a transition raises and fails the transition: rclpy drops exceptions unseen.

    The node keeps the text as ``failure``, empty after a transition that went well.
    """
    name = transition.__name__.removeprefix("on_")

    @functools.wraps(transition)
    def explaining(node: Any, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            result = transition(node, state)
        except Exception as error:
            node.failure = f"{name} failed: {error}"
            node.get_logger().error(node.failure)
            if not isinstance(error, _EXPECTED):
                node.get_logger().error("".join(traceback.format_exception(error)))
            return TransitionCallbackReturn.FAILURE
        node.failure = ""
        return result

    return explaining


def refuse_impossible_transitions(node: LifecycleNode) -> None:
    """Has ``~/change_state`` say no to a transition that the node's state does not have.

    rclpy raises there, in the callback, and the request is never answered.
    """
    for service in node.services:
        if service.srv_type is ChangeState:
            service.callback = functools.partial(_change_state, node, service.callback)


def _change_state(
    node: LifecycleNode,
    change: Callable[..., ChangeState.Response],
    request: ChangeState.Request,
    response: ChangeState.Response,
) -> ChangeState.Response:
    asked = request.transition
    # rclpy gives no public access to its state machine.
    possible = {number: label for number, label, *_ in node._state_machine.available_transitions}
    # As in rclpy, a label goes before an id.
    if asked.label in possible.values() if asked.label else asked.id in possible:
        return change(request, response)
    names = ", ".join(f"{label} ({number})" for number, label in possible.items()) or "nothing"
    name = repr(asked.label[:_LONGEST_LABEL]) if asked.label else asked.id
    node.get_logger().error(
        f"change_state refused: from {node._state_machine.current_state[1]} there is no transition "
        f"{name}; expected {names}"
    )
    response.success = False
    return response
