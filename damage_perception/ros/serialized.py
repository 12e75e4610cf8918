"""Images and camera_info as they arrive: serialized, and read only where they are wanted.

Of a flood of images most are overtaken before anyone looks at them, and rclpy takes about as long
to make a message of one as the middleware takes to carry it. So a message stays the bytes it came
as (OMG CDR version 1, which ROS 2 writes), and what is read shares their memory.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Final

from damage_perception.image_message import ConversionError

# By the first two bytes of a message: how its numbers are laid out.
_BYTE_ORDERS: Final = {b"\x00\x00": ">", b"\x00\x01": "<"}
_ENCAPSULATION: Final = 4
# A message may be filled up to a multiple of four bytes.
_LONGEST_PADDING: Final = 3


@dataclass(frozen=True, eq=False)
class SerializedImage:
    """A sensor_msgs/Image by its fields; ``data`` is the message's own memory."""

    stamp_ns: int
    frame_id: str
    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
    data: memoryview

    @staticmethod
    def read(serialized: bytes) -> SerializedImage:
        """Raises ConversionError where ``serialized`` is no such message, or not all of one."""
        reader = _Reader(serialized)
        stamp_ns, frame_id = reader.stamp_ns(), reader.text()
        height, width = reader.numbers("I", 2)
        encoding = reader.text()
        (is_bigendian,) = reader.numbers("B")
        (step,) = reader.numbers("I")
        data = reader.octets()
        reader.end()
        return SerializedImage(
            stamp_ns, frame_id, height, width, encoding, is_bigendian, step, data
        )


@dataclass(frozen=True, eq=False)
class SerializedCompressedImage:
    """A sensor_msgs/CompressedImage by its fields; ``data`` is the message's own memory."""

    stamp_ns: int
    frame_id: str
    format: str
    data: memoryview

    @staticmethod
    def read(serialized: bytes) -> SerializedCompressedImage:
        """Raises ConversionError where ``serialized`` is no such message, or not all of one."""
        reader = _Reader(serialized)
        stamp_ns, frame_id = reader.stamp_ns(), reader.text()
        kind, data = reader.text(), reader.octets()
        reader.end()
        return SerializedCompressedImage(stamp_ns, frame_id, kind, data)


@dataclass(frozen=True)
class SerializedCameraInfo:
    """What a sensor_msgs/CameraInfo says of a rectified camera: its size and K, row by row."""

    height: int
    width: int
    k: tuple[float, ...]

    @staticmethod
    def read(serialized: bytes) -> SerializedCameraInfo:
        """Raises ConversionError where ``serialized`` does not begin as such a message."""
        reader = _Reader(serialized)
        reader.stamp_ns()
        reader.text()
        height, width = reader.numbers("I", 2)
        reader.text()
        (coefficients,) = reader.numbers("I")
        reader.numbers("d", coefficients)
        return SerializedCameraInfo(height, width, reader.numbers("d", 9))


def stamp_ns_of(serialized: bytes) -> int:
    """The stamp of a serialized message that begins with its header, in nanoseconds.

    Raises ConversionError where it is too short to have one.
    """
    return _Reader(serialized).stamp_ns()


class _Reader:
    """Reads a message from its beginning on. What is not there raises ConversionError."""

    def __init__(self, serialized: bytes) -> None:
        order = _BYTE_ORDERS.get(serialized[:2])
        if order is None:
            raise ConversionError(
                f"message begins with {serialized[:2].hex() or 'nothing'}; expected 0000 or 0001 "
                "(CDR version 1)"
            )
        self._order = order
        self._bytes = memoryview(serialized)
        self._at = _ENCAPSULATION

    def numbers(self, code: str, count: int = 1) -> tuple[Any, ...]:
        """``count`` numbers of one struct ``code``, aligned to their size."""
        size = struct.calcsize(f"={code}")
        # An empty sequence has no padding before it.
        start = self._at + (-(self._at - _ENCAPSULATION) % size if count else 0)
        self._advance(start, count * size)
        return struct.unpack_from(f"{self._order}{count}{code}", self._bytes, start)

    def stamp_ns(self) -> int:
        """A builtin_interfaces/Time in nanoseconds."""
        (seconds,), (nanoseconds,) = self.numbers("i"), self.numbers("I")
        return int(seconds) * 1_000_000_000 + int(nanoseconds)

    def octets(self) -> memoryview:
        """A sequence of bytes."""
        (length,) = self.numbers("I")
        start = self._at
        self._advance(start, length)
        return self._bytes[start : start + length]

    def text(self) -> str:
        """A string, without the zero it ends in."""
        octets = self.octets().tobytes()
        try:
            return octets.removesuffix(b"\x00").decode()
        except UnicodeDecodeError as error:
            raise ConversionError(f"message has a text that is not UTF-8: {error}") from error

    def end(self) -> None:
        """Raises ConversionError where more follows than the message has fields."""
        surplus = len(self._bytes) - self._at
        if surplus > _LONGEST_PADDING:
            raise ConversionError(f"message is {surplus} bytes longer than its fields")

    def _advance(self, start: int, length: int) -> None:
        if start + length > len(self._bytes):
            raise ConversionError(
                f"message is cut off: {len(self._bytes)} bytes, where {start + length} or more "
                "were announced"
            )
        self._at = start + length
