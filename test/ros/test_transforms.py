"""Poses of cameras on /tf_static: with the message type where it is, else with a stand-in."""

import importlib.util
import signal
import subprocess
import sys
import threading
import types

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")

import rclpy
from cell import Cell
from geometry_msgs.msg import TransformStamped
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor

from damage_perception.calibration.poses import pose_from, pose_values
from damage_perception.ros.transforms import (
    StaticTransforms,
    TransformsMissing,
    camera_poses,
    read_static_poses,
)

pytestmark = pytest.mark.ros
HAS_MESSAGES = importlib.util.find_spec("tf2_msgs") is not None
FRONT = pose_from(np.array([2.1, 0.3, -0.2]), np.array([0.1, -0.4, 0.7]))
SIDE = pose_from(np.array([-1.9, 0.8, 0.1]), np.array([-0.3, 0.2, 0.6]))
POSES = {"front_optical": FRONT, "side_optical": SIDE}


class Message:
    """A stand-in for tf2_msgs/TFMessage."""

    def __init__(self, transforms=()):
        self.transforms = list(transforms)


@pytest.fixture
def stand_in(monkeypatch):
    """tf2_msgs, as far as it is used."""
    package, module = types.ModuleType("tf2_msgs"), types.ModuleType("tf2_msgs.msg")
    module.TFMessage = package.msg = Message
    monkeypatch.setitem(sys.modules, "tf2_msgs", package)
    monkeypatch.setitem(sys.modules, "tf2_msgs.msg", module)


class Wire:
    """A node and its executor, in which what is published is heard when it spins."""

    def __init__(self):
        self.sent, self.profiles, self._heard = [], [], 0

    def create_publisher(self, kind, topic, profile):
        assert kind is Message and topic == "/tf_static"
        self.profiles.append(profile)
        return types.SimpleNamespace(publish=self.sent.append)

    def create_subscription(self, kind, topic, callback, profile):
        assert kind is Message and topic == "/tf_static"
        self.profiles.append(profile)
        self._callback = callback

    def destroy_subscription(self, subscription):
        self._callback = None

    def get_clock(self):
        return rclpy.clock.Clock()

    def spin_once(self, timeout_sec):
        for message in self.sent[self._heard :]:
            self._callback(message)
        self._heard = len(self.sent)


def transform(parent, child, pose):
    message = TransformStamped()
    message.header.frame_id, message.child_frame_id = parent, child
    x, y, z, *turn = pose_values(pose)
    shift, rotation = message.transform.translation, message.transform.rotation
    shift.x, shift.y, shift.z = x, y, z
    rotation.x, rotation.y, rotation.z, rotation.w = turn
    return message


def test_what_is_published_is_read_as_it_was(stand_in):
    wire = Wire()
    StaticTransforms(wire).publish("station", POSES)
    (message,) = wire.sent
    assert [one.header.frame_id for one in message.transforms] == ["station", "station"]
    assert [one.child_frame_id for one in message.transforms] == list(POSES)
    found = read_static_poses(wire, wire, "station", list(POSES), 1.0)
    for name, pose in POSES.items():
        assert found[name] == pytest.approx(pose, abs=1e-9)


def test_whoever_comes_late_hears_of_it_too(stand_in):
    wire = Wire()
    StaticTransforms(wire)
    (profile,) = wire.profiles
    assert profile.durability is rclpy.qos.DurabilityPolicy.TRANSIENT_LOCAL
    assert profile.reliability is rclpy.qos.ReliabilityPolicy.RELIABLE


def test_frames_of_several_publishers_are_chained(stand_in):
    wire = Wire()
    mount = pose_from(np.array([0, 0, 1.2]), np.array([0, 0, 1.0]))
    wire.sent.append(Message([transform("world", "station", SIDE)]))
    wire.sent.append(Message([transform("world", "mount", mount)]))
    wire.sent.append(Message([transform("mount", "front_optical", FRONT)]))
    found = read_static_poses(wire, wire, "station", ["front_optical"], 1.0)
    assert found["front_optical"] == pytest.approx(np.linalg.inv(SIDE) @ mount @ FRONT, abs=1e-9)


def test_a_frame_that_is_not_there_is_named(stand_in):
    wire = Wire()
    wire.sent.append(Message([transform("world", "front_optical", FRONT)]))
    with pytest.raises(TransformsMissing, match="station with front_optical, side_optical; it has"):
        read_static_poses(wire, wire, "station", list(POSES), 0.05)


@pytest.mark.skipif(HAS_MESSAGES, reason="tf2_msgs is installed")
def test_without_the_message_type_the_package_to_install_is_named():
    for call in (
        lambda: StaticTransforms(Wire()),
        lambda: camera_poses("station", ["front"]),
    ):
        with pytest.raises(TransformsMissing, match=r"ros-\$ROS_DISTRO-tf2-msgs"):
            call()


@pytest.mark.skipif(not HAS_MESSAGES, reason="tf2_msgs is not installed")
def test_poses_of_live_cameras_are_read_over_dds(environment):
    cell = Cell(environment, ("front",))
    context = Context()
    context.init(domain_id=int(environment["ROS_DOMAIN_ID"]))
    node = rclpy.create_node("publishes", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    StaticTransforms(node).publish("station", {"camera_optical": FRONT})
    found = {}
    asking = threading.Thread(target=lambda: found.update(camera_poses("station", ["front"])))
    asking.start()
    try:
        cell.until(lambda: found, 20, beat=lambda: cell.show(frames=1, camera="front"))
    finally:
        asking.join(10)
        cell.close()
        executor.shutdown()
        node.destroy_node()
        context.try_shutdown()
    assert found["front"] == pytest.approx(FRONT, abs=1e-9)


@pytest.mark.skipif(not HAS_MESSAGES, reason="tf2_msgs is not installed")
def test_poses_are_published_until_ctrl_c(environment):
    program = (
        "import numpy as np\n"
        "from damage_perception.ros.transforms import keep_published\n"
        "keep_published('station', {'optical': np.eye(4)})\n"
        "print('ended')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True
    )
    context = Context()
    context.init(domain_id=int(environment["ROS_DOMAIN_ID"]))
    node = rclpy.create_node("listens", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    try:
        found = read_static_poses(node, executor, "station", ["optical"], 20)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=10)[0] == "ended\n"
    finally:
        process.kill()
        executor.shutdown()
        node.destroy_node()
        context.try_shutdown()
    assert found["optical"] == pytest.approx(np.eye(4))
