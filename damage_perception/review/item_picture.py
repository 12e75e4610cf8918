"""Pictures for people at the booth: an image as JPEG, with the item in it outlined."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from damage_perception.enrollment import Shown
from damage_perception.frame import ColorImage

_WIDTH: Final = 960
_QUALITY: Final = 85
_OUTLINE: Final = (255, 228, 92)
_BACKDROP: Final = (13, 18, 24)


def jpeg_of(color: ColorImage, shown: Shown | None = None) -> bytes:
    """A JPEG of a colour image, at most 960 pixels wide.

    shown  what was found in it is outlined, and the picture shows little else
    """
    image = color if shown is None else _outlined(color, shown)
    scale = min(1.0, _WIDTH / image.shape[1])
    if scale < 1:
        image = np.asarray(
            cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
        )
    turned = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", turned, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()


def _outlined(color: ColorImage, shown: Shown) -> ColorImage:
    """The part of an image around an item, 4 : 3 where the image is large enough."""
    window, item = shown.view.window, shown.view.item
    contours, _ = cv2.findContours(item, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    corner = np.array((window.x, window.y))
    outline = [
        np.round(corner + contour * (window.side / len(item))).astype(np.int32)
        for contour in contours
    ]
    image = color.copy()
    line = max(2, window.side // 120)
    cv2.drawContours(image, outline, -1, _BACKDROP, 2 * line, cv2.LINE_AA)
    cv2.drawContours(image, outline, -1, _OUTLINE, line, cv2.LINE_AA)
    middle = (window.x + window.side / 2, window.y + window.side / 2)
    size = (window.side * 4 / 3, float(window.side))
    (x0, x1), (y0, y1) = (
        _part(at, wide, whole)
        for at, wide, whole in zip(middle, size, (color.shape[1], color.shape[0]), strict=True)
    )
    return image[y0:y1, x0:x1]


def _part(middle: float, wide: float, whole: int) -> tuple[int, int]:
    """From where to where a part reaches that is as wide and lies within the whole."""
    width = min(whole, round(wide))
    start = int(np.clip(round(middle - width / 2), 0, whole - width))
    return start, start + width
