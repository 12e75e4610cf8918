"""Pixels of sensor_msgs/Image, from whatever library read the message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import ColorImage, DepthImage

# encoding: channels, and the conversion to RGB; None where it is RGB
_COLOR: Final[Mapping[str, tuple[int, int | None]]] = {
    "rgb8": (3, None),
    "bgr8": (3, cv2.COLOR_BGR2RGB),
    "rgba8": (4, cv2.COLOR_RGBA2RGB),
    "bgra8": (4, cv2.COLOR_BGRA2RGB),
    "mono8": (1, cv2.COLOR_GRAY2RGB),
}
# encoding: type of a pixel, and metres in its unit
_DEPTH: Final[Mapping[str, tuple[str, float]]] = {
    "16UC1": ("u2", 0.001),
    "mono16": ("u2", 0.001),
    "32FC1": ("f4", 1.0),
}


class ImageError(ValueError):
    """An image message that cannot be read; the text names the value and the mend."""


class RawImage(Protocol):
    """The fields of sensor_msgs/Image; ``data`` is any buffer of bytes."""

    encoding: str
    height: int
    width: int
    step: int
    is_bigendian: int
    data: Any


def color_of(image: RawImage) -> ColorImage:
    """(H, W, 3) uint8 RGB; a copy unless the message is rgb8.

    Raises ImageError where the encoding is none of rgb8, bgr8, rgba8, bgra8, mono8, or the data do
    not fit height and step.
    """
    if image.encoding not in _COLOR:
        raise ImageError(
            f"colour image is {image.encoding!r}; expected one of {', '.join(_COLOR)}"
        )
    channels, conversion = _COLOR[image.encoding]
    pixels = _pixels(image, np.dtype(np.uint8), channels)
    return pixels if conversion is None else np.asarray(cv2.cvtColor(pixels, conversion), np.uint8)


def depth_of(image: RawImage) -> DepthImage:
    """(H, W) float32 metres, as they stand in the message.

    Raises ImageError where the encoding is neither 16UC1 (mm) nor 32FC1 (m), or the data do not
    fit height and step.
    """
    if image.encoding not in _DEPTH:
        raise ImageError(
            f"depth image is {image.encoding!r}; expected 16UC1 (mm) or 32FC1 (m): use the "
            "registered depth topic"
        )
    name, unit = _DEPTH[image.encoding]
    order = ">" if image.is_bigendian else "<"
    depth = _pixels(image, np.dtype(order + name), 1).astype(np.float32)
    return depth if unit == 1.0 else depth * np.float32(unit)


def _pixels(image: RawImage, pixel: np.dtype[Any], channels: int) -> NDArray[Any]:
    row = image.width * channels * pixel.itemsize
    if image.height <= 0 or image.width <= 0:
        raise ImageError(f"image is {image.width}x{image.height}; expected a positive size")
    if image.step < row:
        raise ImageError(
            f"step is {image.step}; a row of {image.width} pixels of {image.encoding} has {row} "
            "bytes"
        )
    data = np.frombuffer(image.data, np.uint8)
    if data.size != image.height * image.step:
        raise ImageError(
            f"data has {data.size} bytes; height x step is {image.height * image.step}"
        )
    rows = data.reshape(image.height, image.step)[:, :row]
    pixels = np.ascontiguousarray(rows).view(pixel)
    return pixels.reshape(image.height, image.width, channels) if channels > 1 else pixels
