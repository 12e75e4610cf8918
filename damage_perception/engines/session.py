"""Runs an engine: one thread, buffers that are made once, and a way back after a fault."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.engines.device import Device, DeviceError, Shape, Tensor
from damage_perception.network.session import Arrays, BackendError

# Between attempts to get a GPU back: the first pause, doubled up to the longest.
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0


class EngineSession:
    """An engine on a GPU, as `Session` says.

    Passes of more views than the engine is built for are made in several. After a fault the device
    is opened anew and the pass made again; where that fails, too, passes fail at once until a pause
    is over, and the next one tries again.

    backend      as it stands in reports
    why          it is this one
    open_device  loads the engine; called in the thread that uses it
    most         greatest size of the open dimension of each input
    clock        seconds

    Raises BackendError where the engine cannot be loaded.
    """

    def __init__(
        self,
        backend: str,
        why: str,
        open_device: Callable[[], Device],
        most: Mapping[str, int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.backend = backend
        self.why = why
        self._open_device = open_device
        self._most = dict(most)
        self._clock = clock
        self._loaded: _Loaded | None = None
        self._fault, self._pause_s, self._again_at = "", FIRST_PAUSE_S, 0.0
        # A context belongs to the thread that made it; so does everything in it.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=backend)
        try:
            self._tensors = self._thread.submit(self._load).result().tensors
        except BaseException as error:
            self.close()
            if isinstance(error, DeviceError):
                raise BackendError(f"{backend} cannot load the engine: {error}") from error
            raise

    def inputs(self) -> dict[str, tuple[str, tuple[int | None, ...]]]:
        """By input name: NumPy type name and shape, None where any size goes."""
        return {
            tensor.name: (tensor.dtype, tuple(None if n < 0 else n for n in tensor.shape))
            for tensor in self._tensors
            if tensor.is_input
        }

    def outputs(self) -> tuple[str, ...]:
        """Names of what comes out."""
        return tuple(tensor.name for tensor in self._tensors if not tensor.is_input)

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """One pass; outputs by name. Raises BackendError."""
        arrays = self._checked(inputs)
        counts = {len(arrays[name]) for name in self._most}
        most = min(self._most.values(), default=0)
        # Only what has one batch in all its inputs can be taken in parts.
        whole = len(counts) != 1 or len(set(self._most.values())) != 1
        if whole or (count := counts.pop()) <= most:
            return self._thread.submit(self._pass, arrays).result()
        parts = [
            self._thread.submit(
                self._pass,
                {
                    name: array[start : start + most] if name in self._most else array
                    for name, array in arrays.items()
                },
            ).result()
            for start in range(0, count, most)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def bare_s(self, inputs: Mapping[str, NDArray[Any]], passes: int) -> float:
        """Seconds of one pass of the engine by itself, without copies: the mean of ``passes``.

        Raises BackendError.
        """
        self.run(inputs)
        try:
            return self._thread.submit(self._bare_s, passes).result()
        except DeviceError as error:
            raise BackendError(f"inference failed: {error}") from error

    def _bare_s(self, passes: int) -> float:
        device = self._load().device
        start = time.perf_counter()
        for _ in range(passes):
            device.execute()
        device.synchronise()
        return (time.perf_counter() - start) / passes

    def close(self) -> None:
        """Frees the GPU; the session runs nothing more."""
        self._thread.submit(self._unload).result()
        self._thread.shutdown()

    def _checked(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        expected = self.inputs()
        if set(inputs) != set(expected):
            raise BackendError(
                f"inference needs the inputs {', '.join(expected)}; got {', '.join(inputs)}"
            )
        for name, (dtype, shape) in expected.items():
            array = inputs[name]
            fits = array.dtype == dtype and array.ndim == len(shape)
            if not fits or any(
                size is not None and size != given
                for size, given in zip(shape, array.shape, strict=True)
            ):
                raise BackendError(
                    f"input {name} is {array.dtype} {array.shape}; expected {dtype} {shape}"
                )
            least = 1 if name in self._most else 0
            if array.shape and array.shape[0] < least:
                raise BackendError(f"input {name} is empty")
        return dict(inputs)

    def _pass(self, arrays: Arrays) -> Arrays:
        """One pass, in the thread of the device, with one way back after a fault."""
        if self._fault and self._clock() < self._again_at:
            wait = self._again_at - self._clock()
            raise BackendError(f"inference failed: {self._fault}; tried again in {wait:.0f} s")
        for name, size in self._most.items():
            if len(arrays[name]) > size:
                raise BackendError(
                    f"input {name} has {len(arrays[name])} rows; the engine takes {size} at most"
                )
        try:
            try:
                found = self._load().run(arrays)
            except DeviceError:
                self._unload()
                found = self._load().run(arrays)
        except DeviceError as error:
            self._unload()
            self._fault = str(error)
            self._again_at = self._clock() + self._pause_s
            self._pause_s = min(LONGEST_PAUSE_S, 2 * self._pause_s)
            raise BackendError(f"inference failed: {error}") from error
        self._fault, self._pause_s = "", FIRST_PAUSE_S
        return found

    def _load(self) -> _Loaded:
        if self._loaded is None:
            self._loaded = _Loaded(self._open_device(), self._most)
        return self._loaded

    def _unload(self) -> None:
        if self._loaded is not None:
            self._loaded.device.close()
            self._loaded = None


class _Loaded:
    """A device with its buffers, as large as the largest pass."""

    def __init__(self, device: Device, most: Mapping[str, int]) -> None:
        self.device = device
        try:
            self.tensors = device.tensors()
            largest = {
                tensor.name: _sized(tensor, most.get(tensor.name, 1))
                for tensor in self.tensors
                if tensor.is_input
            }
            largest |= device.resize(largest)
            self._pinned = {
                tensor.name: device.allocate(tensor.name, _bytes(tensor, largest[tensor.name]))
                for tensor in self.tensors
            }
        except BaseException:
            device.close()
            raise
        self._shapes: dict[str, Shape] = {}
        self._output_shapes: dict[str, Shape] = {}

    def run(self, arrays: Arrays) -> Arrays:
        """One pass of at most the largest size."""
        device = self.device
        shapes = {name: array.shape for name, array in arrays.items()}
        if shapes != self._shapes:
            self._shapes = {}
            self._output_shapes = device.resize(shapes)
            self._shapes = shapes
        for name, array in arrays.items():
            self._pinned[name][: array.nbytes].view(array.dtype).reshape(array.shape)[...] = array
            device.copy_in(name, array.nbytes)
        device.execute()
        outputs = [tensor for tensor in self.tensors if not tensor.is_input]
        for tensor in outputs:
            device.copy_out(tensor.name, _bytes(tensor, self._output_shapes[tensor.name]))
        device.synchronise()
        # Copied once more: the next pass writes over pinned memory.
        return {tensor.name: self._output(tensor).copy() for tensor in outputs}

    def _output(self, tensor: Tensor) -> NDArray[Any]:
        shape = self._output_shapes[tensor.name]
        whole = self._pinned[tensor.name][: _bytes(tensor, shape)]
        return whole.view(tensor.dtype).reshape(shape)


def _sized(tensor: Tensor, size: int) -> Shape:
    return tuple(size if side < 0 else side for side in tensor.shape)


def _bytes(tensor: Tensor, shape: Shape) -> int:
    return int(np.prod(shape, dtype=np.int64)) * np.dtype(tensor.dtype).itemsize
