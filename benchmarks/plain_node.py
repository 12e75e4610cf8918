"""The detector as it is written in an afternoon: the yardstick for the real one.

Typed subscriptions, a dictionary of stamps, inference in the callback, a default session.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

import cv2
import numpy as np
import onnxruntime
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image

from benchmarks.images import station
from damage_perception.frame import CameraModel, Frame
from damage_perception.network import DamageNetwork, ModelCard
from damage_perception.share import default_model_card
from damage_perception.station import Station
from damage_perception.view import cut_items
from damage_perception_msgs.msg import DamageReport


class DefaultSession:
    """ONNX Runtime as it comes."""

    backend = "onnxruntime-default"

    def __init__(self, path: str) -> None:
        self._session = onnxruntime.InferenceSession(path)

    def inputs(self) -> dict[str, Any]:
        """Not looked at."""
        return {}

    def outputs(self) -> tuple[str, ...]:
        """Not looked at."""
        return ()

    def run(self, inputs: Any) -> dict[str, Any]:
        """One pass; outputs by name."""
        names = [output.name for output in self._session.get_outputs()]
        return dict(zip(names, self._session.run(names, dict(inputs)), strict=True))


class PlainNode(Node):
    """Reports on every item of every frame."""

    def __init__(self, cameras: int, station: Station) -> None:
        super().__init__("damage_detector")
        card = ModelCard.load(default_model_card())
        self._network = DamageNetwork(card, DefaultSession(str(card.graph("fp32"))))
        self._station = station
        self._reports = self.create_publisher(DamageReport, "~/reports", 50)
        self._waiting: dict[tuple[int, int, int], dict[str, Image]] = {}
        self._infos: dict[int, CameraInfo] = {}
        for i in range(cameras):
            for kind, name in (("color", "color/image_raw"), ("depth", "depth/image_rect_raw")):
                self.create_subscription(
                    Image,
                    f"camera{i}/{name}",
                    lambda message, i=i, kind=kind: self._on_image(i, kind, message),
                    qos_profile_sensor_data,
                )
            self.create_subscription(
                CameraInfo,
                f"camera{i}/color/camera_info",
                lambda message, i=i: self._infos.update({i: message}),
                qos_profile_sensor_data,
            )

    def _on_image(self, i: int, kind: str, message: Image) -> None:
        key = (i, message.header.stamp.sec, message.header.stamp.nanosec)
        pair = self._waiting.setdefault(key, {})
        pair[kind] = message
        if len(pair) < 2 or i not in self._infos:
            return
        del self._waiting[key]
        info = self._infos[i]
        color = np.array(pair["color"].data, np.uint8).reshape(info.height, info.width, 3)
        depth = np.array(pair["depth"].data, np.uint8).view(np.uint16)
        frame = Frame(
            color,
            depth.reshape(info.height, info.width).astype(np.float32) / 1000,
            CameraModel(info.width, info.height, info.k[0], info.k[4], info.k[2], info.k[5]),
        )
        for _, view in cut_items(frame, self._station, self._network.view_size):
            (assessment,) = self._network.assess([view])
            report = DamageReport(header=pair["color"].header, confidence=assessment.probability)
            self._reports.publish(report)


def main() -> None:
    """Spins until it is stopped."""
    cv2.setNumThreads(1)
    rclpy.init()
    with suppress(ExternalShutdownException):
        rclpy.spin(PlainNode(int(sys.argv[1]), station()))


if __name__ == "__main__":
    main()
