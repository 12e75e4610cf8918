"""Recordings: pairs by stamp, whatever the storage; what cannot be read is said, not dropped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from damage_perception.bag import Bag, Topics
from damage_perception.dataset import DatasetError
from damage_perception.source import open_source

rosbag2 = pytest.importorskip("rosbags.rosbag2", reason="rosbags is not installed")
typesys = pytest.importorskip("rosbags.typesys")

STORE = typesys.get_typestore(typesys.Stores.ROS2_JAZZY)
T = STORE.types
WIDTH, HEIGHT = 8, 6


def header(stamp_ms: int) -> Any:
    stamp = T["builtin_interfaces/msg/Time"](stamp_ms // 1000, stamp_ms % 1000 * 1_000_000)
    return T["std_msgs/msg/Header"](stamp, "optical")


def image(stamp_ms: int, encoding: str, pixels: NDArray[Any], padding: int = 0) -> Any:
    rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(pixels.shape[0], -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=99)
    return T["sensor_msgs/msg/Image"](
        header(stamp_ms), *pixels.shape[:2], encoding, 0, rows.shape[1], rows.reshape(-1)
    )


def info(stamp_ms: int) -> Any:
    k = np.array([10.0, 0, 4, 0, 11.0, 3, 0, 0, 1])
    roi = T["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
    return T["sensor_msgs/msg/CameraInfo"](
        header(stamp_ms), HEIGHT, WIDTH, "plumb_bob", np.zeros(5), k, np.eye(3).reshape(-1),
        np.zeros(12), 0, 0, roi,
    )  # fmt: skip


COLOR = np.arange(WIDTH * HEIGHT * 3, dtype=np.uint8).reshape(HEIGHT, WIDTH, 3)
DEPTH = np.full((HEIGHT, WIDTH), 800, np.uint16)


def write_bag(path: Path, messages: list[tuple[str, int, Any]], storage: str = "MCAP") -> Path:
    with rosbag2.Writer(path, version=9, storage_plugin=rosbag2.StoragePlugin[storage]) as writer:
        connections: dict[str, Any] = {}
        for topic, stamp_ms, message in messages:
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=STORE)
            data = STORE.serialize_cdr(message, kind)
            writer.write(connections[topic], stamp_ms * 1_000_000, data)
    return path


def cell(prefix: str = "/cell/left/", frames: int = 3) -> list[tuple[str, int, Any]]:
    messages: list[tuple[str, int, Any]] = []
    for i in range(frames):
        at = 100 * i
        messages.append((prefix + "color/camera_info", at, info(at)))
        messages.append((prefix + "color/image_raw", at, image(at, "bgr8", COLOR, padding=4)))
        messages.append(
            (prefix + "depth/image_rect_raw", at + 5, image(at + 5, "16UC1", DEPTH + i, padding=2))
        )
    return messages


@pytest.mark.parametrize("storage", ["MCAP", "SQLITE3"])
def test_pairs_come_back_as_frames(tmp_path: Path, storage: str) -> None:
    source = open_source(write_bag(tmp_path / "bag", cell(), storage))
    frames = [record.frame() for record in source]
    assert len(source) == len(frames) == 3
    assert source.cameras == ("cell-left",)
    for i, frame in enumerate(frames):
        np.testing.assert_array_equal(frame.color, COLOR[..., ::-1])
        assert frame.depth_m is not None
        np.testing.assert_allclose(frame.depth_m, (800 + i) / 1000, rtol=1e-6)
        assert (frame.camera.fx, frame.camera.cy) == (10.0, 3.0)
        assert (frame.camera_name, frame.frame_id) == ("cell-left", "optical")
        assert frame.stamp_ns == i * 100_000_000


def test_a_bare_mcap_file_is_a_recording(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", cell())
    source = open_source(next(bag.glob("*.mcap")))
    assert [record.frame().stamp_ns for record in source] == [0, 100_000_000, 200_000_000]


def test_every_camera_keeps_its_own_images(tmp_path: Path) -> None:
    messages = sorted(cell("/a/") + cell("/b/"), key=lambda entry: entry[1])
    source = Bag(write_bag(tmp_path / "bag", messages))
    records = list(source)
    assert source.cameras == ("a", "b")
    assert sorted(record.name for record in records) == [
        f"{name}-{i:06d}" for name in "ab" for i in (1, 2, 3)
    ]
    assert {record.frame().camera_name for record in records} == {"a", "b"}


def test_colour_without_depth_in_time_is_a_frame_without_depth(tmp_path: Path) -> None:
    late = [
        (topic, at, image(at + 500, "16UC1", DEPTH) if "depth" in topic else message)
        for topic, at, message in cell(frames=1)
    ]
    frames = [record.frame() for record in Bag(write_bag(tmp_path / "bag", late))]
    assert [frame.depth_m for frame in frames] == [None]


def test_depth_recorded_long_after_its_colour_is_still_paired(tmp_path: Path) -> None:
    messages = cell(frames=4)
    messages.sort(key=lambda entry: "depth" in entry[0])
    ordered = [(topic, 10 * i, message) for i, (topic, _, message) in enumerate(messages)]
    frames = [record.frame() for record in Bag(write_bag(tmp_path / "bag", ordered))]
    depths = [frame.depth_m for frame in frames]
    assert [None if d is None else round(float(d[0, 0]) * 1000) for d in depths] == [
        800, 801, 802, 803,
    ]  # fmt: skip


def test_an_image_that_cannot_be_read_does_not_end_the_recording(tmp_path: Path) -> None:
    messages = cell()
    messages[4][2].step = 5
    records = list(Bag(write_bag(tmp_path / "bag", messages)))
    with pytest.raises(DatasetError, match=r"cell-left-000002: .*step"):
        records[1].frame()
    assert records[2].frame().depth_m is not None


def test_a_recording_without_camera_info_says_so(tmp_path: Path) -> None:
    messages = [entry for entry in cell() if "info" not in entry[0]]
    record = next(iter(Bag(write_bag(tmp_path / "bag", messages))))
    with pytest.raises(DatasetError, match="no camera_info"):
        record.frame()


def test_topics_can_be_named(tmp_path: Path) -> None:
    names = {"color/image_raw": "rgb", "depth/image_rect_raw": "dep", "color/camera_info": "cal"}
    renamed = [
        (next("/x/" + new for old, new in names.items() if topic.endswith(old)), at, message)
        for topic, at, message in cell()
    ]
    path = write_bag(tmp_path / "bag", renamed)
    with pytest.raises(
        DatasetError, match=r"no image topic that ends in 'color/image_raw'.*/x/rgb"
    ):
        Bag(path)
    assert len(list(Bag(path, Topics("rgb", "dep", "cal")))) == 3


@pytest.mark.parametrize("name", ["broken.mcap", "broken.db3"])
def test_a_broken_recording_is_a_clear_error(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"no recording")
    with pytest.raises(DatasetError, match=name):
        open_source(tmp_path / name)
