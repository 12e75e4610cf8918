"""Every request is answered, whatever it asks for."""

import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")

from cell import ACTIVATE, CONFIGURE, DEACTIVATE, Cell, Detector
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.msg import Parameter, ParameterValue
from rcl_interfaces.srv import (
    DescribeParameters,
    GetParameters,
    GetParameterTypes,
    ListParameters,
    SetParameters,
    SetParametersAtomically,
)

pytestmark = pytest.mark.ros


def refusals(detector):
    return [line for line in detector.log.splitlines() if "change_state refused" in line]


@pytest.mark.parametrize(
    "transition",
    [
        Transition(id=99),
        Transition(id=CONFIGURE),
        Transition(id=ACTIVATE),
        Transition(id=Transition.TRANSITION_UNCONFIGURED_SHUTDOWN),
        Transition(),
        Transition(label="configure"),
        Transition(label="explode", id=DEACTIVATE),
    ],
    ids=lambda transition: f"{transition.label or transition.id}",
)
def test_a_transition_that_the_state_does_not_have_is_refused_in_one_line(
    cell, detector, transition
):
    before, length = len(refusals(detector)), len(detector.log.splitlines())
    request = ChangeState.Request(transition=transition)
    assert not cell.call(ChangeState, "change_state", request).success
    assert cell.state() == "active"
    (line,) = refusals(detector)[before:]
    name = repr(transition.label) if transition.label else transition.id
    assert f"from active there is no transition {name};" in line
    assert "deactivate (4)" in line
    assert len(detector.log.splitlines()) == length + 1


def test_transitions_by_label_and_by_id_still_work(cell):
    for transition in (Transition(label="deactivate"), Transition(id=ACTIVATE)):
        request = ChangeState.Request(transition=transition)
        assert cell.call(ChangeState, "change_state", request).success
    assert cell.state() == "active"


def test_parameters_that_are_not_there_are_answered(cell):
    names = ["no_such"]
    get = cell.call(GetParameters, "get_parameters", GetParameters.Request(names=names))
    assert not get.values
    types = GetParameterTypes.Request(names=names)
    assert not cell.call(GetParameterTypes, "get_parameter_types", types).types
    describe = DescribeParameters.Request(names=names)
    assert not cell.call(DescribeParameters, "describe_parameters", describe).descriptors
    result = cell.set_parameter("no_such", 1)
    assert not result.successful and "undeclared" in result.reason
    listed = ListParameters.Request(prefixes=names)
    assert not cell.call(ListParameters, "list_parameters", listed).result.names


def test_a_value_of_a_type_that_ros_does_not_have_is_answered(cell, detector):
    good = Parameter(name="identify", value=ParameterValue(type=1, bool_value=True))
    bad = Parameter(name="identify", value=ParameterValue(type=77))
    request = SetParameters.Request(parameters=[good, bad, good])
    first, *others = cell.call(SetParameters, "set_parameters", request).results
    assert first.successful and len(others) == 2
    assert all(not result.successful and "77" in result.reason for result in others)
    request = SetParametersAtomically.Request(parameters=[good, bad])
    result = cell.call(SetParametersAtomically, "set_parameters_atomically", request).result
    assert not result.successful and "77" in result.reason
    assert "Traceback" not in detector.log


def test_a_node_that_was_shut_down_ends_well(environment, tiny_card, tmp_path):
    parameters = {"model": str(tiny_card), "autostart": True}
    detector = Detector(tmp_path, environment, parameters, "-r", "__ns:=/apart")
    cell = Cell(environment, (), namespace="/apart")
    try:
        shutdown = Transition.TRANSITION_ACTIVE_SHUTDOWN
        cell.until(lambda: cell.state() == "active", 20)
        assert cell.change_state(shutdown)
        assert cell.state() == "finalized"
        assert not cell.change_state(CONFIGURE)
        assert refusals(detector)[-1].endswith("expected nothing")
    finally:
        cell.close()
        status = detector.stop()
    assert status == 0 and "Traceback" not in detector.log


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("camera.region_of_interest", "left half"),
        ("camera.region_of_interest", [0.0, 0.0, 2.0, 1.0]),
        ("camera.plane", [1, 2]),
        ("damage_threshold", "high"),
        ("cameras", [1.0]),
    ],
)
def test_a_parameter_that_was_refused_is_described_as_before(cell, name, value):
    request = DescribeParameters.Request(names=[name])
    before = cell.call(DescribeParameters, "describe_parameters", request).descriptors
    held = cell.get_parameter(name)
    assert not cell.set_parameter(name, value).successful
    after = cell.call(DescribeParameters, "describe_parameters", request).descriptors
    assert after == before and not after[0].dynamic_typing
    assert cell.get_parameter(name) == held


def test_whole_numbers_become_the_doubles_that_the_parameter_holds(cell):
    for name, given, held in (
        ("damage_threshold", 1, 1.0),
        ("damage_threshold", 0, 0.0),
        ("camera.region_of_interest", [0, 0, 1, 1], [0.0, 0.0, 1.0, 1.0]),
    ):
        assert cell.set_parameter(name, given).successful
        request = GetParameterTypes.Request(names=[name])
        (kind,) = cell.call(GetParameterTypes, "get_parameter_types", request).types
        got = cell.get_parameter(name)
        assert kind == (8 if isinstance(held, list) else 3)
        assert (list(got) if isinstance(held, list) else got) == held
