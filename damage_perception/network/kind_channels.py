"""The kinds of damage that a model tells apart, against those that this version knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from damage_perception.kinds import KINDS


@dataclass(frozen=True)
class KindChannels:
    """Which channel of a model's outputs is of which kind, by name.

    names  of the channels, in their order

    Raises ValueError where they are not names, each once, or none of them is in `kinds.KINDS`.
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.names or not all(isinstance(name, str) and name for name in self.names):
            raise ValueError(f"kinds {list(self.names)}; expected names")
        if twice := sorted({name for name in self.names if self.names.count(name) > 1}):
            raise ValueError(f"kinds that name {', '.join(twice)} twice")
        if not self.known:
            raise ValueError(
                f"kinds of which this version knows none: {', '.join(self.names)}; "
                f"it knows {', '.join(KINDS)}"
            )

    @staticmethod
    def parse(content: Any) -> KindChannels:
        """From the section ``kinds`` of a card. Raises ValueError."""
        if not isinstance(content, list):
            raise ValueError(f"kinds {content!r}; expected a list of names")
        return KindChannels(tuple(content))

    @property
    def known(self) -> tuple[str, ...]:
        """The kinds that both know, in the order of KINDS."""
        return tuple(kind for kind in KINDS if kind in self.names)

    @property
    def warning(self) -> str:
        """For people: what cannot be said; empty where model and version have the same kinds."""
        unknown = [name for name in self.names if name not in KINDS]
        lacking = [kind for kind in KINDS if kind not in self.names]
        parts = []
        if unknown:
            parts.append(
                f"this version does not know the kinds {', '.join(unknown)}: such damage counts, "
                "but neither its kind nor its place is reported"
            )
        if lacking:
            parts.append(f"the model does not know the kinds {', '.join(lacking)}")
        return "; ".join(parts)

    def in_order(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, len(KINDS), ...) in the order of KINDS, of (N, channels, ...).

        0 where the model lacks the kind; channels of kinds that KINDS lacks are dropped.
        """
        if self.names == KINDS:
            return values
        ordered = np.zeros((len(values), len(KINDS), *values.shape[2:]), values.dtype)
        for kind in self.known:
            ordered[:, KINDS.index(kind)] = values[:, self.names.index(kind)]
        return ordered
