"""A belt: what it carries stays in place on it, and every item gets one report from its images."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from red_network import RedNetwork

from benchmarks.belt import SPEED_MPS, START_NS, belt_inspector, picture_of, run
from damage_perception.verdict.belt import Belt
from damage_perception.verdict.place import Place

SECOND_NS = 1_000_000_000


@given(
    st.lists(st.floats(-1, 1), min_size=3, max_size=3).filter(lambda v: np.linalg.norm(v) > 0.01),
    st.integers(1_700_000_000, 1_800_000_000),
    st.floats(0.01, 5),
)
def test_what_moves_with_the_belt_stays_where_it_is_on_it(velocity, start_s, elapsed_s):
    belt = Belt(np.array(velocity))
    start_ns = start_s * SECOND_NS
    later_ns = start_ns + round(elapsed_s * SECOND_NS)
    position = np.array([0.2, -0.1, 0.05])
    moved = position + np.array(velocity) * (later_ns - start_ns) / SECOND_NS
    shape = np.array([-0.05, -0.05, 0.05, 0.05])
    first = belt.on_belt(Place("a", start_ns, position, shape + np.tile(position[:2], 2)))
    second = belt.on_belt(Place("b", later_ns, moved, shape + np.tile(moved[:2], 2)))
    assert second.position_m == pytest.approx(first.position_m, abs=1e-5)
    assert second.footprint_m == pytest.approx(first.footprint_m, abs=1e-5)


def test_an_encoder_says_how_far_a_belt_that_stops_has_come():
    belt = Belt(np.array([0.5, 0.0, 0.0]), encoder=True)
    assert belt.travelled_m(10 * SECOND_NS) == pytest.approx([0, 0, 0])
    for second, position in ((10, 4.0), (11, 4.5), (12, 4.5), (13, 4.5)):
        belt.moved(second * SECOND_NS, position)
    assert belt.travelled_m(10_500_000_000) == pytest.approx([4.25, 0, 0])
    assert belt.travelled_m(14 * SECOND_NS) == pytest.approx([4.5, 0, 0])
    # A reading that is older begins anew.
    belt.moved(5 * SECOND_NS, 1.0)
    assert belt.travelled_m(6 * SECOND_NS) == pytest.approx([1.0, 0, 0])


@pytest.mark.parametrize("velocity", [[0.0, 0.0, 0.0], [np.nan, 0.0, 0.0]])
def test_a_belt_that_goes_nowhere_is_refused(velocity):
    with pytest.raises(ValueError, match="belt velocity"):
        Belt(np.array(velocity))


def test_an_inspection_on_request_follows_the_item_that_the_belt_carries():
    # The detector's worker reads messages.
    pytest.importorskip("rclpy", reason="the ROS client library is not installed")
    pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")
    from damage_perception.ros.detector.worker import Capture
    from damage_perception.ros.requests.inspection import Inspection

    inspector = belt_inspector(RedNetwork(), Belt(np.array([SPEED_MPS, 0.0, 0.0])))
    inspector.configure(cameras={"first": inspector.cameras["first"]})
    answers = []
    job = Inspection(
        "asked", "", START_NS - SECOND_NS, START_NS + SECOND_NS, lambda *a: answers.append(a)
    )
    for shift_ns in (-100_000_000, 100_000_000):
        stamp_ns = START_NS + shift_ns
        frame = picture_of("first", stamp_ns, 1, frozenset())
        done = job.advance(inspector, Capture(frame, stamp_ns), stamp_ns)
    assert done
    ((report,), error) = answers[0]
    assert (report.verdict.name, report.frames_used, error) == ("PASS", 2, "")


@pytest.mark.slow
def test_every_item_of_a_belt_is_reported_once_from_the_images_of_both_cameras():
    outcome = run(RedNetwork(), 12)
    assert outcome.reports == outcome.items == outcome.seen_by_both == 12
    assert (outcome.unanswered, outcome.twice, outcome.of_another_item) == (0, 0, 0)
    assert outcome.by_verdict == {"PASS": 12}


@pytest.mark.slow
def test_a_camera_of_a_belt_that_falls_silent_passes_nothing_and_loses_nothing():
    outcome = run(RedNetwork(), 16, silent=(6, 10))
    assert outcome.reports == outcome.items
    assert (outcome.unanswered, outcome.twice, outcome.of_another_item) == (0, 0, 0)
    assert outcome.by_verdict["UNKNOWN"] >= 3 and outcome.by_verdict["PASS"] >= 6
