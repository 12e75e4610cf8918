"""A tiny network with the contract of the shipped one, that calls red on the item damage.

Where it compares with references, it compares mean colours: one for each cell of the view.
"""

import hashlib

import numpy as np
import onnx
import onnxruntime
import yaml
from onnx import TensorProto, helper, numpy_helper

from damage_perception.kinds import KINDS
from damage_perception.network.contract import (
    CELL_CHANNELS,
    CELL_STRIDE,
    COMPARER_INPUTS,
    COMPARER_OUTPUTS,
    DESCRIPTOR_CHANNELS,
    EMBEDDINGS,
    INPUTS,
    LOOK_CHANNELS,
    MAP_STRIDE,
    OUTPUTS,
)

VIEW_SIZE = 64


def write_model(folder, fewest=1, view_size=VIEW_SIZE, references=False, kinds=KINDS):
    """Writes graph, self-test and card into ``folder``; the path of the card.

    fewest      views of a pass with less than which the graph fails; the self-test has two
    references  whether the model compares with them
    kinds       in the card; red is damage of the first
    """
    folder.mkdir(parents=True, exist_ok=True)
    graph = folder / "tiny.onnx"
    onnx.save(_graph(view_size, fewest, references, len(kinds)), str(graph))
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
        "kinds": list(kinds),
        "graphs": {"fp32": {"file": graph.name, "sha256": _sha256(graph)}},
        "self_test": {"file": self_test.name, "sha256": _sha256(self_test)},
        "input": {"view_size": view_size},
        "calibration": {"id": "tiny-calibration", "scale": 1.0, "offset": 0.0},
        "good_items": {"count": 1000, "highest_confidences": np.linspace(0.2, 0.5, 100).tolist()},
    }
    if references:
        comparer = folder / "tiny_compare.onnx"
        onnx.save(_comparer(), str(comparer))
        metric = folder / "tiny_metric.npy"
        np.save(metric, np.eye(LOOK_CHANNELS, CELL_CHANNELS, dtype=np.float32))
        card["references"] = {
            "comparer": {"file": comparer.name, "sha256": _sha256(comparer)},
            "metric": {"file": metric.name, "sha256": _sha256(metric)},
            "calibration": {
                "logit": 1.0,
                "excess": 0.0,
                "offset": 0.0,
                "alone": 0.0,
                "alone_offset": 0.0,
            },
            "fusion": {"supervised": 1.0, "references": 2.4, "offset": 0.0, "used": True},
            "identification": {"cosine": 20.0, "lead": 10.0, "offset": -18.0},
            "same": {"logit": 1.0, "cosine": 0.0, "least": 0.0},
            "good_items": card["good_items"],
        }
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(card))
    return path


