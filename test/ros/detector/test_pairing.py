"""Colour and depth of one instant come together, newest first, and every drop is counted."""

import threading
import time

from hypothesis import given
from hypothesis import strategies as st

from damage_perception.ros.detector.pairing import Drop, Pairing

MS = 1_000_000
TOLERANCE, TIMEOUT = 10 * MS, 500 * MS


def pairing(cameras=("left",)):
    return Pairing(cameras, TOLERANCE, TIMEOUT, now_ns=0)


def drops(pairing, camera="left"):
    return {cause.value: n for cause, n in pairing.drops(camera).items() if n}


def test_images_within_the_tolerance_are_a_pair():
    joined = pairing()
    joined.add_color("left", 100 * MS, "color", 101 * MS)
    assert joined.take(101 * MS) is None
    joined.add_depth("left", 109 * MS, "depth", 110 * MS)
    pair = joined.take(110 * MS)
    assert (pair.color, pair.depth) == ("color", "depth")
    assert (pair.stamp_ns, pair.arrived_ns) == (100 * MS, 110 * MS)
    assert joined.take(110 * MS) is None and drops(joined) == {}


def test_depth_may_come_first():
    joined = pairing()
    joined.add_depth("left", 100 * MS, "depth", 101 * MS)
    joined.add_color("left", 100 * MS, "color", 102 * MS)
    assert joined.take(102 * MS).depth == "depth"


def test_images_beyond_the_tolerance_are_no_pair():
    joined = pairing()
    joined.add_color("left", 100 * MS, "color", 101 * MS)
    joined.add_depth("left", 111 * MS, "depth", 112 * MS)
    assert joined.take(112 * MS) is None


def test_the_nearest_partner_is_taken():
    joined = pairing()
    joined.add_depth("left", 92 * MS, "far", 100 * MS)
    joined.add_depth("left", 99 * MS, "near", 101 * MS)
    joined.add_color("left", 100 * MS, "color", 102 * MS)
    assert joined.take(102 * MS).depth == "near"
    assert drops(joined) == {"unpaired": 1}


def test_the_newest_pair_wins():
    joined = pairing()
    for stamp in (100, 133, 166):
        joined.add_color("left", stamp * MS, f"color {stamp}", stamp * MS)
        joined.add_depth("left", stamp * MS, f"depth {stamp}", stamp * MS)
    assert joined.take(170 * MS).color == "color 166"
    assert drops(joined) == {"superseded": 2}


def test_cameras_take_turns_and_each_gives_its_newest():
    joined = pairing(("left", "right"))
    taken = []
    for now in range(100, 500, 100):
        for camera in ("left", "right"):
            joined.add_color(camera, now * MS, now, now * MS)
            joined.add_depth(camera, now * MS, now, now * MS)
        pair = joined.take(now * MS)
        taken.append((pair.camera, pair.color))
    assert taken == [("left", 100), ("right", 200), ("left", 300), ("right", 400)]
    assert joined.take(400 * MS).camera == "left" and joined.take(400 * MS) is None


def test_images_without_partner_are_counted():
    joined = pairing()
    for number in range(10):
        joined.add_color("left", (100 + 33 * number) * MS, number, 100 * MS)
    joined.add_depth("left", (100 + 33 * 9) * MS, "depth", 101 * MS)
    assert joined.take(101 * MS).color == 9
    assert drops(joined) == {"unpaired": 9}


def test_a_stamp_that_stands_still_brings_nothing_new():
    joined = pairing()
    for _ in range(3):
        joined.add_color("left", 0, "color", 10 * MS)
        joined.add_depth("left", 0, "depth", 10 * MS)
    assert joined.take(10 * MS).color == "color"
    assert drops(joined) == {"stale": 4}
    assert joined.is_stale("left", 600 * MS)


def test_a_stamp_that_jumps_back_starts_the_camera_anew():
    joined = pairing()
    joined.add_color("left", 9000 * MS, "old", 10 * MS)
    joined.add_color("left", 100 * MS, "color", 20 * MS)
    joined.add_depth("left", 100 * MS, "depth", 21 * MS)
    assert joined.take(21 * MS).color == "color"
    assert drops(joined) == {"unpaired": 1}


