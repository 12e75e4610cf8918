"""The worker keeps deadlines, tells each fault once, and lets no camera take the others with it."""

import time

import numpy as np
import pytest
from recording import image, info, serialized
from red_network import PLANE, RedNetwork

from damage_perception.frame import CameraModel
from damage_perception.inspector import Inspector, MountedCamera
from damage_perception.ros import decoding
from damage_perception.ros.decoding import RAW, CameraInfos, Decoder
from damage_perception.ros.detector.health import Health
from damage_perception.ros.detector.pairing import Drop, Pairing
from damage_perception.ros.detector.worker import Worker
from damage_perception.ros.requests.inspection import Inspection
from damage_perception.station import Station
from damage_perception.verdict.policy import VerdictPolicy
from damage_perception.verdict.report import Reason, Verdict
from damage_perception.verdict.tracker import Announcement

MS = 1_000_000
WIDTH, HEIGHT = 320, 240
INFO = serialized(info(0, CameraModel(WIDTH, HEIGHT, 300.0, 300.0, 159.5, 119.5)))


class Bench:
    """A worker with its pairing, what it delivered and what it logged."""

    def __init__(self, network=None, cameras=("camera",), plane=PLANE, ros_ns=None):
        mounted = {name: MountedCamera(Station(plane=plane)) for name in cameras}
        policy = VerdictPolicy.at(0.8, frames_per_camera=2)
        self.inspector = Inspector(network or RedNetwork(), mounted, policy)
        self.pairing = Pairing(cameras, 10 * MS, 5000 * MS, now_ns())
        self.health, self.reports, self.log = Health(), [], []
        self.worker = Worker(
            self.inspector,
            self.pairing,
            Decoder(RAW, {}, CameraInfos(dict.fromkeys(cameras, INFO))),
            now_ns,
            ros_ns or now_ns,
            lambda reports: self.reports.extend((r, now_ns()) for r in reports),
            self.health,
            self.log.append,
        )

    def __enter__(self):
        self.worker.start()
        return self

    def __exit__(self, *exception):
        self.worker.stop()

    def show(self, depth_m=None, camera="camera", times=1):
        """Hands images to the worker and waits until each is handled."""
        for _ in range(times):
            before = self.health.snapshot().frames + self.malformed(camera)
            stamp_ns = now_ns()
            # A camera's noise is never twice the same.
            color, depth = images(depth_m, seed=stamp_ns)
            self.pairing.add_color(camera, stamp_ns, color, stamp_ns)
            self.pairing.add_depth(camera, stamp_ns, depth, stamp_ns)
            until(lambda: self.health.snapshot().frames + self.malformed(camera) > before)  # noqa: B023

    def malformed(self, camera="camera"):
        return self.pairing.drops(camera)[Drop.MALFORMED]

    def announce(self, item_id, deadline_ns):
        announcement = Announcement(item_id, deadline_ns=deadline_ns)
        self.worker.call(lambda inspector: inspector.announce(announcement, now_ns()))


class SlowNetwork(RedNetwork):
    """Takes ``duration_s`` for a pass."""

    duration_s = 0.3

    def assess(self, views):
        time.sleep(self.duration_s if views else 0)
        return super().assess(views)


def now_ns():
    return time.time_ns()


def until(condition, timeout_s=10):
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "nothing came in time"
        time.sleep(0.002)


def images(depth_m=None, seed=1):
    """Serialized images of a grey box on the table, or with the given depth."""
    rng = np.random.default_rng(seed)
    color = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    color[80:150, 110:200] = rng.integers(60, 190, (70, 90, 1))
    if depth_m is None:
        depth_m = np.full((HEIGHT, WIDTH), 0.8, np.float32)
        depth_m[80:150, 110:200] = 0.7
    return serialized(image(0, "rgb8", color)), serialized(image(0, "32FC1", depth_m))


