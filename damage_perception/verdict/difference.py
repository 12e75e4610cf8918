"""How a view differs from the references of its sku, and what became of asking."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

# Below it, an item is none of those enrolled.
LEAST_CONFIDENCE: Final = 0.5


class ReferenceStatus(IntEnum):
    """Whether references spoke in a report, and why not; mirrors DamageReport.REFERENCES_*."""

    NO_SKU = 0
    USED = 1
    UNKNOWN_SKU = 2
    MISMATCH = 3
    UNAVAILABLE = 4


@dataclass(frozen=True)
class Difference:
    """How one view differs from the references of ``sku``.

    log_odds  calibrated log odds of damage from the references alone
    joined    the same from both signals
    same      how surely the view shows the product of the references; below 0 it does not
    """

    sku: str
    log_odds: float
    joined: float
    same: float


@dataclass(frozen=True)
class Identity:
    """The sku that a descriptor looks like most.

    nearest     empty: there is nothing to compare with
    confidence  0..1 that it is this one
    """

    nearest: str = ""
    confidence: float = 0.0

    @property
    def sku(self) -> str:
        """The sku; empty: none of those enrolled."""
        return self.nearest if self.confidence >= LEAST_CONFIDENCE else ""
