"""What both graphs take and give stands in one place, and the shipped model keeps to it."""

import numpy as np
import pytest
import yaml

from damage_perception.network import ModelCard, OnnxRuntimeSession
from damage_perception.network.contract import (
    COMPARER_INPUTS,
    COMPARER_OUTPUTS,
    EMBEDDINGS,
    INPUTS,
    ITEM_LOGIT,
    KIND_LOGITS,
    MAPS,
    OUTPUTS,
    card_sections,
    input_problem,
    output_problem,
)


def test_the_card_of_the_shipped_model_says_what_the_contract_says(shipped_card):
    card = yaml.safe_load(shipped_card.read_text())
    sections = card_sections(card["input"]["view_size"])
    for name in ("kinds", "input", "output"):
        assert card[name] == sections[name]
    assert list(sections["comparer_input"]) == list(COMPARER_INPUTS)
    assert sections["comparer_output"]["change"].startswith("float32 (n,), 0..1")


def test_the_graphs_of_the_shipped_model_keep_the_contract(shipped_card):
    card = ModelCard.load(shipped_card)
    network, comparer = OnnxRuntimeSession(card.graphs["fp32"]), OnnxRuntimeSession(card.comparer)
    assert input_problem(network.inputs(), INPUTS, card.view_size) == ""
    assert input_problem(comparer.inputs(), COMPARER_INPUTS, card.view_size) == ""
    assert network.outputs() == (*OUTPUTS, *EMBEDDINGS)
    assert comparer.outputs() == tuple(COMPARER_OUTPUTS)
    found = comparer.run({name: np.zeros((3, 128), np.float32) for name in COMPARER_INPUTS})
    assert output_problem(found, COMPARER_OUTPUTS, card.view_size, 6) == ""


def test_shapes_follow_from_the_size_of_a_view_and_the_number_of_kinds():
    assert OUTPUTS[MAPS].shape(320, kinds=7) == (None, 7, 80, 80)
    assert EMBEDDINGS["cells"].shape(192) == (None, 12, 12, 256)


@pytest.mark.parametrize(
    ("name", "shape"), [(MAPS, (2, 6, 16)), (MAPS, (2, 5, 16, 16)), (KIND_LOGITS, (2, 7))]
)
def test_an_output_of_another_shape_is_named(name, shape):
    good = {MAPS: (2, 6, 16, 16), ITEM_LOGIT: (2,), KIND_LOGITS: (2, 6)}
    found = {each: np.zeros(size) for each, size in (good | {name: shape}).items()}
    assert output_problem(found, OUTPUTS, 64, 6).startswith(f"gives {name} as {shape}; expected")
