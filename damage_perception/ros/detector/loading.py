"""The network that the parameters of the node name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from damage_perception.engines.backend import choose_backend
from damage_perception.engines.loading import Loading, Log
from damage_perception.network import OnnxRuntimeBackend

_MEANWHILE: Final = "until the engines for the GPU are there"


def load(card: Path, values: dict[str, Any], info: Log, error: Log) -> Loading:
    """The network of a model card, on the backend that the parameters name.

    Raises what Loading raises, and BackendError where a backend is not to be had.
    """
    cpu = OnnxRuntimeBackend(values["threads"])
    may_fall_back = values["backend"] == "auto" and not values["require_gpu"]
    return Loading(
        card,
        values["precision"],
        choose_backend(values["backend"], values["threads"], values["require_gpu"]),
        meanwhile=replace(cpu, why=_MEANWHILE) if values["serve_while_building"] else None,
        otherwise=cpu if may_fall_back else None,
        info=info,
        error=error,
    )
