"""The executables end without a traceback where they cannot start, or are not to go on."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")

pytestmark = pytest.mark.ros

ROOT = Path(__file__).resolve().parents[2]
INTERRUPTED_IMPORT = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, *_):
        if name == sys.argv[2]:
            os.kill(os.getpid(), signal.SIGINT)

from damage_perception.ros import processes
sys.meta_path.insert(0, Interrupting())
sys.exit(getattr(processes, sys.argv[1])())
"""
WITHOUT_MODULE = """
import sys
sys.modules[sys.argv[2]] = None
from damage_perception.ros import processes
sys.exit(getattr(processes, sys.argv[1])())
"""


def ended(environment, code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("executable", "module"),
    [
        ("damage_detector", "cv2"),
        ("simulated_cell", "numpy"),
        ("simulated_cell", "embreex"),
        ("reference_controller", "damage_perception_msgs"),
        ("image_replay", "damage_perception.source"),
    ],
)
def test_ctrl_c_while_it_imports_ends_it_in_silence(environment, executable, module):
    done = ended(environment, INTERRUPTED_IMPORT, executable, module)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("executable", ["simulated_cell", "reference_controller"])
@pytest.mark.parametrize("pause_s", [0.0, 0.01, 0.1])
def test_ctrl_c_from_two_sides_ends_it_in_silence(environment, tmp_path, executable, pause_s):
    log = tmp_path / "errors"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "damage_perception.ros.processes", executable],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    if executable == "simulated_cell":
        process.stdout.readline()
    else:
        time.sleep(3)
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(pause_s)
    assert process.wait(10) == 0
    process.stdout.close()
    assert log.read_text() == ""


def test_a_module_that_is_missing_is_one_line_that_names_what_to_install(environment):
    done = ended(environment, WITHOUT_MODULE, "simulated_cell", "embreex")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "needs the Python module embreex" in line
    assert "pip install -r requirements/robot.txt" in line
