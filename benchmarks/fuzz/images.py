"""Sound messages of two cameras, which the fuzzed ones are made from."""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import count
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from benchmarks.fuzz.mutations import ENCAPSULATION
from benchmarks.images import DISTANCE_M, frames
from damage_perception.ros.messages import NANOSECONDS, camera_info_message, image_message
from damage_perception.topics import CAMERA_INFO, COLOR, DEPTH, DEPTH_INFO

# The second one's depth is registered in the node.
CAMERAS: Final = ("camera", "side")
RAW, COMPRESSED = "raw", "compressed"
_WIDTH, _HEIGHT = 320, 240
_STAMP: Final = struct.Struct("<iI")
# What is shown: nothing, one item, more items than a frame takes, depth that is noise.
EMPTY, ITEM, CROWD, NOISE = "empty", "item", "crowd", "noise"
_SIDE, _APART, _HEIGHT_M = 20, 32, 0.06
_EXPOSURES: Final = 4
_PARALLEL: Final = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]


def parameters(transport: str) -> dict[str, Any]:
    """What the detector has to know of the cameras."""
    plane = [0.0, 0.0, -1.0, DISTANCE_M]
    return {
        "cameras": list(CAMERAS),
        "image_transport": transport,
        "camera": {"plane": plane},
        "side": {"depth_to_color": _PARALLEL},
    }


class Images:
    """Messages of a station: EMPTY, with an ITEM or a CROWD of them, or NOISE in its depth.

    transport  raw or compressed
    """

    def __init__(self, transport: str) -> None:
        self._colour_message: Callable[[NDArray[Any]], Any] = _image
        self._depth_message: Callable[[NDArray[Any]], Any] = _image
        self.kind: Any = Image
        self.topics = {COLOR: COLOR, DEPTH: DEPTH}
        if transport == COMPRESSED:
            self.kind = CompressedImage
            self._colour_message, self._depth_message = _jpeg, _png
            self.topics = {COLOR: f"{COLOR}/compressed", DEPTH: f"{DEPTH}/compressedDepth"}
        shown = frames(_WIDTH, _HEIGHT)
        self._camera = shown[0].camera
        first, middle, last = shown[0], shown[2], shown[-1]
        assert first.depth_m is not None and middle.depth_m is not None
        assert last.depth_m is not None
        self._noise = np.random.default_rng(1)
        half = _WIDTH // 2
        empty = np.hstack((last.color[:, :half], first.color[:, half:]))
        empty_m = np.hstack((last.depth_m[:, :half], first.depth_m[:, half:]))
        crowd, crowd_m = empty.copy(), empty_m.copy()
        for x in range(_SIDE, _WIDTH - 2 * _SIDE, _APART):
            for y in range(_SIDE, _HEIGHT - 2 * _SIDE, _APART):
                crowd[y : y + _SIDE, x : x + _SIDE] //= 2
                crowd_m[y : y + _SIDE, x : x + _SIDE] -= _HEIGHT_M
        self._scenes: dict[str, tuple[NDArray[Any], NDArray[Any]]] = {
            EMPTY: (empty, empty_m),
            ITEM: (middle.color, middle.depth_m),
            CROWD: (crowd, crowd_m),
            # As of a driver that calls its 32FC1 images 16UC1.
            NOISE: (empty, empty_m.view(np.uint16)[:, :_WIDTH] * np.float32(0.001)),
        }
        self._exposures = {
            scene: [self._exposure(*shown) for _ in range(_EXPOSURES)]
            for scene, shown in self._scenes.items()
        }
        self._serialized = {
            scene: [{t: bytearray(serialize_message(m)) for t, m in one.items()} for one in taken]
            for scene, taken in self._exposures.items()
        }
        self._numbers = count()

    def sound(self, camera: str, stamp_ns: int, scene: str = ITEM) -> dict[str, bytes]:
        """One instant, serialized, by topic; camera_info first. Of a few exposures."""
        taken = self._serialized[scene][next(self._numbers) % _EXPOSURES]
        return {topic: stamped(taken[topic], stamp_ns) for topic in _topics(camera)}

    def fresh(self, camera: str, stamp_ns: int, scene: str) -> dict[str, bytes]:
        """The same, with noise of its own: a camera that repeats itself to the bit is frozen."""
        taken = self._exposure(*self._scenes[scene])
        serialized = {topic: serialize_message(taken[topic]) for topic in _topics(camera)}
        return {t: stamped(bytearray(message), stamp_ns) for t, message in serialized.items()}

    def message(self, topic: str) -> Any:
        """The message of a topic with an item, to be changed by the caller."""
        given = self._exposures[ITEM][next(self._numbers) % _EXPOSURES][topic]
        kind = type(given)
        fields = given.get_fields_and_field_types()
        # Copies share the data, which is long; whoever changes it puts other data in its place.
        return kind(**{name: getattr(given, name) for name in fields})

    def _exposure(self, color: NDArray[Any], depth_m: NDArray[Any]) -> dict[str, Any]:
        noise = self._noise
        noisy = np.clip(color + noise.normal(0, 2, color.shape), 0, 255).astype(np.uint8)
        noisy_m = (depth_m + noise.normal(0, 5e-4, depth_m.shape)).astype(np.float32)
        info = camera_info_message(self._camera, Header(frame_id="optical"))
        return {
            COLOR: self._colour_message(noisy),
            DEPTH: self._depth_message(noisy_m),
            CAMERA_INFO: info,
            DEPTH_INFO: info,
        }


def _topics(camera: str) -> list[str]:
    unregistered = [DEPTH_INFO] if camera == CAMERAS[1] else []
    return [*unregistered, CAMERA_INFO, COLOR, DEPTH]


def stamped(message: bytearray, stamp_ns: int) -> bytes:
    """``message`` with another stamp in its header."""
    _STAMP.pack_into(message, ENCAPSULATION, *divmod(stamp_ns, NANOSECONDS))
    return bytes(message)


def _image(pixels: NDArray[Any]) -> Image:
    return image_message(pixels, Header(frame_id="optical"))


def _jpeg(color: NDArray[Any]) -> CompressedImage:
    packed = cv2.imencode(".jpg", color[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
    return CompressedImage(
        header=Header(frame_id="optical"),
        format="rgb8; jpeg compressed bgr8",
        data=packed.tobytes(),
    )


def _png(depth_m: NDArray[Any]) -> CompressedImage:
    packed = cv2.imencode(".png", np.rint(depth_m * 1000).astype(np.uint16))[1]
    data = struct.pack("<iff", 0, 0.0, 0.0) + packed.tobytes()
    header = Header(frame_id="optical")
    return CompressedImage(header=header, format="16UC1; compressedDepth png", data=data)
