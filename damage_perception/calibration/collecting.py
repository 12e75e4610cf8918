"""What is collected of a board, image by image, until it is enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from damage_perception.calibration.board import Board
from damage_perception.calibration.finder import Finder
from damage_perception.calibration.initial import common_views, connected
from damage_perception.calibration.station import CalibrationError
from damage_perception.calibration.views import Placement, Shot, find_placements, take_shot
from damage_perception.frame import CameraModel, Frame

# With so many places that a camera has in common with others, more say little.
ENOUGH: Final = 20
# Of a film, so many images a second are enough.
_PERIOD_NS: Final = 90_000_000


class Collection:
    """The board in all images so far.

    Raises DatasetError where OpenCV comes without ArUco.
    """

    def __init__(self, board: Board) -> None:
        self.board = board
        self._finder = Finder(board)
        self._shots: list[Shot] = []
        self._models: dict[str, CameraModel] = {}
        self._newest_ns: dict[str, int] = {}
        self.frame_ids: dict[str, str] = {}

    @property
    def models(self) -> Mapping[str, CameraModel]:
        """Intrinsics of the cameras that had an image, by name."""
        return self._models

    def take(self, frame: Frame) -> None:
        """Takes in an image, but not one that follows another of its camera at once.

        Raises CalibrationError where its intrinsics are not those of the images before.
        """
        name = frame.camera_name
        if self._models.setdefault(name, frame.camera) != frame.camera:
            raise CalibrationError(
                f"the camera_info of camera {name} changed between two images: record again with "
                "one resolution"
            )
        self.frame_ids[name] = frame.frame_id
        newest_ns = self._newest_ns.get(name)
        if newest_ns is not None and 0 <= frame.stamp_ns - newest_ns < _PERIOD_NS:
            return
        self._newest_ns[name] = frame.stamp_ns
        self._shots.append(take_shot(frame, self._finder))

    def placements(self) -> list[Placement]:
        """Where the board lay still so far, and which camera saw it there."""
        widths = {name: model.width for name, model in self._models.items()}
        return find_placements(self._shots, self.board, widths)

    def with_board(self) -> Counter[str]:
        """How many images of each camera show the board, at rest or not."""
        return Counter(shot.camera for shot in self._shots if shot.corners is not None)


def is_enough(placements: list[Placement], cameras: list[str]) -> bool:
    """Whether all cameras are connected, and each saw the board with others often enough."""
    together = [placement for placement in placements if len(placement.views) > 1]
    counts = Counter(name for placement in together for name in placement.views)
    groups = connected(cameras, common_views(together))
    return len(groups) == 1 and all(counts[name] >= ENOUGH for name in cameras)
