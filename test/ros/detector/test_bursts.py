"""Over DDS every announcement is answered, however many come at once, or why it is not taken."""

import signal
import subprocess
import sys
import threading
import time

import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")

import rclpy
from cell import ACTIVATE, DEACTIVATE
from rclpy.executors import SingleThreadedExecutor

from damage_perception.ros.messages import stamp_of
from damage_perception.ros.qos import EVENTS
from damage_perception.verdict.tracker import MOST_ANNOUNCED
from damage_perception_msgs.msg import DamageReport, ItemAnnouncement

pytestmark = pytest.mark.ros

UNKNOWN, REFUSED = DamageReport.UNKNOWN, DamageReport.REASON_REFUSED
# As in the README, and as of before.
DEPTH, SHALLOW = 1000, 50

# Prints the item of each report that it hears, until it is asked to end.
LISTENER = f"""
import signal
import rclpy
from rclpy.executors import SingleThreadedExecutor
from damage_perception_msgs.msg import DamageReport
rclpy.init()
ended = []
signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
node = rclpy.create_node("short_queue")
hear = lambda report: print(report.item_id, flush=True)
node.create_subscription(DamageReport, "damage_detector/reports", hear, {SHALLOW})
executor = SingleThreadedExecutor()
executor.add_node(node)
while not node.count_publishers("damage_detector/reports"):
    executor.spin_once(timeout_sec=0.1)
print("ready", flush=True)
while not ended:
    executor.spin_once(timeout_sec=0.1)
rclpy.shutdown()
"""


@pytest.fixture(scope="module")
def parameters():
    return {"decision_deadline_ms": 1500}


@pytest.fixture
def announcer(cell):
    """A publisher of announcements with the queue that the README asks for."""
    topic = "damage_detector/announcements"
    publisher = cell.node.create_publisher(ItemAnnouncement, topic, EVENTS)
    cell.until(publisher.get_subscription_count)
    time.sleep(0.3)
    yield publisher
    cell.node.destroy_publisher(publisher)


class Listener:
    """A node of its own that hears reports with a queue of ``depth``."""

    def __init__(self, cell, depth):
        context = cell.node.context
        self.heard = []
        self._node = rclpy.create_node(f"listener_{depth}", context=context)
        self._node.create_subscription(
            DamageReport, "damage_detector/reports", self.heard.append, depth
        )
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._executor.spin, daemon=True)
        self._thread.start()

    def ids(self, prefix):
        return {report.item_id for report in self.heard if report.item_id.startswith(prefix)}

    def close(self):
        self._executor.shutdown()
        self._thread.join(5)
        self._node.destroy_node()


