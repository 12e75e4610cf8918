"""An engine on an NVIDIA GPU, by TensorRT and pycuda. The only place that knows either at work."""

from __future__ import annotations

import importlib
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.engines.device import DeviceError, EngineError, Gpu, Shape, Tensor
from damage_perception.engines.library import Library, new_logger
from damage_perception.network.session import BackendError

# Flag of a stream that does not wait for the default one.
_NON_BLOCKING: Final = 1
# In what TensorRT says where an engine does not load, though the engine is not to blame.
_OF_THE_GPU: Final = re.compile(r"out ?of ?memory|cuda", re.IGNORECASE)

_primary: dict[int, Any] = {}
_primary_lock: Final = threading.Lock()


def find_gpu(index: int = 0) -> Gpu:
    """The GPU that engines are built for. Raises BackendError saying what is missing."""
    cuda = _pycuda()
    try:
        cuda.init()
        device = cuda.Device(index)
        major, minor = device.compute_capability()
        return Gpu(device.name(), f"{major}.{minor}", str(cuda.get_driver_version()))
    except cuda.Error as error:
        raise BackendError(f"no GPU: {error}") from error


class CudaDevice:
    """A `Device` on a GPU: memory and a stream of its own in the primary context.

    To be used and closed by the thread that made it. Raises BackendError where pycuda or the driver
    are missing, EngineError where the engine does not load, DeviceError where the GPU fails.
    """

    def __init__(self, library: Library, engine: bytes, index: int = 0) -> None:
        self._cuda = _pycuda()
        self._memory: dict[str, Any] = {}
        self._pinned: dict[str, Any] = {}
        self._graph: Any = None
        self._passes = 0
        self._context: Any = None
        self._primary = _primary_context(index)
        try:
            with self._said("loading the engine"):
                self._load(library, engine)
        except BaseException:
            self.close()
            raise

    def _load(self, library: Library, engine: bytes) -> None:
        trt = library.module
        self._logger = new_logger(library)
        self._stream = self._cuda.Stream(_NON_BLOCKING)
        self._runtime = trt.Runtime(self._logger)
        self._engine = self._runtime.deserialize_cuda_engine(engine)
        if self._engine is None:
            said = "; ".join(self._logger.errors) or "the engine does not load"
            # It says no to an engine of another kind, and where the GPU has no memory for it.
            raise (DeviceError if _OF_THE_GPU.search(said) else EngineError)(said)
        self._context = self._engine.create_execution_context()
        if self._context is None:
            raise DeviceError("; ".join(self._logger.errors) or "no context for the engine")
        self._tensors = tuple(
            Tensor(
                name,
                np.dtype(trt.nptype(self._engine.get_tensor_dtype(name))).name,
                tuple(self._engine.get_tensor_shape(name)),
                self._engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT,
            )
            for name in map(self._engine.get_tensor_name, range(self._engine.num_io_tensors))
        )

    def tensors(self) -> tuple[Tensor, ...]:
        """What goes in and comes out."""
        return self._tensors

    def resize(self, inputs: Mapping[str, Shape]) -> dict[str, Shape]:
        """Sets the shapes of the inputs for what follows; those of the outputs."""
        with self._said("setting shapes"):
            # A recorded pass is of one shape.
            self._graph, self._passes = None, 0
            for name, shape in inputs.items():
                self._taken(self._context.set_input_shape(name, shape), f"shape {shape} of {name}")
            outputs = (tensor.name for tensor in self._tensors if not tensor.is_input)
            return {name: tuple(self._context.get_tensor_shape(name)) for name in outputs}

    def allocate(self, name: str, size: int) -> NDArray[Any]:
        """(size,) uint8 of pinned memory, and as much on the GPU, for a tensor from now on."""
        with self._said(f"allocating {size} bytes for {name}"):
            self._memory[name] = self._cuda.mem_alloc(max(1, size))
            self._pinned[name] = self._cuda.pagelocked_empty(size, np.uint8)
            taken = self._context.set_tensor_address(name, int(self._memory[name]))
            self._taken(taken, f"the address of {name}")
        pinned: NDArray[Any] = self._pinned[name]
        return pinned

    def copy_in(self, name: str, size: int) -> None:
        """Begins to copy the first bytes of the pinned memory of an input to the GPU."""
        with self._said(f"copying {name}"):
            pinned = self._pinned[name][:size]
            self._cuda.memcpy_htod_async(self._memory[name], pinned, self._stream)

    def execute(self) -> None:
        """Begins a pass: the first of a shape by itself, the second recorded, then as recorded."""
        with self._said("inference"):
            if self._graph is None and self._passes == 1:
                self._graph = _record(self._stream.handle, self._enqueue)
            self._passes += 1
            if self._graph:
                self._graph.launch(self._stream.handle)
            else:
                self._enqueue()

    def _enqueue(self) -> None:
        self._taken(self._context.execute_async_v3(self._stream.handle), "the pass")

    def copy_out(self, name: str, size: int) -> None:
        """Begins to copy the first bytes of an output from the GPU to its pinned memory."""
        with self._said(f"copying {name}"):
            pinned = self._pinned[name][:size]
            self._cuda.memcpy_dtoh_async(pinned, self._memory[name], self._stream)

    def synchronise(self) -> None:
        """Returns when all that was begun is done."""
        with self._said("waiting for the GPU"):
            self._stream.synchronize()

    def close(self) -> None:
        """Frees everything; raises nothing, for the GPU may be lost."""
        with suppress(DeviceError), self._said("freeing the GPU"):
            # What lies in the context goes before it.
            self._graph = None
            for pinned in self._pinned.values():
                pinned.base.free()
            for memory in self._memory.values():
                memory.free()
            self._context = self._engine = self._runtime = self._stream = None
        self._pinned.clear()
        self._memory.clear()

    @contextmanager
    def _said(self, doing: str) -> Iterator[None]:
        """The context is this thread's; errors of the driver become DeviceError.

        Popped each time: a thread that ends while it has one makes pycuda abort the process.
        """
        try:
            self._primary.push()
            try:
                yield
            finally:
                self._primary.pop()
        except self._cuda.Error as error:
            raise DeviceError(f"{doing}: {error}") from error

    def _taken(self, done: bool, what: str) -> None:
        if not done:
            said = "; ".join(self._logger.errors[-3:]) or "it does not say why"
            raise DeviceError(f"TensorRT does not take {what}: {said}")


