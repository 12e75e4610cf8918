"""Detector and recorded images: ``ros2 launch damage_perception replay.launch.py source:=PATH``."""

from ament_index_python.packages import get_package_share_path
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
)
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.events.process import ProcessExited
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import Action, LaunchContext, LaunchDescription

SHARE = get_package_share_path("damage_perception")


def generate_launch_description() -> LaunchDescription:
    """The cell as it is, a replay on its camera topics, and the end of both together."""
    replay = Node(
        package="damage_perception",
        executable="image_replay",
        name="image_replay",
        namespace=LaunchConfiguration("namespace"),
        parameters=[
            {
                "source": _typed("source", str),
                "camera_file": _typed("camera_file", str),
                "camera": _typed("camera", str),
                "rate_hz": _typed("rate_hz", float),
                "hold_s": _typed("hold_s", float),
                "gap_s": _typed("gap_s", float),
                "loop": _typed("loop", bool),
            }
        ],
        ros_arguments=["--log-level", LaunchConfiguration("log_level")],
        output="screen",
    )
    return LaunchDescription(
        [
            DeclareLaunchArgument("source", description="An image folder or a recording."),
            DeclareLaunchArgument(
                "camera_file",
                default_value="",
                description="camera.json in place of the image folder's own.",
            ),
            DeclareLaunchArgument(
                "camera",
                default_value="",
                description="Camera whose topics are used; empty: the source's own.",
            ),
            DeclareLaunchArgument("rate_hz", default_value="10.0", description="Frames a second."),
            DeclareLaunchArgument(
                "hold_s",
                default_value="-1.0",
                description="Seconds that each image is shown, 0: once; negative: 1 for an image "
                "folder, 0 for a recording.",
            ),
            DeclareLaunchArgument(
                "gap_s",
                default_value="-1.0",
                description="Seconds without content before each image; negative: 0.6 for an image "
                "folder, 0 for a recording.",
            ),
            DeclareLaunchArgument(
                "loop", default_value="false", description="Begin again at the end."
            ),
            DeclareLaunchArgument(
                "namespace", default_value="", description="Namespace of nodes and camera topics."
            ),
            DeclareLaunchArgument(
                "params_file",
                default_value=str(SHARE / "config" / "damage_perception.yaml"),
                description="Parameter file of the detector.",
            ),
            DeclareLaunchArgument(
                "log_level", default_value="info", description="debug, info, warn, error or fatal."
            ),
            DeclareLaunchArgument(
                "autostart",
                default_value="true",
                description="Configure and activate at once; false where a manager does it.",
            ),
            DeclareLaunchArgument(
                "gallery",
                default_value="",
                description="References of pristine products: a folder, or the URI of an object "
                "store; empty: as the parameter file says.",
            ),
            OpaqueFunction(function=_detector),
            replay,
            RegisterEventHandler(OnProcessExit(target_action=replay, on_exit=_end_with_replay)),
        ]
    )


def _detector(context: LaunchContext) -> list[Action]:
    """The cell's own launch file, included so that use_sim_time is not among the arguments.

    A replay stamps its images with the time of the machine.
    """
    return [
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(str(SHARE / "launch" / "cell.launch.py")),
            launch_arguments={"use_sim_time": "false"}.items(),
        )
    ]


def _end_with_replay(ended: ProcessExited, context: LaunchContext) -> EmitEvent:
    """Ends the launch, with an error where the replay ended with one."""
    if ended.returncode and not context.is_shutdown:
        raise RuntimeError(f"{ended.process_name} ended with status {ended.returncode}")
    return EmitEvent(event=Shutdown(reason="the replay is over"))


def _typed(name: str, kind: type) -> ParameterValue:
    return ParameterValue(LaunchConfiguration(name), value_type=kind)
