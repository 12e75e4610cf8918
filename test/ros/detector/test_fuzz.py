"""The short form of ``python -m benchmarks.fuzz``: nothing that can be sent stops the detector."""

from dataclasses import replace

import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")

from sensor_msgs.msg import Image

from benchmarks.fuzz.__main__ import run
from benchmarks.fuzz.mutations import AFTER_STAMP, Mutations
from benchmarks.fuzz.result import Judged, Result, failures
from damage_perception_msgs.msg import ItemAnnouncement
from damage_perception_msgs.srv import Inspect

SOUND = Result(
    messages=100,
    seconds=1.0,
    sent={},
    announced=5,
    answered=5,
    undecodable=1,
    refused=2,
    refused_counted=3,
    asked=3,
    unanswered_requests=0,
    headless=10,
    headless_counted=10,
    unreadable=10,
    unreadable_counted=9,
    drops={},
    frames=50,
    faults=0,
    last_fault="",
    rss_mb=(200.0, 205.0),
    peak_mb=230.0,
    log_mb=0.1,
    before=Judged(1, 0.2),
    after=Judged(1, 0.22),
)
UNKNOWN = Judged(0, 0.2, 64)


@pytest.mark.ros
@pytest.mark.slow
@pytest.mark.parametrize(("transport", "seed"), [("raw", 0), ("compressed", 1)])
def test_the_detector_goes_on_whatever_it_is_sent(tiny_card, tmp_path, transport, seed):
    result = run(tmp_path, tiny_card, transport, 1000, 0.002, seed, counted=40)
    assert failures(result) == []
    assert result.announced > 50 and result.refused > 10 and result.asked > 50
    assert sum(drops["malformed"] for drops in result.drops.values()) > 10
    assert "Traceback" not in (tmp_path / "detector.log").read_text(errors="replace")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"answered": 4}, ["5 announcements have 4 reports"]),
        ({"refused_counted": 1}, ["3 refusals are counted as 1"]),
        ({"unanswered_requests": 1}, ["1 of 3 requests have no answer"]),
        ({"headless_counted": 11}, ["of 10 headless images 11 are counted"]),
        ({"unreadable_counted": 7}, ["of 10 unreadable images 7 are counted"]),
        ({"faults": 1, "last_fault": "KeyError"}, ["1 faults of the node's own: KeyError"]),
        ({"rss_mb": (200.0, 300.0, 211.0)}, ["memory grew from 200 to 211 MB"]),
        ({"peak_mb": 900.0}, ["memory was 900 MB once, 200 MB usually"]),
        (
            {"after": Judged(0, 0.2)},
            [f"the verdict on an item was {SOUND.before}, now it is {Judged(0, 0.2)}"],
        ),
        ({"after": Judged(1, 0.4)}, ["an item had 0.20, now it has 0.40"]),
    ],
)
def test_a_run_fails_by_what_must_not_be(changes, expected):
    assert failures(replace(SOUND, **changes)) == expected


def test_wrong_messages_come_again_with_their_seed_and_are_never_empty():
    message = bytes(range(200))
    first, again, other = (Mutations(seed) for seed in (1, 1, 2))
    spoilt = [first.spoilt(message, AFTER_STAMP) for _ in range(2000)]
    assert spoilt == [again.spoilt(message, AFTER_STAMP) for _ in range(2000)]
    assert spoilt != [other.spoilt(message, AFTER_STAMP) for _ in range(2000)]
    assert all(one[:AFTER_STAMP] == message[:AFTER_STAMP] for one in spoilt)
    assert all(first.spoilt(b"\x00\x01\x00\x00") for _ in range(2000))
    assert sum(one != message for one in spoilt) > 1900


def test_every_field_of_a_message_is_filled_with_what_its_type_holds():
    wrong = Mutations(0)
    announcements = [wrong.filled(ItemAnnouncement(check_fields=True)) for _ in range(300)]
    assert len({one.item_id for one in announcements}) > 50
    assert {one.deadline.sec for one in announcements} >= {-(2**31), 2**31 - 1}
    assert max(one.header.stamp.nanosec for one in announcements) == 2**32 - 1
    assert {wrong.filled(Inspect.Request()).timeout.sec for _ in range(50)} >= {0, -1}
    images = [wrong.image(Image(height=4, width=4, step=4, data=bytes(16))) for _ in range(200)]
    assert len({(i.encoding, i.height, i.width, i.step, len(i.data)) for i in images}) > 20
