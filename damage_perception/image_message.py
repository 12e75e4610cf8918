"""Image and CameraInfo messages as arrays and camera models.

Messages are taken by their fields alone, so that this module needs no ROS.
"""

from __future__ import annotations

import struct
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import CameraModel, ColorImage, DepthImage

METRES_PER_MILLIMETRE: Final = np.float32(0.001)

# What stands before the PNG: a format, and the two parameters of the quantisation.
_DEPTH_HEADER: Final = struct.Struct("<iff")

# Of a compressed image; larger ones are not what they say.
_MOST_PIXELS: Final = 64_000_000
_PNG: Final = b"\x89PNG\r\n\x1a\n"
# Start of frame of a JPEG (ITU-T T.81, table B.1): all but tables and arithmetic coding.
_FRAME_HEADERS: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}

# Channels and OpenCV's conversion to RGB.
_COLOR: Final[dict[str, tuple[int, int | None]]] = {
    "rgb8": (3, None),
    "bgr8": (3, cv2.COLOR_BGR2RGB),
    "rgba8": (4, cv2.COLOR_RGBA2RGB),
    "bgra8": (4, cv2.COLOR_BGRA2RGB),
    "mono8": (1, cv2.COLOR_GRAY2RGB),
}


class ConversionError(ValueError):
    """An image message that is not what it says, or of an encoding that is not known."""


def read_color(message: Any) -> ColorImage:
    """(H, W, 3) uint8 RGB of a sensor_msgs/Image; shares the message's memory where it can.

    Raises ConversionError.
    """
    if message.encoding not in _COLOR:
        return _through_cv_bridge(message)
    channels, conversion = _COLOR[message.encoding]
    image = _pixels(message, np.dtype(np.uint8), channels)
    if conversion is None:
        return image
    return np.asarray(cv2.cvtColor(image, conversion), np.uint8)


def read_depth(message: Any) -> DepthImage:
    """(H, W) float32 metres of a sensor_msgs/Image (REP 118: 16UC1 millimetres, 32FC1 metres).

    Shares the message's memory where it can. Raises ConversionError.
    """
    order = ">" if message.is_bigendian else "<"
    if message.encoding in ("16UC1", "mono16"):
        millimetres = _pixels(message, np.dtype(f"{order}u2"), 1)
        return np.asarray(millimetres * METRES_PER_MILLIMETRE, np.float32)
    if message.encoding == "32FC1":
        return _pixels(message, np.dtype(f"{order}f4"), 1).astype(np.float32, copy=False)
    raise ConversionError(
        f"depth image is {message.encoding or 'without encoding'}; expected 16UC1 (mm) or 32FC1 "
        "(m): remap depth/image_rect_raw to the registered depth topic"
    )


