"""How far a belt has carried everything: what moves with it stays in place on it."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.verdict.place import Place

# Readings of the encoder that are kept: images are never older.
_KEPT: Final = 500


class Belt:
    """A belt in the frame of the station; any thread may add readings of its encoder.

    velocity_mps  (3,) its usual velocity; with an encoder its direction alone counts
    encoder       whether `moved` says how far it has come

    Raises ValueError where the velocity is zero or not finite.
    """

    def __init__(self, velocity_mps: NDArray[np.float64], encoder: bool = False) -> None:
        speed = float(np.linalg.norm(velocity_mps))
        if not 0 < speed < np.inf:
            raise ValueError(
                f"belt velocity is {list(velocity_mps)}; expected metres a second along the belt"
            )
        self._velocity = np.asarray(velocity_mps, np.float64)
        self._direction = self._velocity / speed
        self._encoder = encoder
        # Replaced and never changed, so that a reader in another thread sees whole ones.
        self._readings: tuple[tuple[int, ...], tuple[float, ...]] = ((), ())
        self._newest: deque[tuple[int, float]] = deque(maxlen=_KEPT)

    def moved(self, stamp_ns: int, position_m: float) -> None:
        """Takes a reading: how far the belt has come along its direction, metres.

        One whose stamp is not newer than the last one's begins anew, as after a restart.
        """
        if self._newest and stamp_ns <= self._newest[-1][0]:
            self._newest.clear()
        self._newest.append((stamp_ns, position_m))
        stamps, positions = zip(*self._newest, strict=True)
        self._readings = (stamps, positions)

    def travelled_m(self, stamp_ns: int) -> NDArray[np.float64]:
        """(3,) how far it has come at a time, in the frame of the station.

        Between readings of the encoder in proportion, after the newest one with its last speed;
        zero while there is none.
        """
        if not self._encoder:
            return np.asarray(self._velocity * (stamp_ns / 1e9))
        return np.asarray(self._direction * self._position_m(stamp_ns))

    def on_belt(self, place: Place) -> Place:
        """``place`` as seen from the belt, where what it carries stays in place."""
        travelled = self.travelled_m(place.stamp_ns)
        footprint = place.footprint_m
        if footprint is not None:
            footprint = footprint - np.tile(travelled[:2], 2)
        position = place.position_m - travelled
        return replace(place, position_m=position, footprint_m=footprint, on_belt=True)

    def _position_m(self, stamp_ns: int) -> float:
        stamps, positions = self._readings
        if not stamps:
            return 0.0
        if len(stamps) == 1 or stamp_ns <= stamps[0]:
            return positions[0]
        after = min(bisect_right(stamps, stamp_ns), len(stamps) - 1)
        span_ns = stamps[after] - stamps[after - 1]
        share = (stamp_ns - stamps[after - 1]) / span_ns
        return positions[after - 1] + share * (positions[after] - positions[after - 1])
