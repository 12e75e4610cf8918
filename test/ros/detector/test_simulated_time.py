"""Deadlines and patience keep real time over DDS, whatever comes on /clock, or nothing."""

import threading
import time

import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")

from cell import PLANE, scene
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock

from damage_perception.ros.messages import stamp_of
from damage_perception_msgs.msg import DamageReport

pytestmark = pytest.mark.ros

PASS, UNKNOWN = DamageReport.PASS, DamageReport.UNKNOWN
S = 1_000_000_000
DEADLINE_S = 0.8


@pytest.fixture(scope="module")
def parameters():
    return {
        "use_sim_time": True,
        "decision_deadline_ms": DEADLINE_S * 1e3,
        "source_timeout_ms": 400.0,
        "cameras": ["camera", "side"],
        "camera": {"plane": PLANE},
    }


class Simulation:
    """Publishes /clock at 50 Hz until it is stopped; the time goes on from what it was."""

    def __init__(self, cell):
        best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        self._node = cell.node
        self._publisher = cell.node.create_publisher(Clock, "/clock", best_effort)
        self.now_ns = 100 * S
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self.stop()
        self._node.destroy_publisher(self._publisher)

    def stop(self):
        """Publishes no more."""
        self._stop.set()
        self._thread.join()

    def jump(self, seconds):
        """Sets the time back or forth."""
        self.now_ns += round(seconds * S)

    def _run(self):
        while not self._stop.wait(0.02):
            self.now_ns += 20_000_000
            self._publisher.publish(Clock(clock=stamp_of(self.now_ns)))


class Silent:
    """Simulated time that goes on and is not published."""

    _now_ns = 10 * S

    @property
    def now_ns(self):
        Silent._now_ns += 30_000_000
        return Silent._now_ns


def show(cell, simulation, box=(110, 80, 90, 70), cameras=("camera", "side")):
    """The cameras once, with stamps of simulated time."""
    stamp_ns = simulation.now_ns
    for camera in cameras:
        cell.publish(*cell.messages(*scene(box), stamp_ns), camera=camera)
    time.sleep(0.03)


def answered_after_s(cell, item_id, **announced):
    """How long after its announcement an item's report came, and the report."""
    start_s = time.monotonic()
    cell.announce(item_id, **announced)
    report = cell.report_on(item_id)
    return time.monotonic() - start_s, report


def test_a_clock_that_is_missing_is_told_with_its_mend(cell, detector):
    begun_s = time.monotonic()
    level, message, _ = cell.status("clock")
    while level == 0 and time.monotonic() - begun_s < 2:
        level, message, _ = cell.status("clock")
    assert level == 2 and time.monotonic() - begun_s < 2
    assert "nobody publishes /clock" in message and "use_sim_time" in message
    assert detector.log.count("nobody publishes /clock") == 1


def test_without_a_clock_items_are_answered_at_their_deadline(cell):
    late_s, report = answered_after_s(cell, "absent")
    assert report.verdict == UNKNOWN
    assert report.reasons & DamageReport.REASON_NOT_FOUND
    assert report.reasons & DamageReport.REASON_DEADLINE
    assert DEADLINE_S - 0.01 < late_s < DEADLINE_S + 0.5
    # In time that has not begun a deadline says nothing: it is the usual one.
    late_s, report = answered_after_s(cell, "dated", deadline_ns=50 * S)
    assert report.verdict == UNKNOWN and late_s < DEADLINE_S + 0.5


def test_without_a_clock_a_dead_camera_is_stale(cell):
    for _ in range(8):
        show(cell, Silent(), None, cameras=["side"])
    time.sleep(0.6)
    level, message, values = cell.status("camera side")
    assert level == 2 and message.startswith("stale") and float(values["age_ms"]) > 400


def test_without_a_clock_services_answer(cell):
    start_s = time.monotonic()
    response = cell.until_done(cell.inspect(0.5))
    assert response.success and response.reports[0].verdict == UNKNOWN
    assert time.monotonic() - start_s < 2
    response = cell.until_done(cell.calibrate("side"))
    assert not response.success and "no depth images of side" in response.message
    future = cell.inspect(3.0)
    cell.until(future.done, beat=lambda: show(cell, Silent()))
    assert {report.verdict for report in future.result().reports} == {PASS}


