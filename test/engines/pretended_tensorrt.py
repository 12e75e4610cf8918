"""As much of TensorRT as loads and runs engines; each doubles one array of any number of rows.

Its addresses are of the host, as those of the driver that goes with it are.
"""

import ctypes
from enum import Enum
from types import SimpleNamespace

import numpy as np

COLUMNS = 3


class ILogger:
    """What a logger is made from."""

    INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = range(5)


class TensorIOMode(Enum):
    """Of a tensor."""

    INPUT = 1
    OUTPUT = 2


class Runtime:
    """Loads engines; what says anything but "doubles" is an error that it gives."""

    def __init__(self, logger):
        self._logger = logger

    def deserialize_cuda_engine(self, engine):
        if engine != b"doubles":
            self._logger.log(ILogger.ERROR, engine.decode())
            return None
        return Engine()


class Engine:
    """Of one input and one output, (n, COLUMNS) float32."""

    num_io_tensors = 2

    def get_tensor_name(self, index):
        return ("given", "doubled")[index]

    def get_tensor_dtype(self, name):
        return "float32"

    def get_tensor_shape(self, name):
        return (-1, COLUMNS)

    def get_tensor_mode(self, name):
        return TensorIOMode.INPUT if name == "given" else TensorIOMode.OUTPUT

    def create_execution_context(self):
        return Context()


class Context:
    """Reads and writes where it was told to."""

    newest = None

    def __init__(self):
        Context.newest = self
        self._rows, self._addresses = 0, {}

    def set_input_shape(self, name, shape):
        self._rows = shape[0]
        return name == "given" and shape[1:] == (COLUMNS,)

    def get_tensor_shape(self, name):
        return (self._rows, COLUMNS)

    def set_tensor_address(self, name, address):
        self._addresses[name] = address
        return True

    def execute_async_v3(self, stream):
        self._array("doubled")[...] = 2 * self._array("given")
        return stream != 0

    def _array(self, name):
        memory = (ctypes.c_float * (self._rows * COLUMNS)).from_address(self._addresses[name])
        return np.frombuffer(memory, np.float32).reshape(self._rows, COLUMNS)


TENSORRT = SimpleNamespace(
    __version__="10.3.0",
    ILogger=ILogger,
    Runtime=Runtime,
    TensorIOMode=TensorIOMode,
    nptype=np.dtype,
)
