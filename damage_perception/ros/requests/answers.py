"""Answers that other threads give to services, which wait without blocking reception.

rclpy sends no answer where a service's callback raises; here every request is answered.
"""

from __future__ import annotations

import functools
import inspect
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from rcl_interfaces.msg import SetParametersResult
from rcl_interfaces.srv import SetParameters, SetParametersAtomically
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.task import Future


def resolver(node: Node, answer: Future) -> Callable[[Any, str], None]:
    """Completes ``answer`` from any thread with (result, text), and has the executor notice."""

    def done(result: Any, text: str) -> None:
        answer.set_result((result, text))
        executor = node.executor
        if executor is not None:
            executor.wake()

    return done


def answered(node: Node, name: str, callback: Callable[..., Any]) -> Callable[..., Any]:
    """``callback`` of the service ``name``; where it raises, that is logged and is the answer."""

    async def answering(request: Any, response: Any) -> Any:
        try:
            answer = callback(request, response)
            return await answer if inspect.isawaitable(answer) else answer
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            # A value that rclpy does not take; anything else is a fault of the node's own.
            where = "" if isinstance(error, ValueError) else "\n" + traceback.format_exc()
            node.get_logger().error(f"request to {name} failed: {text}{where}")
            _refuse(request, response, text)
            return response

    return answering


def answer_every_request(node: Node) -> None:
    """Has the services that rclpy gave ``node`` answer what they raise on, too."""
    for service in node.services:
        service.callback = answered(node, service.srv_name, service.callback)


def _refuse(request: Any, response: Any, text: str) -> None:
    """Says no and why, in the fields that the response has for that."""
    if hasattr(response, "success"):
        response.success = False
    if hasattr(response, "message"):
        response.message = text
    refused = SetParametersResult(successful=False, reason=text)
    if isinstance(response, SetParametersAtomically.Response):
        response.result = refused
    elif isinstance(response, SetParameters.Response):
        # Those before the one that raised are set and have their result.
        unset = len(request.parameters) - len(response.results)
        response.results = [*response.results, *[refused] * unset]


def alone(what: str) -> Callable[[Callable[..., Awaitable[Any]]], Callable[..., Any]]:
    """Of a callback of `Offered`, one runs at a time: who asks meanwhile hears that ``what`` runs.

    Each waiting request costs time in every frame, and nobody limits how many come.
    """

    def decorate(callback: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
        @functools.wraps(callback)
        async def calling(offered: Offered, request: Any, response: Any) -> Any:
            if callback in offered.running:
                response.message = f"{what} is running: wait for its answer"
                return response
            offered.running.add(callback)
            try:
                return await callback(offered, request, response)
            finally:
                offered.running.discard(callback)

        return calling

    return decorate


class Offered:
    """Services of a node whose callbacks may wait.

    services  type, name and callback of each
    """

    def __init__(self, node: Node, *services: tuple[Any, str, Callable[..., Any]]) -> None:
        self._node = node
        self.running: set[Callable[..., Any]] = set()
        # A callback that waits keeps the others of its group from running.
        group = ReentrantCallbackGroup()
        self._services = [
            node.create_service(kind, name, answered(node, name, callback), callback_group=group)
            for kind, name, callback in services
        ]

    def destroy(self) -> None:
        """Takes the services off the node."""
        for service in self._services:
            self._node.destroy_service(service)
