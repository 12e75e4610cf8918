"""A network that is there at once and runs on the GPU as soon as its engines are built."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from damage_perception.engines.backend import Choice, TensorRtBackend
from damage_perception.network import BackendError, DamageNetwork, ModelCard, ModelCardError
from damage_perception.network.session import Arrays, Backend

Log = Callable[[str], Any]


class Loading:
    """Loads a network; with TensorRT in a thread of its own, for building may take minutes.

    network   usable from the start. Until its engines are there its passes fail, saying how far
              they are, unless ``meanwhile`` runs them. Where they cannot be had, passes go on
              failing with the reason, unless ``otherwise`` takes them over.
    why       the backend is what it is
    state     how far engines are; empty where nothing is to be waited for
    problem   why there is none; empty where there is, or may yet be

    Raises ModelCardError, BackendError where the network is not to be had at all.
    """

    def __init__(
        self,
        card_path: Path,
        precision: str,
        choice: Choice,
        meanwhile: Backend | None = None,
        otherwise: Backend | None = None,
        info: Log = lambda text: None,
        error: Log = lambda text: None,
    ) -> None:
        self.why, self.state, self.problem = choice.why, "", ""
        self._info, self._error = info, error
        self._lock, self._closed = threading.Lock(), False
        backend = choice.backend
        if not isinstance(backend, TensorRtBackend):
            self.network = DamageNetwork.load(card_path, precision, backend)
            return
        self.state = "loading engines"
        if meanwhile is not None:
            self.network = DamageNetwork.load(card_path, precision, meanwhile)
        else:
            waiting = _Waiting(backend.name, self)
            self.network = DamageNetwork(ModelCard.load(card_path), waiting, precision, waiting)
        told = replace(backend, progress=self._tell, waiting=self._tell_waiting)
        threading.Thread(
            target=self._load, args=(card_path, precision, told, otherwise), daemon=True
        ).start()

    def close(self) -> None:
        """Frees the network, or what becomes of engines that are still being built."""
        with self._lock:
            self._closed = True
            self.network.close()

    def _load(
        self, card_path: Path, precision: str, backend: Backend, otherwise: Backend | None
    ) -> None:
        try:
            found = DamageNetwork.load(card_path, precision, backend)
        except (BackendError, ModelCardError) as error:
            self.problem = str(error)
            self._error(self.problem)
            if otherwise is None:
                self.state = ""
                return
            try:
                found = DamageNetwork.load(card_path, precision, otherwise)
            except (BackendError, ModelCardError) as other:
                self.problem += f"; {other}"
                self.state = ""
                return
            self.why = self.problem
        with self._lock:
            self.state = ""
            if self._closed:
                found.close()
                return
            self.network.become(found)
        self._info(f"inference on {self.network.backend} from now on: {self.why}")

    def _tell(self, phase: str, share: float) -> None:
        self.state = f"building engines: {phase}, {100 * share:.0f} %"

    def _tell_waiting(self) -> None:
        self.state = "waiting for another process that builds the engine"


class _Waiting:
    """A session that has no engine yet."""

    def __init__(self, backend: str, loading: Loading) -> None:
        self.backend = backend
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