def clutter(seed):
    """(H, W) metres of readings that no plane holds."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0.4, 1.6, (HEIGHT, WIDTH)).astype(np.float32)


def test_a_deadline_waits_for_one_inference_at_most():
    with Bench(SlowNetwork()) as bench:
        bench.show()
        deadline_ns = now_ns() + 100 * MS
        bench.announce("first", deadline_ns)
        bench.announce("second", deadline_ns)
        bench.show(times=2)
        late_ms = {r.item_id: (at_ns - deadline_ns) / MS for r, at_ns in bench.reports}
    assert late_ms.keys() >= {"second"}
    assert max(late_ms.values()) < 1.5e3 * SlowNetwork.duration_s


def test_a_deadline_that_is_over_is_answered_before_the_next_inference():
    network = SlowNetwork()
    network.duration_s = 0.5
    with Bench(network) as bench:
        bench.show()
        deadline_ns = now_ns()
        bench.announce("over", deadline_ns)
        bench.show()
        (at_ns,) = (at_ns for report, at_ns in bench.reports if report.verdict is Verdict.UNKNOWN)
    assert at_ns - deadline_ns < 250 * MS


def test_a_failing_backend_is_told_once_and_counted():
    network = RedNetwork()
    network.broken = True
    with Bench(network) as bench:
        bench.show(times=4)
        assert bench.log == ["inference failed"]
        assert bench.health.snapshot().last_fault == "inference failed"
        assert bench.health.snapshot().faults == 4
        network.broken = False
        bench.show()
        network.broken = True
        bench.show()
        assert bench.log == ["inference failed"] * 2
        assert bench.health.snapshot().faults == 5


def test_frames_without_a_plane_are_told_once_and_lack_depth():
    with Bench(plane=None) as bench:
        for seed in range(4):
            bench.show(clutter(seed))
        assert len(bench.log) == 1 and "no plane in the depth image" in bench.log[0]
        assert "no plane" in bench.worker.problem("camera")
        assert bench.inspector.camera_faults["camera"] == Reason.NO_DEPTH
        assert bench.malformed() == 0
        bench.show()
        until(lambda: bench.worker.problem("camera") == "")
        bench.show(clutter(4))
        assert len(bench.log) == 2


def test_whatever_reading_an_image_raises_costs_that_image_alone(monkeypatch):
    read = decoding.read_color

    def read_color(message):
        if message.encoding == "odd8":
            raise AttributeError("_ARRAY_API not found")
        return read(message)

    monkeypatch.setattr(decoding, "read_color", read_color)
    with Bench(cameras=("left", "right")) as bench:
        color, depth = images()
        odd = color.replace(b"rgb8", b"odd8")
        for _ in range(3):
            stamp_ns = now_ns()
            bench.pairing.add_color("left", stamp_ns, odd, stamp_ns)
            bench.pairing.add_depth("left", stamp_ns, depth, stamp_ns)
            bench.show(camera="right")
        assert bench.malformed("left") == 3
        assert bench.log == ["camera left: _ARRAY_API not found"]
        until(lambda: [r.verdict for r, _ in bench.reports] == [Verdict.PASS])


@pytest.mark.parametrize(("plane", "verdict"), [(None, Verdict.UNKNOWN), (PLANE, Verdict.PASS)])
def test_an_inspection_is_answered_with_or_without_a_plane(plane, verdict):
    answers = []
    with Bench(plane=plane) as bench:
        requested_ns = now_ns()
        bench.worker.add(
            Inspection(
                "asked", "", requested_ns, requested_ns + 400 * MS, lambda *a: answers.append(a)
            )
        )
        for seed in range(200):
            bench.show(clutter(seed) if plane is None else None)
            if answers:
                break
    ((reports, error),) = answers
    assert error == ""
    assert [(report.item_id, report.verdict) for report in reports] == [("asked-1", verdict)]
    if plane is None:
        assert Reason.NO_DEPTH | Reason.NOT_FOUND in reports[0].reasons
        assert Reason.STOPPED not in reports[0].reasons
        assert "Traceback" not in "".join(bench.log)


class ClockAt:
    """ROS time so far from the steady one, in nanoseconds."""

    ahead_ns = 0

    def __call__(self):
        return now_ns() + self.ahead_ns


@pytest.mark.parametrize("ahead_ns", [0, -3600_000 * MS, 3600_000 * MS])
def test_an_image_counts_from_when_it_was_taken_whatever_ros_time_is(ahead_ns):
    ros_ns = ClockAt()
    ros_ns.ahead_ns = ahead_ns
    taken = taken_ns(ros_ns, stamp_ns=ros_ns() - 300 * MS)
    assert abs(now_ns() - 300 * MS - taken) < 100 * MS


@pytest.mark.parametrize("off_ns", [-5_000 * MS, 5_000 * MS])
def test_an_image_with_stamps_of_another_clock_counts_from_when_it_came(off_ns):
    taken = taken_ns(ClockAt(), stamp_ns=now_ns() + off_ns)
    assert abs(now_ns() - taken) < 100 * MS


def test_many_calls_do_not_hold_up_a_frame():
    with Bench() as bench:
        for _ in range(300):
            bench.worker.call(lambda _: time.sleep(0.005))
        start_s = time.monotonic()
        bench.show()
        assert time.monotonic() - start_s < 0.5


def taken_ns(ros_ns, stamp_ns):
    """When an image that came now was taken, as a job is told."""
    captures = []

    class Asked:
        def advance(self, inspector, capture, now_ns):
            captures.append(capture)
            return capture is not None

        def abandon(self, why):
            pass

    with Bench(ros_ns=ros_ns) as bench:
        bench.worker.add(Asked())
        color, depth = images()
        bench.pairing.add_color("camera", stamp_ns, color, now_ns())
        bench.pairing.add_depth("camera", stamp_ns, depth, now_ns())
        until(lambda: captures and captures[-1])
    return captures[-1].taken_ns
