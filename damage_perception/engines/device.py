"""What a session asks of a GPU: as little as can be, for this is what tests have to simulate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

Shape = tuple[int, ...]


class DeviceError(RuntimeError):
    """What the driver or the library says went wrong."""


class EngineError(DeviceError):
    """The engine is not one that the library loads on this GPU."""


@dataclass(frozen=True)
class Gpu:
    """Which GPU it is.

    capability  its compute capability, as in "8.7"
    driver      version
    """

    name: str
    capability: str
    driver: str


@dataclass(frozen=True)
class Tensor:
    """An input or output of an engine.

    dtype  NumPy type name
    shape  -1 where any size goes
    """

    name: str
    dtype: str
    shape: Shape
    is_input: bool


class Device(Protocol):
    """An engine on a GPU, used by one thread. Every method raises DeviceError."""

    def tensors(self) -> tuple[Tensor, ...]:
        """What goes in and comes out."""

    def resize(self, inputs: Mapping[str, Shape]) -> dict[str, Shape]:
        """Sets the shapes of the inputs for what follows; those of the outputs."""

    def allocate(self, name: str, size: int) -> NDArray[Any]:
        """(size,) uint8 of pinned memory, and as much on the GPU, for a tensor from now on."""

    def copy_in(self, name: str, size: int) -> None:
        """Begins to copy the first bytes of the pinned memory of an input to the GPU."""

    def execute(self) -> None:
        """Begins a pass."""

    def copy_out(self, name: str, size: int) -> None:
        """Begins to copy the first bytes of an output from the GPU to its pinned memory."""

    def synchronise(self) -> None:
        """Returns when all that was begun is done."""

    def close(self) -> None:
        """Frees everything, pinned memory with it; raises nothing, for the GPU may be lost."""
