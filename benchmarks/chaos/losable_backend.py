"""The detector, with a backend that fails while a file is there, as it does where a GPU is lost."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from damage_perception.network.session import Arrays, BackendError, OnnxRuntimeSession
from damage_perception.ros.detector.process import main

# Names the file.
LOST: Final = "CHAOS_GPU_LOST"

Run = Callable[[OnnxRuntimeSession, Mapping[str, Any]], Arrays]


def losable(run: Run, lost: Path) -> Run:
    """``run``, which raises BackendError while ``lost`` is there."""

    def run_or_fail(session: OnnxRuntimeSession, inputs: Mapping[str, Any]) -> Arrays:
        if lost.exists():
            raise BackendError("inference failed: the GPU has fallen off the bus")
        return run(session, inputs)

    return run_or_fail


if __name__ == "__main__":
    failing = losable(OnnxRuntimeSession.run, Path(os.environ[LOST]))
    with patch.object(OnnxRuntimeSession, "run", failing):
        sys.exit(main())
