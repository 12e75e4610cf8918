"""A service whose callback raises answers all the same."""

import asyncio
from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")

from damage_perception.ros.requests.answers import answered
from damage_perception_msgs.srv import Inspect


async def raising_late(request, response):
    response.success = True
    raise KeyError("camera")


def raising(request, response):
    raise KeyError("camera")


@pytest.mark.parametrize("callback", [raising, raising_late])
def test_what_a_request_raises_is_its_answer_and_is_logged_once(callback):
    logged = []
    node = SimpleNamespace(get_logger=lambda: SimpleNamespace(error=logged.append))
    answering = answered(node, "~/inspect", callback)
    response = asyncio.run(answering(Inspect.Request(), Inspect.Response()))
    assert not response.success and response.message == "KeyError: 'camera'"
    (entry,) = logged
    assert entry.startswith("request to ~/inspect failed: KeyError: 'camera'\nTraceback")
