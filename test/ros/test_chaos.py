"""The short form of `make chaos`: three items, the last one damaged, under some of its faults."""

import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")
pytest.importorskip("embreex", reason="embreex is needed to render the items")

from benchmarks.chaos.__main__ import run, started
from benchmarks.chaos.faults import FAULTS

pytestmark = [pytest.mark.ros, pytest.mark.slow]
ITEMS = 3


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
