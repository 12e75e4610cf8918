"""The detector, on a machine that seems to have a GPU: engines run in ONNX Runtime.

They are built when the file that the environment names as GO is there, and the GPU is lost while
the one that it names as LOST is.
"""

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "engines"))

from simulated_device import SimulatedDevice, simulated_backend

from damage_perception.engines import backend
from damage_perception.engines.building import Built
from damage_perception.engines.device import DeviceError
from damage_perception.network import BackendError
from damage_perception.ros.detector.process import main

GO, LOST = Path(os.environ["GO"]), Path(os.environ["LOST"])


class LosableDevice(SimulatedDevice):
    def execute(self):
        if LOST.exists():
            raise DeviceError("the GPU has fallen off the bus")
        super().execute()


def build(library, graph, profile, timings, workspace, progress):
    progress("tactics", 0.4)
    while not GO.exists():
        time.sleep(0.05)
    if GO.read_text():
        raise BackendError(GO.read_text())
    return Built(str(graph).encode())


backend.find_tensorrt = lambda: simulated_backend(build=build, device=LosableDevice)

main()
