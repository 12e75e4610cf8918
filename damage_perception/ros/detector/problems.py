"""What is wrong with the images of each camera, told once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

# What differs from image to image in the text of one problem.
_NUMBERS: Final = re.compile(r"\d+(\.\d+)?")
# Kinds of problems of a camera that are logged, and letters of each: images may name anything.
_MOST_KINDS: Final = 20
_LONGEST: Final = 500


class Problems:
    """Problems by camera, from the first bad image to the next good one.

    A problem comes at the rate of the images: ``log_error`` hears of it once, until the camera is
    well again.
    """

    def __init__(self, log_error: Callable[[str], Any]) -> None:
        self._log_error = log_error
        self._newest: dict[str, str] = {}
        self._told: dict[str, set[str]] = {}

    def note(self, camera: str, error: Exception, details: str = "") -> None:
        """An image could not be handled; ``details``, a traceback, are for the log alone."""
        text = str(error)[:_LONGEST]
        self._newest[camera] = text
        kind = _NUMBERS.sub("", f"{type(error).__name__}: {text}")
        told = self._told.setdefault(camera, set())
        if kind not in told and len(told) < _MOST_KINDS:
            told.add(kind)
            self._log_error(f"camera {camera}: {details or text}")

    def clear(self, camera: str) -> None:
        """An image went all the way."""
        self._newest.pop(camera, None)
        self._told.pop(camera, None)

    def of(self, camera: str) -> str:
        """Why the newest image of a camera could not be handled; empty where it could."""
        return self._newest.get(camera, "")