def test_a_pair_that_waited_too_long_is_stale():
    joined = pairing()
    joined.add_color("left", 100 * MS, "color", 100 * MS)
    joined.add_depth("left", 100 * MS, "depth", 100 * MS)
    assert joined.take(100 * MS + TIMEOUT + 1) is None
    assert drops(joined) == {"stale": 1}


def test_colour_goes_on_alone_when_depth_is_lost():
    joined = pairing()
    for stamp in range(0, 1000, 100):
        joined.add_color("left", stamp * MS, stamp, stamp * MS)
    pair = joined.take(900 * MS)
    assert (pair.color, pair.depth) == (900, None)
    joined.add_depth("left", 1000 * MS, "depth", 1000 * MS)
    joined.add_color("left", 1000 * MS, 1000, 1000 * MS)
    assert joined.take(1000 * MS).depth == "depth"


def test_depth_that_lags_within_the_timeout_finds_its_partner():
    joined = pairing()
    for stamp in range(0, 3000, 33):
        joined.add_color("left", stamp * MS, stamp, stamp * MS)
        if stamp >= 396:
            joined.add_depth("left", (stamp - 396) * MS, stamp - 396, stamp * MS)
            pair = joined.take(stamp * MS)
            assert pair.color == pair.depth == stamp - 396
    assert drops(joined) == {}


def test_an_image_does_not_wait_for_its_partner_beyond_the_timeout():
    joined = pairing()
    joined.add_depth("left", 100 * MS, "depth", 100 * MS)
    joined.add_color("left", 300 * MS, "color", 601 * MS)
    assert drops(joined) == {"unpaired": 1}
    joined.add_color("left", 700 * MS, "color", 602 * MS)
    assert drops(joined) == {"unpaired": 1}


def test_the_images_that_wait_are_limited():
    joined = Pairing(("left",), TOLERANCE, 3600_000 * MS, now_ns=0)
    for number in range(100):
        joined.add_color("left", (100 + number) * 50 * MS, number, number * MS)
    assert drops(joined) == {"unpaired": 40}


def test_after_a_pause_of_both_the_first_pair_is_whole():
    joined = pairing()
    for stamp in (100, 5000):
        joined.add_color("left", stamp * MS, stamp, stamp * MS)
        joined.add_depth("left", stamp * MS, stamp, stamp * MS)
        assert joined.take(stamp * MS).depth == stamp


def test_a_silent_camera_is_stale_and_the_other_is_not():
    joined = pairing(("left", "right"))
    joined.add_color("left", 400 * MS, "color", 400 * MS)
    joined.add_depth("left", 400 * MS, "depth", 400 * MS)
    assert joined.is_stale("right", 501 * MS) and not joined.is_stale("left", 501 * MS)
    assert joined.age_ns("left", 501 * MS) == 101 * MS


def test_drops_after_the_hand_over_are_counted_with_the_others():
    joined = pairing()
    joined.count("left", Drop.MALFORMED)
    assert drops(joined) == {"malformed": 1}


def test_the_worker_wakes_for_a_pair_and_for_a_call():
    joined = pairing()
    for wake in (
        joined.wake,
        lambda: (joined.add_color("left", 1, "c", 1), joined.add_depth("left", 1, "d", 1)),
    ):
        timer = threading.Timer(0.05, wake)
        start = time.monotonic()
        timer.start()
        joined.wait(10)
        assert time.monotonic() - start < 5
    joined.take(1)
    start = time.monotonic()
    joined.wait(0.05)
    assert time.monotonic() - start >= 0.04


IMAGES = st.lists(
    st.tuples(st.sampled_from(["color", "depth"]), st.integers(0, 200), st.booleans()), max_size=60
)


@given(IMAGES)
def test_every_image_is_in_a_pair_or_dropped_or_waiting(images):
    """Whatever the order of the stamps: none is lost, none counts twice."""
    joined = pairing()
    used = 0
    for now, (stream, stamp, take) in enumerate(images, start=1):
        add = joined.add_color if stream == "color" else joined.add_depth
        add("left", stamp * MS, stamp, now)
        pair = joined.take(now) if take else None
        if pair is not None:
            used += 2
            assert abs(pair.color - pair.depth) * MS <= TOLERANCE
    counts = joined.drops("left")
    used += 2 * (bool(joined.take(len(images) + 1)) + counts[Drop.SUPERSEDED])
    waiting = len(images) - used - counts[Drop.UNPAIRED] - counts[Drop.STALE]
    assert 0 <= waiting <= 60
