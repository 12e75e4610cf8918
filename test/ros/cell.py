"""The other side of the detector: a detector process, and a cell that talks to it over DDS."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import rclpy
import yaml
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from damage_perception.frame import CameraModel
from damage_perception.ros.messages import camera_info_message, image_message, stamp_of
from damage_perception_msgs.msg import DamageReport, ItemAnnouncement
from damage_perception_msgs.srv import CalibrateStation, Inspect

WIDTH, HEIGHT = 320, 240
CAMERA = CameraModel(WIDTH, HEIGHT, 300.0, 300.0, 159.5, 119.5)
TABLE_M, ITEM_HEIGHT_M = 0.8, 0.1
# The table square to the optical axis, 0.8 m away.
PLANE = [0.0, 0.0, -1.0, TABLE_M]
RED = (230, 20, 20)
CONFIGURE, CLEANUP, ACTIVATE, DEACTIVATE = 1, 2, 3, 4
PROGRAM = ("-m", "damage_perception.ros.detector.process")


def scene(box=(110, 80, 90, 70), damaged=False, tint=(1.0, 1.0, 1.0), hole=False):
    """Colour (H, W, 3) and depth in metres (H, W) of a textured box on the table; None: empty.

    tint  of the box, RGB
    hole  a black spot, which the tiny network alone takes for no damage
    """
    rng = np.random.default_rng(1)
    color = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    color += rng.integers(0, 20, color.shape, np.uint8)
    depth = np.full((HEIGHT, WIDTH), TABLE_M, np.float32)
    if box is not None:
        x, y, width, height = box
        texture = rng.integers(60, 190, (height, width, 1))
        color[y : y + height, x : x + width] = texture * np.array(tint)
        depth[y : y + height, x : x + width] = TABLE_M - ITEM_HEIGHT_M
        if damaged:
            color[y + 20 : y + 50, x + 25 : x + 60] = RED
        if hole:
            color[y + 20 : y + 50, x + 25 : x + 60] = 0
    return color, depth


class Detector:
    """A detector process with its log in a file.

    program  what Python is told to run
    """

    def __init__(self, folder, environment, parameters, *arguments, program=PROGRAM):
        file = folder / "parameters.yaml"
        file.write_text(yaml.safe_dump({"/**": {"ros__parameters": parameters}}))
        self._log = folder / "detector.log"
        command = [sys.executable, *program, "--ros-args"]
        command += ["--params-file", str(file), *arguments]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=subprocess.STDOUT
            )

    @property
    def log(self):
        """Everything the process has written."""
        return self._log.read_text()

    @property
    def running(self):
        """Whether the process lives."""
        return self._process.poll() is None

    def wait(self, timeout_s=20):
        """The exit status of a process that ends by itself."""
        return self._process.wait(timeout_s)

    def stop(self):
        """Ends the process as an operator would; its exit status."""
        if self.running:
            self._process.send_signal(signal.SIGINT)
        try:
            return self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise


class Cell:
    """Publishes images, hears reports, calls services; one executor thread of its own."""

    def __init__(self, environment, cameras=("camera",), namespace=""):
        os.environ.update(environment)
        self._context = Context()
        self._context.init(domain_id=int(environment["ROS_DOMAIN_ID"]))
        self.node = rclpy.create_node("test_cell", context=self._context, namespace=namespace)
        self._publishers = {
            camera: (
                self.node.create_publisher(Image, f"{camera}/color/image_raw", 10),
                self.node.create_publisher(Image, f"{camera}/depth/image_rect_raw", 10),
                self.node.create_publisher(CameraInfo, f"{camera}/color/camera_info", 10),
            )
            for camera in cameras
        }
        self._announcements = self.node.create_publisher(
            ItemAnnouncement, "damage_detector/announcements", 50
        )
        self.reports, self.overlays, self.markers, self.diagnostics = [], [], [], []
        self.listen(DamageReport, "damage_detector/reports", self.reports)
        self.listen(DiagnosticArray, "/diagnostics", self.diagnostics)
        self._clients = {}
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._executor.spin, daemon=True)
        self._thread.start()

    def listen(self, kind, topic, messages):
        """Collects what is published; ends with the returned subscription."""
        return self.node.create_subscription(kind, topic, messages.append, 50)

    def look(self):
        """Subscribes to overlay and markers."""
        return [
            self.listen(Image, "damage_detector/overlay", self.overlays),
            self.listen(MarkerArray, "damage_detector/markers", self.markers),
        ]

    def close(self):
        """Ends the node and its thread."""
        self._executor.shutdown()
        self._thread.join(5)
        self.node.destroy_node()
        self._context.try_shutdown()

    def now_ns(self):
        """The clock that the detector has, too."""
        return self.node.get_clock().now().nanoseconds

    def messages(self, color, depth, stamp_ns=None, camera=CAMERA):
        """Colour, depth and camera_info of one instant, as messages."""
        stamp = stamp_of(self.now_ns() if stamp_ns is None else stamp_ns)
        header = Header(stamp=stamp, frame_id="camera_optical")
        depth = None if depth is None else image_message(depth, header)
        return image_message(color, header), depth, camera_info_message(camera, header)

    def publish(self, color=None, depth=None, info=None, camera="camera"):
        """Publishes what is given of one camera's messages, camera_info first."""
        color_publisher, depth_publisher, info_publisher = self._publishers[camera]
        for publisher, message in (
            (info_publisher, info),
            (color_publisher, color),
            (depth_publisher, depth),
        ):
            if message is not None:
                publisher.publish(message)

    def show(
        self,
        box=(110, 80, 90, 70),
        damaged=False,
        frames=5,
        period_s=0.04,
        tint=(1.0, 1.0, 1.0),
        hole=False,
        **given,
    ):
        """Publishes a scene several times; the stamps in nanoseconds."""
        stamps = []
        color, depth = scene(box, damaged, tint, hole)
        for _ in range(frames):
            stamps.append(self.now_ns())
            messages = self.messages(color, depth, stamps[-1])
            self.publish(*messages, **given)
            time.sleep(period_s)
        return stamps

    def until(self, condition, timeout_s=8, beat=None):
        """Waits for ``condition``, calling ``beat`` meanwhile; its value."""
        end = time.monotonic() + timeout_s
        while not (value := condition()):
            assert time.monotonic() < end, "nothing came in time"
            if beat is not None:
                beat()
            time.sleep(0.01)
        return value

    def connect(self, timeout_s=20):
        """Waits until the detector listens on every topic and is heard."""
        publishers = [p for group in self._publishers.values() for p in group]
        publishers.append(self._announcements)
        self.until(
            lambda: (
                all(p.get_subscription_count() for p in publishers)
                and self.node.count_publishers("damage_detector/reports")
            ),
            timeout_s,
        )
        # Matched on this side is not yet matched on the other.
        time.sleep(0.3)

    def announce(self, item_id, sku="", deadline_ns=0, camera="", stamp_ns=0):
        """Announces an item."""
        self._announcements.publish(
            ItemAnnouncement(
                header=Header(stamp=stamp_of(stamp_ns)),
                item_id=item_id,
                sku=sku,
                camera=camera,
                deadline=stamp_of(deadline_ns),
            )
        )

    def call(self, kind, name, request, timeout_s=15):
        """The response of the detector's service ``name``."""
        return self.until_done(self.begin(kind, name, request), timeout_s)

    def until_done(self, future, timeout_s=10, beat=None):
        """The result of a service call that was begun."""
        self.until(future.done, timeout_s, beat)
        return future.result()

    def begin(self, kind, name, request):
        """Calls a service and returns its future."""
        if name not in self._clients:
            self._clients[name] = self.node.create_client(kind, f"damage_detector/{name}")
        client = self._clients[name]
        assert client.wait_for_service(20), f"no service {name}"
        return client.call_async(request)

    def change_state(self, transition):
        """Whether the lifecycle transition went well."""
        request = ChangeState.Request()
        request.transition.id = transition
        return self.call(ChangeState, "change_state", request).success

    def state(self):
        """Name of the detector's lifecycle state."""
        return self.call(GetState, "get_state", GetState.Request()).current_state.label

    def inspect(self, timeout_s):
        """The future of ~/inspect."""
        request = Inspect.Request()
        request.timeout.sec, request.timeout.nanosec = divmod(round(timeout_s * 1e9), 10**9)
        return self.begin(Inspect, "inspect", request)

    def calibrate(self, camera=""):
        """The future of ~/calibrate_station."""
        request = CalibrateStation.Request(camera=camera)
        return self.begin(CalibrateStation, "calibrate_station", request)

    def set_parameter(self, name, value):
        """The result of setting a parameter."""
        message = Parameter(name, value=value).to_parameter_msg()
        request = SetParameters.Request(parameters=[message])
        return self.call(SetParameters, "set_parameters", request).results[0]

    def get_parameter(self, name):
        """The value of a parameter."""
        request = GetParameters.Request(names=[name])
        value = self.call(GetParameters, "get_parameters", request).values[0]
        return Parameter.from_parameter_msg(type("", (), {"name": name, "value": value})).value

    def report_on(self, item_id, timeout_s=5, beat=None):
        """The only report on an announced item."""
        found = self.until(
            lambda: [r for r in self.reports if r.item_id == item_id], timeout_s, beat
        )
        assert len(found) == 1
        return found[0]

    def status(self, name, timeout_s=4, beat=None):
        """The next diagnostic status of that name, as level, message and values."""
        self.diagnostics.clear()

        def newest():
            for array in self.diagnostics:
                for status in array.status:
                    if status.name.endswith(f": {name}"):
                        return status

        status = self.until(newest, timeout_s, beat)
        values = {entry.key: entry.value for entry in status.values}
        return int.from_bytes(status.level, "little"), status.message, values
