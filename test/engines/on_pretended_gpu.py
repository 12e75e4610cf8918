"""What `CudaDevice` does with real pycuda: `python on_pretended_gpu.py CASE`, on a driver that is
none (driver.c) and with a TensorRT that is none (pretended_tensorrt.py)."""

import ctypes
import os
import sys
from enum import Enum
from functools import partial
from types import ModuleType, SimpleNamespace

import numpy as np
from pretended_tensorrt import COLUMNS, TENSORRT, Context

from damage_perception.engines.cuda_device import CudaDevice, find_gpu
from damage_perception.engines.device import DeviceError, EngineError
from damage_perception.engines.library import Library
from damage_perception.engines.session import EngineSession
from damage_perception.network import BackendError

# The driver has only the functions that are called.
sys.setdlopenflags(os.RTLD_LAZY)

driver = ctypes.CDLL("libcuda.so.1")
driver.driver_bytes.restype = ctypes.c_size_t
clock = [0.0]


def session(engine=b"doubles"):
    def open_device():
        return CudaDevice(Library("tensorrt", TENSORRT), engine)

    return EngineSession("pretended", "a test", open_device, {"given": 4}, lambda: clock[0])


def answers(running, *counts):
    for count in counts:
        given = np.random.default_rng(count).random((count, COLUMNS), np.float32)
        np.testing.assert_array_equal(running.run({"given": given})["doubled"], 2 * given)


def refused(action):
    try:
        action()
    except BackendError as error:
        return error
    raise AssertionError("nothing was refused")


def held():
    return driver.driver_held(), driver.driver_bytes()


def every_size_is_answered_and_everything_is_freed():
    assert find_gpu().name == "Pretended GPU" and find_gpu().capability == "8.7"
    for _ in range(3):
        running = session()
        answers(running, 1, 1, 1, 4, 2, 9)
        # A context, a stream, and pinned memory and some of the GPU for input and output.
        assert held() == (4, 2 * 4 * 4 * COLUMNS)
        running.close()
        assert held() == (1, 0)


def a_process_may_end_without_closing():
    answers(session(), 1)


def what_does_not_fit_is_refused_and_freed():
    os.environ["GPU_BYTES"] = "64"
    assert "allocating 48 bytes for doubled" in (text := str(refused(session)))
    assert "out of memory" in text and held() == (1, 0)


def an_engine_is_told_from_a_gpu_that_has_no_memory_for_it():
    for said, kind in (
        ("Error Code 1: Serialization (the engine was built by another version)", EngineError),
        ("Error Code 2: OutOfMemory (Requested size was 4194304 bytes.)", DeviceError),
        ("Error Code 1: Cuda Runtime (unspecified launch failure)", DeviceError),
    ):
        error = refused(partial(session, said.encode()))
        assert type(error.__cause__) is kind and said in str(error)
        assert held() == (1, 0)


def without_a_gpu_it_is_said():
    os.environ["NO_GPU"] = "1"
    assert "no GPU: cuInit failed: no CUDA-capable device is detected" in str(refused(find_gpu))
    assert "no CUDA-capable device is detected" in str(refused(session))


def a_lost_gpu_is_said_and_taken_back():
    running = session()
    driver.driver_lose(1)
    assert "unspecified launch failure" in str(refused(lambda: answers(running, 1)))
    driver.driver_lose(0)
    clock[0] += 5
    answers(running, 1)
    running.close()


class Graphs(ModuleType):
    """CUDA's graphs: what is recorded is done again; a TensorRT that refuses records nothing."""

    cudaError_t = Enum("cudaError_t", {"cudaSuccess": 0, "cudaErrorStreamCaptureInvalidated": 901})
    cudaStreamCaptureMode = SimpleNamespace(cudaStreamCaptureModeThreadLocal=1)

    def __init__(self, status="cudaSuccess"):
        super().__init__("cuda.bindings.runtime")
        self.status = self.cudaError_t[status]
        self.launched = self.recorded = self.kept = 0

    def cudaStreamBeginCapture(self, stream, mode):
        assert driver.driver_current()
        return (self.cudaError_t.cudaSuccess,)

    def cudaStreamEndCapture(self, stream):
        self.recorded += 1
        return self.status, "graph"

    def cudaGraphInstantiate(self, graph, flags):
        self.kept += 1
        return self.cudaError_t.cudaSuccess, Context.newest

    def cudaGraphDestroy(self, graph):
        return (self.cudaError_t.cudaSuccess,)

    def cudaGraphLaunch(self, context, stream):
        self.launched += 1
        context.execute_async_v3(stream)
        return (self.cudaError_t.cudaSuccess,)

    def cudaGraphExecDestroy(self, context):
        assert driver.driver_current()
        self.kept -= 1
        return (self.cudaError_t.cudaSuccess,)


def use(graphs):
    sys.modules["cuda"] = ModuleType("cuda")
    sys.modules["cuda.bindings"] = ModuleType("cuda.bindings")
    sys.modules["cuda.bindings.runtime"] = graphs


def passes_of_one_size_are_recorded_and_done_again():
    use(graphs := Graphs())
    running = session()
    answers(running, 2)
    assert (graphs.recorded, graphs.launched) == (0, 0)
    answers(running, 2, 2, 2)
    assert (graphs.recorded, graphs.launched, graphs.kept) == (1, 3, 1)
    answers(running, 3)
    assert (graphs.launched, graphs.kept) == (3, 0)
    answers(running, 3)
    assert (graphs.recorded, graphs.launched, graphs.kept) == (2, 4, 1)
    running.close()
    assert graphs.kept == 0 and held() == (1, 0)


def what_cannot_be_recorded_is_done_as_before():
    use(graphs := Graphs("cudaErrorStreamCaptureInvalidated"))
    running = session()
    answers(running, 2, 2, 2, 2)
    assert (graphs.recorded, graphs.launched) == (1, 0)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
