"""What is put before the nodes: how many cameras, how fast, and how long an item stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks.images import DISTANCE_M

THREADS = 2


@dataclass(frozen=True)
class Scenario:
    """Cameras that look at a station of their own each.

    stay_frames  how many frames show an item at one place, before the next lies at another; 1:
                 every frame shows a new item, and the detector has to report on every frame
    """

    width: int
    height: int
    cameras: int
    rate_hz: float
    stay_frames: int = 1

    @property
    def publisher_arguments(self) -> list[str]:
        """For benchmarks.publisher."""
        values = (self.cameras, self.rate_hz, self.width, self.height, self.stay_frames)
        return [str(value) for value in values]

    @property
    def parameters(self) -> dict[str, Any]:
        """Of the detector; what is not here has its default."""
        cameras = [f"camera{i}" for i in range(self.cameras)]
        parameters: dict[str, Any] = {"autostart": True, "cameras": cameras, "threads": THREADS}
        parameters |= {f"{name}.plane": [0.0, 0.0, -1.0, DISTANCE_M] for name in cameras}
        if self.stay_frames == 1:
            # Reported at once and forgotten at once.
            parameters |= {"frames_per_camera": 1, "leave_after_ms": 0.0, "join_radius_m": 0.02}
        return parameters


_SIZES = ((640, 480), (1280, 720))

EVERY_FRAME_AN_ITEM = [
    Scenario(*size, cameras, rate_hz)
    for size in _SIZES
    for cameras in (1, 2, 4)
    for rate_hz in (10.0, 30.0)
]
# An item a second on each station is as fast as a robot picks.
ITEMS_THAT_STAY = [Scenario(*size, cameras=4, rate_hz=30.0, stay_frames=30) for size in _SIZES]
# A cell under load with a recorder beside the detector, and without one, in turn.
BESIDE_A_RECORDER = [Scenario(640, 480, cameras=4, rate_hz=10.0, stay_frames=10)] * 3
