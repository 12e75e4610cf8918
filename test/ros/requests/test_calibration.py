"""A station is learned while it is empty, and every camera's or none."""

import numpy as np
import pytest
from red_network import RedNetwork

from damage_perception.frame import CameraModel, Frame
from damage_perception.inspector import Inspector, MountedCamera
from damage_perception.ros.detector.worker import Capture
from damage_perception.ros.requests.calibration import FRAMES, StationCalibration
from damage_perception.station import Station, load_stations
from damage_perception.verdict.policy import VerdictPolicy

CAMERA = CameraModel(320, 240, 300.0, 300.0, 159.5, 119.5)
NAMES = ("left", "right")


def capture(name, boxes=()):
    """A frame of the table with a box at each of the columns given."""
    color = np.full((240, 320, 3), 90, np.uint8)
    noise = np.random.default_rng(0).normal(0, 0.0005, (240, 320))
    depth_m = (0.8 + noise).astype(np.float32)
    for x in boxes:
        color[80:150, x : x + 60] = 180
        depth_m[80:150, x : x + 60] -= 0.1
    return Capture(Frame(color, depth_m, CAMERA, name), taken_ns=10)


def calibrate(file, **boxes):
    """The inspector after a calibration with those boxes by camera, and the answer."""
    cameras = {name: MountedCamera(Station()) for name in NAMES}
    inspector = Inspector(RedNetwork(), cameras, VerdictPolicy.at(0.5))
    answers = []
    job = StationCalibration(NAMES, 0, 100, file, lambda *answer: answers.append(answer))
    captures = [capture(name, boxes.get(name, ())) for name in NAMES] * FRAMES
    assert [job.advance(inspector, each, 20) for each in captures][-1]
    (answer,) = answers
    return inspector, *answer


def test_the_planes_of_empty_stations_are_kept(tmp_path):
    file = tmp_path / "station.yaml"
    inspector, learned, text = calibrate(file)
    assert [entry.camera for entry in learned] == list(NAMES) and str(file) in text
    for station in (*load_stations(file).values(), inspector.cameras["right"].station):
        assert station.plane.normal == pytest.approx([0, 0, -1], abs=0.01)
        assert station.plane.offset_m == pytest.approx(0.8, abs=0.001)


@pytest.mark.parametrize(
    ("boxes", "text"), [((60,), "1 thing stands on"), ((60, 200), "2 things stand on")]
)
def test_a_station_that_is_not_empty_is_refused_for_all_cameras(tmp_path, boxes, text):
    file = tmp_path / "station.yaml"
    inspector, learned, answer = calibrate(file, right=boxes)
    assert not learned and not file.exists()
    assert answer.startswith(text) and "camera right: empty it" in answer
    assert all(mounted.station.plane is None for mounted in inspector.cameras.values())


def test_a_file_that_cannot_be_written_changes_nothing(tmp_path):
    (tmp_path / "file").touch()
    inspector, learned, answer = calibrate(tmp_path / "file" / "station.yaml")
    assert not learned and "cannot be" in answer
    assert all(mounted.station.plane is None for mounted in inspector.cameras.values())
