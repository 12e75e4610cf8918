"""Opens graphs as engines on the GPU, from the cache or built for it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from damage_perception.engines.building import (
    WORKSPACE_BYTES,
    Built,
    Profile,
    Progress,
    build_engine,
)
from damage_perception.engines.cache import EngineCache, EngineKey
from damage_perception.engines.cuda_device import CudaDevice, find_gpu
from damage_perception.engines.device import Device, EngineError, Gpu
from damage_perception.engines.library import Library, find_library
from damage_perception.engines.session import EngineSession
from damage_perception.network.session import Backend, BackendError, OnnxRuntimeBackend

BACKENDS: Final = ("auto", "tensorrt", "onnxruntime")

_log = logging.getLogger(__name__)

OpenDevice = Callable[[Library, bytes], Device]
Build = Callable[[Library, Path, Profile, bytes, int, Progress], Built]


@dataclass(frozen=True)
class TensorRtBackend:
    """TensorRT on a GPU.

    progress  called with what is going on and the share of it that is done while an engine is built
    waiting   called where another process builds the engine, before waiting for it
    """

    library: Library
    gpu: Gpu
    cache: EngineCache
    progress: Progress = lambda phase, share: None
    waiting: Callable[[], None] = lambda: None
    open_device: OpenDevice = CudaDevice
    build: Build = build_engine
    symmetric: bool = field(default=True, init=False)

    @property
    def name(self) -> str:
        """As it stands in reports."""
        return f"{self.library.flavour}-{self.library.version}"

    @property
    def why(self) -> str:
        """It is there: the GPU."""
        gpu = self.gpu
        return f"{gpu.name}, compute capability {gpu.capability}, driver {gpu.driver}"

    def key(self, graph: Path, most: Mapping[str, int]) -> EngineKey:
        """What the engine of a graph is found by."""
        return EngineKey(
            graph=hashlib.sha256(graph.read_bytes()).hexdigest(),
            flavour=self.library.flavour,
            version=self.library.version,
            gpu=self.gpu.name,
            capability=self.gpu.capability,
            driver=self.gpu.driver,
            profile=dict(_profile(most).sizes),
            workspace=WORKSPACE_BYTES,
        )

    def session(self, graph: Path, most: Mapping[str, int]) -> EngineSession:
        """A loaded engine; one from the cache that does not load is built anew, once.

        Raises BackendError.
        """
        key = self.key(graph, most)

        def build(timings: bytes) -> Built:
            _log.info("%s builds %s for %s", self.name, graph.name, self.gpu.name)
            return self.build(
                self.library, graph, _profile(most), timings, WORKSPACE_BYTES, self.progress
            )

        if (kept := self.cache.load(key)) is not None:
            try:
                return self._open(kept, most)
            except BackendError as error:
                if not isinstance(error.__cause__, EngineError):
                    raise
                _log.warning("the engine of %s is built anew: %s", graph.name, error)
                self.cache.forget(key.digest)
        engine = self.cache.load_or_build(key, graph.name, build, self.waiting)
        return self._open(engine, most)

    def _open(self, engine: bytes, most: Mapping[str, int]) -> EngineSession:
        return EngineSession(
            self.name, self.why, lambda: self.open_device(self.library, engine), most
        )


def choose_backend(wanted: str, threads: int, require_gpu: bool = False) -> Backend:
    """The backend of that name, one of BACKENDS; auto: TensorRT where it and a GPU are.

    threads      of one inference on the CPU
    require_gpu  makes anything but a GPU an error

    Raises BackendError where what is wanted is not to be had.
    """
    if wanted == "onnxruntime":
        if require_gpu:
            raise BackendError("a GPU is required, but `backend` is onnxruntime, on the CPU")
        return OnnxRuntimeBackend(threads)
    try:
        return find_tensorrt()
    except BackendError as error:
        if wanted == "tensorrt" or require_gpu:
            raise BackendError(f"no inference on a GPU: {error}") from error
        return OnnxRuntimeBackend(threads, f"no inference on a GPU: {error}")


def find_tensorrt() -> TensorRtBackend:
    """TensorRT on this machine's GPU. Raises BackendError saying what is missing."""
    # The GPU first: importing TensorRT takes a third of a second and 110 MB.
    gpu = find_gpu()
    return TensorRtBackend(find_library(), gpu, EngineCache())


def _profile(most: Mapping[str, int]) -> Profile:
    # One item in view is what there mostly is; what is compared is mostly as large as can be.
    usual = {name: 1 if size <= 16 else size // 2 for name, size in most.items()}
    return Profile({name: (1, usual[name], size) for name, size in most.items()})
