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


@pytest.fixture(scope="module")
def parameters():
    """Of the module's detector, besides those that every one has; a module gives its own."""
    return {}


@pytest.fixture(scope="module")
def detector(environment, tiny_card, parameters, tmp_path_factory):
    """A detector process that is active, and has to live and to end well."""
    from cell import Detector

    common = {"model": str(tiny_card), "autostart": True, "leave_after_ms": 100}
    process = Detector(tmp_path_factory.mktemp("detector"), environment, common | parameters)
    yield process
    assert process.running, process.log
    assert process.stop() == 0, process.log
    assert "Traceback" not in process.log


@pytest.fixture(scope="module")
def cell(detector, environment, parameters):
    """The cell around the module's detector, connected to it."""
    from cell import Cell

    node = Cell(environment, parameters.get("cameras", ("camera",)))
    node.connect()
    yield node
    node.close()
