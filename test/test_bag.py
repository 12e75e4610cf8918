"""Recordings: pairs by stamp, whatever the storage; what cannot be read is said, not dropped."""

import numpy as np
import pytest
from recording import image, info, write_bag

from damage_perception.bag import Bag
from damage_perception.dataset import DatasetError
from damage_perception.frame import CameraModel
from damage_perception.source import open_source
from damage_perception.topics import Topics

WIDTH, HEIGHT = 8, 6
CAMERA = CameraModel(WIDTH, HEIGHT, 10.0, 11.0, 4.0, 3.0)
COLOR = np.arange(WIDTH * HEIGHT * 3, dtype=np.uint8).reshape(HEIGHT, WIDTH, 3)
DEPTH = np.full((HEIGHT, WIDTH), 800, np.uint16)


def cell(prefix="/cell/left/", frames=3):
    messages = []
    for i in range(frames):
        at = 100 * i
        messages.append((prefix + "color/camera_info", at, info(at, CAMERA)))
        messages.append((prefix + "color/image_raw", at, image(at, "bgr8", COLOR, padding=4)))
        messages.append(
            (prefix + "depth/image_rect_raw", at + 5, image(at + 5, "16UC1", DEPTH + i, padding=2))
        )
    return messages


@pytest.mark.parametrize("storage", ["MCAP", "SQLITE3"])
def test_pairs_come_back_as_frames(tmp_path, storage):
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


def test_a_bare_mcap_file_is_a_recording(tmp_path):
    bag = write_bag(tmp_path / "bag", cell())
    source = open_source(next(bag.glob("*.mcap")))
    assert [record.frame().stamp_ns for record in source] == [0, 100_000_000, 200_000_000]


def test_every_camera_keeps_its_own_images(tmp_path):
    messages = sorted(cell("/a/") + cell("/b/"), key=lambda entry: entry[1])
    source = Bag(write_bag(tmp_path / "bag", messages))
    records = list(source)
    assert source.cameras == ("a", "b")
    assert sorted(record.name for record in records) == [
        f"{name}-{i:06d}" for name in "ab" for i in (1, 2, 3)
    ]
    assert {record.frame().camera_name for record in records} == {"a", "b"}


def test_colour_without_depth_in_time_is_a_frame_without_depth(tmp_path):
    late = [
        (topic, at, image(at + 500, "16UC1", DEPTH) if "depth" in topic else message)
        for topic, at, message in cell(frames=1)
    ]
    frames = [record.frame() for record in Bag(write_bag(tmp_path / "bag", late))]
    assert [frame.depth_m for frame in frames] == [None]


def test_depth_recorded_long_after_its_colour_is_still_paired(tmp_path):
    messages = cell(frames=4)
    messages.sort(key=lambda entry: "depth" in entry[0])
    ordered = [(topic, 10 * i, message) for i, (topic, _, message) in enumerate(messages)]
    frames = [record.frame() for record in Bag(write_bag(tmp_path / "bag", ordered))]
    depths = [frame.depth_m for frame in frames]
    assert [None if d is None else round(float(d[0, 0]) * 1000) for d in depths] == [
        800, 801, 802, 803,
    ]  # fmt: skip


def test_an_image_that_cannot_be_read_does_not_end_the_recording(tmp_path):
    messages = cell()
    messages[4][2].step = 5
    records = list(Bag(write_bag(tmp_path / "bag", messages)))
    with pytest.raises(DatasetError, match=r"cell-left-000002: .*step"):
        records[1].frame()
    assert records[2].frame().depth_m is not None


def test_a_recording_without_camera_info_says_so(tmp_path):
    messages = [entry for entry in cell() if "info" not in entry[0]]
    record = next(iter(Bag(write_bag(tmp_path / "bag", messages))))
    with pytest.raises(DatasetError, match="no camera_info"):
        record.frame()


def test_topics_can_be_named(tmp_path):
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
def test_a_broken_recording_is_a_clear_error(tmp_path, name):
    (tmp_path / name).write_bytes(b"no recording")
    with pytest.raises(DatasetError, match=name):
        open_source(tmp_path / name)
