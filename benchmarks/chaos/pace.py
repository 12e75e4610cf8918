"""When what is shown: a rate, the order of the frames, and the span of a fault among them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from benchmarks.chaos.fault import Fault
from benchmarks.chaos.items import Item, Scenery

# Frames of an item, and of the empty station after it.
SHOWN: Final = 8
_GAP: Final = 5
# Where in an item a fault begins that does not last from the first to the last.
_BEGINS: Final = 4


class Beat:
    """Keeps a rate; what was missed is not made up for."""

    def __init__(self, rate_hz: float) -> None:
        self._period_s = 1.0 / rate_hz
        self._next_s = time.monotonic()

    def wait(self) -> None:
        """Sleeps until the next beat."""
        self._next_s = max(self._next_s + self._period_s, time.monotonic())
        time.sleep(max(0.0, self._next_s - time.monotonic()))


def script(scenery: Scenery, scale: int) -> Iterator[tuple[Item | None, int]]:
    """What every frame shows, with its number; ``scale`` times as many frames as usual."""
    for item in scenery.items:
        yield from ((item, number) for number in range(SHOWN * scale))
        yield from ((None, number) for number in range(_GAP * scale))


def span(fault: Fault, items: int, scale: int) -> tuple[int, int]:
    """The frames before which a fault begins and ends; it ends at -1 where it lasts."""
    if not fault.seconds:
        return 0, -1
    begins = (max(1, items // 4) * (SHOWN + _GAP) + _BEGINS) * scale
    return begins, begins + max(1, round(fault.seconds * fault.rate_hz))
