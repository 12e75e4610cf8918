"""What is wrong with model, station or parameters is said, and the node stays configurable."""

import hashlib
import re
import shutil

import pytest
import yaml

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")

from cell import ACTIVATE, CLEANUP, CONFIGURE, Cell, Detector

from damage_perception.engines.backend import choose_backend
from damage_perception.network import OnnxRuntimeBackend

pytestmark = pytest.mark.ros


def missing_card(card):
    return card.with_name("nowhere.yaml")


def missing_graph(card):
    card.with_name("tiny.onnx").unlink()
    return card


def truncated_graph(card):
    graph = card.with_name("tiny.onnx")
    graph.write_bytes(graph.read_bytes()[:500])
    return card


def truncated_graph_with_its_sha256(card):
    truncated_graph(card)
    content = card.with_name("tiny.onnx").read_bytes()
    return other_graph(card, hashlib.sha256(content).hexdigest())


def other_sha256(card):
    return other_graph(card, "0" * 64)


def other_input_shape(card):
    return edited(card, "input", view_size=128)


def garbled_card(card):
    card.write_text("kinds: [")
    return card


def other_graph(card, sha256):
    return edited(card, "graphs", fp32={"file": "tiny.onnx", "sha256": sha256})


def edited(card, section, **values):
    content = yaml.safe_load(card.read_text())
    content[section] |= values
    card.write_text(yaml.safe_dump(content))
    return card


MODELS = {
    missing_card: "nowhere.yaml cannot be read",
    missing_graph: "tiny.onnx, named in model card",
    truncated_graph: "truncated or of another model",
    truncated_graph_with_its_sha256: "cannot be loaded",
    other_sha256: "0000000000000000",
    other_input_shape: "takes the inputs",
    garbled_card: "is not YAML",
}


@pytest.fixture(scope="module")
def detector(environment, tmp_path_factory):
    process = Detector(tmp_path_factory.mktemp("detector"), environment, {"threads": 1})
    yield process
    assert process.stop() == 0, process.log


@pytest.fixture(scope="module")
def cell(detector, environment):
    node = Cell(environment)
    yield node
    node.close()


@pytest.mark.parametrize("spoil", MODELS, ids=lambda spoil: spoil.__name__)
def test_a_model_that_cannot_be_used_fails_configure_with_its_cause(
    cell, detector, tiny_card, tmp_path, spoil
):
    folder = shutil.copytree(tiny_card.parent, tmp_path / "model")
    assert cell.set_parameter("model", str(spoil(folder / tiny_card.name))).successful
    assert not cell.change_state(CONFIGURE)
    assert cell.state() == "unconfigured"
    last = [line for line in detector.log.splitlines() if "configure failed" in line][-1]
    assert MODELS[spoil] in last
    assert "Traceback" not in detector.log


def test_a_model_of_other_kinds_runs_and_says_what_it_cannot_tell(
    cell, detector, tiny_card, tmp_path
):
    folder = shutil.copytree(tiny_card.parent, tmp_path / "model")
    card = folder / tiny_card.name
    card.write_text(card.read_text().replace("- crush", "- scratch"))
    assert cell.set_parameter("model", str(card)).successful
    assert cell.change_state(CONFIGURE)
    [line] = [
        line for line in detector.log.splitlines() if "does not know the kinds scratch" in line
    ]
    assert "[WARN]" in line and "the model does not know the kinds crush" in line
    assert cell.change_state(CLEANUP)


def test_without_a_gpu_auto_runs_on_the_cpu_and_says_why_and_nothing_else_does(
    cell, detector, tiny_card
):
    if not isinstance(choose_backend("auto", 2), OnnxRuntimeBackend):
        pytest.skip("this machine has a GPU")
    assert cell.set_parameter("model", str(tiny_card)).successful
    for name, value, otherwise in (("backend", "tensorrt", "auto"), ("require_gpu", True, False)):
        assert cell.set_parameter(name, value).successful
        assert not cell.change_state(CONFIGURE)
        last = [line for line in detector.log.splitlines() if "configure failed" in line][-1]
        assert "no inference on a GPU: " in last
        assert cell.set_parameter(name, otherwise).successful
    assert cell.change_state(CONFIGURE)
    _, message, values = cell.status("backend")
    assert message == values["backend"] == "onnxruntime-cpu-fp32"
    assert "no inference on a GPU: " in values["why"] and values["why"] in detector.log
    assert cell.change_state(CLEANUP)


