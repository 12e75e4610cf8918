"""Poses of cameras as static transforms: read from /tf_static, and published there.

Only the message type is needed, no tf2. Where tf2_msgs is missing, `TransformsMissing` says so.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any, Final

import rclpy
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from rclpy.context import Context
from rclpy.executors import Executor, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import Header

from damage_perception.calibration.poses import Pose, pose_values
from damage_perception.calibration.transform_tree import TransformTree
from damage_perception.ros.board_camera import live_rounds

TOPIC: Final = "/tf_static"
# As tf2 has it: who comes late hears of everything, too.
_LATCHED: Final = QoSProfile(
    depth=100,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
_SPIN_S: Final = 0.1


class TransformsMissing(RuntimeError):
    """No message type for transforms, or not the transforms that are looked for."""


class StaticTransforms:
    """Publishes poses on /tf_static for as long as ``node`` lives. Raises TransformsMissing."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._type = _message_type()
        self._publisher = node.create_publisher(self._type, TOPIC, _LATCHED)

    def publish(self, base: str, poses: Mapping[str, Pose]) -> None:
        """Publishes the pose in ``base`` of each frame by its id."""
        stamp = self._node.get_clock().now().to_msg()
        transforms = [
            TransformStamped(
                header=Header(stamp=stamp, frame_id=base),
                child_frame_id=frame_id,
                transform=_transform(pose),
            )
            for frame_id, pose in poses.items()
        ]
        self._publisher.publish(self._type(transforms=transforms))


def keep_published(base: str, poses: Mapping[str, Pose]) -> None:
    """Publishes the poses of frames in ``base`` until Ctrl-C. Raises TransformsMissing."""
    with _node("camera_poses", ()) as (node, _), suppress(KeyboardInterrupt):
        StaticTransforms(node).publish(base, poses)
        # DDS answers whoever comes late; a spinning executor would not hear of Ctrl-C.
        threading.Event().wait()


def camera_poses(
    base: str, cameras: Sequence[str], arguments: Sequence[str] = (), timeout_s: float = 5.0
) -> dict[str, Pose]:
    """(4, 4) from the optical frame of each camera to ``base``, as /tf_static has it.

    cameras    by name; their images name their frames
    arguments  of ROS, as `ros2 run` takes them

    Raises TransformsMissing where no image comes for ``timeout_s``, or no transform.
    """
    _message_type()
    frame_ids: dict[str, str] = {}
    end_s = time.monotonic() + timeout_s
    with closing(live_rounds(cameras, arguments)) as rounds:
        for frames in rounds:
            frame_ids |= {frame.camera_name: frame.frame_id for frame in frames}
            if len(frame_ids) == len(cameras) or time.monotonic() > end_s:
                break
    if silent := [name for name in cameras if not frame_ids.get(name)]:
        raise TransformsMissing(f"no image with a frame_id comes from {', '.join(silent)}")
    with _node("camera_poses", arguments) as (node, executor):
        found = read_static_poses(node, executor, base, list(frame_ids.values()), timeout_s)
    return {name: found[frame_ids[name]] for name in cameras}


def read_static_poses(
    node: Node, executor: Executor, base: str, frame_ids: Sequence[str], timeout_s: float
) -> dict[str, Pose]:
    """(4, 4) from each frame to ``base``, from /tf_static.

    executor  of the node, which nobody else spins

    Raises TransformsMissing where one is not there after ``timeout_s``.
    """
    tree = TransformTree()

    def take(message: Any) -> None:
        for one in message.transforms:
            shift, turn = one.transform.translation, one.transform.rotation
            values = [shift.x, shift.y, shift.z, turn.x, turn.y, turn.z, turn.w]
            tree.add(one.header.frame_id, one.child_frame_id, values)

    subscription = node.create_subscription(_message_type(), TOPIC, take, _LATCHED)
    end_s = time.monotonic() + timeout_s
    while True:
        poses = {frame_id: tree.pose(base, frame_id) for frame_id in frame_ids}
        found = {frame_id: pose for frame_id, pose in poses.items() if pose is not None}
        if len(found) == len(poses) or time.monotonic() > end_s:
            break
        executor.spin_once(timeout_sec=_SPIN_S)
    node.destroy_subscription(subscription)
    if missing := [frame_id for frame_id in poses if frame_id not in found]:
        raise TransformsMissing(
            f"{TOPIC} does not connect {base} with {', '.join(missing)}; it has "
            f"{', '.join(tree.frames) or 'nothing'}: publish what is missing, or name another base"
        )
    return found


@contextmanager
def _node(name: str, arguments: Sequence[str]) -> Iterator[tuple[Node, Executor]]:
    """A node in a context of its own, so that Ctrl-C stays with the caller."""
    context = Context()
    context.init(args=list(arguments))
    node = rclpy.create_node(name, context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    try:
        yield node, executor
    finally:
        executor.shutdown()
        node.destroy_node()
        context.try_shutdown()


def _message_type() -> Any:
    try:
        from tf2_msgs.msg import TFMessage
    except ImportError as error:
        raise TransformsMissing(
            "transforms need tf2_msgs, which is not installed: sudo apt install "
            "ros-$ROS_DISTRO-tf2-msgs"
        ) from error
    return TFMessage


def _transform(pose: Pose) -> Transform:
    x, y, z, *turn = pose_values(pose)
    rotation = Quaternion(**dict(zip("xyzw", turn, strict=True)))
    return Transform(translation=Vector3(x=x, y=y, z=z), rotation=rotation)
