"""One item cut out of one frame, at the size the network takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import Frame
from damage_perception.station import FindForeground, Item, Plane, Station
from damage_perception.station.plane import slope

# Height of a pixel whose depth is not known; far below anything real, so the graph can tell.
UNKNOWN_HEIGHT_M: Final = -10.0
# What a view spans where that is not known.
USUAL_WIDTH_M: Final = 0.3
# Spills lie beside the item, so the view is wider than the item by this share on every side.
MARGIN: Final = 0.2


@dataclass(frozen=True)
class Window:
    """A square of the colour image, in pixels; may reach beyond the image."""

    x: int
    y: int
    side: int

    @staticmethod
    def around(item: Item, margin: float = MARGIN) -> Window:
        """The smallest square around the item's box with ``margin`` of its side added all round."""
        x, y, width, height = item.box
        side = max(8, round(max(width, height) * (1 + 2 * margin)))
        return Window(round(x + (width - side) / 2), round(y + (height - side) / 2), side)

    @property
    def rows(self) -> NDArray[np.intp]:
        """(side,) of the image, or beside it."""
        return np.arange(self.y, self.y + self.side)

    @property
    def columns(self) -> NDArray[np.intp]:
        """(side,) of the image, or beside it."""
        return np.arange(self.x, self.x + self.side)

    def cut(self, image: NDArray[Any], fill: float) -> NDArray[Any]:
        """The window's pixels of ``image`` (H, W[, C]); ``fill`` where it reaches beyond."""
        height, width = image.shape[:2]
        x0, x1 = np.clip((self.x, self.x + self.side), 0, width)
        y0, y1 = np.clip((self.y, self.y + self.side), 0, height)
        inside = image[y0:y1, x0:x1]
        if inside.shape[:2] == (self.side, self.side):
            return inside
        out = np.full((self.side, self.side, *image.shape[2:]), fill, image.dtype)
        out[y0 - self.y : y1 - self.y, x0 - self.x : x1 - self.x] = inside
        return out


@dataclass(frozen=True)
class View:
    """What the network is given of one item in one frame.

    color     (S, S, 3) uint8, RGB
    height_m  (S, S) float32, metres above the station plane, UNKNOWN_HEIGHT_M where unknown
    item      (S, S) uint8, 1 on the item, 0 elsewhere
    width_m   metres that the view spans at the item's distance; 0 where the distance is unknown
    window    the square of the frame that the view shows
    """

    color: NDArray[np.uint8]
    height_m: NDArray[np.float32]
    item: NDArray[np.uint8]
    width_m: float
    window: Window

    def resized(self, size: int) -> View:
        """The same view, ``size`` pixels wide; itself where it is so already."""
        if len(self.item) == size:
            return self
        item = cv2.resize(self.item, (size, size), interpolation=cv2.INTER_NEAREST)
        height = _nearest(self.height_m, size)
        return View(_colors(self.color, size), height, _as_bytes(item), self.width_m, self.window)

    def turned(self, degrees: float) -> View:
        """The same view, turned about its centre; its edges go on where it shows nothing."""
        side = len(self.item)
        middle = (side - 1) / 2
        turn = cv2.getRotationMatrix2D((middle, middle), degrees, 1.0)

        def warp(image: NDArray[Any], how: int, **border: Any) -> NDArray[Any]:
            return cv2.warpAffine(image, turn, (side, side), flags=how, **border)

        color = warp(self.color, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        height = warp(self.height_m, cv2.INTER_NEAREST, borderValue=UNKNOWN_HEIGHT_M)
        item = warp(self.item, cv2.INTER_NEAREST, borderValue=0)
        return View(_as_bytes(color), height, _as_bytes(item), self.width_m, self.window)


def cut_items(
    frame: Frame, station: Station, size: int, find_foreground: FindForeground | None = None
) -> list[tuple[Item, View]]:
    """Every item in ``frame`` with its view of ``size`` x ``size`` pixels, largest first.

    find_foreground  see `Station.locate`

    Raises StationError where the station's plane is to be fitted in the frame and there is none.
    """
    plane = station.plane_in(frame)
    items = station.locate(frame, plane, find_foreground)
    return list(zip(items, cut_views(frame, items, plane, size), strict=True))


def cut_views(frame: Frame, items: Sequence[Item], plane: Plane | None, size: int) -> list[View]:
    """The view of each of ``items`` in ``frame``, ``size`` pixels wide.

    plane  they stand on; None: heights are unknown
    """
    return [cut_windows(frame, item, [Window.around(item)], plane, size)[0] for item in items]


def cut_windows(
    frame: Frame, item: Item, windows: Sequence[Window], plane: Plane | None, size: int
) -> list[View]:
    """Views of ``item`` through ``windows`` of ``frame``, each ``size`` pixels wide.

    plane  it stands on; None: heights are unknown
    """
    views = []
    for window in windows:
        height = None
        if plane is not None and frame.depth_m is not None:
            # Of the pixels of the view alone: those of the whole image take as long as the rest.
            depth = window.cut(frame.depth_m, 0)
            slopes = slope(plane, frame.camera, window.rows, window.columns)
            if window.side > size:
                depth, slopes = _nearest(depth, size), _nearest(slopes, size)
            height = depth * slopes
            height += np.float32(plane.offset_m)
            height[~(depth > 0)] = np.nan
            height = _nearest(height, size)
        views.append(_view(frame, item, window, height, size))
    return views


def cut_view(frame: Frame, item: Item, height_m: NDArray[np.float32] | None, size: int) -> View:
    """Cuts ``item`` out of ``frame``.

    height_m  (H, W) metres above the plane, NaN where unknown; None without depth
    size      side of the view in pixels
    """
    window = Window.around(item)
    height = None if height_m is None else _nearest(window.cut(height_m, np.nan), size)
    return _view(frame, item, window, height, size)


def _view(
    frame: Frame, item: Item, window: Window, height_m: NDArray[np.float32] | None, size: int
) -> View:
    """The view of ``item``, whose heights are cut out already; NaN where unknown."""
    pixels, outline = window.cut(frame.color, 0), window.cut(item.mask.view(np.uint8), 0)
    color = _colors(pixels, size)
    mask = _as_bytes(cv2.resize(outline, (size, size), interpolation=cv2.INTER_NEAREST))
    height = np.full((size, size), UNKNOWN_HEIGHT_M, np.float32)
    if height_m is not None:
        np.copyto(height, height_m, where=~np.isnan(height_m))
    return View(color, height, mask, _width_m(frame, item, window), window)


def _colors(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    # INTER_AREA would enlarge in blocks.
    how = cv2.INTER_AREA if len(image) > size else cv2.INTER_LINEAR
    return _as_bytes(cv2.resize(image, (size, size), interpolation=how))


def _nearest(image: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    if len(image) == size:
        return image
    # A mean across an edge of the item is a height that nothing has.
    resized = cv2.resize(image, (size, size), interpolation=cv2.INTER_NEAREST)
    return resized.astype(np.float32, copy=False)


def _width_m(frame: Frame, item: Item, window: Window) -> float:
    if item.centroid_m is None:
        return 0.0
    return float(window.side * item.centroid_m[2] / frame.camera.fx)


def _as_bytes(image: NDArray[Any]) -> NDArray[np.uint8]:
    # OpenCV keeps the type, which its stubs do not know.
    return image.astype(np.uint8, copy=False)
