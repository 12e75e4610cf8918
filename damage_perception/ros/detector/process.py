"""Runs the detector node as a process."""

from __future__ import annotations

import signal
import sys
import threading
import traceback

import cv2
import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.logging import get_logger
from rclpy.signals import SignalHandlerOptions

from damage_perception.ros.detector.node import DetectorNode
from damage_perception.ros.parameters.node_table import DETECTOR


def main(args: list[str] | None = None) -> int:
    """Runs the node until SIGINT or SIGTERM; the exit status.

    Signals are taken here and not by rclpy, which would end the context before the last reports
    are out.
    """
    # The worker and the session share the cores; more threads only wait for one another.
    cv2.setNumThreads(1)
    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:  # of ROS arguments and parameter files that cannot be parsed
        get_logger(DETECTOR.node).fatal(str(error))
        return 1
    try:
        node = DetectorNode()
    except ValueError as error:
        get_logger(DETECTOR.node).fatal(str(error))
        rclpy.try_shutdown()
        return 1
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    if node.autostart and node.trigger_configure() == TransitionCallbackReturn.SUCCESS:
        node.trigger_activate()
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    spinning = threading.Thread(target=_spin, args=(executor, node, stop), daemon=True)
    spinning.start()
    # Waiting in slices, because not every platform lets a signal end a wait without limit.
    while not stop.wait(0.2):
        pass
    executor.shutdown(timeout_sec=2.0)
    spinning.join(timeout=2.0)
    if not node.is_finalized:
        node.trigger_shutdown()
    node.destroy_node()
    rclpy.try_shutdown()
    return 0


def _spin(executor: SingleThreadedExecutor, node: DetectorNode, stop: threading.Event) -> None:
    """Serves callbacks; one that raises is logged and costs nothing but itself."""
    while not stop.is_set():
        try:
            executor.spin()
        except ExternalShutdownException:
            stop.set()
        except Exception as error:
            node.get_logger().error("".join(traceback.format_exception(error)))


if __name__ == "__main__":
    sys.exit(main())
