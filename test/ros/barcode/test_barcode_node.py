"""The barcode node over DDS, beside a real detector: what is read is announced, once."""

import time

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")
pytest.importorskip("zxingcpp", reason="zxing-cpp is not installed")

from cell import PLANE, Detector, scene
from drawn_codes import drawn, placed
from std_msgs.msg import String

from damage_perception.ros.parameters.check import ParameterError
from damage_perception.ros.parameters.node_table import BARCODES as TABLE
from damage_perception_msgs.msg import DamageReport, ItemAnnouncement

pytestmark = pytest.mark.ros

BARCODES = ("-m", "damage_perception.ros.barcode.process")
GONE_S = 0.4
BOX = (110, 80, 110, 90)
FIRST, SECOND = "4006381333931", "96385074"


@pytest.fixture(scope="module")
def parameters():
    return {"camera": {"plane": PLANE}, "decision_deadline_ms": 1500}


@pytest.fixture(scope="module")
def given():
    """Of the barcode node."""
    return {"rate_hz": 20.0, "gone_after_ms": 1000 * GONE_S, "scanner_topic": "scanner/codes"}


@pytest.fixture(scope="module")
def node(cell, environment, given, tmp_path_factory):
    """A barcode node that hears the camera and is heard."""
    process = Detector(tmp_path_factory.mktemp("barcodes"), environment, given, program=BARCODES)
    cell.until(lambda: cell.node.count_subscribers("camera/color/image_raw") == 2, 20)
    cell.until(lambda: cell.node.count_publishers("damage_detector/announcements") == 2, 20)
    time.sleep(0.5)
    yield process
    assert process.stop() == 0, process.log
    assert "Traceback" not in process.log


@pytest.fixture(scope="module")
def heard(cell, node):
    """Every announcement."""
    messages = []
    cell.listen(ItemAnnouncement, "damage_detector/announcements", messages)
    # The detector, too, has to have found the node.
    cell.until(lambda: cell.status("codes")[2]["listeners"] == "2", 20)
    return messages


@pytest.fixture(scope="module")
def scanner(cell, node):
    publisher = cell.node.create_publisher(String, "scanner/codes", 10)
    cell.until(publisher.get_subscription_count)
    time.sleep(0.3)
    return publisher


@pytest.fixture(autouse=True)
def empty_station(cell, heard):
    """Every test begins where no item is followed and no code is known."""
    end_s = time.monotonic() + 2 * GONE_S
    while time.monotonic() < end_s:
        show(cell, None)
    heard.clear()
    cell.reports.clear()


def labelled(text):
    """Colour and depth of a box with a code on it; of the empty station where there is none."""
    if text is None:
        return scene(None)
    color, depth = scene(BOX)
    x, y, width, height = BOX
    left, right, top, bottom = x + 20, x + width - 20, y + 10, y + height - 10
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    label = np.pad(drawn("DataMatrix", text), 9, constant_values=255)
    shown = placed(label, corners, color.shape[:2], noise=2)
    color[top + 1 : bottom - 1, left + 1 : right - 1] = shown[
        top + 1 : bottom - 1, left + 1 : right - 1
    ]
    return color, depth


def show(cell, text):
    """One image of an item with a code."""
    cell.publish(*cell.messages(*labelled(text)))
    time.sleep(0.03)


def test_an_item_is_reported_under_the_code_that_it_bears(cell, heard):
    begin_ns = cell.now_ns()
    cell.until(lambda: heard, beat=lambda: show(cell, FIRST))
    (announced,) = heard
    assert announced.sku == FIRST and announced.item_id.startswith(f"{FIRST}-")
    assert announced.camera == "camera"
    stamp_ns = announced.header.stamp.sec * 10**9 + announced.header.stamp.nanosec
    assert begin_ns - 10**9 < stamp_ns < cell.now_ns()
    report = cell.report_on(announced.item_id, beat=lambda: show(cell, FIRST))
    assert (report.sku, report.verdict) == (FIRST, DamageReport.PASS)


def test_an_item_that_rests_is_announced_once_and_the_next_one_anew(cell, heard):
    def rest(text, seconds):
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            show(cell, text)

    rest(FIRST, 2 * GONE_S)
    assert [message.sku for message in heard] == [FIRST]
    rest(None, 2 * GONE_S)
    rest(FIRST, 2 * GONE_S)
    assert [message.sku for message in heard] == [FIRST] * 2
    assert heard[0].item_id != heard[1].item_id
    for message in heard:
        cell.report_on(message.item_id, beat=lambda: show(cell, None))


