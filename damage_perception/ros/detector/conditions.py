"""What each camera is good for, looked at now and then, and told once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from damage_perception.inspector import Inspector
from damage_perception.ros.detector.problems import Problems
from damage_perception.verdict.camera_condition import CameraCondition

_EVERY_S: Final = 0.3


class Conditions:
    """The newest condition of every camera; ``log_error`` hears of a bad one once."""

    def __init__(self, log_error: Callable[[str], Any]) -> None:
        self._problems = Problems(log_error)
        self._newest: dict[str, CameraCondition] = {}
        self._looked_s: dict[str, float] = {}

    def of(self, camera: str) -> CameraCondition | None:
        """What a camera was good for a moment ago; None before its first frame."""
        return self._newest.get(camera)

    def follow(self, inspector: Inspector, camera: str) -> None:
        """Looks at what the inspector saw of a camera, unless that was just done."""
        now_s = time.monotonic()
        if now_s - self._looked_s.get(camera, -_EVERY_S) < _EVERY_S:
            return
        self._looked_s[camera] = now_s
        condition = inspector.condition(camera)
        if condition is None:
            return
        self._newest[camera] = condition
        if condition.blind or condition.weak:
            self._problems.note(camera, RuntimeError(condition.blind or condition.weak))
        else:
            self._problems.clear(camera)
