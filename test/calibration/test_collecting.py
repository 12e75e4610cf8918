"""What is collected of a board until it is enough, and how recorded cameras are named."""

import json

import cv2
import numpy as np
import pytest

from benchmarks.cameras import LARGE, SMALL
from damage_perception.calibration.board import BOARDS
from damage_perception.calibration.collecting import ENOUGH, Collection, is_enough
from damage_perception.calibration.poses import pose_from
from damage_perception.calibration.recordings import Recordings
from damage_perception.calibration.rendered import render
from damage_perception.calibration.station import CalibrationError
from damage_perception.calibration.views import Placement
from damage_perception.frame import Frame

BEFORE = pose_from(np.array([np.pi, 0, 0]), np.array([0, 0, 0.7]))


def places(count, *cameras, first=1):
    return [Placement(first + n, dict.fromkeys(cameras)) for n in range(count)]


def test_enough_is_when_every_camera_shared_places_and_all_are_connected():
    assert is_enough(places(ENOUGH, "front", "side"), ["front", "side"])
    assert not is_enough(places(ENOUGH - 1, "front", "side"), ["front", "side"])
    assert not is_enough(places(ENOUGH, "front", "side"), ["front", "side", "top"])
    chained = places(ENOUGH, "front", "side") + places(ENOUGH, "side", "top", first=100)
    assert is_enough(chained, ["front", "side", "top"])
    apart = places(ENOUGH, "a", "b") + places(ENOUGH, "c", "d", first=100)
    assert not is_enough(apart, ["a", "b", "c", "d"])


def test_places_of_one_camera_alone_do_not_count():
    assert not is_enough(
        places(ENOUGH, "front") + places(ENOUGH, "side", first=100), ["front", "side"]
    )


@pytest.fixture
def frame():
    pytest.importorskip("cv2.aruco", reason="this OpenCV comes without ArUco")
    image = render(BOARDS["a4"], SMALL, BEFORE, np.random.default_rng(0))

    def at(ms, camera="front", model=SMALL, color=image):
        return Frame(color, None, model, camera, f"{camera}_optical", ms * 1_000_000)

    return at


def test_of_a_fast_film_not_every_image_is_looked_at(frame):
    collection = Collection(BOARDS["a4"])
    for ms in range(0, 1000, 33):
        collection.take(frame(ms))
    assert 8 <= collection.with_board()["front"] <= 11
    assert len(collection.placements()) == 1
    assert collection.frame_ids == {"front": "front_optical"}


def test_a_recording_that_begins_again_is_looked_at(frame):
    collection = Collection(BOARDS["a4"])
    collection.take(frame(5000))
    collection.take(frame(0))
    assert collection.with_board()["front"] == 2


def test_a_camera_that_changes_its_resolution_is_refused(frame):
    collection = Collection(BOARDS["a4"])
    collection.take(frame(0))
    large = np.zeros((LARGE.height, LARGE.width, 3), np.uint8)
    with pytest.raises(CalibrationError, match="camera_info of camera front changed"):
        collection.take(frame(1000, model=LARGE, color=large))


def write_images(folder, *names):
    folder.mkdir(parents=True)
    camera = {"width": 64, "height": 48, "fx": 60, "fy": 60, "cx": 32, "cy": 24}
    (folder / "camera.json").write_text(json.dumps(camera | {"depth_unit_m": 0.001}))
    for name in names:
        cv2.imwrite(str(folder / f"{name}_color.png"), np.zeros((48, 64, 3), np.uint8))


def test_images_of_the_same_name_are_of_the_same_time(tmp_path):
    write_images(tmp_path / "front", "a", "b", "d")
    write_images(tmp_path / "side", "b", "c", "d")
    for paths in ([tmp_path], [tmp_path / "front", tmp_path / "side"]):
        recordings = Recordings(paths)
        assert recordings.cameras == ("front", "side") and len(recordings) == 6
        frames = [record.frame() for record in recordings]
        stamps = {}
        for record, frame in zip(recordings, frames, strict=True):
            stamps.setdefault(record.name, set()).add(frame.stamp_ns)
        assert {name: len(found) for name, found in stamps.items()} == dict.fromkeys("abcd", 1)
        assert len(set.union(*stamps.values())) == 4
        assert {frame.camera_name for frame in frames} == {"front", "side"}


def recorded(folder, *cameras):
    recording = pytest.importorskip("recording")
    image = np.zeros((SMALL.height, SMALL.width, 3), np.uint8)
    messages = []
    for camera in cameras:
        messages.append((f"{camera}/color/camera_info", 0, recording.info(0, SMALL)))
        messages.append((f"{camera}/color/image_raw", 0, recording.image(0, "rgb8", image)))
    return recording.write_bag(folder, messages)


def test_cameras_of_a_recording_are_called_as_in_the_parameters(tmp_path):
    found = Recordings([recorded(tmp_path / "bag", "/cell/left", "/cell/right")])
    assert found.cameras == ("left", "right")
    assert {record.frame().camera_name for record in found} == {"left", "right"}


def test_cameras_whose_names_end_alike_keep_the_whole_name(tmp_path):
    found = Recordings([recorded(tmp_path / "bag", "/left/camera", "/right/camera")])
    assert found.cameras == ("left_camera", "right_camera")
