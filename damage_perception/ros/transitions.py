"""Lifecycle transitions that say why they failed."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from typing import Any

from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn

from damage_perception.network.session import BackendError

# What a site can mend; anything else comes with its traceback.
_EXPECTED = (ValueError, OSError, BackendError)

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
