"""The short form of `make soak`: four cameras, a recorder beside, every item answered once."""

import os

import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")
pytest.importorskip("mcap", reason="the recorder needs mcap")

import rclpy

from benchmarks.soak import soak
from damage_perception.ros.isolation import isolated_environment


@pytest.mark.ros
@pytest.mark.slow
def test_every_item_of_a_cell_under_load_is_answered_once(monkeypatch):
    for name, value in isolated_environment().items():
        monkeypatch.setenv(name, value)
    rclpy.init(domain_id=int(os.environ["ROS_DOMAIN_ID"]))
    try:
        result = soak(minutes=0.25, warm_up_s=15.0)
    finally:
        rclpy.shutdown()
    assert result.items >= 30
    assert result.answered_once == result.items
    assert result.unanswered == result.answered_twice == result.not_announced == 0
