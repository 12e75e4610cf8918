"""TensorRT as it is installed: the full library, or TensorRT for RTX."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from damage_perception.network.session import BackendError

# Module names; both have one interface. The full library knows every GPU, so it comes first.
FLAVOURS: Final = ("tensorrt", "tensorrt_rtx")
# Of the full library: that of JetPack 6.
OLDEST: Final = (10, 3)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Library:
    """An importable TensorRT.

    flavour  one of FLAVOURS
    module   of Python
    """

    flavour: str
    module: Any

    @property
    def version(self) -> str:
        """As the library gives it; engines are of one version only."""
        return str(self.module.__version__)


def find_library(flavours: Sequence[str] = FLAVOURS) -> Library:
    """The first of ``flavours`` that can be imported.

    Raises BackendError saying why none can.
    """
    problems = []
    for flavour in flavours:
        try:
            module = importlib.import_module(flavour)
        except ImportError as error:
            problems.append(f"{flavour}: {error}")
            continue
        library = Library(flavour, module)
        if flavour == "tensorrt" and _numbers(library.version) < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            problems.append(f"{flavour} {library.version} is too old: {oldest} is needed")
            continue
        return library
    raise BackendError(
        f"no TensorRT ({'; '.join(problems)}): install it as docs/deployment.md says, or set "
        "`backend` to onnxruntime"
    )


def new_logger(library: Library) -> Any:
    """A logger for TensorRT that hands what it says to Python's, and keeps the errors."""
    trt = library.module
    levels = {
        trt.ILogger.INTERNAL_ERROR: logging.ERROR,
        trt.ILogger.ERROR: logging.ERROR,
        trt.ILogger.WARNING: logging.WARNING,
        trt.ILogger.INFO: logging.DEBUG,
        trt.ILogger.VERBOSE: logging.NOTSET,
    }

    class Logger(trt.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            """Called by TensorRT."""
            level = levels[severity]
            if level == logging.ERROR:
                self.errors.append(message)
            elif level:
                _log.log(level, "%s: %s", library.flavour, message)

    return Logger()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])
