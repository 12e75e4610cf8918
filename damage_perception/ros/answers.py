"""Answers that other threads give to services, which wait without blocking reception."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
