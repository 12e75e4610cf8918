"""Every fault by name, and every fault while another one lasts."""

from __future__ import annotations

from itertools import cycle
from typing import Final

from benchmarks.chaos.fault import NONE, Fault, together
from benchmarks.chaos.image_faults import FUZZED, IMAGE_FAULTS
from benchmarks.chaos.process_faults import LASTING, PROCESS_FAULTS

FAULTS: Final = {fault.name: fault for fault in (NONE, *IMAGE_FAULTS, *PROCESS_FAULTS)}


def pairs() -> list[Fault]:
    """Every fault while another one lasts: one of a process, for those of images in turn."""
    beside = cycle(LASTING)
    of_images = [together(fault, next(beside)) for fault in IMAGE_FAULTS]
    return of_images + [together(fault, FUZZED) for fault in PROCESS_FAULTS]