def test_without_a_clock_items_are_judged(cell):
    for _ in range(10):
        show(cell, Silent(), None)
    cell.announce("seen")
    report = cell.report_on("seen", beat=lambda: show(cell, Silent()))
    assert report.verdict == PASS


def test_with_a_clock_all_is_well_until_it_stops(cell, detector):
    told = detector.log.count("use_sim_time is true") + detector.log.count("/clock stands still")
    with Simulation(cell) as simulation:
        cell.until(lambda: cell.status("clock")[0] == 0, 5)
        assert "from /clock" in cell.status("clock")[1]
        late_s, _ = answered_after_s(cell, "timed", deadline_ns=simulation.now_ns + 3 * S // 10)
        assert 0.2 < late_s < 0.7
        simulation.stop()
        stopped_s = time.monotonic()
        cell.until(lambda: cell.status("clock")[0] == 2, 5)
        assert time.monotonic() - stopped_s < 2.5
        assert "/clock stands still" in cell.status("clock")[1]
        late_s, _ = answered_after_s(cell, "in the pause")
        assert DEADLINE_S - 0.01 < late_s < DEADLINE_S + 0.5
    now_told = detector.log.count("use_sim_time is true") + detector.log.count(
        "/clock stands still"
    )
    assert now_told == told + 1
    assert "ROS time goes on" in detector.log


def test_with_stamps_of_another_clock_what_was_reported_takes_no_name_of_the_next(cell):
    with Simulation(cell) as simulation:
        cell.until(lambda: cell.status("clock")[0] == 0, 5)
        for _ in range(10):
            show(cell, simulation, None)
        cell.reports.clear()
        # The driver does not know of simulated time.
        cell.until(lambda: cell.reports, beat=lambda: cell.show(frames=1))
        cell.announce("next")
        report = cell.report_on("next", beat=lambda: cell.show(frames=1))
        assert report.verdict == UNKNOWN and report.reasons & DamageReport.REASON_NOT_FOUND


@pytest.mark.parametrize("jump_s", [600, -60])
def test_time_that_jumps_moves_no_deadline_and_makes_no_camera_stale(cell, jump_s):
    name = f"jump {jump_s}"
    with Simulation(cell) as simulation:
        simulation.jump(300)
        cell.until(lambda: cell.status("clock")[0] == 0, 5)
        for _ in range(10):
            show(cell, simulation, None)
        cell.reports.clear()
        start_s = time.monotonic()
        cell.announce(name, deadline_ns=simulation.now_ns + S)
        time.sleep(0.2)
        simulation.jump(jump_s)
        report = cell.report_on(name, beat=lambda: show(cell, simulation, None))
        assert 0.9 < time.monotonic() - start_s < 1.5
        assert report.reasons & DamageReport.REASON_NOT_FOUND
        assert not report.reasons & DamageReport.REASON_STALE_CAMERA
        cell.announce(f"after {name}")
        report = cell.report_on(f"after {name}", beat=lambda: show(cell, simulation))
        assert report.verdict == PASS


def test_where_stamps_jump_back_what_was_seen_is_answered_and_judged_anew(cell):
    """As where a bag begins again, or a simulation is reset."""
    with Simulation(cell) as simulation:
        simulation.jump(2000)
        cell.until(lambda: cell.status("clock")[0] == 0, 5)
        for _ in range(10):
            show(cell, simulation, None, ["camera"])
        cell.reports.clear()
        cell.announce("before", deadline_ns=simulation.now_ns + 10 * S)
        for _ in range(2):
            show(cell, simulation, cameras=["camera"])
        simulation.jump(-100)
        report = cell.report_on("before", beat=lambda: show(cell, simulation, cameras=["camera"]))
        assert report.verdict == UNKNOWN and report.reasons & DamageReport.REASON_STOPPED
        assert "jumped back by 100" in report.detail
        cell.until(
            lambda: [r for r in cell.reports if r.item_id != "before"],
            beat=lambda: show(cell, simulation, cameras=["camera"]),
        )
        assert [r.verdict for r in cell.reports if r.item_id != "before"] == [PASS]
