"""The messages say what the code means, to Python and to C++."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs the ROS client library")
pytest.importorskip("damage_perception_msgs.msg", reason="needs the built messages")

from builtin_interfaces.msg import Duration
from red_network import red_inspector

from damage_perception.kinds import CODES, KINDS, MISSING_UNIT, TEAR
from damage_perception.ros.messages import announcement_of, longest_wait_ns, report_message
from damage_perception.verdict.report import Reason, Verdict
from damage_perception_msgs import msg

pytestmark = pytest.mark.ros

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


def test_a_report_names_the_kinds_that_the_model_knows_and_no_others():
    def published(network):
        inspector = red_inspector()
        inspector.network.kinds = network
        return report_message(inspector.refuse("parcel", "", "full"), 0)

    assert list(published(KINDS).kinds) == [CODES[kind] for kind in KINDS]
    few = published((TEAR, MISSING_UNIT))
    assert list(few.kinds) == [msg.DamageRegion.KIND_TEAR, msg.DamageRegion.KIND_MISSING_UNIT]
    assert len(few.kind_confidences) == 2


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


SECOND = 1_000_000_000


def announcement(ros_ns=100 * SECOND, steady_ns=7 * SECOND, **fields):
    message = msg.ItemAnnouncement(item_id="parcel")
    for name, value in fields.items():
        setattr(message.deadline, name, value)
    return announcement_of(message, ["camera"], ros_ns, steady_ns)


def test_a_deadline_in_ros_time_becomes_one_in_steady_time():
    assert announcement(sec=102, nanosec=500_000_000).deadline_ns == 9_500_000_000
    assert announcement(sec=95).deadline_ns == 2 * SECOND
    assert announcement(sec=1).deadline_ns == 1, "over, and not the usual one"
    assert announcement().deadline_ns == 0


def test_in_simulated_time_that_has_not_begun_a_deadline_is_the_usual_one():
    assert announcement(ros_ns=0, sec=102).deadline_ns == 0


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"sec": -1}, "-1 s, 0 ns"),
        ({"nanosec": 4_000_000_000}, "0 s, 4000000000 ns"),
        ({"sec": 1_800_000_000}, "1799999900 s ahead; expected an hour at most"),
    ],
)
def test_a_deadline_that_is_no_time_to_wait_for_is_refused(fields, why):
    with pytest.raises(ValueError, match=f"'parcel' has .*{why}"):
        announcement(**fields)


@pytest.mark.parametrize("name", ["item_id", "sku", "camera"])
def test_a_name_longer_than_any_is_refused_without_being_repeated(name):
    message = msg.ItemAnnouncement(item_id="parcel")
    setattr(message, name, "x" * 100_000)
    with pytest.raises(ValueError, match=f"{name} 'x+'... is 100000 letters long") as caught:
        announcement_of(message, ["camera"], 100 * SECOND, 7 * SECOND)
    assert len(str(caught.value)) < 200


def test_a_request_waits_an_hour_at_most():
    assert longest_wait_ns(Duration(sec=2**31 - 1), 5) == 3600 * SECOND
    assert longest_wait_ns(Duration(sec=2), 5) == 2 * SECOND
    assert longest_wait_ns(Duration(), 5) == longest_wait_ns(Duration(sec=-1), 5) == 5
