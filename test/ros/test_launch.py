"""The launch files run under the real ``ros2 launch``."""

import os
import re
import signal
import subprocess

import pytest

pytest.importorskip("launch_ros", reason="launch_ros is not to be had as a wheel; run where ROS is")
pytest.importorskip("ros2launch", reason="ros2 launch is not to be had as a wheel")
ament = pytest.importorskip("ament_index_python.packages")

pytestmark = pytest.mark.ros

ARGUMENTS = {
    "cell": {
        "namespace",
        "params_file",
        "use_sim_time",
        "log_level",
        "autostart",
        "gallery",
        "site_file",
        "record",
        "records",
    },
    "demo": {"items", "seed", "gallery", "namespace", "params_file", "log_level", "rviz"},
    "replay": {
        "source",
        "camera_file",
        "camera",
        "rate_hz",
        "hold_s",
        "gap_s",
        "loop",
        "namespace",
        "params_file",
        "log_level",
        "autostart",
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
    assert set(re.findall(r"^    '(\w+)':$", done.stdout, re.MULTILINE)) == ARGUMENTS[name]


@pytest.fixture
def parameter_file(tiny_card, tmp_path):
    """Parameters of a detector with the tiny model, whose camera is called left."""
    file = tmp_path / "parameters.yaml"
    file.write_text(
        "/**:\n  damage_detector:\n    ros__parameters:\n"
        f"      model: {tiny_card}\n      cameras: [left]\n"
    )
    return file


def demo_parameters(parameter_file):
    text = parameter_file.read_text().replace("[left]", "[camera]")
    parameter_file.write_text(text + "      leave_after_ms: 150.0\n")
    return parameter_file


def test_a_replay_runs_to_its_end_and_ends_the_detector(environment, parameter_file, tmp_path):
    from test_replay_and_demo import write_folder

    folder = write_folder(tmp_path / "images", False)
    done = ros2_launch(
        environment,
        "replay.launch.py",
        f"source:={folder}",
        f"params_file:={parameter_file}",
        "namespace:=line_1",
        "camera:=left",
        f"camera_file:={folder / 'camera.json'}",
        "rate_hz:=20",
        "hold_s:=0.5",
        "gap_s:=0.2",
        "log_level:=warn",
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    # Of one image, 10 with it and 4 before it.
    assert "published 14 frames" in output
    assert "line_1.damage_detector" in output and "[damage_detector]: model" not in output
    assert re.search(r"damage_detector-\d\]: process has finished cleanly", output), output


def test_a_replay_that_cannot_start_ends_the_launch_with_an_error(environment, parameter_file):
    done = ros2_launch(
        environment, "replay.launch.py", "source:=/nowhere", f"params_file:={parameter_file}"
    )
    output = done.stdout + done.stderr
    assert done.returncode == 1
    assert "/nowhere does not exist" in output
    assert "image_replay-2 ended with status 1" in output


@pytest.mark.slow
def test_the_demo_runs_to_its_end_in_a_namespace_with_its_own_parameters(
    environment, parameter_file, tmp_path
):
    done = ros2_launch(
        environment,
        "demo.launch.py",
        "items:=1",
        "seed:=2",
        "namespace:=line_1",
        f"params_file:={demo_parameters(parameter_file)}",
        "log_level:=warn",
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert output.count('"verdict": "') == 1
    assert "line_1.damage_detector" in output
    assert output.count("process has finished cleanly") == 3, output


@pytest.mark.slow
@pytest.mark.parametrize(
    "dying", ["damage_detector-1", "reference_controller-2", "simulated_cell-3"]
)
def test_a_process_that_dies_ends_the_demo_with_an_error(environment, dying):
    launch = subprocess.Popen(
        ["ros2", "launch", "damage_perception", "demo.launch.py"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines = []
    for line in launch.stdout:
        lines.append(line)
        started = re.search(rf"\[{dying}\]: process started with pid \[(\d+)\]", line)
        if started:
            os.kill(int(started[1]), signal.SIGKILL)
    assert launch.wait(30) == 1
    assert f"{dying} ended with status -9" in "".join(lines)


def test_a_detector_that_cannot_start_ends_the_launch_with_an_error(environment, tmp_path):
    file = tmp_path / "parameters.yaml"
    file.write_text("/**:\n  ros__parameters:\n    damage_treshold: 0.5\n")
    done = ros2_launch(environment, "cell.launch.py", f"params_file:={file}")
    output = done.stdout + done.stderr
    assert done.returncode == 1
    assert "damage_treshold is not known" in output
    assert "damage_detector-1 ended with status 1" in output
