"""Answers that other threads give to services, which wait without blocking reception."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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


class Offered:
    """Services of a node whose callbacks may wait.

    services  type, name and callback of each
    """

    def __init__(self, node: Node, *services: tuple[Any, str, Callable[..., Any]]) -> None:
        self._node = node
        # A callback that waits keeps the others of its group from running.
        group = ReentrantCallbackGroup()
        self._services = [
            node.create_service(kind, name, callback, callback_group=group)
            for kind, name, callback in services
        ]

    def destroy(self) -> None:
        """Takes the services off the node."""
        for service in self._services:
            self._node.destroy_service(service)