def read_compressed_color(message: Any) -> ColorImage:
    """(H, W, 3) uint8 RGB of a sensor_msgs/CompressedImage: JPEG or PNG. Raises ConversionError."""
    image = _decoded(message.data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None:
        raise ConversionError(
            f"compressed colour image of format {message.format!r} cannot be decoded; expected "
            "JPEG or PNG"
        )
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def read_compressed_depth(message: Any) -> DepthImage:
    """(H, W) float32 metres of a CompressedImage of the transport compressedDepth, as PNG.

    16UC1 holds millimetres. 32FC1 holds inverse depth, quantised by the two numbers in the header
    (image_transport_plugins, compressed_depth_image_transport). Raises ConversionError.
    """
    encoding = message.format.partition(";")[0].strip()
    if "rvl" in message.format:
        raise ConversionError("compressed depth image is RVL; set the publisher's format to png")
    if encoding not in ("16UC1", "mono16", "32FC1"):
        raise ConversionError(
            f"compressed depth image has the format {message.format!r}; expected 16UC1 or 32FC1 of "
            "the transport compressedDepth"
        )
    if len(message.data) < _DEPTH_HEADER.size:
        raise ConversionError(f"compressed depth image has {len(message.data)} bytes of data")
    _, a, b = _DEPTH_HEADER.unpack_from(message.data)
    image = _decoded(message.data[_DEPTH_HEADER.size :], cv2.IMREAD_UNCHANGED)
    if image is None or image.dtype != np.uint16 or image.ndim != 2:
        raise ConversionError("compressed depth image holds no 16-bit grey PNG")
    if encoding != "32FC1":
        return np.asarray(image * METRES_PER_MILLIMETRE, np.float32)
    with np.errstate(divide="ignore"):
        depth_m = np.float32(a) / (image.astype(np.float32) - np.float32(b))
    return np.where(image > 0, depth_m, np.float32(0)).astype(np.float32)


def _decoded(data: Any, flags: int) -> NDArray[Any] | None:
    """None where ``data`` is no image, or only the beginning of one."""
    octets = np.frombuffer(data, np.uint8)
    if not len(octets):
        return None
    # A JPEG that breaks off decodes without complaint, grey from there on.
    if octets[:2].tobytes() == b"\xff\xd8" and b"\xff\xd9" not in octets[-1024:].tobytes():
        return None
    size = _announced_size(octets.tobytes())
    if size is None or size[0] * size[1] > _MOST_PIXELS:
        return None
    try:
        return cv2.imdecode(octets, flags)
    except cv2.error:
        return None


def _announced_size(data: bytes) -> tuple[int, int] | None:
    """Width and height that a PNG or JPEG says it has; None where it is neither, or not whole.

    A decoder makes room for what is announced before it finds that nothing follows.
    """
    return _png_size(data) if data.startswith(_PNG) else _jpeg_size(data)


def _png_size(data: bytes) -> tuple[int, int] | None:
    size, at = None, len(_PNG)
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IHDR" and at + 16 <= len(data):
            size = struct.unpack_from(">II", data, at + 8)
        if kind == b"IEND":
            return size
        at += 12 + length
    return None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], struct.unpack_from(">H", data, at + 2)[0]
        if marker == 0xFF:  # any number of these may stand before a marker
            at += 1
        elif marker in _FRAME_HEADERS:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        else:
            at += 2 + length
    return None


def read_camera_info(message: Any) -> CameraModel:
    """The pinhole model of a sensor_msgs/CameraInfo.

    Raises ValueError where the camera is not calibrated.
    """
    k = message.k
    return CameraModel(
        int(message.width), int(message.height), float(k[0]), float(k[4]), float(k[2]), float(k[5])
    )


def _pixels(message: Any, dtype: np.dtype[Any], channels: int) -> NDArray[Any]:
    """(H, W[, C]) pixels of a message, without the padding of its rows."""
    height, width, step = int(message.height), int(message.width), int(message.step)
    row = width * channels * dtype.itemsize
    if height == 0 or width == 0:
        raise ConversionError(f"{message.encoding} image is {width}x{height}; expected pixels")
    if step < row:
        raise ConversionError(
            f"{message.encoding} image has rows of {step} bytes (step); {width} pixels need {row}"
        )
    if len(message.data) != height * step:
        raise ConversionError(
            f"{message.encoding} image has {len(message.data)} bytes of data; {height} rows of "
            f"{step} bytes are {height * step}"
        )
    rows = np.frombuffer(message.data, np.uint8).reshape(height, step)
    pixels = np.ascontiguousarray(rows[:, :row]).view(dtype)
    return pixels if channels == 1 else pixels.reshape(height, width, channels)


def _through_cv_bridge(message: Any) -> ColorImage:
    known = ", ".join(_COLOR)
    name = f"colour image is {message.encoding or 'without encoding'}"
    try:
        from cv_bridge import CvBridge
    except Exception as error:  # built for another NumPy, it raises more than ImportError
        raise ConversionError(
            f"{name}; without cv_bridge expected {known}: publish one of them, or install "
            f"ros-$ROS_DISTRO-cv-bridge ({type(error).__name__}: {error})"
        ) from error
    try:
        image = CvBridge().imgmsg_to_cv2(message, "rgb8")
    except Exception as error:  # CvBridgeError, and what OpenCV and NumPy raise below it
        raise ConversionError(f"{name}; expected {known}; cv_bridge says: {error}") from error
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ConversionError(f"{name}, which cv_bridge makes {image.dtype} {image.shape}")
    return np.ascontiguousarray(image)
