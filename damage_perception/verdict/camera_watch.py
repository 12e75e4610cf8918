"""One camera from frame to frame: what its newest frame says of it as a whole."""

from __future__ import annotations

from damage_perception.frame import Frame
from damage_perception.station import Station, Support, SupportWatch
from damage_perception.verdict.camera_condition import CameraCondition
from damage_perception.verdict.image_watch import ImageWatch
from damage_perception.verdict.picture import Picture
from damage_perception.verdict.quality import QualityLimits
from damage_perception.verdict.report import Reason


class CameraWatch:
    """Holds each frame of a camera against those before and against its calibration.

    support  where the newest frame shows it
    faults   what is wrong with that frame as a whole
    """

    def __init__(self) -> None:
        self.support = Support(None)
        self.faults = Reason.NONE
        self._frame: Frame | None = None
        self._unseen = False
        self._supports = SupportWatch()
        self._images = ImageWatch()

    def take(self, frame: Frame, station: Station, limits: QualityLimits) -> None:
        """Takes in a frame. Raises StationError where it shows no plane and none is calibrated."""
        self._frame, self.support = frame, Support(None)
        self.faults = self._images.faults(frame, limits)
        self.support = self._supports.find(frame, station)
        if self.support.problem:
            self.faults |= Reason.NOT_CALIBRATED

    def judged(self, faults: Reason) -> None:
        """Takes down what was wrong with the view of an item in the newest frame."""
        self._unseen = Reason.COLOR_MISMATCH in faults

    def condition(self, station: Station, limits: QualityLimits) -> CameraCondition | None:
        """What the camera is good for; None before its first frame."""
        if self._frame is None:
            return None
        return CameraCondition.of(
            self._frame, station.roi, limits, self.support, self.faults, self._unseen
        )

    def picture(self) -> Picture | None:
        """What it shows now; None before its first frame."""
        frame = self._frame
        if frame is None:
            return None
        return Picture(frame.camera_name, frame.frame_id, frame.color)
