"""The executables of the package that speak ROS.

What they run is imported here and not above, so that Ctrl-C ends a process without a traceback
while it is still importing, too, and a missing module ends it with one line.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

from damage_perception.doctor import missing_module

# Where the ``main`` of each executable is.
_MODULES: Final = {
    "damage_detector": "damage_perception.ros.detector.process",
    "damage_recorder": "damage_perception.ros.recorder.process",
    "damage_barcodes": "damage_perception.ros.barcode.process",
    "image_replay": "damage_perception.ros.demo.replay_node",
    "simulated_cell": "damage_perception.ros.demo.simulated_cell_node",
    "reference_controller": "damage_perception.ros.demo.reference_controller",
}


def damage_detector() -> int:
    """The detector node."""
    return _run("damage_detector")


def damage_recorder() -> int:
    """The recorder node."""
    return _run("damage_recorder")


def damage_barcodes() -> int:
    """The barcode node."""
    return _run("damage_barcodes")


def image_replay() -> int:
    """Recorded images on the camera topics."""
    return _run("image_replay")


def simulated_cell() -> int:
    """Items of the simulated cell on the camera topics."""
    return _run("simulated_cell")


def reference_controller() -> int:
    """What a cell's controller does with reports."""
    return _run("reference_controller")


def _run(executable: str, arguments: Sequence[str] | None = None) -> int:
    """Calls ``main`` of an executable; the exit status.

    arguments  of ROS; None: those of the command line
    """
    signal.signal(signal.SIGINT, _leave)
    try:
        main = importlib.import_module(_MODULES[executable]).main
        signal.signal(signal.SIGINT, _interrupt)
        status: int = main(arguments)
    except KeyboardInterrupt:
        return 0
    except ModuleNotFoundError as error:
        print(f"{executable}: {missing_module(error)}", file=sys.stderr)
        return 1
    finally:
        # While it ends, Python would have it killed by the signal.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    return status


def _leave(*_: object) -> NoReturn:
    # What an exception would do in the middle of an import is not to be foreseen.
    os._exit(0)


def _interrupt(*_: object) -> NoReturn:
    # The terminal and whoever started the process may send one each; the second one would find
    # the process cleaning up after the first.
    signal.signal(signal.SIGINT, _leave)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(_run(sys.argv[1], sys.argv[2:]))
