"""Which model a command runs, and on what."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from damage_perception.cli.terminal import console, held

if TYPE_CHECKING:
    from damage_perception.engines.backend import TensorRtBackend
    from damage_perception.network import Backend, DamageNetwork

ModelOption = Annotated[
    Optional[Path], typer.Option("--model", help="Model card; the one that comes along by default.")
]


class Precision(str, Enum):
    """Which graph of a model runs."""

    fp32 = "fp32"
    fp16 = "fp16"
    int8 = "int8"


PrecisionOption = Annotated[
    Precision, typer.Option(help="Which graph of the model runs; int8 is the fastest on a CPU.")
]


class BackendName(str, Enum):
    """What runs it; as the node's parameter."""

    auto = "auto"
    tensorrt = "tensorrt"
    onnxruntime = "onnxruntime"


class DetailName(str, Enum):
    """When large items are judged by tiles, too; as the node's parameter."""

    off = "off"
    auto = "auto"
    always = "always"


@dataclass(frozen=True)
class Running:
    """Options of every command that runs a model."""

    model: ModelOption = None
    precision: PrecisionOption = Precision.fp32
    backend: Annotated[
        BackendName,
        typer.Option(help="What runs it; auto takes TensorRT where it and a GPU are."),
    ] = BackendName.auto
    threads: Annotated[int, typer.Option(min=1, help="Threads of one inference on a CPU.")] = 2
    detail: Annotated[
        DetailName,
        typer.Option(
            help="Whether items larger than the network's view are judged by tiles at the camera's "
            "resolution, too; recorded images wait for them, so auto is always."
        ),
    ] = DetailName.auto

    def load(self) -> "DamageNetwork":
        """The network, until the command ends; engines that are missing are built first.

        Raises ModelCardError, BackendError.
        """
        from damage_perception.engines.backend import TensorRtBackend, choose_backend
        from damage_perception.network import BackendError, OnnxRuntimeBackend

        backend = choose_backend(self.backend.value, self.threads)
        if not isinstance(backend, TensorRtBackend):
            return load_network(self.model, self.precision, backend)
        try:
            with building_shown(backend) as shown:
                return load_network(self.model, self.precision, shown)
        except BackendError as error:
            if self.backend is not BackendName.auto:
                raise
            console.print(f"on the CPU: {error}", style="yellow", markup=False)
            cpu = OnnxRuntimeBackend(self.threads, str(error))
            return load_network(self.model, self.precision, cpu)


def load_network(model: Path | None, precision: Precision, backend: "Backend") -> "DamageNetwork":
    """The network on ``backend``, until the command ends. Raises ModelCardError, BackendError."""
    from damage_perception.network import DamageNetwork
    from damage_perception.share import default_model_card

    network = DamageNetwork.load(model or default_model_card(), precision.value, backend)
    held.callback(network.close)
    if network.card.kinds.warning:
        warning = f"model {network.card.model_id}: {network.card.kinds.warning}"
        console.print(warning, style="yellow", markup=False)
    return network


@contextmanager
def building_shown(backend: "TensorRtBackend") -> Iterator["TensorRtBackend"]:
    """``backend``, with a bar while it builds."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=console,
    ) as progress:
        task = progress.add_task("loading engines", total=1.0)
        yield replace(
            backend,
            progress=lambda phase, share: progress.update(task, description=phase, completed=share),
            waiting=lambda: progress.update(task, description="another process builds it"),
        )
        progress.update(task, description="loaded", completed=1.0)
