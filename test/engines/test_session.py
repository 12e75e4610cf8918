"""A session on a device: the same answers as ONNX Runtime, and a way back after every fault."""

import numpy as np
import pytest
from simulated_device import SimulatedDevice

from damage_perception.engines.session import EngineSession
from damage_perception.network import BackendError, DamageNetwork, ModelCard, OnnxRuntimeSession
from damage_perception.network.contract import (
    COMPARED_CHANNELS,
    INPUTS,
    REFERENCES,
    VIEW,
    most_compared,
)
from damage_perception.network.damage_network import SELF_TEST_TOLERANCE


@pytest.fixture(scope="module")
def card(shipped_card):
    return ModelCard.load(shipped_card)


@pytest.fixture
def devices():
    return []


@pytest.fixture
def faults():
    return []


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def opened(graph, devices, faults, most, clock):
    def open_device():
        devices.append(SimulatedDevice(graph, faults))
        return devices[-1]

    return EngineSession("simulated", "a test", open_device, most, clock)


@pytest.fixture
def session(card, devices, faults, clock):
    made = opened(card.graphs["fp32"], devices, faults, dict.fromkeys(INPUTS, 4), clock)
    yield made
    made.close()


def views(card, count, seed=0):
    rng = np.random.default_rng(seed)
    size = card.view_size
    return {
        "color": rng.integers(0, 255, (count, size, size, 3), np.uint8),
        "height_m": rng.random((count, size, size), np.float32) / 10,
        "item": rng.integers(0, 2, (count, size, size), np.uint8),
        "width_m": rng.random(count, np.float32) + 0.1,
    }


def assert_same(found, expected):
    assert set(found) == set(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        assert np.allclose(found[name], array, atol=1e-4), name


@pytest.mark.parametrize("count", [1, 3, 4, 9])
def test_any_number_of_views_is_answered_as_by_onnx_runtime(card, session, count):
    inputs = views(card, count)
    assert_same(session.run(inputs), OnnxRuntimeSession(card.graphs["fp32"]).run(inputs))


def test_a_network_on_an_engine_passes_its_self_test_and_keeps_its_contract(card, session):
    network = DamageNetwork(card, session)
    network._check_contract()
    assert network.self_test() <= SELF_TEST_TOLERANCE["fp32"]
    assert network.backend == "simulated-fp32"


def test_a_view_is_compared_on_an_engine(card, devices, faults, clock):
    most = most_compared(card.view_size)
    all_seen, all_known = most[VIEW], most[REFERENCES]
    session = opened(card.comparer, devices, faults, most, clock)
    rng = np.random.default_rng(0)
    for seen, known in ((40, 300), (all_seen, all_known), (1, 1)):
        inputs = {
            VIEW: rng.normal(size=(seen, COMPARED_CHANNELS)).astype("f4"),
            REFERENCES: rng.normal(size=(known, COMPARED_CHANNELS)).astype("f4"),
        }
        assert_same(session.run(inputs), OnnxRuntimeSession(card.comparer).run(inputs))
    # Not a batch: it cannot be taken in parts.
    too_many = {
        VIEW: inputs[VIEW],
        REFERENCES: np.zeros((all_known + 1, COMPARED_CHANNELS), np.float32),
    }
    with pytest.raises(
        BackendError, match=f"references has {all_known + 1} rows; the engine takes {all_known}"
    ):
        session.run(too_many)
    session.close()


def test_what_was_answered_stays_when_the_next_pass_comes(card, session):
    first = session.run(views(card, 2, seed=1))
    kept = {name: array.copy() for name, array in first.items()}
    session.run(views(card, 2, seed=2))
    for name, array in kept.items():
        assert np.array_equal(first[name], array)


def test_buffers_are_made_once_and_shapes_are_set_where_they_change(card, session, devices):
    for count in (2, 2, 2, 1, 1, 4):
        session.run(views(card, count))
    [device] = devices
    names = [call[0] for call in device.calls]
    assert names.count("allocate") == 9
    assert names.count("resize") == 1 + 3
    assert max(i for i, name in enumerate(names) if name == "allocate") < names.index("execute")


def test_only_as_much_is_copied_as_the_views_need(card, session, devices):
    session.run(views(card, 2))
    copied = {call[1]: call[2] for call in devices[0].calls if call[0].startswith("copy")}
    assert copied["color"] == 2 * card.view_size**2 * 3
    assert copied["item_logit"] == 2 * 4


@pytest.mark.parametrize("fault", ["resize", "copy_in", "execute", "copy_out", "synchronise"])
def test_a_fault_costs_nothing_where_the_device_comes_back(card, session, devices, faults, fault):
    inputs = views(card, 2)
    expected = OnnxRuntimeSession(card.graphs["fp32"]).run(inputs)
    session.run(views(card, 1))
    faults.append(fault)
    closed = SimulatedDevice.closed
    assert_same(session.run(inputs), expected)
    assert len(devices) == 2 and SimulatedDevice.closed == closed + 1


@pytest.mark.parametrize("fault", ["open", "allocate", "execute"])
def test_a_device_that_stays_lost_is_said_and_tried_again_after_a_pause(
    card, session, devices, faults, clock, fault
):
    inputs = views(card, 1)
    session.run(inputs)
    faults += ["execute", *[fault] * 3]
    with pytest.raises(BackendError, match=f"inference failed: {fault} failed: an illegal"):
        session.run(inputs)
    tried = len(devices)
    clock.now += 0.5
    with pytest.raises(BackendError, match="tried again in"):
        session.run(inputs)
    assert len(devices) == tried
    # The pause is over, the device still lost; the next pause is longer.
    faults[:] = ["execute", *[fault] * 3]
    clock.now += 0.6
    with pytest.raises(BackendError, match="failed: an illegal"):
        session.run(inputs)
    clock.now += 1.5
    with pytest.raises(BackendError, match="tried again in"):
        session.run(inputs)
    faults.clear()
    clock.now += 0.6
    assert_same(session.run(inputs), OnnxRuntimeSession(card.graphs["fp32"]).run(inputs))
    # Afterwards the first pause is short again.
    faults += ["execute", "execute"]
    with pytest.raises(BackendError):
        session.run(inputs)
    clock.now += 1.1
    assert session.run(inputs)


def test_the_pause_does_not_grow_for_ever(card, session, faults, clock):
    inputs = views(card, 1)
    for _ in range(9):
        faults[:] = ["execute", "execute"]
        with pytest.raises(BackendError):
            session.run(inputs)
        clock.now += 61
    assert session.run(inputs)


@pytest.mark.parametrize("fault", ["open", "resize", "allocate"])
def test_an_engine_that_does_not_load_is_no_session(card, devices, faults, clock, fault):
    faults.append(fault)
    closed = SimulatedDevice.closed
    with pytest.raises(BackendError, match=f"cannot load the engine: {fault} failed"):
        opened(card.graphs["fp32"], devices, faults, dict.fromkeys(INPUTS, 4), clock)
    assert SimulatedDevice.closed == closed + (fault != "open")


def test_wrong_inputs_are_named_and_cost_no_device(card, session, devices):
    good = views(card, 1)
    for change, complaint in (
        ({"item": good["item"].astype(np.float32)}, "item is float32"),
        ({"height_m": good["height_m"][:, :64]}, r"height_m is float32 \(1, 64"),
        ({"color": good["color"][:0]}, "color is empty"),
        ({"other": good["color"]}, "got color, height_m, item, width_m, other"),
    ):
        with pytest.raises(BackendError, match=complaint):
            session.run({**good, **change})
    assert len(devices) == 1 and session.run(good)
