"""The simulated cell under ``ros2 launch``: detector, cell and controller on this machine alone."""

from ament_index_python.packages import get_package_prefix, get_package_share_path
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
    TimerAction,
)
from launch.conditions import IfCondition
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.events.process import ProcessExited
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PythonExpression
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import Action, LaunchContext, LaunchDescription

SHARE = get_package_share_path("damage_perception")
# The controller answers the last items within this after the cell has ended.
LAST_ANSWERS_S = 10.0
_RVIZ = LaunchConfiguration("rviz")


def generate_launch_description() -> LaunchDescription:
    """The cell with the demo's parameters; all ends when the controller has answered every item."""
    items = ParameterValue(LaunchConfiguration("items"), value_type=int)
    seed = ParameterValue(LaunchConfiguration("seed"), value_type=int)
    # As in `damage-perception demo`; a detector without a gallery enrolls nothing.
    references = ParameterValue(
        PythonExpression(["2 if r'''", LaunchConfiguration("gallery"), "''' else 0"]),
        value_type=int,
    )
    controller = _node("reference_controller", {"items": items})
    cell = _node("simulated_cell", {"items": items, "seed": seed, "references": references})
    rviz = _rviz()
    return LaunchDescription(
        [
            DeclareLaunchArgument("items", default_value="24", description="How many items come."),
            DeclareLaunchArgument("seed", default_value="1", description="Of products and damage."),
            DeclareLaunchArgument(
                "gallery",
                default_value="",
                description="Folder that pristine pieces of the products are enrolled into; empty: "
                "items are judged without references.",
            ),
            DeclareLaunchArgument(
                "namespace", default_value="", description="Namespace of all nodes and topics."
            ),
            DeclareLaunchArgument(
                "params_file",
                default_value=str(SHARE / "config" / "demo.yaml"),
                description="Parameter file of the detector.",
            ),
            DeclareLaunchArgument(
                "log_level", default_value="info", description="debug, info, warn, error or fatal."
            ),
            DeclareLaunchArgument(
                "rviz",
                default_value="false",
                description="Show verdicts, images and depth in RViz, too.",
            ),
            OpaqueFunction(function=_require_rviz, condition=IfCondition(_RVIZ)),
            SetEnvironmentVariable("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST"),
            OpaqueFunction(function=_detector),
            controller,
            cell,
            rviz,
            RegisterEventHandler(
                OnProcessExit(target_action=controller, on_exit=_end_with_controller)
            ),
            RegisterEventHandler(OnProcessExit(target_action=cell, on_exit=_end_after_cell)),
            RegisterEventHandler(OnProcessExit(target_action=rviz, on_exit=_require_good_rviz)),
        ]
    )


def _node(executable: str, parameters: dict[str, ParameterValue]) -> Node:
    return Node(
        package="damage_perception",
        executable=executable,
        name=executable,
        namespace=LaunchConfiguration("namespace"),
        parameters=[parameters],
        ros_arguments=["--log-level", LaunchConfiguration("log_level")],
        output="screen",
    )


def _rviz() -> Node:
    """RViz with the package's displays, whose topics are relative to the namespace."""
    return Node(
        package="rviz2",
        executable="rviz2",
        namespace=LaunchConfiguration("namespace"),
        arguments=["-d", str(SHARE / "config" / "damage_perception.rviz")],
        # RViz looks for the calibration beside the depth image; depth is registered to colour.
        remappings=[("/camera/depth/camera_info", "camera/color/camera_info")],
        output="screen",
        condition=IfCondition(_RVIZ),
    )


def _require_rviz(context: LaunchContext) -> None:
    """Ends the launch before anything starts where RViz is not installed."""
    try:
        get_package_prefix("rviz2")
    except LookupError as error:
        raise RuntimeError(
            "rviz:=true needs the package rviz2, which is not installed: "
            "apt install ros-$ROS_DISTRO-rviz2"
        ) from error


def _detector(context: LaunchContext) -> list[Action]:
    """The cell's own launch file, included so that its other arguments are not among the demo's.

    The demo has no /clock and no lifecycle manager.
    """
    return [
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(str(SHARE / "launch" / "cell.launch.py")),
            launch_arguments={"use_sim_time": "false", "autostart": "true"}.items(),
        )
    ]


def _require_good_rviz(ended: ProcessExited, context: LaunchContext) -> None:
    """Closing the window is no error, and the demo goes on."""
    if not context.is_shutdown:
        _require_good_end(ended)


def _end_with_controller(ended: ProcessExited, context: LaunchContext) -> EmitEvent | None:
    if context.is_shutdown:
        return None
    _require_good_end(ended)
    return EmitEvent(event=Shutdown(reason="every item is answered"))


def _end_after_cell(ended: ProcessExited, context: LaunchContext) -> TimerAction | None:
    if context.is_shutdown:
        return None
    _require_good_end(ended)
    return TimerAction(period=LAST_ANSWERS_S, actions=[OpaqueFunction(function=_unanswered)])


def _unanswered(context: LaunchContext) -> None:
    raise RuntimeError(f"not every item was answered {LAST_ANSWERS_S:.0f} s after the last came")


def _require_good_end(ended: ProcessExited) -> None:
    """Ends the launch with an error where a process did."""
    if ended.returncode:
        raise RuntimeError(f"{ended.process_name} ended with status {ended.returncode}")
