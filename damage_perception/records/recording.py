"""The file of one item: an MCAP that Foxglove and ``ros2 bag play`` open, written and read here.

It holds for every camera the images under the detector's usual topics, an overlay, and the report;
the parameters and stations are attached.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import numpy as np

from damage_perception.bag import PAIR_TOLERANCE_NS
from damage_perception.frame import Frame
from damage_perception.image_message import read_camera_info, read_color, read_depth
from damage_perception.records.item_record import RecordError
from damage_perception.topics import Topics

if TYPE_CHECKING:
    from rosbags.typesys.store import Typestore

IMAGE: Final = "sensor_msgs/msg/Image"
CAMERA_INFO: Final = "sensor_msgs/msg/CameraInfo"
COMPRESSED: Final = "sensor_msgs/msg/CompressedImage"
REPORT: Final = "damage_perception_msgs/msg/DamageReport"
REPORT_TOPIC: Final = "/damage_detector/reports"
_OVERLAY: Final = "damage_overlay/compressed"
_TOPICS: Final = Topics()
# What rosbag2 writes for a topic whose publishers' QoS it does not know.
_CHANNEL: Final = {"offered_qos_profiles": "[]"}


@dataclass(frozen=True)
class Message:
    """One message of a recording; ``data`` is serialized (CDR)."""

    topic: str
    type: str
    time_ns: int
    data: bytes


@dataclass(frozen=True)
class Recording:
    """What the file of an item holds.

    report    a DamageReport by its fields; None where no node reported the item
    frames    of each camera, oldest first
    overlays  JPEG of each camera, with the damage drawn in
    attached  texts by file name: parameters.yaml, stations
    """

    report: Any
    frames: Mapping[str, tuple[Frame, ...]]
    overlays: Mapping[str, bytes]
    attached: Mapping[str, str]

    def frame(self, camera: str, stamp_ns: int | None = None) -> Frame:
        """The camera's frame nearest to a stamp, the newest without one. Raises RecordError."""
        frames = self.frames.get(camera)
        if not frames:
            raise RecordError(f"the recording has no images of camera {camera!r}")
        if stamp_ns is None:
            return frames[-1]
        return min(frames, key=lambda frame: abs(frame.stamp_ns - stamp_ns))


class RecordingFormat:
    """Writes and reads files of items.

    definitions  of messages that ROS does not bring along, by type, as in their .msg files

    Raises RecordError where a package that it needs is missing.
    """

    def __init__(self, definitions: Mapping[str, str] | None = None) -> None:
        try:
            import mcap.writer  # noqa: F401
            from rosbags.typesys import Stores, get_types_from_msg, get_typestore
        except ImportError as error:
            raise RecordError(
                f"records need the package {error.name}: pip install mcap rosbags"
            ) from error
        self._store: Typestore = get_typestore(Stores.ROS2_JAZZY)
        types: dict[str, Any] = {}
        for name, text in (definitions or {}).items():
            types |= get_types_from_msg(text, name)
        self._store.register(types)

    def write(
        self, stream: IO[bytes], messages: Iterable[Message], attached: Mapping[str, str]
    ) -> None:
        """Writes one file, messages in the order of their times."""
        from mcap.writer import CompressionType, Writer

        writer = Writer(stream, compression=CompressionType.ZSTD)
        writer.start(profile="ros2", library="damage_perception")
        schemas: dict[str, int] = {}
        channels: dict[str, int] = {}
        ordered = sorted(messages, key=lambda message: message.time_ns)
        for message in ordered:
            if message.type not in schemas:
                text, _ = self._store.generate_msgdef(message.type, ros_version=2)
                schemas[message.type] = writer.register_schema(
                    message.type, "ros2msg", text.encode()
                )
            if message.topic not in channels:
                channels[message.topic] = writer.register_channel(
                    message.topic, "cdr", schemas[message.type], _CHANNEL
                )
            writer.add_message(
                channels[message.topic], message.time_ns, message.data, message.time_ns
            )
        time_ns = ordered[0].time_ns if ordered else 0
        for name, text in attached.items():
            writer.add_attachment(time_ns, time_ns, name, "application/yaml", text.encode())
        writer.finish()  # type: ignore[no-untyped-call]

    def frame_messages(self, frame: Frame) -> list[Message]:
        """The images and camera_info of ``frame``."""
        name, info = frame.camera_name, frame.camera
        messages = [self._image(f"/{name}/{_TOPICS.color}", frame, frame.color, "rgb8")]
        if frame.depth_m is not None:
            depth = frame.depth_m
            messages.append(self._image(f"/{name}/{_TOPICS.depth}", frame, depth, "32FC1"))
        values = self._types("CameraInfo")(
            header=self._header(frame),
            height=info.height,
            width=info.width,
            distortion_model="plumb_bob",
            d=np.zeros(5),
            k=np.array([info.fx, 0, info.cx, 0, info.fy, info.cy, 0, 0, 1], np.float64),
            r=np.eye(3).ravel(),
            p=np.array([info.fx, 0, info.cx, 0, 0, info.fy, info.cy, 0, 0, 0, 1, 0], np.float64),
            binning_x=0,
            binning_y=0,
            roi=self._types("RegionOfInterest")(0, 0, 0, 0, False),
        )
        topic = f"/{name}/{_TOPICS.info}"
        return [*messages, self._message(topic, CAMERA_INFO, frame.stamp_ns, values)]

    def overlay_message(self, camera: str, stamp_ns: int, frame_id: str, jpeg: bytes) -> Message:
        """An overlay of a camera."""
        header = self._stamped(stamp_ns, frame_id)
        data = np.frombuffer(jpeg, np.uint8)
        values = self._types("CompressedImage")(header=header, format="jpeg", data=data)
        return self._message(f"/{camera}/{_OVERLAY}", COMPRESSED, stamp_ns, values)

    def _image(self, topic: str, frame: Frame, pixels: Any, encoding: str) -> Message:
        height, width = pixels.shape[:2]
        data = np.ascontiguousarray(pixels).view(np.uint8).ravel()
        values = self._types("Image")(
            header=self._header(frame),
            height=height,
            width=width,
            encoding=encoding,
            is_bigendian=0,
            step=len(data) // height,
            data=data,
        )
        return self._message(topic, IMAGE, frame.stamp_ns, values)

    def _message(self, topic: str, kind: str, time_ns: int, values: Any) -> Message:
        return Message(topic, kind, time_ns, bytes(self._store.serialize_cdr(values, kind)))

    def _header(self, frame: Frame) -> Any:
        return self._stamped(frame.stamp_ns, frame.frame_id)

    def _stamped(self, stamp_ns: int, frame_id: str) -> Any:
        types = self._store.types
        stamp = types["builtin_interfaces/msg/Time"](*divmod(stamp_ns, 1_000_000_000))
        return types["std_msgs/msg/Header"](stamp=stamp, frame_id=frame_id)

    def _types(self, name: str) -> Any:
        return self._store.types[f"sensor_msgs/msg/{name}"]


