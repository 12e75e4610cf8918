"""Whether one camera of a station was moved, by the items that several cameras see."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float64]

# Newest items of each two cameras that count, and as many first ones.
WINDOW: Final = 200
# With fewer items, nothing is said.
FEWEST: Final = 30
# Of a camera that moved by less, the items still join.
LIMIT_MM: Final = 5.0
# Of the uncertainty: in some thousand windows of a year, chance alone is to stay below.
_DEVIATIONS: Final = 5.0
# One of several cameras that moved stands out: by a half where there are three, by more of more.
_AS_MUCH: Final = 0.75
# From the median of absolute deviations to a standard deviation, and from that to the one of a
# median, both of a normal distribution.
_OF_DEVIATIONS: Final = 1.4826
_OF_MEDIAN: Final = 1.2533


@dataclass(frozen=True, eq=False)
class CameraOffset:
    """How far the items that one camera sees lie off those of the others.

    offset_mm       (3,) this camera minus the others, in the frame of the station
    moved_mm        (3,) how that has changed since the first items
    uncertainty_mm  of ``moved_mm``, one standard deviation of its length
    items           newest ones that it comes from
    problem         what is beyond the limit and beyond chance; empty where nothing is
    """

    offset_mm: Vector
    moved_mm: Vector
    uncertainty_mm: float
    items: int
    problem: str = ""


class CameraAgreement:
    """Compares where the cameras of a station see the same items.

    Two cameras see other faces of an item, so its positions differ even where both are calibrated
    well. A camera that is moved changes by how much. So the newest items are held against the first
    ones, and the limit is wider where items differ much among each other. Not thread-safe.

    window    items of each two cameras, of the first and of the newest
    fewest    items without which nothing is said
    limit_mm  how far a camera may move

    ```
    agreement = CameraAgreement()
    agreement.take({"front": np.array([0.10, 0.02, 0.05]), "side": np.array([0.11, 0.02, 0.05])})
    problems = [offset.problem for offset in agreement.offsets().values() if offset.problem]
    ```
    """

    def __init__(
        self,
        window: int = WINDOW,
        fewest: int = FEWEST,
        limit_mm: float = LIMIT_MM,
    ) -> None:
        self._window, self._fewest, self._limit_mm = window, fewest, limit_mm
        self._first: dict[tuple[str, str], list[Vector]] = {}
        self._newest: dict[tuple[str, str], deque[Vector]] = {}

    def take(self, positions_m: Mapping[str, Vector]) -> None:
        """Takes in one reported item: (3,) where each camera saw it, in the station's frame.

        A position that is not finite does not count.
        """
        seen = {name: at for name, at in positions_m.items() if np.isfinite(at).all()}
        for a, b in combinations(sorted(seen), 2):
            offset = np.asarray(seen[a] - seen[b], np.float64)
            first = self._first.setdefault((a, b), [])
            if len(first) < self._window:
                first.append(offset)
            self._newest.setdefault((a, b), deque(maxlen=self._window)).append(offset)

    def offsets(self) -> dict[str, CameraOffset]:
        """What is known of each camera that sees enough items together with another one."""
        pairs = [pair for pair, items in self._newest.items() if len(items) >= self._fewest]
        cameras = sorted({name for pair in pairs for name in pair})
        found = {name: self._offset(name, pairs) for name in cameras}
        most_mm = max((_length(one.moved_mm) for one in found.values()), default=0.0)
        return {
            name: replace(one, problem=self._problem(name, one, most_mm))
            for name, one in found.items()
        }

    def _offset(self, name: str, pairs: list[tuple[str, str]]) -> CameraOffset:
        """Of one camera, in the median over those that it sees items with."""
        offsets, shifts, deviations, counts = [], [], [], []
        for pair in pairs:
            if name not in pair:
                continue
            newest = np.array(self._newest[pair])
            now, deviation = _median(newest)
            before, of_first = _median(np.array(self._first[pair]))
            deviation = np.hypot(deviation, of_first)
            sign = 1.0 if name == pair[0] else -1.0
            offsets.append(sign * now)
            shifts.append(sign * (now - before))
            deviations.append(_length(deviation))
            counts.append(len(newest))
        return CameraOffset(
            1000 * np.median(offsets, axis=0),
            1000 * np.median(shifts, axis=0),
            1000 * float(np.median(deviations)),
            min(counts),
        )

    def _problem(self, name: str, one: CameraOffset, most_mm: float) -> str:
        """Empty, too, for a camera that differs from the others since one of these moved."""
        moved_mm = _length(one.moved_mm)
        if moved_mm <= max(self._limit_mm, _DEVIATIONS * one.uncertainty_mm):
            return ""
        if moved_mm < _AS_MUCH * most_mm:
            return ""
        return (
            f"items lie {moved_mm:.1f} mm (+- {one.uncertainty_mm:.1f}) from where camera {name} "
            "saw them before, as the other cameras have it: where it was moved, calibrate the "
            "cameras; where other products came, nothing is wrong"
        )


def _median(offsets: Vector) -> tuple[Vector, Vector]:
    """(3,) median of (N, 3), and its standard deviation."""
    middle = np.median(offsets, axis=0)
    spread = _OF_DEVIATIONS * np.median(np.abs(offsets - middle), axis=0)
    return np.asarray(middle), np.asarray(_OF_MEDIAN * spread / np.sqrt(len(offsets)))


def _length(vector: Vector) -> float:
    return float(np.linalg.norm(vector))
