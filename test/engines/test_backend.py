"""Which backend is taken, and what becomes of a network while its engines are built."""

import re
import threading
import time

import pytest
from simulated_device import GPU, LIBRARY, SimulatedDevice, simulated_backend

from damage_perception.engines import backend as backends
from damage_perception.engines.backend import choose_backend
from damage_perception.engines.building import Built
from damage_perception.engines.device import DeviceError, EngineError
from damage_perception.engines.library import Library
from damage_perception.engines.loading import Loading
from damage_perception.network import BackendError, DamageNetwork, ModelCard, OnnxRuntimeBackend
from damage_perception.network.contract import INPUTS, MOST_VIEWS

GPU_TOLD = "Orin, compute capability 8.7, driver 12060"
MOST = dict.fromkeys(INPUTS, MOST_VIEWS)


class Builder:
    """Makes engines that name the graph they run; each takes until it is let go."""

    def __init__(self):
        self.go = threading.Event()
        self.go.set()
        self.built = []
        self.problem = ""

    def __call__(self, library, graph, profile, timings, workspace, progress):
        self.built.append(graph.name)
        progress("tactics", 0.4)
        assert self.go.wait(60)
        if self.problem:
            raise BackendError(self.problem)
        return Built(str(graph).encode())


@pytest.fixture
def builder():
    return Builder()


@pytest.fixture
def backend(tmp_path, builder):
    return simulated_backend(tmp_path / "engines", build=builder)


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def stored_views(card):
    """What the model's self-test runs."""
    import numpy as np

    with np.load(ModelCard.load(card).self_test) as stored:
        return {name: stored[name] for name in INPUTS}


def test_a_network_runs_on_engines_that_are_built_once(shipped_card, backend, builder):
    first = DamageNetwork.load(shipped_card, backend=backend)
    assert first.backend == "tensorrt-10.3.0-fp32"
    assert builder.built == ["damage_net.onnx", "damage_net_compare.onnx"]
    DamageNetwork.load(shipped_card, backend=backend)
    assert len(builder.built) == 2
    graphs = [entry.graph for entry in backend.cache.entries() if not entry.problem]
    assert sorted(graphs) == sorted(builder.built)


def test_eight_bits_are_the_symmetric_graph(shipped_card, backend, builder):
    card = ModelCard.load(shipped_card)
    if "int8_symmetric" not in card.graphs:
        pytest.skip("the shipped model has no symmetric graph: its card says why")
    network = DamageNetwork.load(shipped_card, precision="int8", backend=backend)
    assert "damage_net_int8_symmetric.onnx" in builder.built
    assert network.backend == "tensorrt-10.3.0-int8_symmetric"


def test_a_kept_engine_that_does_not_load_is_built_anew_once(shipped_card, backend, builder):
    graph = ModelCard.load(shipped_card).graphs["fp32"]
    backend.cache.load_or_build(backend.key(graph, MOST), "net", lambda timings: Built(b"stale"))

    def open_device(library, engine):
        if engine == b"stale":
            raise EngineError("it was built by another version")
        return SimulatedDevice(engine.decode())

    object.__setattr__(backend, "open_device", open_device)
    assert backend.session(graph, MOST).backend == "tensorrt-10.3.0"
    assert builder.built == [graph.name]

    def never(library, engine):
        raise DeviceError("out of memory")

    object.__setattr__(backend, "open_device", never)
    with pytest.raises(BackendError, match="cannot load the engine: out of memory"):
        backend.session(graph, MOST)
    # Building it again would give the same, minutes later.
    assert len(builder.built) == 1 and backend.cache.load(backend.key(graph, MOST))


def test_an_engine_that_answers_otherwise_is_refused(shipped_card, backend):
    class Wrong(SimulatedDevice):
        def _run(self, inputs):
            return {name: array * 0 + 3 for name, array in super()._run(inputs).items()}

    held = SimulatedDevice.opened - SimulatedDevice.closed
    object.__setattr__(backend, "open_device", lambda _, engine: Wrong(engine.decode()))
    with pytest.raises(BackendError, match="fails its self-test on tensorrt"):
        DamageNetwork.load(shipped_card, backend=backend)
    assert SimulatedDevice.opened - SimulatedDevice.closed == held


def test_without_a_gpu_auto_takes_the_cpu_and_says_why(monkeypatch):
    monkeypatch.setattr(backends, "find_library", lambda: LIBRARY)

    def no_gpu():
        raise BackendError("no GPU: no CUDA-capable device is detected")

    monkeypatch.setattr(backends, "find_gpu", no_gpu)
    cpu = choose_backend("auto", threads=3)
    why = "no inference on a GPU: no GPU: no CUDA-capable device is detected"
    assert cpu == OnnxRuntimeBackend(3, why)
    for wanted, required in (("tensorrt", False), ("auto", True)):
        with pytest.raises(BackendError, match="no inference on a GPU: no GPU: no CUDA"):
            choose_backend(wanted, 3, required)
    with pytest.raises(BackendError, match="a GPU is required, but `backend` is onnxruntime"):
        choose_backend("onnxruntime", 3, require_gpu=True)
    assert choose_backend("onnxruntime", 3) == OnnxRuntimeBackend(3)


