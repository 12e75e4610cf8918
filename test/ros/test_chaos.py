"""The short form of `make chaos`: three items, the last one damaged, under some of its faults."""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")
pytest.importorskip("embreex", reason="embreex is needed to render the items")

from benchmarks.chaos.__main__ import run, started, with_table
from benchmarks.chaos.fault import together
from benchmarks.chaos.faults import FAULTS, pairs
from benchmarks.chaos.late_store import late_store
from benchmarks.chaos.namespace import set_loopback
from benchmarks.chaos.tally import Row, failures, markdown

pytestmark = [pytest.mark.ros, pytest.mark.slow]
ITEMS = 3
CHECKOUT = Path(__file__).parents[2]
AFTER = {"came_after": 9, "recovered_s": 1.0}
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


def test_a_parameter_set_again_and_again_costs_no_item(cell):
    row = run(cell, FAULTS["parameter_storm"], ITEMS)
    assert (row.passed, row.diverted, row.unanswered, row.diagnostics) == (2, 1, 0, "ok")
    met, of, asked, *_ = row.notes[0].split()
    assert of == "of" and int(asked) > 100 and int(met) > 0.9 * int(asked)


def test_while_the_gpu_is_lost_nothing_passes_and_it_is_told(tmp_path):
    fault = replace(FAULTS["gpu_lost"], seconds=0)
    with started(tmp_path, fault.setup) as cell:
        row = run(cell, fault, ITEMS)
    assert (row.passed, row.unanswered, row.not_told) == (0, 0, ())
    assert row.diagnostics.startswith("error: backend: inference failed")


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
        ("kill_9", {"unanswered": 1, "came_after": 9, "recovered_s": 6.0}, []),
        ("kill_9", {"came_after": 9}, ["no right verdict"]),
        ("kill_9", {"came_after": 9, "recovered_s": 10.1}, ["10.1 s after"]),
        ("kill_9", AFTER | {"unanswered": 2, "unanswered_after": 1}, ["1 of 20 items went"]),
        ("camera_silent_3s", AFTER | {"recovered_s": 5.1}, ["within 5 s"]),
        ("camera_silent_3s", {}, ["no item came after"]),
        ("dds_cut_5s", AFTER | {"unanswered": 3}, []),
        ("dds_cut_5s", AFTER, ["had no effect"]),
        ("second_detector", AFTER | {"not_told": ("another",)}, ["never said 'another'"]),
        ("recorder_hangs", AFTER | {"diagnostics": "warn"}, ["must not say warn"]),
    ],
)
def test_a_run_fails_by_what_a_fault_adds(fault, changes, expected):
    found = failures(
        [USUAL, replace(USUAL, fault=fault, **changes)], [FAULTS["none"], FAULTS[fault]]
    )
    assert len(found) == len(expected)
    assert all(text in line for text, line in zip(expected, found, strict=True))


def test_every_fault_is_played_while_another_one_lasts():
    played = pairs()
    names = [fault.name.split("+") for fault in played]
    assert [name for name, _ in names] == list(FAULTS)[1:]
    assert all(
        fault.beside.name == beside for fault, (_, beside) in zip(played, names, strict=True)
    )


def test_under_two_faults_must_not_be_what_must_not_be_under_one_of_them():
    both = together(FAULTS["recorder_hangs"], FAULTS["gpu_lost"])
    assert both.blind and not both.harmless
    assert both.tells == FAULTS["gpu_lost"].tells
    assert both.setup.recorder and both.setup.program == FAULTS["gpu_lost"].setup.program


def test_the_store_answers_late():
    start_s = time.monotonic()
    with late_store(0.3) as environment, pytest.raises(HTTPError, match="404"):
        urlopen(environment["AWS_ENDPOINT"])
    assert time.monotonic() - start_s > 0.3


def test_the_network_of_the_machine_is_never_cut():
    with pytest.raises(RuntimeError, match="that of the machine"):
        set_loopback(False)


def test_a_network_of_its_own_is_cut_and_mended():
    enter = (
        "import sys; from benchmarks.chaos import namespace; "
        "namespace.enter([sys.executable, '-c', sys.argv[1]]); print('not permitted')"
    )
    done = subprocess.run(
        [sys.executable, "-c", enter, CUT], cwd=CHECKOUT, capture_output=True, text=True, timeout=20
    )
    if "not permitted" in done.stdout:
        pytest.skip("unshare gives no network of one's own here")
    assert done.stdout.split() == ["heard", "lost", "heard"], done.stderr


CUT = """
import socket
from benchmarks.chaos.namespace import set_loopback

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as both_ends:
    both_ends.bind(("127.0.0.1", 0))
    both_ends.settimeout(0.2)
    for up in (True, False, True):
        set_loopback(up)
        try:
            both_ends.sendto(b"x", both_ends.getsockname())
            both_ends.recv(1)
            print("heard")
        except OSError:
            print("lost")
"""


def test_the_table_replaces_the_one_between_the_marks():
    text = with_table("a\n<!-- chaos -->\nold\n<!-- /chaos -->\nb\n", markdown([USUAL]))
    assert text.startswith("a\n<!-- chaos -->\n| fault | items | pass |")
    assert text.endswith(
        "| none | 20 | 15 | 5 | 0 | 0 | 0 | 1 | 14 | - | ok |\n<!-- /chaos -->\nb\n"
    )
    with pytest.raises(ValueError, match="chaos"):
        with_table("no marks", "")