class _Recorded:
    """A CUDA graph: a pass that the driver begins in one call."""

    def __init__(self, runtime: Any, executable: Any) -> None:
        self._runtime = runtime
        self._executable = executable

    def launch(self, stream: int) -> None:
        _checked(self._runtime, self._runtime.cudaGraphLaunch(self._executable, stream))

    def __del__(self) -> None:
        self._runtime.cudaGraphExecDestroy(self._executable)


def _record(stream: int, enqueue: Any) -> _Recorded | bool:
    """The pass as a CUDA graph; False where cuda-bindings is missing or the pass is not to be had.

    pycuda knows no graphs.
    """
    try:
        runtime = importlib.import_module("cuda.bindings.runtime")
    except ImportError:
        return False
    mode = runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
    try:
        _checked(runtime, runtime.cudaStreamBeginCapture(stream, mode))
        try:
            enqueue()
        finally:
            graph = _checked(runtime, runtime.cudaStreamEndCapture(stream))
        try:
            return _Recorded(runtime, _checked(runtime, runtime.cudaGraphInstantiate(graph, 0)))
        finally:
            _checked(runtime, runtime.cudaGraphDestroy(graph))
    except DeviceError:
        return False


def _checked(runtime: Any, answer: tuple[Any, ...]) -> Any:
    status, *rest = answer
    if status != runtime.cudaError_t.cudaSuccess:
        raise DeviceError(f"CUDA graph: {status.name}")
    return rest[0] if rest else None


def _primary_context(index: int) -> Any:
    """That which all in the process share. Never released: pycuda would leave it on driver stacks.

    Raises BackendError, DeviceError.
    """
    cuda = _pycuda()
    with _primary_lock:
        if index not in _primary:
            try:
                cuda.init()
                _primary[index] = cuda.Device(index).retain_primary_context()
            except cuda.Error as error:
                raise DeviceError(f"opening the GPU: {error}") from error
        return _primary[index]


def _pycuda() -> Any:
    try:
        return importlib.import_module("pycuda.driver")
    except ImportError as error:
        missing = "the NVIDIA driver" if "libcuda" in str(error) else "pycuda"
        raise BackendError(
            f"{missing} is missing ({error}): install it as docs/deployment.md says, or set "
            "`backend` to onnxruntime"
        ) from error
