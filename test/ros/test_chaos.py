"""The short form of `make chaos`: three items, the last one damaged, under some of its faults."""

from dataclasses import replace

import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")
pytest.importorskip("embreex", reason="embreex is needed to render the items")

from benchmarks.chaos.__main__ import run, started, with_table
from benchmarks.chaos.faults import FAULTS
from benchmarks.chaos.tally import Row, failures, markdown

pytestmark = [pytest.mark.ros, pytest.mark.slow]
ITEMS = 3
USUAL = Row("none", 20, 15, 5, 0, 0, 0, 1, 14, None, "ok", 0, ("item-00002",))


@pytest.fixture(scope="module")
def cell(tmp_path_factory):
    with started(tmp_path_factory.mktemp("detector")) as cell:
        yield cell


def test_without_a_fault_good_items_pass_and_the_damaged_one_does_not(cell):
    row = run(cell, FAULTS["none"], ITEMS)
    assert (row.passed, row.diverted, row.unanswered, row.twice) == (2, 1, 0, 0)
    assert row.broken_passed == 0
    assert row.diagnostics == "ok"


@pytest.mark.parametrize("name", ["depth_2cm_farther", "colour_noise", "colour_frozen_empty"])
def test_nothing_passes_where_there_is_nothing_to_judge_by(cell, name):
    row = run(cell, FAULTS[name], ITEMS)
    assert row.passed == 0
    assert row.unanswered == 0
    assert row.diagnostics != "ok"


@pytest.mark.parametrize("name", ["burst_of_200", "refused_announcements"])
def test_every_announcement_is_answered(cell, name):
    row = run(cell, FAULTS[name], ITEMS)
    assert row.items > ITEMS
    assert row.unanswered == 0
    assert row.broken_passed == 0


def test_items_nobody_sees_are_answered_where_simulated_time_has_no_clock(cell):
    # The last one: the detector is started anew.
    row = run(cell, FAULTS["no_clock_no_images"], ITEMS)
    assert row.unanswered == 0
    assert row.broken_passed == 0
    assert row.diagnostics.startswith("error") and "/clock" in row.diagnostics


@pytest.mark.parametrize(
    ("fault", "changes", "expected"),
    [
        ("colour_noise", {}, []),
        ("colour_noise", {"broken_ids": ("item-00002", "item-00006")}, ["item-00006"]),
        ("images_100hz", {"broken_ids": ("item-00006",)}, []),
        ("images_100hz", {"unanswered": 1}, ["1 of 20 items went unanswered"]),
        ("kill_9", {"unanswered": 1, "came_after": 9, "recovered_s": 4.0}, []),
        ("kill_9", {"came_after": 9}, ["no right verdict"]),
    ],
)
def test_a_run_fails_by_what_a_fault_adds(fault, changes, expected):
    found = failures(
        [USUAL, replace(USUAL, fault=fault, **changes)], [FAULTS["none"], FAULTS[fault]]
    )
    assert len(found) == len(expected)
    assert all(text in line for text, line in zip(expected, found, strict=True))


def test_the_table_replaces_the_one_between_the_marks():
    text = with_table("a\n<!-- chaos -->\nold\n<!-- /chaos -->\nb\n", markdown([USUAL]))
    assert text.startswith("a\n<!-- chaos -->\n| fault | items | pass |")
    assert text.endswith(
        "| none | 20 | 15 | 5 | 0 | 0 | 0 | 1 | 14 | - | ok |\n<!-- /chaos -->\nb\n"
    )
    with pytest.raises(ValueError, match="chaos"):
        with_table("no marks", "")
