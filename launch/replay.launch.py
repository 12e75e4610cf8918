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
                "source": _typed("source", str),
                "camera_file": _typed("camera_file", str),
                "camera": _typed("camera", str),
                "rate_hz": _typed("rate_hz", float),
                "hold_s": _typed("hold_s", float),
                "gap_s": _typed("gap_s", float),
                "loop": _typed("loop", bool),
            }
        ],
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
            # Brings its own arguments: namespace, params_file, use_sim_time, log_level, gallery.
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


def _typed(name: str, kind: type) -> ParameterValue:
    return ParameterValue(LaunchConfiguration(name), value_type=kind)
