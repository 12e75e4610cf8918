"""A device without a GPU: memory of its own, in which ONNX Runtime runs the graph itself."""

import threading
from types import SimpleNamespace

import numpy as np
import onnxruntime

from damage_perception.engines.backend import TensorRtBackend
from damage_perception.engines.building import Built
from damage_perception.engines.cache import EngineCache
from damage_perception.engines.device import DeviceError, Gpu, Tensor
from damage_perception.engines.library import Library

_TYPES = {"tensor(float)": "float32", "tensor(uint8)": "uint8"}


class SimulatedDevice:
    """Copies and passes happen as they are waited for, and not before, as on a GPU.

    faults  names of methods that fail, each once for every time that it is in the list
    """

    opened = 0
    closed = 0

    def __init__(self, graph, faults=None):
        SimulatedDevice.opened += 1
        self._faults = faults if faults is not None else []
        self._thread = threading.get_ident()
        self._fail("open")
        self._session = onnxruntime.InferenceSession(str(graph))
        self._pinned, self._memory, self._begun = {}, {}, []
        self.calls = []

    def _fail(self, name):
        assert threading.get_ident() == self._thread, "a device belongs to one thread"
        if name in self._faults:
            self._faults.remove(name)
            raise DeviceError(f"{name} failed: an illegal memory access was encountered")

    def _called(self, name, *rest):
        self._fail(name)
        self.calls.append((name, *rest))

    def tensors(self):
        return tuple(
            Tensor(
                entry.name,
                _TYPES[entry.type],
                tuple(n if isinstance(n, int) else -1 for n in entry.shape),
                entry in self._session.get_inputs(),
            )
            for entry in (*self._session.get_inputs(), *self._session.get_outputs())
        )

    def resize(self, inputs):
        self._called("resize")
        self._shapes = dict(inputs)
        found = self._run({t.name: self._zeros(t) for t in self.tensors() if t.is_input})
        return {name: array.shape for name, array in found.items()}

    def _zeros(self, tensor):
        return np.zeros(self._shapes[tensor.name], tensor.dtype)

    def _run(self, inputs):
        names = [output.name for output in self._session.get_outputs()]
        return dict(zip(names, self._session.run(names, inputs), strict=True))

    def allocate(self, name, size):
        self._called("allocate", name, size)
        # What was never written must not look like an answer.
        self._pinned[name] = np.full(size, 0xCD, np.uint8)
        self._memory[name] = np.full(size, 0xAB, np.uint8)
        return self._pinned[name]

    def copy_in(self, name, size):
        self._called("copy_in", name, size)
        self._begin(lambda: self._copy(self._memory, self._pinned, name, size))

    def copy_out(self, name, size):
        self._called("copy_out", name, size)
        self._begin(lambda: self._copy(self._pinned, self._memory, name, size))

    @staticmethod
    def _copy(into, source, name, size):
        into[name][:size] = source[name][:size]

    def execute(self):
        self._called("execute")
        self._begin(self._pass)

    def _pass(self):
        inputs = {}
        for tensor in self.tensors():
            if tensor.is_input:
                shape = self._shapes[tensor.name]
                size = int(np.prod(shape)) * np.dtype(tensor.dtype).itemsize
                inputs[tensor.name] = (
                    self._memory[tensor.name][:size].view(tensor.dtype).reshape(shape)
                )
        for name, array in self._run(inputs).items():
            self._memory[name][: array.nbytes] = array.reshape(-1).view(np.uint8)

    def _begin(self, work):
        self._begun.append(work)

    def synchronise(self):
        self._called("synchronise")
        for work in self._begun:
            work()
        self._begun.clear()

    def close(self):
        assert threading.get_ident() == self._thread, "a device belongs to one thread"
        SimulatedDevice.closed += 1


LIBRARY = Library("tensorrt", SimpleNamespace(__version__="10.3.0"))
GPU = Gpu("Orin", "8.7", "12060")


def build(library, graph, profile, timings, workspace, progress):
    """An engine that names the graph it runs."""
    progress("tactics", 0.4)
    return Built(str(graph).encode())


def simulated_backend(folder=None, gpu=GPU, build=build, device=SimulatedDevice):
    """TensorRT on a GPU that is none; its engines lie in ``folder``, or where the user's do."""
    return TensorRtBackend(
        LIBRARY,
        gpu,
        EngineCache(folder),
        build=build,
        open_device=lambda library, engine: device(engine.decode()),
    )