def test_a_model_that_knows_no_tiles_is_said_to_judge_whole_views(cell, detector, tiny_card):
    assert cell.set_parameter("model", str(tiny_card)).successful
    assert cell.set_parameter("detail", "always").successful
    assert cell.change_state(CONFIGURE)
    cell.until(lambda: "detail is off: the card of model tiny-red" in detector.log, 10)
    [line] = [line for line in detector.log.splitlines() if "[WARN]" in line and "detail" in line]
    assert "has no section `detail`" in line
    assert not cell.set_parameter("detail", "sometimes").successful
    assert cell.change_state(CLEANUP)
    assert cell.set_parameter("detail", "auto").successful


def test_a_station_file_that_is_not_understood_fails_configure(cell, detector, tiny_card, tmp_path):
    file = tmp_path / "station.yaml"
    file.write_text("stations: 3")
    assert cell.set_parameter("model", str(tiny_card)).successful
    assert cell.set_parameter("station_file", str(file)).successful
    assert not cell.change_state(CONFIGURE)
    assert "stations is not a mapping" in detector.log


def test_a_rate_that_the_model_cannot_show_fails_configure(cell, detector, tiny_card):
    assert cell.set_parameter("model", str(tiny_card)).successful
    assert cell.set_parameter("station_file", "").successful
    assert cell.set_parameter("false_diverts_per_1000", 0.1).successful
    assert not cell.change_state(CONFIGURE)
    assert "configure failed: parameter false_diverts_per_1000: " in detector.log
    assert cell.set_parameter("false_diverts_per_1000", 5.0).successful


def test_a_precision_that_the_model_lacks_fails_configure(cell, detector, tiny_card):
    assert cell.set_parameter("model", str(tiny_card)).successful
    assert cell.set_parameter("precision", "int8").successful
    assert not cell.change_state(CONFIGURE)
    assert "has no graph in int8; it has fp32" in detector.log
    assert not cell.set_parameter("precision", "int4").successful
    assert cell.set_parameter("precision", "fp32").successful


def test_after_all_that_the_node_configures_and_works(cell, tiny_card):
    level, message, _ = cell.status("detector")
    assert level == 2 and "configure failed" in message
    assert cell.change_state(CONFIGURE) and cell.change_state(ACTIVATE)
    cell.connect()
    cell.announce("first")
    report = cell.report_on("first", timeout_s=10, beat=lambda: cell.show(frames=1))
    assert report.verdict == report.PASS
    assert cell.status("detector")[:2] == (0, "active")


def test_the_state_is_told_while_simulated_time_stands_still(environment, tmp_path):
    parameters = {"use_sim_time": True}
    detector = Detector(tmp_path, environment, parameters, "-r", "__ns:=/simulated")
    cell = Cell(environment, ())
    try:
        cell.until(
            lambda: any(
                status.name == "simulated/damage_detector: detector"
                for array in cell.diagnostics
                for status in array.status
            ),
            timeout_s=20,
        )
    finally:
        cell.close()
        assert detector.stop() == 0


FILES = {
    "an unknown name": ({"damage_treshold": 0.5}, "parameter damage_treshold is not known"),
    "an unknown camera": (
        {"left": {"plane": [0.0, 0.0, -1.0, 1.0]}},
        "left.plane is not known; .*cameras are camera",
    ),
    "a value out of bounds": (
        {"damage_threshold": 1.5},
        "damage_threshold is 1.5; expected 0 to 1",
    ),
    "a value of another type": ({"threads": "two"}, "threads is 'two' .str.; expected integer"),
    "a choice that is none": ({"image_qos": "best"}, "expected one of sensor_data, reliable"),
    "two faults": ({"threads": 0, "speed": 1}, "speed is not known.*threads is 0"),
    "cameras of one name": ({"cameras": ["a", "a"]}, "each once"),
}


def test_a_parameter_file_at_fault_ends_the_node_with_the_parameter_named(
    environment, tmp_path_factory
):
    started = {
        case: Detector(tmp_path_factory.mktemp("refused"), environment, parameters)
        for case, (parameters, _) in FILES.items()
    }
    for case, process in started.items():
        assert process.wait(30) == 1, case
        assert "Traceback" not in process.log
        assert re.search(FILES[case][1], process.log), process.log


def test_a_parameter_file_that_is_no_yaml_ends_the_node_with_its_name(environment, tmp_path):
    file = tmp_path / "broken.yaml"
    file.write_text("/**: [")
    process = Detector(tmp_path, environment, {}, "--params-file", str(file))
    assert process.wait(30) == 1
    assert "broken.yaml" in process.log and "Traceback" not in process.log
