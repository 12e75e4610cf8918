"""Reads frames from a recording: a rosbag2 folder (SQLite or MCAP) or one of its files."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from damage_perception.dataset import DatasetError
from damage_perception.frame import Frame
from damage_perception.image_message import read_camera_info, read_color, read_depth
from damage_perception.topics import Topics

if TYPE_CHECKING:
    from rosbags.highlevel import AnyReader
    from rosbags.interfaces import Connection

# Images of a pair may lie this far apart.
PAIR_TOLERANCE_NS: Final = 20_000_000
# A colour image waits for its depth over this many further images of its camera.
_PATIENCE: Final = 15


@dataclass(frozen=True)
class BagRecord:
    """One colour image of a recording with the depth image of its time, decoded when asked for."""

    name: str
    camera_name: str
    color: Any
    depth: Any
    info: Any

    def frame(self) -> Frame:
        """The pair as a frame; without depth where none was near enough in time.

        Raises DatasetError where the recording has no camera_info for it, or a message is wrong.
        """
        if self.info is None:
            raise DatasetError(
                f"{self.name}: the recording has no camera_info of camera {self.camera_name}; "
                "name its topic"
            )
        try:
            return Frame(
                read_color(self.color),
                None if self.depth is None else read_depth(self.depth),
                read_camera_info(self.info),
                self.camera_name,
                self.color.header.frame_id,
                _stamp_ns(self.color),
            )
        except ValueError as error:
            raise DatasetError(f"{self.name}: {error}") from error


class Bag:
    """The frames of a recording, one for each colour image, in the order of recording.

    path    a rosbag2 folder, or an .mcap or .db3 file
    topics  what the names of the topics end in. Every topic that ends in ``topics.color`` is a
            camera; its depth and camera_info have the same beginning.

    Raises DatasetError where the recording cannot be opened or has no such topic.
    """

    def __init__(self, path: Path | str, topics: Topics | None = None) -> None:
        self.path = Path(path)
        topics = topics or Topics()
        with self._open() as reader:
            self._cameras = _find_cameras(reader, topics, self.path)
            self._count = sum(
                connection.msgcount
                for connection in reader.connections
                if connection.topic in {camera.color for camera in self._cameras.values()}
            )

    @property
    def cameras(self) -> tuple[str, ...]:
        """The names that the frames' cameras have."""
        return tuple(self._cameras)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[BagRecord]:
        with self._open() as reader:
            pairings = {
                name: _Pairing(name, self._first_info(reader, camera.info))
                for name, camera in self._cameras.items()
            }
            roles = {
                topic: (pairings[name], role)
                for name, camera in self._cameras.items()
                for role, topic in (("color", camera.color), ("depth", camera.depth))
            }
            wanted = [c for c in reader.connections if c.topic in roles]
            for connection, _, data in reader.messages(connections=wanted):
                pairing, role = roles[connection.topic]
                message = reader.deserialize(data, connection.msgtype)
                yield from pairing.take(role, message)
            for pairing in pairings.values():
                yield from pairing.flush()

    @contextmanager
    def _open(self) -> Iterator[AnyReader]:
        try:
            from rosbags.highlevel import AnyReader
            from rosbags.typesys import Stores, get_typestore
        except ImportError as error:
            raise DatasetError(
                f"{self.path}: reading recordings needs the package rosbags: pip install rosbags"
            ) from error
        store = get_typestore(Stores.ROS2_JAZZY)
        try:
            with AnyReader([self.path], default_typestore=store) as reader:
                yield reader
        except DatasetError:
            raise
        except Exception as error:  # of storages, serialisation and types, without a common base
            raise DatasetError(f"recording {self.path} cannot be read: {error}") from error

    @staticmethod
    def _first_info(reader: AnyReader, topic: str) -> Any:
        connections = [c for c in reader.connections if c.topic == topic and c.msgcount]
        if not connections:
            return None
        connection, _, data = next(iter(reader.messages(connections=connections)))
        return reader.deserialize(data, connection.msgtype)


class _Pairing:
    """Joins the colour and depth images of one camera by stamp, in the order of colour."""

    def __init__(self, camera_name: str, info: Any) -> None:
        self._camera_name = camera_name
        self._info = info
        self._count = 0
        self._colors: deque[Any] = deque()
        self._depths: deque[Any] = deque(maxlen=2 * _PATIENCE)

    def take(self, role: str, message: Any) -> Iterator[BagRecord]:
        """Takes one image in; the records that are complete by it."""
        (self._colors if role == "color" else self._depths).append(message)
        while self._colors and (self._is_complete() or len(self._colors) > _PATIENCE):
            yield self._next()

    def flush(self) -> Iterator[BagRecord]:
        """The records of what still waits."""
        while self._colors:
            yield self._next()

    def _is_complete(self) -> bool:
        """Whether a depth image of the first colour's time or later is there."""
        stamp = _stamp_ns(self._colors[0])
        return any(_stamp_ns(depth) >= stamp for depth in self._depths)

    def _next(self) -> BagRecord:
        color = self._colors.popleft()
        stamp = _stamp_ns(color)
        depth = min(self._depths, key=lambda d: abs(_stamp_ns(d) - stamp), default=None)
        if depth is not None and abs(_stamp_ns(depth) - stamp) > PAIR_TOLERANCE_NS:
            depth = None
        self._count += 1
        name = f"{self._camera_name}-{self._count:06d}"
        return BagRecord(name, self._camera_name, color, depth, self._info)


def _find_cameras(reader: AnyReader, topics: Topics, path: Path) -> Mapping[str, Topics]:
    images = _topics_of(reader.connections, "Image")
    prefixes = [
        topic.removesuffix(topics.color) for topic in images if _ends_in(topic, topics.color)
    ]
    if not prefixes:
        raise DatasetError(
            f"recording {path} has no image topic that ends in {topics.color!r}; it has "
            f"{', '.join(images) or 'none'}: name the topics to read"
        )
    cameras: dict[str, Topics] = {}
    for prefix in prefixes:
        name = prefix.strip("/").replace("/", "-") or "camera"
        cameras[name] = Topics(
            prefix + topics.color,
            _companion(images, prefix, topics.depth),
            _companion(_topics_of(reader.connections, "CameraInfo"), prefix, topics.info),
        )
    return cameras


def _topics_of(connections: Sequence[Connection], kind: str) -> list[str]:
    return sorted({c.topic for c in connections if c.msgtype == f"sensor_msgs/msg/{kind}"})


def _companion(topics: Sequence[str], prefix: str, ending: str) -> str:
    """The topic of the same beginning, otherwise the only one of that ending."""
    if prefix + ending in topics:
        return prefix + ending
    others = [topic for topic in topics if _ends_in(topic, ending)]
    return others[0] if len(others) == 1 else ""


def _ends_in(topic: str, ending: str) -> bool:
    return ("/" + topic.strip("/")).endswith("/" + ending.strip("/"))


def _stamp_ns(message: Any) -> int:
    stamp = message.header.stamp
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)