def test_with_a_gpu_auto_takes_tensorrt(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(backends, "find_library", lambda: Library("tensorrt_rtx", LIBRARY.module))
    monkeypatch.setattr(backends, "find_gpu", lambda: GPU)
    backend = choose_backend("auto", 2, require_gpu=True)
    assert backend.name == "tensorrt_rtx-10.3.0"
    assert backend.why == GPU_TOLD


def test_this_machine_says_what_it_lacks_for_a_gpu():
    backend = choose_backend("auto", 2)
    if isinstance(backend, OnnxRuntimeBackend):
        assert re.search("missing|no GPU|no TensorRT", backend.why)
    else:
        assert backend.gpu.name in backend.why


def test_while_engines_are_built_passes_fail_with_how_far_they_are(shipped_card, backend, builder):
    builder.go.clear()
    told = []
    loading = Loading(shipped_card, "fp32", backend, info=told.append)
    until(lambda: builder.built)
    assert loading.state == "building engines: tactics, 40 %"
    assert loading.network.backend == "tensorrt-10.3.0-fp32"
    missing = "no engine: building engines: tactics, 40 %"
    assert loading.network.backend_reason == GPU_TOLD
    with pytest.raises(BackendError, match=missing):
        loading.network._session.run(stored_views(shipped_card))
    builder.go.set()
    until(lambda: not loading.state)
    assert not loading.problem and loading.network.self_test() < 0.005
    assert loading.network.backend_reason == GPU_TOLD
    assert told == [f"inference on tensorrt-10.3.0-fp32 from now on: {GPU_TOLD}"]


def test_meanwhile_the_cpu_may_serve(shipped_card, backend, builder):
    builder.go.clear()
    loading = Loading(shipped_card, "fp32", backend, meanwhile=OnnxRuntimeBackend(2))
    assert loading.network.backend == "onnxruntime-cpu-fp32"
    assert loading.network.self_test() < 0.005 and loading.state
    builder.go.set()
    until(lambda: not loading.state)
    assert loading.network.backend == "tensorrt-10.3.0-fp32"


def test_engines_that_cannot_be_built_are_an_error_and_never_a_pass(shipped_card, backend, builder):
    builder.problem = "no kernel for this layer"
    told = []
    loading = Loading(shipped_card, "fp32", backend, error=told.append)
    until(lambda: not loading.state)
    assert "no kernel" in loading.problem and told == [loading.problem]
    with pytest.raises(BackendError, match="no engine: no kernel"):
        loading.network._session.run(stored_views(shipped_card))


def test_whoever_served_meanwhile_does_not_serve_where_there_will_be_no_engine(
    shipped_card, backend, builder
):
    builder.problem = "no kernel for this layer"
    loading = Loading(shipped_card, "fp32", backend, meanwhile=OnnxRuntimeBackend(2))
    until(lambda: not loading.state)
    with pytest.raises(BackendError, match="no engine: no kernel"):
        loading.network.self_test()


def test_what_a_library_throws_is_told_as_well(shipped_card, backend):
    def broken(library, graph, profile, timings, workspace, progress):
        raise AttributeError("module has no attribute Builder")

    object.__setattr__(backend, "build", broken)
    told = []
    loading = Loading(shipped_card, "fp32", backend, error=told.append)
    until(lambda: not loading.state)
    assert loading.problem == "AttributeError: module has no attribute Builder"
    assert "Traceback" in told[0] and loading.network.backend == "tensorrt-10.3.0-fp32"


def test_or_the_cpu_takes_over_and_it_is_said_why(shipped_card, backend, builder):
    builder.problem = "no kernel for this layer"
    loading = Loading(shipped_card, "fp32", backend, otherwise=OnnxRuntimeBackend(2))
    until(lambda: not loading.state)
    assert loading.network.backend == "onnxruntime-cpu-fp32"
    assert "no kernel" in loading.network.backend_reason
    assert loading.network.self_test() < 0.005


def test_what_is_closed_holds_no_device_even_where_it_was_still_being_built(
    shipped_card, backend, builder
):
    held = SimulatedDevice.opened - SimulatedDevice.closed
    loading = Loading(shipped_card, "fp32", backend)
    until(lambda: not loading.state)
    assert SimulatedDevice.opened - SimulatedDevice.closed == held + 2
    loading.close()
    assert SimulatedDevice.opened - SimulatedDevice.closed == held
    backend.cache.forget(backend.cache.entries()[0].digest)
    builder.go.clear()
    late = Loading(shipped_card, "fp32", backend)
    until(lambda: "building" in late.state)
    late.close()
    builder.go.set()
    until(lambda: not late.state)
    until(lambda: SimulatedDevice.opened - SimulatedDevice.closed == held)
    with pytest.raises(BackendError, match="no engine"):
        late.network._session.run(stored_views(shipped_card))


def test_on_a_cpu_there_is_nothing_to_wait_for(shipped_card):
    loading = Loading(shipped_card, "fp32", OnnxRuntimeBackend(2))
    assert loading.network.backend == "onnxruntime-cpu-fp32"
    assert (loading.state, loading.problem) == ("", "")
    assert loading.network.backend_reason == "as configured"