def read_recording(path: Path) -> Recording:
    """What the file of an item holds. Raises RecordError where it cannot be read."""
    try:
        from mcap.reader import make_reader
        from rosbags.highlevel import AnyReader
        from rosbags.typesys import Stores, get_typestore
    except ImportError as error:
        raise RecordError(
            f"records need the package {error.name}: pip install mcap rosbags"
        ) from error
    try:
        with path.open("rb") as stream:
            attached = {
                one.name: one.data.decode() for one in make_reader(stream).iter_attachments()
            }
        with AnyReader([path], default_typestore=get_typestore(Stores.ROS2_JAZZY)) as reader:
            messages = [
                (connection.topic, reader.deserialize(data, connection.msgtype))
                for connection, _, data in reader.messages()
            ]
        return _recording_of(messages, attached)
    except Exception as error:  # of storages, serialisation and images, without a common base
        raise RecordError(f"recording {path} cannot be read: {error}") from error


def _recording_of(messages: list[tuple[str, Any]], attached: Mapping[str, str]) -> Recording:
    infos = {
        _camera(topic, _TOPICS.info): m for topic, m in messages if topic.endswith(_TOPICS.info)
    }
    depths: dict[str, list[Any]] = {}
    for topic, message in messages:
        if topic.endswith(_TOPICS.depth):
            depths.setdefault(_camera(topic, _TOPICS.depth), []).append(message)
    frames: dict[str, list[Frame]] = {}
    overlays: dict[str, bytes] = {}
    report = None
    for topic, message in messages:
        if topic == REPORT_TOPIC:
            report = message
        elif topic.endswith(_OVERLAY):
            overlays[_camera(topic, _OVERLAY)] = message.data.tobytes()
        elif topic.endswith(_TOPICS.color):
            name, stamp_ns = _camera(topic, _TOPICS.color), _stamp_ns(message)
            depth = _partner(depths.get(name, []), stamp_ns)
            frame = Frame(
                read_color(message),
                None if depth is None else read_depth(depth),
                read_camera_info(infos[name]),
                name,
                message.header.frame_id,
                stamp_ns,
            )
            frames.setdefault(name, []).append(frame)
    return Recording(report, {k: tuple(v) for k, v in frames.items()}, overlays, attached)


def _partner(depths: list[Any], stamp_ns: int) -> Any:
    """The depth image of a colour image's time; None where there is none."""
    depth = min(depths, key=lambda one: abs(_stamp_ns(one) - stamp_ns), default=None)
    is_far = depth is None or abs(_stamp_ns(depth) - stamp_ns) > PAIR_TOLERANCE_NS
    return None if is_far else depth


def _camera(topic: str, ending: str) -> str:
    return topic.removesuffix(ending).strip("/")


def _stamp_ns(message: Any) -> int:
    return int(message.header.stamp.sec) * 1_000_000_000 + int(message.header.stamp.nanosec)
