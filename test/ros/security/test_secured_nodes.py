"""The policies allow what the nodes have; with security on, who has no enclave hears nothing."""

import subprocess
import sys
import time
from fnmatch import fnmatchcase

import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")

from cell import Detector

from damage_perception.ros.isolation import isolated_environment
from damage_perception.ros.live_cameras import LiveCameras
from damage_perception.security import check
from damage_perception.security.keystore import make_keystore
from damage_perception.security.nodes import cell_enclaves

pytestmark = pytest.mark.ros

PROGRAMS = {
    "damage_recorder": ("mcap", "damage_perception.ros.recorder.process"),
    "damage_barcodes": ("zxingcpp", "damage_perception.ros.barcode.process"),
    "reference_controller": ("rclpy", "damage_perception.ros.demo.reference_controller"),
}
# What a node has, by what a profile calls it.
ASKED = {
    "publish": "get_publisher_names_and_types_by_node",
    "subscribe": "get_subscriber_names_and_types_by_node",
    "reply": "get_service_names_and_types_by_node",
    "request": "get_client_names_and_types_by_node",
}
TALKING = """
import sys, time, rclpy
from damage_perception_msgs.msg import DamageReport
rclpy.init()
node = rclpy.create_node(sys.argv[1])
heard = []
if sys.argv[1] == "damage_detector":
    publisher = node.create_publisher(DamageReport, "damage_detector/reports", 10)
    node.create_timer(0.1, lambda: publisher.publish(DamageReport(item_id="secret")))
else:
    node.create_subscription(DamageReport, "damage_detector/reports", heard.append, 10)
print("ready", flush=True)
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end and not heard:
    rclpy.spin_once(node, timeout_sec=0.1)
print("heard" if heard else "nothing", flush=True)
"""


@pytest.fixture(scope="module")
def enclaves():
    return {enclave.profile.node: enclave for enclave in cell_enclaves()}


def allowed(cell, enclave):
    """Checks that a profile allows everything that its node has; what the node has."""
    profile, used = enclave.profile, set()
    for verb, asking in ASKED.items():
        names = {name for name, _ in getattr(cell.node, asking)(profile.node, "/")}
        patterns = [profile.full(name) for name in getattr(profile, verb)]
        denied = {name for name in names if not any(fnmatchcase(name, p) for p in patterns)}
        assert not denied, f"{profile.node} may not {verb} {denied}"
        used |= {(verb, name) for name in names}
    return used


def test_the_detector_may_do_what_it_does_and_little_else(cell, enclaves):
    enclave = enclaves["damage_detector"]
    used = allowed(cell, enclave)
    for verb in ("publish", "reply", "request"):
        may = {(verb, enclave.profile.full(name)) for name in getattr(enclave.profile, verb)}
        assert may <= used, f"it does not {verb} {may - used}"


@pytest.mark.parametrize("node", PROGRAMS)
def test_the_other_nodes_may_do_what_they_do(cell, environment, enclaves, tmp_path, node):
    needed, module = PROGRAMS[node]
    pytest.importorskip(needed)
    given = {"folder": str(tmp_path / "records")} if node == "damage_recorder" else {}
    process = Detector(tmp_path, environment, given, program=("-m", module))
    try:
        topic = "damage_detector/announcements" if node == "reference_controller" else ""
        cell.until(lambda: node in cell.node.get_node_names(), 20)
        cell.until(lambda: cell.node.get_subscriber_names_and_types_by_node(node, "/"), 20)
        if topic:
            cell.announce("waited for")
        time.sleep(1.5)
        used = allowed(cell, enclaves[node])
        assert {verb for verb, _ in used} >= {"publish", "reply"}
    finally:
        process.stop()


def test_live_cameras_may_do_what_they_do(cell, enclaves):
    with LiveCameras(["camera"]) as cameras:
        cameras.newest("camera")
        node = "damage_review"
        cell.until(
            lambda: any(
                "image_raw" in name
                for name, _ in cell.node.get_subscriber_names_and_types_by_node(node, "/")
            ),
            10,
        )
        allowed(cell, enclaves[node])


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    """An environment of a domain of its own, in which security is enforced."""
    pytest.importorskip("cryptography", reason="cryptography is not installed")
    environment = isolated_environment()
    why = check.middleware_without_security(environment)
    if why:
        pytest.skip(f"{why}: what is signed is checked in test_keystore.py alone")
    keystore = tmp_path_factory.mktemp("keystore")
    make_keystore(keystore, cell_enclaves(), int(environment["ROS_DOMAIN_ID"]))
    asked = {check.ENABLE: "true", check.STRATEGY: check.ENFORCE, check.KEYSTORE: str(keystore)}
    return environment | asked


def started(environment, node, enclave):
    command = [sys.executable, "-c", TALKING, node, "8"]
    if enclave:
        command += ["--ros-args", "--enclave", enclave]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def test_who_has_an_enclave_hears_and_who_has_none_does_not(secured):
    detector = started(secured, "damage_detector", "/damage_detector")
    controller = started(secured, "reference_controller", "/reference_controller")
    stranger = started(secured | {check.ENABLE: "false"}, "stranger", "")
    try:
        assert controller.stdout.read() == "heard\n"
        assert stranger.stdout.read() == "nothing\n"
    finally:
        for process in (detector, controller, stranger):
            process.kill()
            process.wait()
