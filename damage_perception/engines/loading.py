"""A network that is there at once and runs on the GPU as soon as its engines are built."""

from __future__ import annotations

import threading
import traceback
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
Load = Callable[[Backend], DamageNetwork]


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

    def _load(self, load: Load, backend: Backend, otherwise: OnnxRuntimeBackend | None) -> None:
        found = self._attempt(load, backend)
        if found is None and otherwise is not None:
            found = self._attempt(load, replace(otherwise, why=self.problem))
        with self._lock:
            if not self._closed:
                self.network.become(found or self._waiting)
            elif found is not None:
                found.close()
            self.state = ""
        if found is not None and not self._closed:
            self._info(f"inference on {found.backend} from now on: {found.backend_reason}")

    def _attempt(self, load: Load, backend: Backend) -> DamageNetwork | None:
        """The network; None where it cannot be had, and ``problem`` says why."""
        try:
            return load(backend)
        except (BackendError, ModelCardError) as error:
            said = told = str(error)
        except Exception as error:  # whatever the libraries throw: nobody else would hear of it
            said = f"{type(error).__name__}: {error}"
            told = "".join(traceback.format_exception(error))
        self.problem = f"{self.problem}; {said}" if self.problem else said
        self._error(told)
        return None

    def _tell(self, phase: str, share: float) -> None:
        self.state = f"building engines: {phase}, {100 * share:.0f} %"

    def _tell_waiting(self) -> None:
        self.state = "waiting for another process that builds the engine"


class _Waiting:
    """A session that has no engine yet."""

    def __init__(self, backend: TensorRtBackend, loading: Loading) -> None:
        self.backend = backend.name
        self.why = backend.why
        self._loading = loading

    def inputs(self) -> dict[str, tuple[str, tuple[int | None, ...]]]:
        """Not known yet."""
        return {}

    def outputs(self) -> tuple[str, ...]:
        """Not known yet."""
        return ()

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """Raises BackendError, saying how far the engine is, or why there is none."""
        raise BackendError(f"no engine: {self._loading.problem or self._loading.state}")

    def close(self) -> None:
        """Nothing is held."""
