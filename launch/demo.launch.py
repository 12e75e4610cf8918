"""The simulated cell under ``ros2 launch``: detector, cell and controller on this machine alone."""

from ament_index_python.packages import get_package_share_path
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    IncludeLaunchDescription,
    RegisterEventHandler,
    SetEnvironmentVariable,
)
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PythonExpression
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchDescription

SHARE = get_package_share_path("damage_perception")


def generate_launch_description() -> LaunchDescription:
    """The cell with the demo's parameters; all ends when the controller has answered every item."""
    items = ParameterValue(LaunchConfiguration("items"), value_type=int)
    seed = ParameterValue(LaunchConfiguration("seed"), value_type=int)
    gallery = LaunchConfiguration("gallery")
    # As in `damage-perception demo`; a detector without a gallery enrols nothing.
    references = ParameterValue(
        PythonExpression(["2 if r'''", gallery, "''' else 0"]), value_type=int
    )
    controller = Node(
        package="damage_perception",
        executable="reference_controller",
        name="reference_controller",
        parameters=[{"items": items}],
        output="screen",
    )
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
            SetEnvironmentVariable("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST"),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(SHARE / "launch" / "cell.launch.py")),
                launch_arguments={
                    "params_file": str(SHARE / "config" / "demo.yaml"),
                    "gallery": gallery,
                }.items(),
            ),
            controller,
            Node(
                package="damage_perception",
                executable="simulated_cell",
                name="simulated_cell",
                parameters=[{"items": items, "seed": seed, "references": references}],
                output="screen",
            ),
            RegisterEventHandler(
                OnProcessExit(
                    target_action=controller,
                    on_exit=[EmitEvent(event=Shutdown(reason="every item is answered"))],
                )
            ),
        ]
    )