class ShallowListener:
    """A process of its own that hears reports with a queue of SHALLOW, as a controller is one.

    In this process it would wait for the other listener and for what the test does.
    """

    def __init__(self, environment):
        self._heard = []
        self._process = subprocess.Popen(
            [sys.executable, "-c", LISTENER], env=environment, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout.readline() == "ready\n"
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        for line in self._process.stdout:
            self._heard.append(line.rstrip("\n"))

    def ids(self, prefix):
        return {item_id for item_id in self._heard if item_id.startswith(prefix)}

    def stop(self):
        self._process.send_signal(signal.SIGSTOP)

    def close(self):
        # It takes its leave: what a killed process leaves in shared memory costs others messages.
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        self._process.wait(10)
        self._thread.join(5)


@pytest.fixture
def listeners(cell, environment):
    """One as in the README, and one of a depth of 50."""
    found = [Listener(cell, DEPTH), ShallowListener(environment)]
    time.sleep(0.5)
    yield found
    for listener in found:
        listener.close()


def announce(announcer, cell, prefix, number, deadline_s=None):
    """Announces so many items at once, all with one deadline."""
    deadline_ns = 0 if deadline_s is None else cell.now_ns() + round(deadline_s * 1e9)
    for index in range(number):
        announcer.publish(
            ItemAnnouncement(item_id=f"{prefix} {index}", deadline=stamp_of(deadline_ns))
        )


def test_a_thousand_items_announced_at_once_are_all_answered(cell, announcer, listeners):
    announce(announcer, cell, "crowd", 1000, deadline_s=2.0)
    cell.until(lambda: len(listeners[0].ids("crowd")) == 1000, 15)
    assert len(listeners[0].heard) == 1000, "once each"
    assert all(r.reasons & DamageReport.REASON_NOT_FOUND for r in listeners[0].heard)
    cell.until(lambda: len(listeners[1].ids("crowd")) == 1000, 2)


def test_a_subscriber_that_hangs_holds_nobody_up(cell, announcer, listeners, environment):
    hanging = ShallowListener(environment)
    try:
        time.sleep(0.5)
        hanging.stop()
        announce(announcer, cell, "past it", 1000, deadline_s=1.5)
        assert cell.status("detector", 3)[0] == 0
        cell.until(lambda: len(listeners[0].ids("past it")) == 1000, 15)
        announced_s = time.monotonic()
        cell.announce("quick", deadline_ns=cell.now_ns() + 200_000_000)
        cell.report_on("quick")
        assert time.monotonic() - announced_s < 1
    finally:
        hanging.close()


def test_a_thousand_that_wait_are_all_answered_as_the_node_is_deactivated(
    cell, announcer, listeners
):
    announce(announcer, cell, "left over", 1000, deadline_s=60.0)
    cell.announce("last of them", deadline_ns=cell.now_ns() + 200_000_000)
    cell.report_on("last of them")
    assert cell.change_state(DEACTIVATE)
    cell.until(lambda: all(len(one.ids("left over")) == 1000 for one in listeners), 5)
    assert cell.change_state(ACTIVATE)
    cell.connect()


def test_announcements_beyond_those_that_can_wait_are_refused(cell, announcer, listeners, detector):
    before = int(cell.status("detector")[2]["announcements_overflowed"])
    # They are read faster than the deadline of the first comes.
    announce(announcer, cell, "flood", MOST_ANNOUNCED + 300, deadline_s=6.0)
    cell.until(lambda: len(listeners[0].ids("flood")) == MOST_ANNOUNCED + 300, 25)
    refused = [r for r in listeners[0].heard if r.reasons & REFUSED]
    assert refused and all(r.verdict == UNKNOWN for r in refused)
    assert all("is one too many" in r.detail for r in refused)
    _, _, values = cell.status("detector")
    assert int(values["announcements_overflowed"]) - before == len(refused)
    assert detector.log.count("is one too many") == 1


def test_announcements_that_cannot_be_decoded_are_counted_and_logged_once(
    cell, announcer, detector
):
    before = int(cell.status("detector")[2]["announcements_refused"])
    for number in range(20):
        # Texts as long as the message says are not in it.
        announcer.publish(b"\x00\x01\x00\x00" + bytes([255] * (16 + number)))
    cell.announce("after it", deadline_ns=cell.now_ns() + 200_000_000)
    cell.report_on("after it")
    cell.until(lambda: int(cell.status("detector")[2]["announcements_refused"]) - before == 20, 5)
    assert detector.log.count("cannot be decoded") == 1


@pytest.mark.parametrize(
    ("item_id", "camera", "deadline_ns", "why"),
    [
        ("", "", 0, "announced item_id is empty"),
        ("elsewhere", "left", 0, "'elsewhere' is announced for camera 'left'"),
        ("misdated", "", 2_000_000_000 * 10**9, "an hour at most"),
    ],
)
def test_an_announcement_that_is_not_taken_is_answered(cell, item_id, camera, deadline_ns, why):
    cell.reports.clear()
    cell.announce(item_id, "sku-1", deadline_ns, camera)
    report = cell.report_on(item_id)
    assert (report.verdict, report.reasons, report.sku) == (UNKNOWN, REFUSED, "sku-1")
    assert why in report.detail
    assert int(cell.status("detector")[2]["announcements_refused"]) > 0


def test_of_an_id_announced_twice_one_is_refused_and_the_item_keeps_its_report(cell):
    cell.reports.clear()
    cell.announce("twice")
    cell.announce("twice")
    refused = cell.report_on("twice")
    assert refused.reasons == REFUSED and "is announced already and waits" in refused.detail
    cell.until(lambda: len(cell.reports) == 2, beat=lambda: cell.show(frames=1))
    assert [r.item_id for r in cell.reports] == ["twice"] * 2
    assert cell.reports[1].verdict == DamageReport.PASS


def test_a_refusal_is_a_warning_in_the_next_status(cell):
    cell.status("detector")
    cell.announce("nowhere", camera="left")
    level, message, _ = cell.status("detector")
    assert level == 1
    assert "1 announcements refused since the last status" in message and "'nowhere'" in message
