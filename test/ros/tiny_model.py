"""A tiny network with the contract of the shipped one, that calls red on the item damage."""

import hashlib

import numpy as np
import onnx
import onnxruntime
import yaml
from onnx import TensorProto, helper, numpy_helper

from damage_perception.kinds import KINDS

VIEW_SIZE = 64


def write_model(folder, fewest=1, view_size=VIEW_SIZE):
    """Writes graph, self-test and card into ``folder``; the path of the card.

    fewest  views of a pass with less than which the graph fails; the self-test has two
    """
    folder.mkdir(parents=True, exist_ok=True)
    graph = folder / "tiny.onnx"
    onnx.save(_graph(view_size, fewest), str(graph))
    self_test = folder / "tiny_selftest.npz"
    rng = np.random.default_rng(0)
    shape = (2, view_size, view_size)
    inputs = {
        "color": rng.integers(0, 256, (*shape, 3), np.uint8),
        "height_m": rng.random(shape, np.float32) / 10,
        "item": np.ones(shape, np.uint8),
        "width_m": np.full(2, 0.3, np.float32),
    }
    session = onnxruntime.InferenceSession(str(graph))
    maps, item_logit, _ = session.run(["maps", "item_logit", "kind_logits"], inputs)
    probability = 1 / (1 + np.exp(-item_logit))
    np.savez(self_test, **inputs, probability=probability, maps_mean=maps.mean(axis=(2, 3)))
    card = {
        "model_id": "tiny-red",
        "kinds": list(KINDS),
        "graphs": {"fp32": {"file": graph.name, "sha256": _sha256(graph)}},
        "self_test": {"file": self_test.name, "sha256": _sha256(self_test)},
        "input": {"view_size": view_size},
        "calibration": {"id": "tiny-calibration", "scale": 1.0, "offset": 0.0},
        "good_items": {"count": 1000, "highest_confidences": np.linspace(0.2, 0.5, 100).tolist()},
    }
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(card))
    return path


def _graph(size, fewest):
    """Redness on the item, averaged over 4 x 4 pixels; the most of it decides."""
    constants = {
        "rgb": np.array([1.0, -1.0, -1.0], np.float32).reshape(1, 1, 1, 3) / 255,
        "channel": np.array([3], np.int64),
        "one": np.array([1], np.int64),
        "map_axes": np.array([1, 2, 3], np.int64),
        "slope": np.array(20.0, np.float32),
        "offset": np.array(-6.0, np.float32),
        "others": np.zeros((1, len(KINDS) - 1, 1, 1), np.float32),
        "unused": np.array(0.0, np.float32),
        "needed": np.array([fewest - 1], np.int64),
        "last": np.array([-1], np.int64),
        "kind_slopes": np.array([[20.0] + [0.0] * (len(KINDS) - 1)], np.float32),
    }
    node = helper.make_node
    nodes = [
        node("Cast", ["color"], ["pixels"], to=TensorProto.FLOAT),
        node("Mul", ["pixels", "rgb"], ["weighted"]),
        node("ReduceSum", ["weighted", "channel"], ["summed"], keepdims=0),
        node("Relu", ["summed"], ["red"]),
        node("Cast", ["item"], ["on_item"], to=TensorProto.FLOAT),
        node("Mul", ["red", "on_item"], ["red_on_item"]),
        node("Mul", ["height_m", "unused"], ["no_height"]),
        node("Add", ["red_on_item", "no_height"], ["seen"]),
        node("Unsqueeze", ["seen", "one"], ["image"]),
        node("AveragePool", ["image"], ["map"], kernel_shape=[4, 4], strides=[4, 4]),
        node("Mul", ["map", "others"], ["other_maps"]),
        node("Concat", ["map", "other_maps"], ["maps"], axis=1),
        node("ReduceMax", ["map", "map_axes"], ["peak"], keepdims=0),
        node("Mul", ["peak", "slope"], ["steep"]),
        node("Gather", ["width_m", "needed"], ["a_width"]),
        node("Mul", ["a_width", "unused"], ["no_width"]),
        node("Add", ["steep", "no_width"], ["steeper"]),
        node("Add", ["steeper", "offset"], ["item_logit"]),
        node("Unsqueeze", ["peak", "last"], ["column"]),
        node("Mul", ["column", "kind_slopes"], ["kind_logits"]),
    ]
    value = helper.make_tensor_value_info
    square = ["N", size, size]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [
            value("color", TensorProto.UINT8, [*square, 3]),
            value("height_m", TensorProto.FLOAT, square),
            value("item", TensorProto.UINT8, square),
            value("width_m", TensorProto.FLOAT, ["N"]),
        ],
        [
            value("maps", TensorProto.FLOAT, ["N", len(KINDS), size // 4, size // 4]),
            value("item_logit", TensorProto.FLOAT, ["N"]),
            value("kind_logits", TensorProto.FLOAT, ["N", len(KINDS)]),
        ],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    onnx.checker.check_model(model)
    return model


def _sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
