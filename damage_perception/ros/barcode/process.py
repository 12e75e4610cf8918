"""Runs the barcode node as a process."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress
from typing import Final

import cv2
import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.logging import get_logger
from rclpy.signals import SignalHandlerOptions

from damage_perception.barcodes import NoReaderError
from damage_perception.ros.barcode.node import BarcodeNode
from damage_perception.ros.parameters.node_table import BARCODES

# The detector goes first where both want a core.
_NICENESS: Final = 10


def main(args: list[str] | None = None) -> int:
    """Runs the node until SIGINT or SIGTERM; the exit status."""
    os.nice(_NICENESS)
    cv2.setNumThreads(1)
    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:  # of ROS arguments and parameter files that cannot be parsed
        get_logger(BARCODES.node).fatal(str(error))
        return 1
    try:
        node = BarcodeNode()
    except (ValueError, NoReaderError) as error:
        get_logger(BARCODES.node).fatal(str(error))
        rclpy.try_shutdown()
        return 1
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    while not stop.is_set():
        with suppress(ExternalShutdownException):
            executor.spin_once(timeout_sec=0.2)
    executor.shutdown(timeout_sec=2.0)
    node.destroy_node()
    rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
