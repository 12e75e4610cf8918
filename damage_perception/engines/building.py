"""From an ONNX graph to an engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from damage_perception.engines.library import Library, new_logger
from damage_perception.network.session import BackendError

Progress = Callable[[str, float], None]

# What a layer may use besides; sixteen views of 640 pixels in fp32 take more than half of it.
WORKSPACE_BYTES: Final = 1 << 31


@dataclass(frozen=True)
class Profile:
    """Least, usual and most of the one dimension of each input that is open.

    sizes  by name of the input
    """

    sizes: Mapping[str, tuple[int, int, int]]


@dataclass(frozen=True)
class Built:
    """An engine, and the timings that make building the next one faster; empty: none."""

    engine: bytes
    timings: bytes = b""


def build_engine(
    library: Library,
    graph: Path,
    profile: Profile,
    timings: bytes = b"",
    workspace_bytes: int = WORKSPACE_BYTES,
    progress: Progress = lambda phase, share: None,
) -> Built:
    """Parses ``graph`` and builds it, strongly typed: its precision is that of the file.

    timings   of an engine that the same library built on the same GPU
    progress  called with what is going on and the share of it that is done, 0..1, from the thread
              that builds

    Raises BackendError with everything that the parser and the builder say.
    """
    trt = library.module
    logger = new_logger(library)
    builder = trt.Builder(logger)
    network = builder.create_network(_strongly_typed(trt))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(str(graph)):
        errors = [parser.get_error(i) for i in range(parser.num_errors)]
        said = [f"{e.node_operator()} {e.node_name()}: {e.desc()}" for e in errors]
        raise _refused("cannot parse", library, graph, said)
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, workspace_bytes)
    config.add_optimization_profile(_profile(builder, network, profile, graph))
    # TensorRT for RTX tunes kernels as an engine is loaded.
    cache = _use_timings(config, timings) if library.flavour == "tensorrt" else None
    # Kept here: the builder calls it, and does not own it.
    monitor = _monitor(trt, progress)
    config.progress_monitor = monitor
    built = builder.build_serialized_network(network, config)
    if built is None:
        raise _refused("cannot build", library, graph, logger.errors)
    return Built(bytes(built), bytes(cache.serialize()) if cache is not None else b"")


def _strongly_typed(trt: Any) -> int:
    flag = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    return 0 if flag is None else 1 << int(flag)


def _profile(builder: Any, network: Any, profile: Profile, graph: Path) -> Any:
    inputs = [network.get_input(i) for i in range(network.num_inputs)]
    open_inputs = {tensor.name for tensor in inputs if -1 in tuple(tensor.shape)}
    if open_inputs != set(profile.sizes):
        raise BackendError(
            f"{graph} leaves the size of {', '.join(sorted(open_inputs)) or 'no input'} open; "
            f"the profile is of {', '.join(sorted(profile.sizes)) or 'none'}"
        )
    made = builder.create_optimization_profile()
    for tensor in inputs:
        sizes = profile.sizes.get(tensor.name, (0, 0, 0))
        shapes = [[size if side == -1 else side for side in tensor.shape] for size in sizes]
        made.set_shape(tensor.name, *shapes)
    return made


def _use_timings(config: Any, timings: bytes) -> Any | None:
    """The cache that the builder fills; None where it keeps none."""
    cache = config.create_timing_cache(timings)
    # Timings of another GPU would choose kernels that are slow on this one.
    if cache is not None and config.set_timing_cache(cache, False):
        return cache
    if not timings:
        return None
    return _use_timings(config, b"")


def _monitor(trt: Any, progress: Progress) -> Any:
    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self._steps: dict[str, int] = {}

        def phase_start(self, name: str, parent: str | None, steps: int) -> None:
            """Called by TensorRT."""
            self._steps[name] = steps
            progress(name, 0.0)

        def step_complete(self, name: str, step: int) -> bool:
            """Called by TensorRT; whether to go on."""
            progress(name, (step + 1) / max(1, self._steps.get(name, 1)))
            return True

        def phase_finish(self, name: str) -> None:
            """Called by TensorRT."""
            progress(name, 1.0)

    return Monitor()


def _refused(what: str, library: Library, graph: Path, said: list[str]) -> BackendError:
    reasons = "; ".join(line.strip() for line in said) or "it does not say why"
    return BackendError(f"{library.flavour} {library.version} {what} {graph}: {reasons}")
