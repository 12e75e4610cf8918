"""What the node says of the scores it gives, and which threshold they suggest, over DDS."""

import time

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")

from cell import ACTIVATE, CLEANUP, CONFIGURE, DEACTIVATE, ITEM_HEIGHT_M, PLANE, TABLE_M, scene

from damage_perception_msgs.srv import ProposeOperatingPoint

pytestmark = pytest.mark.ros

BOXES = [(30 + 68 * i, 10 + 58 * j, 45, 40) for i in range(4) for j in range(4)]
# By the tiny model's card, for 5 in 1000.
CURRENT = 0.4848
OK, WARN = 0, 1


@pytest.fixture(scope="module")
def parameters():
    return {"camera.plane": PLANE, "frames_per_camera": 1, "leave_after_ms": 0.0}


def items(rng, redness):
    """Colour and depth of 16 boxes, each of a redness of its own about the one given."""
    color, depth = scene(None)
    for x, y, width, height in BOXES:
        others = np.clip(rng.normal(redness, 0.02), 0, 1)
        texture = rng.integers(60, 190, (height, width, 1)) * np.array([1.0, others, others])
        color[y : y + height, x : x + width] = texture
        depth[y : y + height, x : x + width] = TABLE_M - ITEM_HEIGHT_M
    return color, depth


def report_items(cell, count, redness=0.42):
    """Has at least so many more items reported."""
    rng = np.random.default_rng(count)
    before = len(cell.reports)

    def lay_and_clear():
        for color, depth in (items(rng, redness), scene(None)):
            cell.publish(*cell.messages(color, depth))
            time.sleep(0.07)

    cell.until(lambda: len(cell.reports) - before >= count, 150, lay_and_clear)


def propose(cell, **request):
    request = ProposeOperatingPoint.Request(**request)
    return cell.call(ProposeOperatingPoint, "propose_operating_point", request)


def test_before_there_are_items_nothing_is_proposed(cell):
    response = propose(cell)
    assert not response.success and response.items == 0
    assert response.message == "0 items are too few for 5 false diverts in 1000: 400 are needed"
    assert response.current_threshold == pytest.approx(CURRENT, abs=1e-3)
    assert "camera 'left' is not one of camera" in propose(cell, camera="left").message
    level, message, _ = cell.status("scores")
    assert (level, message) == (OK, "no item had a score yet")


def test_the_newest_items_suggest_a_threshold_and_change_nothing(cell):
    report_items(cell, 440)
    response = propose(cell)
    assert response.success, response.message
    assert response.items >= 440 and response.damaged_share == pytest.approx(0.02)
    assert response.threshold_low < response.threshold < response.threshold_high
    # The items score far below what the card's good ones do.
    assert response.threshold < 0.2 and response.diverts_per_1000 == 0
    assert response.current_threshold == pytest.approx(CURRENT, abs=1e-3)
    assert f"ros2 param set /damage_detector damage_threshold {response.threshold:.6f}" in (
        response.message
    )
    assert cell.get_parameter("damage_threshold") == 0.0
    assert cell.reports[-1].threshold == pytest.approx(CURRENT, abs=1e-3)
    more = propose(cell, camera="camera", false_diverts_per_1000=20.0, items=410)
    assert more.success and more.items == 410 and more.threshold < response.threshold
    compared = propose(cell, compared=True)
    assert not compared.success and compared.message.startswith("0 items are too few")
    assert "expected more than 0, at most 100" in propose(cell, false_diverts_per_1000=-1.0).message


def test_a_person_takes_the_threshold_and_diagnostics_hold_it_against_what_was_asked(cell):
    level, message, values = cell.status("scores")
    assert level == OK and "0.0 in 1000 of" in message and "5 good ones may be" in message
    assert int(values["camera items"]) >= 440
    assert values["camera diverts_per_1000"] == "0.00" and values["camera asked_per_1000"] == "5"
    proposed = propose(cell).threshold
    assert cell.set_parameter("damage_threshold", proposed).successful
    report_items(cell, 16)
    assert cell.reports[-1].threshold == pytest.approx(proposed)
    assert propose(cell).current_threshold == pytest.approx(proposed)


def test_too_many_diverts_are_a_warning(cell):
    report_items(cell, 48, redness=0.1)
    level, message, values = cell.status("scores")
    assert level == WARN and message.startswith("camera: ")
    assert "items are diverted; 5 good ones may be" in message
    assert float(values["camera diverts_per_1000"]) > 50


def test_an_inactive_node_answers_and_a_newly_configured_one_has_forgotten(cell):
    kept = propose(cell).items
    assert kept >= 500 and cell.change_state(DEACTIVATE)
    assert propose(cell).items == kept
    assert cell.change_state(CLEANUP) and cell.change_state(CONFIGURE)
    assert propose(cell).items == 0
    assert cell.change_state(ACTIVATE)
