"""The launch files run under the real ``ros2 launch``."""

import re
import subprocess

import pytest

pytest.importorskip("launch_ros", reason="launch_ros is not to be had as a wheel; run where ROS is")
pytest.importorskip("ros2launch", reason="ros2 launch is not to be had as a wheel")
ament = pytest.importorskip("ament_index_python.packages")

pytestmark = pytest.mark.ros

ARGUMENTS = {
    "cell": {"namespace", "params_file", "use_sim_time", "log_level", "autostart", "gallery"},
    "demo": {"items", "seed", "gallery"},
    "replay": {
        "source",
        "camera_file",
        "camera",
        "rate_hz",
        "hold_s",
        "gap_s",
        "loop",
        "namespace",
        "gallery",
    },
}


@pytest.fixture(scope="module", autouse=True)
def installed():
    try:
        ament.get_package_share_path("damage_perception")
    except (LookupError, OSError):
        pytest.skip("damage_perception is not installed in a ROS workspace")


def ros2_launch(environment, *arguments, timeout_s=60):
    return subprocess.run(
        ["ros2", "launch", "damage_perception", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )


@pytest.mark.parametrize("name", ARGUMENTS)
def test_every_launch_file_describes_its_arguments(environment, name):
    done = ros2_launch(environment, f"{name}.launch.py", "--show-args")
    assert done.returncode == 0, done.stderr
    assert set(re.findall(r"^    '(\w+)':$", done.stdout, re.MULTILINE)) >= ARGUMENTS[name]


def test_a_replay_runs_to_its_end_and_ends_the_detector(environment, tiny_card, tmp_path):
    from test_replay_and_demo import write_folder

    folder = write_folder(tmp_path / "images", False)
    parameters = tmp_path / "parameters.yaml"
    parameters.write_text(
        f"/**:\n  damage_detector:\n    ros__parameters:\n      model: {tiny_card}\n"
    )
    done = ros2_launch(
        environment, "replay.launch.py", f"source:={folder}", f"params_file:={parameters}"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    output = done.stdout + done.stderr
    assert "published 16 frames" in output
    assert re.search(r"damage_detector-\d\]: process has finished cleanly", output), output
