"""What RViz and Foxglove are told to show is what the detector, the demo and recordings have."""

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from made_records import add_item

from damage_perception.overlay import VERDICT_COLORS
from damage_perception.records.store import RecordStore
from damage_perception.ros.isolation import isolated_environment
from damage_perception.verdict.report import Verdict

ROOT = Path(__file__).resolve().parent.parent
RVIZ = ROOT / "config" / "damage_perception.rviz"
FOXGLOVE = ROOT / "config" / "foxglove_layout.json"
REPORT = ROOT / "damage_perception_msgs" / "msg" / "DamageReport.msg"

IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"

# The nodes as they are; what the detector publishes once it is configured, and a frame of the cell.
NODES = """
import json
import rclpy
from rclpy.lifecycle import LifecyclePublisher
from sensor_msgs.msg import Image
from damage_perception.ros.demo.simulated_cell_node import SimulatedCell
from damage_perception.ros.detector.health import Health
from damage_perception.ros.detector.node import DetectorNode
from damage_perception.ros.detector.outputs import Outputs

rclpy.init()
detector, cell = DetectorNode(), SimulatedCell()
outputs = Outputs(detector, lambda: 0, Health())
frames = []
listener = rclpy.create_node("listener")
listener.create_subscription(
    Image, "camera/color/image_raw", lambda image: frames.append(image.header.frame_id), 1
)
while not frames:
    cell._camera.publish(next(cell._empty), 1)
    rclpy.spin_once(listener, timeout_sec=0.1)


def name_of(kind):
    return f"{kind.__module__.partition('.')[0]}/msg/{kind.__name__}"


topics = {p.topic_name: name_of(p.msg_type) for n in (detector, cell) for p in n.publishers}
print(json.dumps({"topics": topics, "frame": frames[0]}))
"""

# Resolves names with what RViz is started with, as RViz does, and ends with an error.
STAND_IN = """#!{python}
import json, sys
from pathlib import Path
import rclpy
from sensor_msgs.msg import CameraInfo, Image

rclpy.init(args=sys.argv)
node = rclpy.create_node("rviz")
topics = ["/camera/depth/camera_info", "camera/depth/image_rect_raw"]
names = [node.create_subscription(CameraInfo, topic, print, 1).topic_name for topic in topics]
Path({told!r}).write_text(json.dumps({{"arguments": sys.argv[1:3], "names": names}}))
sys.exit(3)
"""


@pytest.fixture(scope="module")
def displays():
    """Of RViz, those that are there."""
    return yaml.safe_load(RVIZ.read_text(encoding="utf-8"))["Visualization Manager"]["Displays"]


