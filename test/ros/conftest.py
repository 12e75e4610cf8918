"""Fixtures of the tests that speak over DDS."""

import pytest

from damage_perception.ros.isolation import isolated_environment


@pytest.fixture(scope="session")
def tiny_card(tmp_path_factory):
    """The card of a tiny model that calls red damage."""
    pytest.importorskip("onnx", reason="onnx is needed to write the tiny model")
    from tiny_model import write_model

    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def environment():
    """An environment with a ROS domain of this module's own."""
    pytest.importorskip("rclpy", reason="the ROS client library is not installed")
    pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")
    return isolated_environment()
