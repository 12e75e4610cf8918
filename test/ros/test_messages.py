"""The messages say what the code means, to Python and to C++."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from damage_perception.kinds import CODES
from damage_perception.verdict.report import Reason, Verdict

pytestmark = pytest.mark.ros
pytest.importorskip("rclpy", reason="needs the ROS client library")
msg = pytest.importorskip("damage_perception_msgs.msg", reason="needs the built messages")

CONTROLLER = """
#include <damage_perception_msgs/msg/damage_report.hpp>
#include <damage_perception_msgs/msg/item_announcement.hpp>
#include <damage_perception_msgs/srv/calibrate_station.hpp>
#include <damage_perception_msgs/srv/inspect.hpp>
int main() {
  damage_perception_msgs::msg::DamageReport report;
  return report.verdict == report.UNKNOWN && report.verdict != report.PASS ? 0 : 1;
}
"""


def test_an_empty_report_is_unknown():
    assert msg.DamageReport().verdict == msg.DamageReport.UNKNOWN == 0


def test_verdicts_and_reasons_are_those_of_the_code():
    for verdict in Verdict:
        assert getattr(msg.DamageReport, verdict.name) == verdict
    for reason in Reason:
        if reason:
            assert getattr(msg.DamageReport, f"REASON_{reason.name}") == reason


def test_kinds_are_those_of_the_code():
    for kind, code in CODES.items():
        assert getattr(msg.DamageRegion, f"KIND_{kind.upper()}") == code
    assert len(msg.DamageReport().kind_confidences) == len(CODES) - 1


def test_a_controller_in_cpp_compiles(tmp_path):
    compiler = shutil.which("g++")
    include = Path(sys.prefix) / "include"
    if compiler is None or not (include / "damage_perception_msgs").is_dir():
        pytest.skip("no g++, or the headers of the messages are not in this environment")
    source, program = tmp_path / "controller.cpp", tmp_path / "controller"
    source.write_text(CONTROLLER)
    folders = [f"-I{folder}" for folder in include.iterdir() if folder.is_dir()]
    subprocess.run([compiler, "-std=c++17", *folders, source, "-o", program], check=True)
    subprocess.run([program], check=True)