def test_a_code_of_the_scanner_is_announced_once(cell, heard, scanner):
    for _ in range(5):
        scanner.publish(String(data=f"{SECOND}\r\n"))
    cell.until(lambda: heard)
    time.sleep(0.3)
    (announced,) = heard
    assert (announced.sku, announced.camera) == (SECOND, "")
    report = cell.report_on(announced.item_id, beat=lambda: cell.show(frames=1))
    assert report.sku == SECOND


def test_what_cannot_name_a_product_is_counted_and_not_announced(cell, heard, scanner):
    before = int(cell.status("codes")[2]["unfit"])
    scanner.publish(String(data="https://example.com/ticket"))
    values = cell.until(lambda: unfit_since(cell, before))
    assert values["last_unfit"] == "'https://example.com/ticket'" and not heard


def unfit_since(cell, before):
    values = cell.status("codes")[2]
    return values if int(values["unfit"]) > before else None


def test_diagnostics_count_what_is_read(cell, heard):
    cell.until(lambda: heard, beat=lambda: show(cell, FIRST))
    level, message, values = cell.status("codes", beat=lambda: show(cell, FIRST))
    assert level == 0 and message.endswith("items announced")
    assert int(values["images camera"]) >= int(values["codes"]) >= int(values["announced"]) - 2 > 0
    assert values["last"].startswith(FIRST) and float(values["reading_ms"]) > 0


def test_images_that_cannot_be_read_are_counted_and_told_once(cell, node):
    color, _, info = cell.messages(*labelled(FIRST))
    color.step = 17

    def beat():
        color.header.stamp = cell.node.get_clock().now().to_msg()
        cell.publish(color, None, info)
        time.sleep(0.03)

    level, message, values = cell.status("codes", beat=beat)
    while level == 0:
        level, message, values = cell.status("codes", beat=beat)
    assert level == 2 and "camera camera: rgb8 image has rows of 17 bytes" in message
    assert int(values["malformed"]) > 0
    assert node.log.count("rows of 17 bytes") == 1


def test_a_silent_camera_is_a_warning(cell):
    time.sleep(2.2)
    level, message, _ = cell.status("codes")
    assert level == 1 and message.startswith("no images of camera")


def test_fewer_images_are_read_where_fewer_are_asked_for(cell, environment, tmp_path):
    given = {"rate_hz": 2.0, "cameras": ["camera"], "detector": "other"}
    process = Detector(tmp_path, environment, given, "-r", "__node:=slow", program=BARCODES)
    cell.until(lambda: cell.node.count_subscribers("camera/color/image_raw") == 3, 20)
    time.sleep(0.5)
    end_s = time.monotonic() + 3
    while time.monotonic() < end_s:
        show(cell, None)
    named = [s for array in cell.diagnostics for s in array.status if s.name == "slow: codes"]
    values = {entry.key: entry.value for entry in named[-1].values}
    assert 3 <= int(values["images camera"]) <= 8
    assert named[-1].message == "nobody listens: start the detector"
    assert process.stop() == 0, process.log


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"formats": ["EAN14"]}, "formats is \\['EAN14'\\]; expected one or more of EAN13"),
        ({"formats": []}, "formats is"),
        ({"cameras": ["a b"]}, "cameras is"),
        ({"cameras": ["a", "a"]}, "cameras is .* each once"),
        ({"cameras": []}, "cameras is empty, and scanner_topic too"),
        ({"rate_hz": 0.0}, "rate_hz is 0.0"),
        ({"gone_afer_ms": 1.0}, "gone_afer_ms is not known"),
    ],
)
def test_wrong_parameters_are_refused_with_their_name(wrong, said):
    with pytest.raises(ParameterError, match=f"parameter {said}"):
        TABLE.read(wrong)


def test_a_wrong_parameter_ends_the_node_with_one_line(environment, tmp_path):
    process = Detector(tmp_path, environment, {"formats": ["EAN14"]}, program=BARCODES)
    assert process.wait() == 1
    assert "parameter formats" in process.log and "Traceback" not in process.log


def test_without_the_reader_the_node_ends_with_what_to_install(environment, tmp_path):
    without = "import sys; sys.modules['zxingcpp'] = None; "
    without += "from damage_perception.ros.barcode.process import main; sys.exit(main())"
    process = Detector(tmp_path, environment, {}, program=("-c", without))
    assert process.wait() == 1
    assert "pip install zxing-cpp" in process.log and "Traceback" not in process.log
