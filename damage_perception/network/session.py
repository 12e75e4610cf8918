"""Runs an ONNX graph. The only place that knows ONNX Runtime."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import onnxruntime
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]

AS_CONFIGURED: Final = "as configured"


class BackendError(RuntimeError):
    """A model that could not be loaded or run; the message says why."""


class Session(Protocol):
    """A loaded graph on some device."""

    @property
    def backend(self) -> str:
        """What runs the graph, as it stands in reports."""

    @property
    def why(self) -> str:
        """It is this one."""

    def inputs(self) -> dict[str, tuple[str, tuple[int | None, ...]]]:
        """By input name: NumPy type name and shape, None where any size goes."""

    def outputs(self) -> tuple[str, ...]:
        """Names of what comes out."""

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """One pass; outputs by name. Raises BackendError."""

    def close(self) -> None:
        """Frees what it holds; it runs nothing more."""


class Backend(Protocol):
    """What opens graphs.

    symmetric  whether it takes 8 bits only where zero is in the middle of every range
    why        it is this one
    """

    @property
    def symmetric(self) -> bool:
        """See above."""

    @property
    def why(self) -> str:
        """See above."""

    def session(self, graph: Path, most: Mapping[str, int]) -> Session:
        """A loaded graph. Raises BackendError.

        most  greatest size of the first dimension of each input
        """


class OnnxRuntimeSession:
    """ONNX Runtime on the CPU.

    threads  of one pass; more than the cores left over by the rest of the cell slows both down
    why      it is this

    Raises BackendError where the file is not a graph that ONNX Runtime takes.
    """

    backend = "onnxruntime-cpu"

    def __init__(self, path: Path, threads: int = 2, why: str = AS_CONFIGURED) -> None:
        self.why = why
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Waiting threads that spin take the cores the images arrive on.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if apart := _processors_apart(threads):
            options.add_session_config_entry("session.intra_op_thread_affinities", apart)
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # the exceptions of ONNX Runtime share no base of their own
            raise BackendError(f"{path} cannot be loaded: {error}") from error

    def inputs(self) -> dict[str, tuple[str, tuple[int | None, ...]]]:
        """By input name: NumPy type name and shape, None where any size goes."""
        return {
            entry.name: (
                _NUMPY_NAMES.get(entry.type, entry.type),
                tuple(size if isinstance(size, int) else None for size in entry.shape),
            )
            for entry in self._session.get_inputs()
        }

    def outputs(self) -> tuple[str, ...]:
        """Names of what comes out."""
        return tuple(output.name for output in self._session.get_outputs())

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """One pass; outputs by name. Raises BackendError."""
        names = self.outputs()
        try:
            return dict(zip(names, self._session.run(names, dict(inputs)), strict=True))
        except Exception as error:
            raise BackendError(f"inference failed: {error}") from error

    def close(self) -> None:
        """Nothing to do: it goes with its memory."""


@dataclass(frozen=True)
class OnnxRuntimeBackend:
    """ONNX Runtime on the CPU.

    threads  of one pass
    why      it is this one
    """

    threads: int = 2
    why: str = AS_CONFIGURED
    symmetric: bool = field(default=False, init=False)

    def session(self, graph: Path, most: Mapping[str, int]) -> OnnxRuntimeSession:
        """A loaded graph, of inputs of any size. Raises BackendError."""
        return OnnxRuntimeSession(graph, self.threads, self.why)


def _processors_apart(threads: int) -> str:
    """Where the threads that ONNX Runtime adds to the caller's may run; empty: anywhere.

    With few processors, Linux wakes a thread where its waker runs, and has not moved it by the end
    of a pass: after a pause, two threads take as long as one. What keeps off one processor moves.
    """
    if not hasattr(os, "sched_getaffinity"):
        return ""
    # ONNX Runtime counts processors from 1.
    _, *others = (str(processor + 1) for processor in sorted(os.sched_getaffinity(0)))
    return ";".join([",".join(others)] * (threads - 1)) if others else ""


_NUMPY_NAMES = {"tensor(uint8)": "uint8", "tensor(float)": "float32"}
