"""The finder: which pixels of a whole colour image show items, for frames without depth."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.network.contract import COLOR
from damage_perception.network.session import Backend, BackendError, Session
from damage_perception.station.foreground import Foreground

_OUTPUTS = ("item", "seam")


class Finder:
    """A loaded graph that finds the foreground of an image; any thread may call it.

    The image is brought to the graph's size whatever its shape.

    Raises BackendError where the graph does not take one colour image or lacks an output.
    """

    def __init__(self, session: Session, path: Path) -> None:
        found = session.inputs()
        kind, shape = found.get(COLOR, ("", ()))
        sizes = [size for size in shape if size is not None]
        if len(found) != 1 or kind != "uint8" or len(sizes) != 4 or sizes[::3] != [1, 3]:
            raise BackendError(f"{path} takes {found}; expected `{COLOR}`, uint8 (1, H, W, 3)")
        if missing := set(_OUTPUTS) - set(session.outputs()):
            raise BackendError(f"{path} has no output {', '.join(sorted(missing))}")
        self._session = session
        self._size = (sizes[2], sizes[1])

    @staticmethod
    def load(path: Path, backend: Backend) -> Finder:
        """Opens the graph. Raises BackendError."""
        return Finder(backend.session(path, {}), path)

    def __call__(self, color: NDArray[np.uint8]) -> Foreground:
        """The foreground of an (H, W, 3) uint8 RGB image. Raises BackendError."""
        small = cv2.resize(color, self._size, interpolation=cv2.INTER_AREA)
        outputs = self._session.run({COLOR: small[None]})
        return Foreground(*(outputs[name] for name in _OUTPUTS))

    def close(self) -> None:
        """Frees the session; it finds nothing more."""
        self._session.close()
