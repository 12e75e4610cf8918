"""What is wrong with the images of each camera, told once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

# What differs from image to image in the text of one problem.
_NUMBERS: Final = re.compile(r"\d+(\.\d+)?")


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
        self._newest[camera] = str(error)
        kind = _NUMBERS.sub("", f"{type(error).__name__}: {error}")
        told = self._told.setdefault(camera, set())
        if kind not in told:
            told.add(kind)
            self._log_error(f"camera {camera}: {details or error}")

    def clear(self, camera: str) -> None:
        """An image went all the way."""
        self._newest.pop(camera, None)
        self._told.pop(camera, None)

    def of(self, camera: str) -> str:
        """Why the newest image of a camera could not be handled; empty where it could."""
        return self._newest.get(camera, "")
