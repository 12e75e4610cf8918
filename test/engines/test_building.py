"""NVIDIA's own parser and builder take the graphs that are shipped; neither needs a GPU."""

import numpy as np
import onnx
import pytest

from damage_perception.engines.building import Profile, build_engine
from damage_perception.engines.library import find_library
from damage_perception.network import BackendError, ModelCard
from damage_perception.network.contract import INPUTS
from damage_perception.network.model_card import GRAPHS

pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx-cu13 is not installed")


@pytest.fixture(scope="module")
def library():
    return find_library(["tensorrt_rtx"])


# The graph of int8 is for a CPU; the symmetric one is that for a GPU.
@pytest.mark.parametrize("name", [name for name in GRAPHS if name != "int8"])
def test_every_graph_for_a_gpu_builds_for_one_to_sixteen_views(shipped_card, library, name):
    card = ModelCard.load(shipped_card)
    if name not in card.graphs:
        pytest.skip(f"the shipped model has no {name} graph: its card says why")
    seen = []
    built = build_engine(
        library,
        card.graphs[name],
        Profile(dict.fromkeys(INPUTS, (1, 1, 16))),
        progress=lambda phase, share: seen.append((phase, share)),
    )
    assert len(built.engine) > 1_000_000
    assert seen and all(0 <= share <= 1 for _, share in seen)


def test_the_comparison_builds_for_as_many_cells_as_a_bank_holds(shipped_card, library):
    profile = Profile({"view": (1, 200, 400), "references": (1, 600, 1200)})
    built = build_engine(library, ModelCard.load(shipped_card).comparer, profile)
    assert len(built.engine) > 100_000


def test_a_graph_that_is_none_is_refused_in_the_words_of_the_parser(tmp_path, library):
    path = tmp_path / "graph.onnx"
    path.write_bytes(b"no graph")
    with pytest.raises(BackendError, match=r"tensorrt_rtx [\d.]+ cannot parse .*graph.onnx: .+"):
        build_engine(library, path, Profile({}))


def test_a_layer_that_it_does_not_know_is_named(tmp_path, library):
    node = onnx.helper.make_node("Unheard", ["x"], ["y"], domain="of")
    of_x, of_y = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xy"
    )
    graph = onnx.helper.make_graph([node], "graph", [of_x], [of_y])
    opsets = [onnx.helper.make_opsetid("", 18), onnx.helper.make_opsetid("of", 1)]
    path = tmp_path / "graph.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets), path)
    with pytest.raises(BackendError, match="Unheard"):
        build_engine(library, path, Profile({}))


def test_a_profile_of_other_inputs_is_refused(shipped_card, library):
    with pytest.raises(BackendError, match=r"leaves the size of .*color.* open; .* of view"):
        build_engine(
            library, ModelCard.load(shipped_card).graphs["fp32"], Profile({"view": (1, 1, 1)})
        )


def test_the_calls_that_only_a_gpu_answers_are_there(library):
    calls = {
        "ICudaEngine": "create_execution_context get_tensor_dtype get_tensor_mode get_tensor_name "
        "get_tensor_shape num_io_tensors",
        "IExecutionContext": "execute_async_v3 get_tensor_shape set_input_shape set_tensor_address",
        "Runtime": "deserialize_cuda_engine",
        "TensorIOMode": "INPUT",
    }
    for kind, names in calls.items():
        for name in names.split():
            assert hasattr(getattr(library.module, kind), name)
    assert library.module.nptype(library.module.DataType.FLOAT) == np.float32
    assert library.module.nptype(library.module.DataType.UINT8) == np.uint8