def _graph(size, fewest, references, kinds):
    """Redness on the item, averaged over cells of the maps; the most of it decides."""
    constants = {
        "rgb": np.array([1.0, -1.0, -1.0], np.float32).reshape(1, 1, 1, 3) / 255,
        "channel": np.array([3], np.int64),
        "one": np.array([1], np.int64),
        "map_axes": np.array([1, 2, 3], np.int64),
        "slope": np.array(20.0, np.float32),
        "offset": np.array(-6.0, np.float32),
        "others": np.zeros((1, kinds - 1, 1, 1), np.float32),
        "unused": np.array(0.0, np.float32),
        "needed": np.array([fewest - 1], np.int64),
        "last": np.array([-1], np.int64),
        "kind_slopes": np.array([[20.0] + [0.0] * (kinds - 1)], np.float32),
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
        node("AveragePool", ["image"], ["map"], **_pooled(MAP_STRIDE)),
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
    if references:
        constants |= _embedding_constants()
        nodes += _embedding_nodes()
    outputs = {**OUTPUTS, **(EMBEDDINGS if references else {})}
    graph = helper.make_graph(
        nodes,
        "tiny",
        _values(INPUTS, size, kinds),
        _values(outputs, size, kinds),
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return _model(graph)


def _embedding_constants():
    first = np.eye(3, CELL_CHANNELS, dtype=np.float32)
    differences = np.array([[1, 0, -1], [-1, 1, 0], [0, -1, 1]], np.float32)
    bias = np.zeros(DESCRIPTOR_CHANNELS, np.float32)
    bias[3] = 0.02
    return {
        "full_scale": np.array(255.0, np.float32),
        "first_channels": first,
        "color_differences": differences @ np.eye(3, DESCRIPTOR_CHANNELS, dtype=np.float32),
        # Of what is grey, which has no colour to tell it by.
        "grey": bias,
        "sides": np.array([2, 3], np.int64),
    }


def _embedding_nodes():
    """Mean colours of cells; what the whole view's colour is, without its brightness."""
    node = helper.make_node
    return [
        node("Div", ["pixels", "full_scale"], ["bright"]),
        node("Transpose", ["bright"], ["planes"], perm=[0, 3, 1, 2]),
        node("AveragePool", ["planes"], ["means"], **_pooled(CELL_STRIDE)),
        node("Transpose", ["means"], ["colors"], perm=[0, 2, 3, 1]),
        node("MatMul", ["colors", "first_channels"], ["cells"]),
        node("ReduceMean", ["planes", "sides"], ["mean"], keepdims=0),
        node("MatMul", ["mean", "color_differences"], ["tone"]),
        node("Add", ["tone", "grey"], ["toned"]),
        node("LpNormalization", ["toned"], ["descriptor"], axis=-1, p=2),
    ]


def _comparer():
    """The cell farthest from all references decides on damage, the mean on the product."""
    constants = {
        "first": np.array([0], np.int64),
        "second": np.array([1], np.int64),
        "last": np.array([2], np.int64),
        "visible": np.array(2.0, np.float32),
        "none": np.array(0.0, np.float32),
        "all": np.array(1.0, np.float32),
        "damage_slope": np.array(20.0, np.float32),
        "damage_offset": np.array(-3.0, np.float32),
        "same_slope": np.array(-8.0, np.float32),
        "same_offset": np.array(3.0, np.float32),
    }
    node = helper.make_node
    nodes = [
        node("Unsqueeze", ["view", "second"], ["each"]),
        node("Unsqueeze", ["references", "first"], ["every"]),
        node("Sub", ["each", "every"], ["differences"]),
        node("Abs", ["differences"], ["distances"]),
        node("ReduceSum", ["distances", "last"], ["distance"], keepdims=0),
        node("ReduceMin", ["distance", "second"], ["nearest"], keepdims=0),
        node("ReduceMin", ["distance", "first"], ["matched"], keepdims=0),
        node("Mul", ["nearest", "visible"], ["seen"]),
        node("Clip", ["seen", "none", "all"], ["change"]),
        node("Mul", ["matched", "visible"], ["unseen"]),
        node("Clip", ["unseen", "none", "all"], ["missing"]),
        node("ReduceMax", ["nearest", "first"], ["farthest"], keepdims=1),
        node("Mul", ["farthest", "damage_slope"], ["steep"]),
        node("Add", ["steep", "damage_offset"], ["item_logit"]),
        node("ReduceMean", ["nearest", "first"], ["average"], keepdims=1),
        node("Mul", ["average", "same_slope"], ["other"]),
        node("Add", ["other", "same_offset"], ["same_logit"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny_compare",
        _values(COMPARER_INPUTS),
        _values(COMPARER_OUTPUTS),
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return _model(graph)


def _pooled(stride):
    return {"kernel_shape": [stride, stride], "strides": [stride, stride]}


def _values(arrays, size=VIEW_SIZE, kinds=0):
    """What the contract says of inputs or outputs, as ONNX says it."""
    return [
        helper.make_tensor_value_info(
            name,
            helper.np_dtype_to_tensor_dtype(np.dtype(array.dtype)),
            [
                called if along is None else along
                for along, called in zip(array.shape(size, kinds), array.dimensions, strict=True)
            ],
        )
        for name, array in arrays.items()
    ]


def _model(graph):
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    onnx.checker.check_model(model)
    return model


def _sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
