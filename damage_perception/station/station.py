"""A station: where items rest, and how large a thing must be to count as one."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from damage_perception.frame import CameraModel, Frame
from damage_perception.station.fit import fit_plane
from damage_perception.station.foreground import FindForeground
from damage_perception.station.item import Item
from damage_perception.station.locate import Limits, locate_items
from damage_perception.station.plane import Plane, StationError
from damage_perception.station.region import RegionOfInterest


@dataclass(frozen=True)
class Station:
    """The place an item rests on, as one camera sees it.

    plane              None: fitted in every frame, with the items in it
    roi                where items count
    min_height_m       what rises less above the plane is support
    min_area_m2        visible area below which a thing is no item
    max_items          the largest ones are kept
    separate_touching  items that touch or hide one another become one Item each
    camera             intrinsics that the plane was calibrated with; None: not known
    max_offset_mm      how far the support may be from the plane before the plane is void
    max_tilt_deg       how far it may be tilted

    Raises StationError where a limit is out of its range.
    """

    plane: Plane | None = None
    roi: RegionOfInterest = field(default_factory=RegionOfInterest)
    min_height_m: float = 0.006
    min_area_m2: float = 0.0004
    max_items: int = 32
    separate_touching: bool = True
    camera: CameraModel | None = None
    max_offset_mm: float = 8.0
    max_tilt_deg: float = 1.5

    def __post_init__(self) -> None:
        if not (np.isfinite(self.min_height_m) and self.min_height_m > 0):
            raise StationError(f"min_height_m is {self.min_height_m}; expected metres, positive")
        if not (np.isfinite(self.min_area_m2) and self.min_area_m2 >= 0):
            raise StationError(f"min_area_m2 is {self.min_area_m2}; expected square metres")
        for name, unit in (("max_offset_mm", "millimetres"), ("max_tilt_deg", "degrees")):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise StationError(f"{name} is {value}; expected {unit}, positive")
        if self.max_items < 1:
            raise StationError(f"max_items is {self.max_items}; expected 1 or more")

    def plane_in(self, frame: Frame) -> Plane | None:
        """The plane under the items: the station's own, or fitted in the frame; None without depth.

        Raises StationError where the frame has depth but no plane.
        """
        if self.plane is None and frame.depth_m is not None and frame.depth_m.any():
            return fit_plane(frame.depth_m, frame.camera, self.roi).plane
        return self.plane

    def locate(
        self,
        frame: Frame,
        plane: Plane | None = None,
        find_foreground: FindForeground | None = None,
    ) -> list[Item]:
        """The items in the frame, largest first; empty where there is none.

        plane            that of ``plane_in``, for a caller who has it already
        find_foreground  finds the items of a frame without depth; None: they are what differs in
                         colour from the image's border

        Raises StationError as ``plane_in`` does, and what ``find_foreground`` raises.
        """
        limits = Limits(self.min_height_m, self.min_area_m2, self.max_items, self.separate_touching)
        known = plane or self.plane_in(frame)
        return locate_items(frame, known, self.roi, limits, find_foreground)
