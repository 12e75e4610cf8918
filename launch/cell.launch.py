"""A robot cell, detector and recorder: ``ros2 launch damage_perception cell.launch.py``."""

from ament_index_python.packages import get_package_share_path
from launch.actions import (
    DeclareLaunchArgument,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
)
from launch.conditions import IfCondition
from launch.event_handlers import OnProcessExit
from launch.events.process import ProcessExited
from launch.substitutions import EnvironmentVariable, LaunchConfiguration
from launch_ros.actions import LifecycleNode, Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import Action, LaunchContext, LaunchDescription

CONFIG = get_package_share_path("damage_perception") / "config"
# Fast DDS 2 (Jazzy) reads the first, Fast DDS 3 (Kilted) the second.
PROFILE_VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")


def generate_launch_description() -> LaunchDescription:
    """The arguments, the transport for large images, and the node."""
    profile = str(CONFIG / "fastdds_large_images.xml")
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                "namespace", default_value="", description="Namespace of node and camera topics."
            ),
            DeclareLaunchArgument(
                "params_file",
                default_value=str(CONFIG / "damage_perception.yaml"),
                description="Parameter file; without one every parameter has its default.",
            ),
            DeclareLaunchArgument(
                "use_sim_time", default_value="false", description="Take the time from /clock."
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
            DeclareLaunchArgument(
                "site_file",
                default_value="",
                description="Rules of the site; empty: as the parameter file says.",
            ),
            DeclareLaunchArgument(
                "record",
                default_value="false",
                description="Keep what is diverted or unknown, for the review page.",
            ),
            DeclareLaunchArgument(
                "records",
                default_value="",
                description="Folder that the records are kept in; empty: as the parameter file "
                "says.",
            ),
            # A site's own profile stays.
            *(
                SetEnvironmentVariable(name, EnvironmentVariable(name, default_value=profile))
                for name in PROFILE_VARIABLES
            ),
            OpaqueFunction(function=_detector),
            OpaqueFunction(
                function=_recorder, condition=IfCondition(LaunchConfiguration("record"))
            ),
        ]
    )


def _detector(context: LaunchContext) -> list[Action]:
    """The node, and what follows its end.

    An empty argument leaves gallery and site file as the parameter file has them.
    """
    values = {"use_sim_time": _flag("use_sim_time"), "autostart": _flag("autostart")}
    for name in ("gallery", "site_file"):
        argument = LaunchConfiguration(name)
        if argument.perform(context):
            values[name] = ParameterValue(argument, value_type=str)
    # Without name and namespace here, values of the parameter file would win over these.
    detector = LifecycleNode(
        package="damage_perception",
        executable="damage_detector",
        name="damage_detector",
        namespace=LaunchConfiguration("namespace"),
        parameters=[LaunchConfiguration("params_file"), values],
        ros_arguments=["--log-level", LaunchConfiguration("log_level")],
        output="screen",
        emulate_tty=True,
    )
    return [
        detector,
        RegisterEventHandler(OnProcessExit(target_action=detector, on_exit=_end_with_detector)),
    ]


def _recorder(context: LaunchContext) -> list[Action]:
    """The recorder, which comes back where it ends: the cell goes on without it meanwhile."""
    values = {"use_sim_time": _flag("use_sim_time")}
    folder = LaunchConfiguration("records")
    if folder.perform(context):
        values["folder"] = ParameterValue(folder, value_type=str)
    return [
        Node(
            package="damage_perception",
            executable="damage_recorder",
            name="damage_recorder",
            namespace=LaunchConfiguration("namespace"),
            parameters=[LaunchConfiguration("params_file"), values],
            ros_arguments=["--log-level", LaunchConfiguration("log_level")],
            output="screen",
            emulate_tty=True,
            respawn=True,
            respawn_delay=2.0,
        )
    ]


def _end_with_detector(ended: ProcessExited, context: LaunchContext) -> None:
    """Ends the launch with an error where the detector did; a site's own launch, too."""
    if ended.returncode and not context.is_shutdown:
        raise RuntimeError(f"{ended.process_name} ended with status {ended.returncode}")


def _flag(name: str) -> ParameterValue:
    return ParameterValue(LaunchConfiguration(name), value_type=bool)
