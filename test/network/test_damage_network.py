"""A model loads whole and right, or says why not."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import yaml

from damage_perception.kinds import KINDS
from damage_perception.network import (
    BackendError,
    DamageNetwork,
    Embedding,
    ModelCard,
    ModelCardError,
)
from damage_perception.network.bank import Bank
from damage_perception.network.comparison import ReferenceCalibration
from damage_perception.network.contract import (
    CELLS,
    COMPARED_CHANNELS,
    DESCRIPTOR,
    map_cells_along,
)
from damage_perception.network.damage_network import self_test_difference
from damage_perception.network.model_card import GRAPHS
from damage_perception.network.operating_point import find_operating_point_of_worlds
from damage_perception.training.calibration import good_items, worlds_section
from damage_perception.view import UNKNOWN_HEIGHT_M, View, Window


@pytest.fixture(scope="module")
def network(shipped_card):
    return DamageNetwork.load(shipped_card)


def edit(card_path, change):
    card = yaml.safe_load(card_path.read_text())
    change(card)
    card_path.write_text(yaml.safe_dump(card))


def rehash(card_path):
    def change(card):
        graph = card["graphs"]["fp32"]
        content = (card_path.parent / graph["file"]).read_bytes()
        graph["sha256"] = hashlib.sha256(content).hexdigest()

    edit(card_path, change)


def blank_view(size, height=0.0):
    return View(
        np.full((size, size, 3), 128, np.uint8),
        np.full((size, size), height, np.float32),
        np.ones((size, size), np.uint8),
        0.4,
        Window(0, 0, size),
    )


def noisy_views(size, count):
    rng = np.random.default_rng(0)
    return [
        replace(blank_view(size), color=rng.integers(0, 256, (size, size, 3), np.uint8))
        for _ in range(count)
    ]


def test_what_the_encoder_sees_weighs_in_a_comparison(network):
    seen, *references = network.embed(noisy_views(network.view_size, 4))
    bank = Bank.of(references)
    strange = replace(seen, given=seen.cells.copy(), metric=None)
    strange.cells[:, COMPARED_CHANNELS:] *= -1
    differ = bank.distance(strange.looks) - bank.distance(seen.looks)
    said = [network.compare(one, bank).log_odds for one in (seen, strange)]
    assert differ > 0.1
    weight = network.card.references.calibration.excess
    assert said[1] - said[0] == pytest.approx(weight * differ, rel=1e-3)


def test_references_of_another_model_are_named(network):
    [seen] = network.embed(noisy_views(network.view_size, 1))
    old = Embedding(seen.cells[:, :COMPARED_CHANNELS], seen.where, seen.descriptor)
    with pytest.raises(BackendError, match=r"another model.*reembed"):
        network.compare(seen, Bank.of([old]))


def test_one_reference_is_weighed_otherwise_than_several():
    card = {"logit": 0.9, "excess": 0.5, "offset": 0.1, "alone": 0.2, "alone_offset": 1.0}
    calibration = ReferenceCalibration.parse(card)
    assert calibration.log_odds(2.0, -1.0, -3.0) == pytest.approx(2.9)
    assert calibration.log_odds(2.0, -1.0, None) == pytest.approx(2.7)
    with pytest.raises(KeyError, match="alone"):
        ReferenceCalibration.parse({"logit": 0.9, "excess": 0.5, "offset": 0.1})


def test_assessments_do_not_depend_on_the_batch(network):
    rng = np.random.default_rng(0)
    size = network.view_size
    views = [
        replace(
            blank_view(size),
            color=rng.integers(0, 255, (size, size, 3), np.uint8),
            height_m=rng.random((size, size), np.float32) / 10,
        )
        for _ in range(3)
    ]
    together = network.assess(views)
    alone = [network.assess([view])[0] for view in views]
    for a, b in zip(together, alone, strict=True):
        assert a.probability == pytest.approx(b.probability, abs=1e-4)
        assert a.maps == pytest.approx(b.maps, abs=1e-3)
        assert a.maps.shape == (len(KINDS), map_cells_along(size), map_cells_along(size))
        assert a.maps.min() >= 0 and a.maps.max() <= 1
    assert network.assess([]) == []


def test_a_view_without_depth_is_assessed(network):
    view = replace(blank_view(network.view_size, UNKNOWN_HEIGHT_M), width_m=0.0)
    (assessment,) = network.assess([view])
    assert np.isfinite(assessment.logit)


def test_operating_points_fall_with_the_false_diverts_allowed(network):
    points = [network.card.operating_point(rate).threshold for rate in (1, 5, 20, 50)]
    assert points == sorted(points, reverse=True)
    assert points[-1] > 0 and points[0] < 1


@pytest.mark.parametrize("rate", [0, -1, 0.01, 500, 1000, float("nan")])
def test_an_operating_point_that_the_card_cannot_show_is_refused(network, rate):
    with pytest.raises(ValueError, match="false_diverts_per_1000"):
        network.card.operating_point(rate)


def test_an_operating_point_diverts_no_more_good_items_than_asked(network):
    card = network.card
    for rate in (2, 10, 40):
        diverted = (card.good.highest >= card.operating_point(rate).threshold).sum()
        assert diverted <= card.good.count * rate / 1000


def test_a_card_may_tell_worlds_apart_and_know_how_colour_alone_scores(model_copy):
    content = yaml.safe_load(model_copy.read_text())
    for section in ("worlds", "good_items_without_depth"):
        content.pop(section, None)
    model_copy.write_text(yaml.safe_dump(content))
    before = ModelCard.load(model_copy)
    assert before.operating_point(5, without_depth=True) == before.operating_point(5)
    rng = np.random.default_rng(0)
    families = {f"family {i}": rng.logistic(-4 + i / 3, 0.8, 500) for i in range(4)}
    blurred = rng.logistic(-2, 0.8, 3000)
    content["worlds"] = worlds_section(families)
    content["good_items_without_depth"] = good_items(blurred, np.zeros(3000, bool))
    model_copy.write_text(yaml.safe_dump(content))
    card = ModelCard.load(model_copy)
    assert card.operating_point(5) == find_operating_point_of_worlds(card.good.worlds, 5)
    assert [world.count for world in card.good.worlds] == [500] * 4
    without = card.operating_point(5, without_depth=True)
    scores = 1 / (1 + np.exp(-blurred))
    assert (scores >= without.threshold).sum() == 15
    assert card.operating_point(5, compared=True, without_depth=True) == before.operating_point(
        5, compared=True
    )
    # Colour alone may have worlds of its own, and too few of them are said.
    content["good_items_without_depth"]["worlds"] = content["worlds"][:2]
    model_copy.write_text(yaml.safe_dump(content))
    with pytest.raises(ModelCardError, match="2 of them; expected 3 or more"):
        ModelCard.load(model_copy)


def test_a_missing_card_is_named(tmp_path):
    with pytest.raises(ModelCardError, match=r"nowhere\.yaml cannot be read"):
        DamageNetwork.load(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("content", ["", "[1, 2]", "kinds: 3", "{unclosed", "\x00"])
def test_a_garbled_card_is_refused(tmp_path, content):
    path = tmp_path / "card.yaml"
    path.write_text(content)
    with pytest.raises(ModelCardError, match=r"card\.yaml"):
        DamageNetwork.load(path)


def test_a_missing_graph_is_named(model_copy):
    (model_copy.parent / "damage_net.onnx").unlink()
    with pytest.raises(ModelCardError, match=r"damage_net\.onnx.*missing"):
        DamageNetwork.load(model_copy)


def test_a_truncated_graph_is_refused(model_copy):
    graph = model_copy.parent / "damage_net.onnx"
    graph.write_bytes(graph.read_bytes()[:100_000])
    with pytest.raises(ModelCardError, match="sha256"):
        DamageNetwork.load(model_copy)
    rehash(model_copy)
    with pytest.raises(BackendError, match="cannot be loaded"):
        DamageNetwork.load(model_copy)


def test_a_graph_for_another_view_size_is_refused(model_copy):
    edit(model_copy, lambda card: card["input"].update(view_size=128))
    with pytest.raises(BackendError, match="takes the inputs"):
        DamageNetwork.load(model_copy)


def test_a_graph_without_an_output_is_refused(model_copy):
    onnx = pytest.importorskip("onnx", reason="onnx is needed to spoil the graph")
    graph = model_copy.parent / "damage_net.onnx"
    model = onnx.load(str(graph))
    del model.graph.output[-1]
    onnx.save(model, str(graph))
    rehash(model_copy)
    with pytest.raises(BackendError, match="no output descriptor"):
        DamageNetwork.load(model_copy)


def test_a_graph_with_other_weights_fails_its_self_test(model_copy):
    onnx = pytest.importorskip("onnx", reason="onnx is needed to spoil the weights")
    graph = model_copy.parent / "damage_net.onnx"
    model = onnx.load(str(graph))
    weights = max(model.graph.initializer, key=lambda tensor: np.prod(tensor.dims))
    spoilt = np.zeros(weights.dims, np.float32)
    weights.CopyFrom(onnx.numpy_helper.from_array(spoilt, weights.name))
    onnx.save(model, str(graph))
    rehash(model_copy)
    with pytest.raises(BackendError, match="self-test"):
        DamageNetwork.load(model_copy)


def test_each_graph_of_the_shipped_model_passes_its_self_test(shipped_card):
    graphs = ModelCard.load(shipped_card).graphs
    assert "fp32" in graphs and set(graphs) <= set(GRAPHS)
    for precision in graphs:
        network = DamageNetwork.load(shipped_card, precision=precision)
        assert network.backend == f"onnxruntime-cpu-{precision}"


def test_outputs_that_are_no_numbers_fail_the_self_test():
    expected = {"probability": np.array([0.5]), "maps_mean": np.zeros((1, len(KINDS)))}
    for name in expected:
        found = expected | {name: np.full_like(expected[name], np.nan)}
        assert np.isnan(self_test_difference(found, expected))
    assert self_test_difference(expected, expected) == 0


def test_a_precision_that_the_model_does_not_have_is_named(model_copy):
    edit(model_copy, lambda card: card["graphs"].pop("int8", None))
    with pytest.raises(ModelCardError, match=r"no graph in int8; it has .*fp32"):
        DamageNetwork.load(model_copy, precision="int8")


@pytest.mark.parametrize(
    ("kinds", "complaint"),
    [
        (["scratch"], "knows none: scratch"),
        (["tear", "tear", *KINDS], "name tear twice"),
        ([], "expected names"),
        (["tear", ""], "expected names"),
        (["tear", 3], "expected names"),
        ("tear", "expected a list"),
        (None, "expected a list"),
    ],
)
def test_kinds_that_name_no_channels_are_refused(model_copy, kinds, complaint):
    edit(model_copy, lambda card: card.update(kinds=kinds))
    with pytest.raises(ModelCardError, match=rf"damage_net\.yaml .*{complaint}"):
        ModelCard.load(model_copy)


def test_a_card_with_more_kinds_than_its_graph_has_channels_is_refused(model_copy):
    edit(model_copy, lambda card: card["kinds"].append("scratch"))
    with pytest.raises(BackendError, match=r"gives maps as .*; expected \(None, 7, 80, 80\)"):
        DamageNetwork.load(model_copy)


def test_a_graph_whose_outputs_have_other_shapes_is_refused(model_copy):
    onnx = pytest.importorskip("onnx", reason="onnx is needed to spoil the graph")
    graph = model_copy.parent / "damage_net.onnx"
    model = onnx.load(str(graph))
    names = {CELLS: DESCRIPTOR, DESCRIPTOR: CELLS}
    for entry in (*model.graph.output, *model.graph.value_info):
        entry.name = names.get(entry.name, entry.name)
    for node in model.graph.node:
        for side in (node.input, node.output):
            side[:] = [names.get(name, name) for name in side]
    onnx.save(model, str(graph))
    rehash(model_copy)
    with pytest.raises(BackendError, match=r"gives cells as \(4, 128\); expected"):
        DamageNetwork.load(model_copy)


def test_a_comparer_of_other_cells_is_refused(model_copy):
    onnx = pytest.importorskip("onnx", reason="onnx is needed to make another graph")
    make = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["view"], ["change"])],
        "narrow",
        [make("view", 1, ["n", 64])],
        [make("change", 1, ["n", 64])],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)])
    model.ir_version = 9
    card = yaml.safe_load(model_copy.read_text())
    path = model_copy.parent / card["references"]["comparer"]["file"]
    onnx.save(model, str(path))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    edit(model_copy, lambda card: card["references"]["comparer"].update(sha256=sha256))
    with pytest.raises(BackendError, match=r"compare\.onnx takes the inputs .*64"):
        DamageNetwork.load(model_copy)