@pytest.fixture(scope="module")
def layout():
    """Of Foxglove."""
    return json.loads(FOXGLOVE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def live():
    """Topics of detector and simulated cell with their types, and the frame of their images."""
    pytest.importorskip("rclpy", reason="the ROS client library is not installed")
    pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")
    run = subprocess.run(
        [sys.executable, "-c", NODES],
        env=isolated_environment(),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    return json.loads(run.stdout)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Topics of a recorded item with their types."""
    reading = pytest.importorskip("mcap.reader", reason="mcap is needed to record items")
    store = RecordStore(tmp_path_factory.mktemp("records"), create=True)
    record = add_item(store, 1, cameras=("camera",))
    with store.path(record).open("rb") as stream:
        summary = reading.make_reader(stream).get_summary()
    store.index.close()
    return {c.topic: summary.schemas[c.schema_id].name for c in summary.channels.values()}


def rviz_topics(display):
    """The topics of a display of RViz, as full names, with the types that it takes."""
    kinds = {"MarkerArray": "visualization_msgs/msg/MarkerArray", "Image": IMAGE}
    kind = kinds.get(display["Class"].partition("/")[2])
    found = {display["Topic"]["Value"]: kind} if "Topic" in display else {}
    found |= {display[k]: IMAGE for k in ("Depth Map Topic", "Color Image Topic") if k in display}
    return {f"/{topic}": kind for topic, kind in found.items()}


def strings(node):
    """Every key and every text in a tree of JSON, with the key that it is the value of."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield "", key
            yield from ((key, value),) if isinstance(value, str) else strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)


def foxglove_paths(layout):
    """Topics in a layout: key, topic, and the field of its messages, empty for all of them."""
    for key, text in strings(layout["configById"]):
        path = re.fullmatch(r"(/[\w/]+)(?:\.(\w+))?", text)
        if path:
            yield key, path[1], path[2] or ""


def panels(tree):
    """The panels in an arrangement."""
    if isinstance(tree, str):
        return [tree]
    return [*panels(tree["first"]), *panels(tree["second"])]


@pytest.mark.ros
def test_rviz_shows_topics_that_are_published_and_of_the_right_type(displays, live):
    topics = {topic: kind for display in displays for topic, kind in rviz_topics(display).items()}
    assert topics.items() <= live["topics"].items()
    shown = {"/damage_detector/markers", "/damage_detector/overlay", "/camera/color/image_raw"}
    assert shown < topics.keys()


@pytest.mark.ros
def test_both_look_from_the_frame_of_the_images(layout, live):
    rviz = yaml.safe_load(RVIZ.read_text(encoding="utf-8"))["Visualization Manager"]
    assert rviz["Global Options"]["Fixed Frame"] == live["frame"]
    assert layout["configById"]["3D!station"]["followTf"] == live["frame"]


def test_rviz_has_a_place_for_every_picture(displays):
    """Its docks are in the window's state by name, as UTF-16."""
    window = yaml.safe_load(RVIZ.read_text(encoding="utf-8"))["Window Geometry"]
    state = bytes.fromhex(window["QMainWindow State"])
    names = {d["Name"] for d in displays if d["Class"].endswith("/Image")}
    assert names
    for name in names | {"Displays"}:
        assert name.encode("utf-16-be") in state
        assert window[name] == {"collapsed": False}


@pytest.mark.ros
def test_foxglove_shows_topics_that_are_published_or_recorded(layout, live, recorded):
    topics = live["topics"] | recorded
    kinds = {
        "imageTopic": {IMAGE, COMPRESSED},
        "siblingRgbTopic": {IMAGE},
        "cameraInfoTopic": {CAMERA_INFO},
        "calibrationTopic": {CAMERA_INFO},
        "topicToRender": {"diagnostic_msgs/msg/DiagnosticArray"},
    }
    paths = list(foxglove_paths(layout))
    assert kinds.keys() <= {key for key, _, _ in paths}
    for key, topic, field in paths:
        assert topic in topics
        assert topics[topic] in kinds.get(key, {topics[topic]})
        assert not field or topics[topic] == "damage_perception_msgs/msg/DamageReport"


def test_foxglove_shows_all_that_a_recorded_item_holds(layout, recorded):
    assert recorded.keys() <= {topic for _, topic, _ in foxglove_paths(layout)}


def test_foxglove_asks_for_fields_that_a_report_has(layout):
    has = set(re.findall(r"^[\w/]+(?:\[\])? (\w+)\s*(?:#.*)?$", REPORT.read_text(), re.MULTILINE))
    fields = {field for _, _, field in foxglove_paths(layout) if field}
    assert {"confidence", "threshold", "verdict", "regions"} <= fields <= has


def test_every_panel_of_the_layout_is_placed_once(layout):
    configured = layout["configById"]
    placed = panels(layout["layout"])
    for name in [name for name in placed if name.startswith("Tab!")]:
        placed += [panel for tab in configured[name]["tabs"] for panel in panels(tab["layout"])]
    assert sorted(placed) == sorted(configured)


def test_foxglove_names_verdicts_and_colours_them_as_the_overlay_does(layout):
    rules = layout["configById"]["Indicator!verdict"]["rules"]
    told = {(rule["rawValue"], rule["label"], rule["color"]) for rule in rules}
    assert {rule["operator"] for rule in rules} == {"="}
    assert told == {
        (str(int(verdict)), verdict.name, "#" + bytes(VERDICT_COLORS[verdict]).hex())
        for verdict in Verdict
    }


@pytest.fixture
def launched():
    """The environment of ``ros2 launch``, and where the package is installed."""
    for module in ("rclpy", "launch_ros", "ros2launch"):
        pytest.importorskip(module, reason=f"{module} is not installed; run where ROS is")
    from ament_index_python.packages import get_package_share_path

    try:
        share = get_package_share_path("damage_perception")
    except (LookupError, OSError):
        pytest.skip("damage_perception is not installed in a ROS workspace")
    return isolated_environment(), share


def launch_demo(environment):
    return subprocess.run(
        ["ros2", "launch", "damage_perception", "demo.launch.py", "rviz:=true", "namespace:=line"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )


@pytest.mark.ros
def test_the_demo_starts_rviz_with_the_displays_and_ends_with_its_error(launched, tmp_path):
    environment, share = launched
    program = tmp_path / "lib" / "rviz2" / "rviz2"
    marker = tmp_path / "share" / "ament_index" / "resource_index" / "packages" / "rviz2"
    for file in (program, marker):
        file.parent.mkdir(parents=True)
        file.touch()
    told = tmp_path / "told.json"
    program.write_text(STAND_IN.format(python=sys.executable, told=str(told)))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    environment["AMENT_PREFIX_PATH"] = f"{tmp_path}{os.pathsep}{environment['AMENT_PREFIX_PATH']}"
    done = launch_demo(environment)
    assert done.returncode == 1
    assert re.search(r"rviz2-\d ended with status 3", done.stdout), done.stdout
    assert json.loads(told.read_text()) == {
        "arguments": ["-d", str(share / "config" / "damage_perception.rviz")],
        "names": ["/line/camera/color/camera_info", "/line/camera/depth/image_rect_raw"],
    }


@pytest.mark.ros
def test_without_rviz_the_demo_says_what_to_install_before_anything_starts(launched):
    from ament_index_python.packages import PackageNotFoundError, get_package_prefix

    try:
        get_package_prefix("rviz2")
        pytest.skip("rviz2 is installed")
    except PackageNotFoundError:
        pass
    done = launch_demo(launched[0])
    assert done.returncode == 1
    assert "apt install ros-$ROS_DISTRO-rviz2" in done.stdout
    assert "process started" not in done.stdout
