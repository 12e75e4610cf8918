"""Live images of several cameras over DDS, until a calibration has enough."""

import threading
from contextlib import closing

import numpy as np
import pytest
import yaml

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")

from cell import CAMERA, Cell

from benchmarks.cameras import SMALL, boards, pose_errors, station
from damage_perception.calibration.board import BOARDS
from damage_perception.calibration.poses import inverse, pose_of_values
from damage_perception.calibration.rendered import render
from damage_perception.cli.calibrate import calibrate_cameras
from damage_perception.cli.sources import TopicOptions
from damage_perception.cli.terminal import Failure
from damage_perception.ros.board_camera import live_rounds

pytestmark = pytest.mark.ros


@pytest.fixture(scope="module")
def publishing(environment):
    """A cell that publishes images of two cameras in a namespace."""
    node = Cell(environment, ("front", "side"), namespace="/line")
    yield node
    node.close()


def test_every_camera_gives_each_image_once(publishing):
    arguments = ["--ros-args", "-r", "__ns:=/line"]
    frames, stamps = [], []
    with closing(live_rounds(("front", "side"), arguments)) as rounds:
        for new in rounds:
            frames += new
            stamps += publishing.show(frames=1, period_s=0.05, camera="front")
            stamps += publishing.show(frames=1, period_s=0.05, camera="side")
            if len({frame.stamp_ns for frame in frames}) >= 6:
                break
    assert {frame.camera_name for frame in frames} == {"front", "side"}
    assert len({(frame.camera_name, frame.stamp_ns) for frame in frames}) == len(frames)
    assert all(frame.stamp_ns in stamps and frame.camera == CAMERA for frame in frames)
    assert all(frame.frame_id == "camera_optical" for frame in frames)


def test_a_camera_that_sends_nothing_does_not_stop_the_others(publishing):
    arguments = ["--ros-args", "-r", "__ns:=/line"]
    with closing(live_rounds(("front", "gone"), arguments)) as rounds:
        for _ in range(20):
            new = next(rounds)
            publishing.show(frames=1, camera="front")
            if new:
                break
    assert [frame.camera_name for frame in new] == ["front"]


@pytest.mark.slow
def test_live_cameras_are_calibrated_once_the_board_was_in_enough_places(publishing, tmp_path):
    pytest.importorskip("cv2.aruco", reason="this OpenCV comes without ArUco")
    rng = np.random.default_rng(4)
    cameras, places = station(rng), boards(rng, 24)
    topics = {"front": cameras["front"], "side": cameras["left"]}
    done = threading.Event()

    def show():
        # It lies on the support for three seconds first, until cameras are listened to.
        for place in [places[0]] * 5 + places[1:] + places[1:]:
            pictures = {
                name: render(BOARDS["a4"], SMALL, inverse(pose) @ place, rng)
                for name, pose in topics.items()
            }
            for _ in range(6):
                if done.wait(0.1):
                    return
                for name, picture in pictures.items():
                    color, _, info = publishing.messages(picture, None, camera=SMALL)
                    publishing.publish(color, info=info, camera=name)

    showing = threading.Thread(target=show)
    showing.start()
    try:
        calibrate_cameras(
            live="front, side",
            namespace="/line",
            params=tmp_path / "cameras.yaml",
            topics=TopicOptions(),
        )
    finally:
        done.set()
        showing.join()
    values = yaml.safe_load((tmp_path / "cameras.yaml").read_text())
    values = values["/**"]["damage_detector"]["ros__parameters"]
    found = {name: pose_of_values(one["pose"]) for name, one in values.items()}
    ((error_mm, error_deg),) = pose_errors(found, topics)
    assert error_mm < 0.5 and error_deg < 0.1


def test_without_images_it_says_what_to_check(publishing, monkeypatch):
    import damage_perception.ros.board_camera as live

    def interrupted(cameras, arguments):
        yield []
        raise KeyboardInterrupt

    monkeypatch.setattr(live, "live_rounds", interrupted)
    with pytest.raises(Failure, match="no image with camera_info came from front, side"):
        calibrate_cameras(live="front,side", topics=TopicOptions())
