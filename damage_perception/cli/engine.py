"""Commands on TensorRT engines: engine build, list, check and clean."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from damage_perception.cli.running import (
    ModelOption,
    Precision,
    PrecisionOption,
    building_shown,
    load_network,
)
from damage_perception.cli.terminal import Failure, console

if TYPE_CHECKING:
    from damage_perception.engines.backend import TensorRtBackend
    from damage_perception.engines.cache import Entry

app = typer.Typer(
    name="engine",
    help="TensorRT engines: build ahead of time, look, check, delete.",
    no_args_is_help=True,
)


@app.command()
def build(model: ModelOption = None, precision: PrecisionOption = Precision.fp16) -> None:
    """Build the engines of a model on this GPU, so that no node has to, and self-test them."""
    with building_shown(_on_this_gpu()) as backend:
        difference = load_network(model, precision, backend).self_test()
    console.print(
        f"{backend.name} on {backend.gpu.name}: the self-test differs by {difference:.4f}",
        markup=False,
    )


@app.command("list")
def list_engines() -> None:
    """Every engine that is kept, and why it is not used where it is not."""
    from damage_perception.engines.cache import EngineCache

    cache = EngineCache()
    entries = cache.entries()
    if not entries:
        console.print(f"no engines in {cache.folder}", markup=False)
        return
    table = Table(box=None, pad_edge=False)
    for title in ("engine", "graph", "library", "GPU", "MB", "made", "problem"):
        table.add_column(title, overflow="fold")
    for entry in entries:
        table.add_row(*(Text(value) for value in _row(entry)))
    console.print(table)


@app.command()
def check(model: ModelOption = None, precision: PrecisionOption = Precision.fp16) -> None:
    """Whether the engines are whole and this user's, and, on a GPU, pass the self-test."""
    from damage_perception.engines.cache import EngineCache

    entries = EngineCache().entries()
    wrong = [entry for entry in entries if entry.problem]
    for entry in wrong:
        console.print(f"{entry.digest[:8]}: {entry.problem}", style="yellow", markup=False)
    if wrong:
        raise Failure(
            f"{len(wrong)} of {len(entries)} engines are not used: damage-perception engine clean"
        )
    console.print(f"{len(entries)} engines are whole")
    backend = _on_this_gpu()
    difference = load_network(model, precision, backend).self_test()
    console.print(f"{backend.name}: the self-test differs by {difference:.4f}", markup=False)


@app.command()
def clean(
    everything: Annotated[bool, typer.Option("--all", help="Every engine.")] = False,
) -> None:
    """Delete the engines that are not used: not whole, or of another library, GPU or driver."""
    from damage_perception.engines.cache import EngineCache
    from damage_perception.network import BackendError

    cache = EngineCache()
    machine: dict[str, str] = {}
    if not everything:
        try:
            backend = _on_this_gpu()
        except BackendError as error:
            console.print(f"only what is not whole is deleted: {error}", markup=False)
        else:
            machine = {
                "flavour": backend.library.flavour,
                "version": backend.library.version,
                "gpu": backend.gpu.name,
                "capability": backend.gpu.capability,
                "driver": backend.gpu.driver,
            }
    freed = 0
    for entry in cache.entries():
        other = any(entry.key.get(name) != value for name, value in machine.items())
        if everything or entry.problem or other:
            cache.forget(entry.digest)
            freed += 1
            console.print(f"deleted {entry.digest[:8]} {entry.graph}", markup=False)
    console.print(f"{freed} engines deleted from {cache.folder}", markup=False)


def _on_this_gpu() -> "TensorRtBackend":
    """Raises BackendError where there is no GPU, or no TensorRT."""
    from damage_perception.engines.backend import find_tensorrt

    return find_tensorrt()


def _row(entry: "Entry") -> tuple[str, ...]:
    library = f"{entry.key.get('flavour', '')} {entry.key.get('version', '')}".strip()
    gpu, size = str(entry.key.get("gpu", "")), f"{entry.bytes / 1e6:.1f}"
    made = entry.made[:16].replace("T", " ")
    return entry.digest[:8], entry.graph, library, gpu, size, made, entry.problem
