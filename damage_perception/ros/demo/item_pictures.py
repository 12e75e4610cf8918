"""Overlay pictures of items, each joined to the report that it belongs to and kept in a folder."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import cv2

from damage_perception.image_message import read_color

_JPEG: Final = (cv2.IMWRITE_JPEG_QUALITY, 90)
# A report and its picture come this near to one another, or one of them was lost.
_APART_S: Final = 2.0


class _Half(NamedTuple):
    """What waits for its other half: the name of a file, empty for one not kept, or an image.

    Several items of one image have one stamp; their reports and pictures come in one order.
    """

    stamp_ns: int
    came_s: float
    content: Any


class ItemPictures:
    """Writes ``<item id>_overlay.jpg`` into ``folder`` for items of interest.

    Further cameras that saw damage follow as ``<item id>_overlay_2.jpg``, and so on. A report or
    its pictures may come first. ``now_s`` is a clock that does not jump.
    """

    def __init__(self, folder: Path, now_s: Callable[[], float] = time.monotonic) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._now_s = now_s
        self._reports: list[_Half] = []
        self._images: list[_Half] = []

    @property
    def complete(self) -> bool:
        """Whether no report waits for its picture any longer."""
        self._forget()
        return not any(report.content for report in self._reports)

    def report(self, item_id: str, stamp_ns: int, keep: bool, pictures: int = 1) -> None:
        """A report came, of so many pictures; ``keep``: they are wanted."""
        for number in range(1, pictures + 1):
            name = f"{item_id}_overlay" + (f"_{number}" if number > 1 else "")
            self._reports.append(_Half(stamp_ns, self._now_s(), name if keep else ""))
            self._join(stamp_ns)

    def image(self, message: Any, stamp_ns: int) -> None:
        """A sensor_msgs/Image came."""
        self._images.append(_Half(stamp_ns, self._now_s(), message))
        self._join(stamp_ns)

    def _join(self, stamp_ns: int) -> None:
        self._forget()
        report = next((half for half in self._reports if half.stamp_ns == stamp_ns), None)
        image = next((half for half in self._images if half.stamp_ns == stamp_ns), None)
        if report is None or image is None:
            return
        self._reports.remove(report)
        self._images = [half for half in self._images if half is not image]
        if report.content:
            bgr = cv2.cvtColor(read_color(image.content), cv2.COLOR_RGB2BGR)
            cv2.imwrite(str(self._folder / f"{report.content}.jpg"), bgr, _JPEG)

    def _forget(self) -> None:
        since_s = self._now_s() - _APART_S
        self._reports = [half for half in self._reports if half.came_s >= since_s]
        self._images = [half for half in self._images if half.came_s >= since_s]
