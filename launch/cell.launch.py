"""The detector in a robot cell: ``ros2 launch damage_perception cell.launch.py``."""

from pathlib import Path

from ament_index_python.packages import get_package_share_path
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, SetEnvironmentVariable
from launch.substitutions import EnvironmentVariable, LaunchConfiguration
from launch_ros.actions import LifecycleNode
from launch_ros.parameter_descriptions import ParameterValue

SHARE = get_package_share_path("damage_perception")
PROFILE = SHARE / "config" / "fastdds_large_images.xml"


def generate_launch_description() -> LaunchDescription:
    arguments = [
        DeclareLaunchArgument("namespace", default_value="", description="Namespace of the node."),
        DeclareLaunchArgument(
            "params_file",
            default_value=str(SHARE / "config" / "damage_perception.yaml"),
            description="Parameter file; the default one holds every parameter's default.",
        ),
        DeclareLaunchArgument(
            "use_sim_time", default_value="false", description="Take the time from /clock."
        ),
        DeclareLaunchArgument("log_level", default_value="info", description="Least level logged."),
        DeclareLaunchArgument(
            "autostart",
            default_value="true",
            description="Configure and activate; false where a lifecycle manager does.",
        ),
    ]
    detector = LifecycleNode(
        package="damage_perception",
        executable="damage_detector",
        name="damage_detector",
        namespace=LaunchConfiguration("namespace"),
        parameters=[
            LaunchConfiguration("params_file"),
            {
                "use_sim_time": ParameterValue(LaunchConfiguration("use_sim_time"), value_type=bool)
            },
        ],
        arguments=["--ros-args", "--log-level", LaunchConfiguration("log_level")],
        autostart=LaunchConfiguration("autostart"),
        output="screen",
        emulate_tty=True,
    )
    return LaunchDescription([*arguments, *large_images(), detector])


def large_images() -> list[SetEnvironmentVariable]:
    """The profile for large images, unless the site has one of its own."""
    return [
        SetEnvironmentVariable(name, EnvironmentVariable(name, default_value=str(PROFILE)))
        for name in ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
    ]
