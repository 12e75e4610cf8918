"""The image subscriptions of the detector: they only store and pair, and convert nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo

from damage_perception.image_message import ConversionError
from damage_perception.ros.decoding import CameraInfos, Decoder
from damage_perception.ros.detector.pairing import Drop, Pairing
from damage_perception.ros.qos import IMAGE_MEND, IMAGE_PROFILES, publisher_refused
from damage_perception.ros.serialized import stamp_ns_of


class Reception:
    """Subscribes to colour, depth and camera_info of every camera until ``destroy``.

    decoder  says what to subscribe to
    infos    the newest CameraInfo of each camera is kept there
    now_ns   the steady clock of ``pairing``
    """

    def __init__(
        self,
        node: Node,
        cameras: Sequence[str],
        profile: str,
        decoder: Decoder,
        infos: CameraInfos,
        pairing: Pairing,
        now_ns: Callable[[], int],
    ) -> None:
        self._node = node
        self._pairing = pairing
        self._now_ns = now_ns
        self._topics: dict[str, list[str]] = {}
        self._refused: dict[str, str] = {}
        self._subscriptions = []
        qos = IMAGE_PROFILES[profile]
        for camera in cameras:
            topics = decoder.topics(camera)
            receivers: list[tuple[str, type, Callable[[bytes], None]]] = [
                (*topics.color, partial(self._receive, pairing.add_color, camera)),
                (*topics.depth, partial(self._receive, pairing.add_depth, camera)),
                (topics.color_info, CameraInfo, partial(infos.color.__setitem__, camera)),
            ]
            if topics.depth_info:
                keep = partial(infos.depth.__setitem__, camera)
                receivers.append((topics.depth_info, CameraInfo, keep))
            for name, kind, receive in receivers:
                topic = f"{camera}/{name}"
                refused = publisher_refused(topic, IMAGE_MEND, partial(self._refuse, camera))
                subscription = node.create_subscription(
                    kind, topic, receive, qos, event_callbacks=refused, raw=True
                )
                self._subscriptions.append(subscription)
                self._topics.setdefault(camera, []).append(subscription.topic_name)

    def publishers(self, camera: str) -> dict[str, int]:
        """How many publishers each topic of a camera has."""
        return {topic: self._node.count_publishers(topic) for topic in self._topics[camera]}

    def refused(self, camera: str) -> str:
        """Why a publisher of a camera's topics is not heard; empty where all are."""
        return self._refused.get(camera, "")

    def destroy(self) -> None:
        """Ends the subscriptions."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)

    def _refuse(self, camera: str, text: str) -> None:
        self._refused[camera] = text
        self._node.get_logger().error(text)

    def _receive(self, add: Callable[..., None], camera: str, serialized: bytes) -> None:
        try:
            stamp_ns = stamp_ns_of(serialized)
        except ConversionError:
            self._pairing.count(camera, Drop.MALFORMED)
            return
        add(camera, stamp_ns, serialized, self._now_ns())
