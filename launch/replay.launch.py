"""Detector and recorded images: ``ros2 launch damage_perception replay.launch.py source:=PATH``."""

from ament_index_python.packages import get_package_share_path
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    IncludeLaunchDescription,
    RegisterEventHandler,
)
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchDescription

LAUNCH = get_package_share_path("damage_perception") / "launch"


def generate_launch_description() -> LaunchDescription:
    """The cell as it is, a replay on its camera topics, and the end of both together."""
    replay = Node(
        package="damage_perception",
        executable="image_replay",
        name="image_replay",
        namespace=LaunchConfiguration("namespace"),
        parameters=[
            {
                "source": ParameterValue(LaunchConfiguration("source"), value_type=str),
                "camera": ParameterValue(LaunchConfiguration("camera"), value_type=str),
                "rate_hz": ParameterValue(LaunchConfiguration("rate_hz"), value_type=float),
                "repeat": ParameterValue(LaunchConfiguration("repeat"), value_type=int),
                "gap_frames": ParameterValue(LaunchConfiguration("gap_frames"), value_type=int),
                "loop": ParameterValue(LaunchConfiguration("loop"), value_type=bool),
            }
        ],
        output="screen",
    )
    return LaunchDescription(
        [
            DeclareLaunchArgument("source", description="An image folder or a recording."),
            DeclareLaunchArgument(
                "camera", default_value="camera", description="Camera whose topics are used."
            ),
            DeclareLaunchArgument("rate_hz", default_value="10.0", description="Frames a second."),
            DeclareLaunchArgument(
                "repeat", default_value="4", description="How often each frame is published."
            ),
            DeclareLaunchArgument(
                "gap_frames",
                default_value="4",
                description="Frames without content after each, that end its items; 0 for a film.",
            ),
            DeclareLaunchArgument(
                "loop", default_value="false", description="Begin again at the end."
            ),
            # Brings its own arguments: namespace, params_file, use_sim_time, log_level.
            IncludeLaunchDescription(PythonLaunchDescriptionSource(str(LAUNCH / "cell.launch.py"))),
            replay,
            RegisterEventHandler(
                OnProcessExit(
                    target_action=replay,
                    on_exit=[EmitEvent(event=Shutdown(reason="the replay is over"))],
                )
            ),
        ]
    )
