"""What a fault is: what it changes or does, and what has to hold then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks.chaos.items import UNMOVED, Item, Move, Noise, Scenery
from benchmarks.chaos.processes import PLAIN, Setup
from damage_perception.frame import CameraModel, ColorImage, DepthImage

if TYPE_CHECKING:
    from benchmarks.chaos.cell import Cell

# From the end of a fault to the first right verdict, at most; a process has to start before it.
_RECOVERS_S: Final = 5.0
_STARTS_S: Final = 10.0


@dataclass(frozen=True)
class Shot:
    """What is about to be published. depth_m None: no depth image; item None: empty station."""

    color: ColorImage
    depth_m: DepthImage | None
    camera: CameraModel
    stamp_ns: int
    item: Item | None = None


@dataclass
class Before:
    """What a fault may show in place of the truth.

    last    published before the fault began
    former  the item before the one that is shown
    """

    scenery: Scenery
    noise: Noise = field(default_factory=Noise)
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    last: Shot | None = None
    former: Item | None = None


Change = Callable[[Shot, Before], Shot | None]
Action = Callable[["Cell"], None]


def _unchanged(shot: Shot, before: Before) -> Shot:
    return shot


@dataclass(frozen=True)
class Fault:
    """One fault.

    change         what is published instead; None: nothing
    begin, end     done once as the fault begins, and as it ends; the camera waits for them
    each           done after every frame
    announcing     done after every announcement
    seconds        how long it lasts; 0: from the first item to the last; spans begin in the middle
                   of an item
    blind          no verdict is possible, so no broken item may pass that passes without the fault
    loses          announcements are lost while it lasts
    starts_anew    the detector starts anew: announcements are lost until it has recovered
    tells          texts that /diagnostics must have
    harmless       /diagnostics must have nothing but what is well
    move           of the camera, after the station was calibrated
    announced      items are announced
    deadlines      announcements have one, in the clock of this machine
    setup          what it needs from the start of its row
    beside         another fault, which lasts from the first item to the last
    """

    name: str
    change: Change = _unchanged
    begin: Action | None = None
    end: Action | None = None
    each: Callable[[Cell, Shot], None] | None = None
    announcing: Callable[[Cell, str], None] | None = None
    seconds: float = 0.0
    blind: bool = False
    loses: bool = False
    starts_anew: bool = False
    tells: tuple[str, ...] = ()
    harmless: bool = False
    move: Move = UNMOVED
    announced: bool = True
    deadlines: bool = True
    rate_hz: float = 10.0
    setup: Setup = PLAIN
    beside: Fault | None = None

    @property
    def recovers_s(self) -> float:
        """From its end to the first right verdict, at most."""
        return _STARTS_S if self.starts_anew else _RECOVERS_S


NONE: Final = Fault("none")


def together(fault: Fault, lasting: Fault) -> Fault:
    """``fault`` while ``lasting`` lasts from the first item to the last.

    What must not be under one of them must not be under both.
    """
    return replace(
        fault,
        name=f"{fault.name}+{lasting.name}",
        blind=fault.blind or lasting.blind,
        tells=fault.tells + lasting.tells,
        harmless=fault.harmless and lasting.harmless,
        setup=fault.setup | lasting.setup,
        beside=lasting,
    )
