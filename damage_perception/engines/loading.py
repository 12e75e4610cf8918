"""A network that is there at once and runs on the GPU as soon as its engines are built."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from damage_perception.engines.backend import TensorRtBackend
from damage_perception.network import (
    BackendError,
    DamageNetwork,
    ModelCard,
    ModelCardError,
    OnnxRuntimeBackend,
)
from damage_perception.network.session import Arrays, Backend

Log = Callable[[str], Any]


class Loading:
    """Loads a network; with TensorRT in a thread of its own, for building may take minutes.

    network   usable from the start. Until its engines are there its passes fail, saying how far
              they are, unless ``meanwhile`` runs them. Where they cannot be had, passes fail with
              the reason, unless ``otherwise`` takes them over.
    state     how far engines are; empty where nothing is to be waited for
    problem   why there is none; empty where there is, or may yet be

    Raises ModelCardError, BackendError where the network is not to be had at all.
    """

    def __init__(
        self,
        card_path: Path,
        precision: str,
        backend: Backend,
        meanwhile: Backend | None = None,
        otherwise: OnnxRuntimeBackend | None = None,
        info: Log = lambda text: None,
        error: Log = lambda text: None,
    ) -> None:
        self.state, self.problem = "", ""
        self._info, self._error = info, error
        self._lock, self._closed = threading.Lock(), False
        if not isinstance(backend, TensorRtBackend):
            self.network = DamageNetwork.load(card_path, precision, backend)
            return
        self.state = "loading engines"
        waiting = _Waiting(backend, self)
        self._waiting = DamageNetwork(ModelCard.load(card_path), waiting, precision, waiting)
        self.network = self._waiting
        if meanwhile is not None:
            self.network = DamageNetwork.load(card_path, precision, meanwhile)
        load = partial(DamageNetwork.load, card_path, precision)
        told = replace(backend, progress=self._tell, waiting=self._tell_waiting)
        threading.Thread(target=self._load, args=(load, told, otherwise), daemon=True).start()

    def close(self) -> None:
        """Frees the network, or what becomes of engines that are still being built."""
        with self._lock:
            self._closed = True
            self.network.close()

    def _load(
        self,
        load: Callable[[Backend], DamageNetwork],
        backend: Backend,
        otherwise: OnnxRuntimeBackend | None,
    ) -> None:
        try:
            found = load(backend)
        except Exception as error:  # whatever the libraries throw: nobody else would hear of it
            self.problem = str(error) or type(error).__name__
            self._error(self.problem)
            found = self._without(load, otherwise)
        with self._lock:
            self.state = ""
            if self._closed:
                found.close()
                return
            self.network.become(found)
        if found is not self._waiting:
            self._info(f"inference on {found.backend} from now on: {found.backend_reason}")

    def _without(
        self, load: Callable[[Backend], DamageNetwork], otherwise: OnnxRuntimeBackend | None
    ) -> DamageNetwork:
        """What runs in place of engines that cannot be had."""
        if otherwise is None:
            return self._waiting
        try:
            return load(replace(otherwise, why=self.problem))
        except (BackendError, ModelCardError) as error:
            self.problem += f"; {error}"
            return self._waiting

    def _tell(self, phase: str, share: float) -> None:
        self.state = f"building engines: {phase}, {100 * share:.0f} %"

    def _tell_waiting(self) -> None:
        self.state = "waiting for another process that builds the engine"


class _Waiting:
    """A session that has no engine yet."""

    def __init__(self, backend: TensorRtBackend, loading: Loading) -> None:
        self.backend = backend.name
        self._gpu = backend.why
        self._loading = loading

    @property
    def why(self) -> str:
        """It is this, and how far the engine is, or why there is none."""
        return f"{self._gpu}; {self._missing}"

    @property
    def _missing(self) -> str:
        return f"no engine: {self._loading.problem or self._loading.state}"

    def inputs(self) -> dict[str, tuple[str, tuple[int | None, ...]]]:
        """Not known yet."""
        return {}

    def outputs(self) -> tuple[str, ...]:
        """Not known yet."""
        return ()

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """Raises BackendError, saying how far the engine is, or why there is none."""
        raise BackendError(self._missing)

    def close(self) -> None:
        """Nothing is held."""
