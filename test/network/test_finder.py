"""A finder is a graph that the model card names; items of frames without depth come from it."""

import hashlib

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

from damage_perception.frame import CameraModel, Frame
from damage_perception.inspector import Inspector, MountedCamera
from damage_perception.network import BackendError, DamageNetwork, ModelCardError
from damage_perception.network.finder import Finder
from damage_perception.network.session import OnnxRuntimeBackend
from damage_perception.station import Station
from damage_perception.verdict.policy import VerdictPolicy

HEIGHT, WIDTH = 48, 64
CAMERA = CameraModel(320, 240, 300.0, 300.0, 159.5, 119.5)


def write_finder(path, kind=TensorProto.UINT8, outputs=("item", "seam")):
    """A graph that takes what is red for an item, in cells of 4 pixels, and sees no seam."""
    constants = {
        "weights": np.array([1, -1, -1], np.float32).reshape(1, 1, 1, 3) / 255,
        "channel": np.array([3], np.int64),
        "one": np.array([1], np.int64),
        "sides": np.array([0, 1], np.int64),
        "none": np.array(0, np.float32),
    }
    node = helper.make_node
    nodes = [
        node("Cast", ["color"], ["pixels"], to=TensorProto.FLOAT),
        node("Mul", ["pixels", "weights"], ["weighted"]),
        node("ReduceSum", ["weighted", "channel"], ["summed"], keepdims=0),
        node("Relu", ["summed"], ["red"]),
        node("Unsqueeze", ["red", "one"], ["image"]),
        node("AveragePool", ["image"], ["cells"], kernel_shape=[4, 4], strides=[4, 4]),
        node("Squeeze", ["cells", "sides"], ["item"]),
        node("Mul", ["item", "none"], ["seam"]),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "finder",
        [value("color", kind, [1, HEIGHT, WIDTH, 3])],
        [value(name, TensorProto.FLOAT, [HEIGHT // 4, WIDTH // 4]) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), str(path))
    return path


def with_finder(card, finder):
    """Names the graph in the card."""
    content = yaml.safe_load(card.read_text())
    digest = hashlib.sha256(finder.read_bytes()).hexdigest()
    content["finder"] = {"file": finder.name, "sha256": digest}
    card.write_text(yaml.safe_dump(content))


def two_red_boxes():
    """A frame without depth on a ground that no border tells from them."""
    color = np.random.default_rng(0).integers(0, 90, (240, 320, 3), np.uint8)
    color[..., 0] //= 4
    for left in (40, 180):
        color[80:160, left : left + 80] = (250, 10, 10)
    return Frame(color, None, CAMERA)


def test_the_image_is_brought_to_the_size_of_the_graph(tmp_path):
    finder = Finder.load(write_finder(tmp_path / "finder.onnx"), OnnxRuntimeBackend())
    found = finder(two_red_boxes().color)
    assert found.item.shape == found.seam.shape == (HEIGHT // 4, WIDTH // 4)
    assert found.item[6, 4] > 0.85 and found.item[6, 8] < 0.1
    assert not found.seam.any()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"kind": TensorProto.FLOAT}, "expected `color`"), ({"outputs": ("item",)}, "no output seam")],
)
def test_a_graph_of_another_contract_is_refused(tmp_path, wrong, said):
    path = write_finder(tmp_path / "finder.onnx", **wrong)
    with pytest.raises(BackendError, match=said):
        Finder.load(path, OnnxRuntimeBackend())


def test_the_inspector_finds_by_the_finder_of_its_model_where_there_is_no_depth(model_copy):
    with_finder(model_copy, write_finder(model_copy.parent / "finder.onnx"))
    network = DamageNetwork.load(model_copy)
    cameras = {"camera": MountedCamera(Station())}
    inspector = Inspector(network, cameras, VerdictPolicy.at(0.5, frames_per_camera=1))
    frame = two_red_boxes()
    boxes = sorted(item.box for item in inspector.judge(frame).items)
    assert np.allclose(boxes, [(40, 80, 80, 80), (180, 80, 80, 80)], atol=8)
    assert len(inspector.observe(frame, 0) + inspector.finish()) == 2


def test_a_finder_that_is_not_the_one_of_the_card_is_refused(model_copy):
    finder = write_finder(model_copy.parent / "finder.onnx")
    with_finder(model_copy, finder)
    finder.write_bytes(finder.read_bytes()[:-1])
    with pytest.raises(ModelCardError, match="sha256"):
        DamageNetwork.load(model_copy)
