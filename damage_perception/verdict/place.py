"""Where a camera shows an item: what items are told apart by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import Frame
from damage_perception.station import Item, Plane

# Every so many pixels of an item are enough for where it stands.
_FOOTPRINT_STRIDE: Final = 4


@dataclass(frozen=True, eq=False)
class Place:
    """One item as one camera shows it at one time.

    position_m   (3,) centre of the item in the frame of the station
    footprint_m  (4,) least x and y, greatest x and y of what is seen of the item, in the frame of a
                 shared station, otherwise in the optical frame; None where depth is missing
    on_belt      whether both are as seen from a belt, where an item stays in place
    """

    camera: str
    stamp_ns: int
    position_m: NDArray[np.float64]
    footprint_m: NDArray[np.float64] | None = None
    on_belt: bool = False

    @staticmethod
    def of(
        item: Item, frame: Frame, plane: Plane | None, pose: NDArray[np.float64] | None
    ) -> Place:
        """The place of ``item`` in ``frame``.

        plane  of the station in the optical frame, for an item without depth; None: not known
        pose   (4, 4) from the optical frame to that of a shared station; None: it stands alone
        """
        position = item.centroid_m
        if position is None:
            position = _where_it_stands(frame, item, plane)
        if pose is not None:
            position = pose[:3, :3] @ position + pose[:3, 3]
        footprint = _footprint(frame, item, np.eye(4) if pose is None else pose)
        return Place(frame.camera_name, frame.stamp_ns, position, footprint)

    def joined(self, before: Place) -> Place:
        """All that was seen of an item on a belt: parts of it, where it comes into an image."""
        a, b = before.footprint_m, self.footprint_m
        if a is None or b is None:
            return self
        footprint = np.concatenate((np.minimum(a[:2], b[:2]), np.maximum(a[2:], b[2:])))
        position = self.position_m.copy()
        position[:2] = (footprint[:2] + footprint[2:]) / 2
        return replace(self, position_m=position, footprint_m=footprint)

    def area_m2(self) -> float:
        """Of the footprint; 0 where it is not known."""
        if self.footprint_m is None:
            return 0.0
        return float(np.prod(self.footprint_m[2:] - self.footprint_m[:2]))

    def overlap(self, other: Place) -> float:
        """Share of the smaller footprint that both cover; 0 where one is not known."""
        a, b = self.footprint_m, other.footprint_m
        if a is None or b is None:
            return 0.0
        low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
        shared = float(np.prod(np.clip(high - low, 0, None)))
        return shared / max(min(self.area_m2(), other.area_m2()), 1e-9)

    def gap_m(self, other: Place) -> float:
        """Metres between two footprints, 0 where they touch; of centres where one is unknown."""
        a, b = self.footprint_m, other.footprint_m
        if a is None or b is None:
            return float(np.linalg.norm(self.position_m - other.position_m))
        apart = np.maximum(np.maximum(b[:2] - a[2:], a[:2] - b[2:]), 0.0)
        return float(np.hypot(*apart))


def _where_it_stands(frame: Frame, item: Item, plane: Plane | None) -> NDArray[np.float64]:
    """(3,) where the ray through the middle of an item without depth meets the plane.

    Without a plane, a point on that ray: the direction alone still tells items apart.
    """
    x, y, width, height = item.box
    row = min(y + height // 2, frame.camera.height - 1)
    ray = frame.camera.rays[row, min(x + width // 2, frame.camera.width - 1)].astype(np.float64)
    if plane is None or (slope := float(plane.normal @ ray)) > -1e-3:
        return np.asarray(ray)
    return np.asarray(ray * (-plane.offset_m / slope))


def _footprint(frame: Frame, item: Item, pose: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """(4,) least and greatest x and y of an item in the station frame, metres; None without depth.

    Cameras on opposite sides see other faces of an item, but their footprints overlap.
    """
    if frame.depth_m is None:
        return None
    x, y, width, height = item.box
    part = np.s_[y : y + height : _FOOTPRINT_STRIDE, x : x + width : _FOOTPRINT_STRIDE]
    depth = frame.depth_m[part]
    known = item.mask[part] & (depth > 0)
    if not known.any():
        return None
    points = frame.camera.rays[part][known] * depth[known][:, None]
    ground = points @ pose[:2, :3].T + pose[:2, 3]
    # Without the outermost 2 %, which are noise.
    few = len(ground) // 50
    inner = np.partition(ground, (few, len(ground) - 1 - few), axis=0)
    return np.concatenate((inner[few], inner[len(ground) - 1 - few]))
