"""What arrives of a camera as frames: raw or compressed, depth registered or still to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import CameraModel, ColorImage, DepthImage, Frame
from damage_perception.image_message import (
    ConversionError,
    read_camera_info,
    read_color,
    read_compressed_color,
    read_compressed_depth,
    read_depth,
)
from damage_perception.registration import DepthRegistration
from damage_perception.ros.serialized import (
    SerializedCameraInfo,
    SerializedCompressedImage,
    SerializedImage,
)
from damage_perception.topics import CAMERA_INFO, COLOR, DEPTH, DEPTH_INFO

RAW, COMPRESSED = "raw", "compressed"
TRANSPORTS: Final = (RAW, COMPRESSED)


@dataclass(frozen=True)
class CameraTopics:
    """Topics of one camera, below its name, with their types; depth_info is empty where depth is
    registered already."""

    color: tuple[str, Any]
    depth: tuple[str, Any]
    color_info: str = CAMERA_INFO
    depth_info: str = ""


@dataclass(frozen=True)
class CameraInfos:
    """The newest CameraInfo of each camera, serialized."""

    color: dict[str, bytes] = field(default_factory=dict)
    depth: dict[str, bytes] = field(default_factory=dict)


class Decoder:
    """Makes frames of serialized images; for one thread.

    transport       raw, or compressed as image_transport names its topics
    depth_to_color  by camera, (4, 4) from the optical frame of depth to that of colour, where depth
                    is not registered to colour yet
    infos           the caller keeps them
    """

    def __init__(
        self,
        transport: str,
        depth_to_color: Mapping[str, NDArray[np.float64]],
        infos: CameraInfos,
    ) -> None:
        self._compressed = transport == COMPRESSED
        self._depth_to_color = depth_to_color
        self._infos = infos
        # What was computed from a model stays with it, for as long as the model stays the same.
        self._models: dict[tuple[str, str], CameraModel] = {}
        self._registrations: dict[str, DepthRegistration] = {}

    def topics(self, camera: str) -> CameraTopics:
        """What to subscribe to."""
        # Frames are decoded without ROS, too.
        from sensor_msgs.msg import CompressedImage, Image

        depth_info = DEPTH_INFO if camera in self._depth_to_color else ""
        if not self._compressed:
            return CameraTopics((COLOR, Image), (DEPTH, Image), depth_info=depth_info)
        return CameraTopics(
            (f"{COLOR}/compressed", CompressedImage),
            (f"{DEPTH}/compressedDepth", CompressedImage),
            depth_info=depth_info,
        )

    def takes_as_is(self, camera: str) -> bool:
        """Whether the images of a camera are raw, and depth is registered."""
        return not self._compressed and camera not in self._depth_to_color

    def frame(self, camera: str, color: bytes, depth: bytes | None, stamp_ns: int) -> Frame:
        """The frame of a pair of images.

        Raises ConversionError and ValueError where they are not what they should be, and what
        OpenCV and cv_bridge raise.
        """
        pixels, frame_id = self._color(color)
        model = self._model(camera, CAMERA_INFO, self._infos.color)
        depth_m = None if depth is None else self._depth(depth)
        if depth_m is not None and camera in self._depth_to_color:
            # Room is made for what camera_info says before an image is looked at.
            _require_size(pixels.shape, model, f"{camera}/{CAMERA_INFO}")
            of_depth = self._model(camera, DEPTH_INFO, self._infos.depth)
            _require_size(depth_m.shape, of_depth, f"{camera}/{DEPTH_INFO}")
            depth_m = self._registration(camera, model)(depth_m)
        return Frame(pixels, depth_m, model, camera, frame_id, stamp_ns)

    def _color(self, serialized: bytes) -> tuple[ColorImage, str]:
        if self._compressed:
            packed = SerializedCompressedImage.read(serialized)
            return read_compressed_color(packed), packed.frame_id
        image = SerializedImage.read(serialized)
        return read_color(image), image.frame_id

    def _depth(self, serialized: bytes) -> DepthImage:
        if self._compressed:
            return read_compressed_depth(SerializedCompressedImage.read(serialized))
        return read_depth(SerializedImage.read(serialized))

    def _registration(self, camera: str, color: CameraModel) -> DepthRegistration:
        depth = self._model(camera, DEPTH_INFO, self._infos.depth)
        known = self._registrations.get(camera)
        if known is None or known.depth is not depth or known.color is not color:
            known = DepthRegistration(depth, color, self._depth_to_color[camera])
            self._registrations[camera] = known
        return known

    def _model(self, camera: str, topic: str, infos: Mapping[str, bytes]) -> CameraModel:
        serialized = infos.get(camera)
        if serialized is None:
            raise ConversionError(
                f"no message on {camera}/{topic}: publish the calibration, or remap it"
            )
        model = read_camera_info(SerializedCameraInfo.read(serialized))
        if self._models.get((camera, topic)) != model:
            self._models[camera, topic] = model
        return self._models[camera, topic]


def _require_size(shape: tuple[int, ...], model: CameraModel, topic: str) -> None:
    if shape[:2] != (model.height, model.width):
        raise ConversionError(
            f"image is {shape[1]}x{shape[0]}, {topic} says {model.width}x{model.height}"
        )
