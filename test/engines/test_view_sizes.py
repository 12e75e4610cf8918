"""A model of any size of view, from PyTorch to engines."""

import hashlib
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from simulated_device import simulated_backend

torch = pytest.importorskip("torch", reason="training needs PyTorch: make training")
pytest.importorskip("embreex", reason="training needs embreex")

from product_views import product_views  # noqa: E402

from damage_perception.engines.building import Built, build_engine  # noqa: E402
from damage_perception.engines.library import find_library  # noqa: E402
from damage_perception.gallery.store.codec import decode_embedding, encode_embedding  # noqa: E402
from damage_perception.network import DamageNetwork, OnnxRuntimeSession  # noqa: E402
from damage_perception.network.bank import Bank  # noqa: E402
from damage_perception.network.contract import (  # noqa: E402
    CELLS,
    INPUTS,
    MAPS,
    MOST_REFERENCE_CELLS,
    VIEW,
    cells_along,
    map_cells_along,
    most_compared,
)
from damage_perception.network.damage_network import digest  # noqa: E402
from damage_perception.training.graphs import Exported, write_graph  # noqa: E402
from damage_perception.training.model import DamageNet  # noqa: E402
from damage_perception.view import View, Window  # noqa: E402

SIZES = (192, 384, 512, 640)


@pytest.fixture(scope="module", params=SIZES)
def model(request, shipped_card, tmp_path_factory):
    """An untrained network for views of one size, its graph, and a card for it."""
    size, folder = request.param, tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    network = DamageNet((8, 8, 16, 16, 16))
    write_graph(network, size, folder / "net.onnx")
    views = product_views(size, products=1, scenes=1)
    inputs = {name: np.asarray(getattr(views, name)) for name in INPUTS}
    inputs["height_m"] = inputs["height_m"].astype(np.float32)
    np.savez(
        folder / "test.npz", **inputs, **digest(OnnxRuntimeSession(folder / "net.onnx").run(inputs))
    )
    card = yaml.safe_load(shipped_card.read_text())
    del card["finder"]
    for name in ("comparer", "metric"):
        file = shipped_card.parent / card["references"][name]["file"]
        (folder / file.name).write_bytes(file.read_bytes())
    card["graphs"] = {"fp32": named(folder / "net.onnx")}
    card["self_test"] = named(folder / "test.npz")
    card["input"]["view_size"] = size
    (folder / "net.yaml").write_text(yaml.safe_dump(card))
    return SimpleNamespace(
        size=size,
        network=network,
        inputs=inputs,
        path=folder / "net.onnx",
        card=folder / "net.yaml",
    )


def named(path):
    return {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def filled(size, seed=0):
    """A view that shows nothing but the item: more cells there are not."""
    rng = np.random.default_rng(seed)
    color = rng.integers(0, 255, (size, size, 3), np.uint8)
    height_m = np.full((size, size), 0.1, np.float32)
    return View(color, height_m, np.ones((size, size), np.uint8), 0.4, Window(0, 0, size))


@pytest.mark.slow
def test_the_graph_gives_what_pytorch_gives(model):
    found = OnnxRuntimeSession(model.path).run(model.inputs)
    given = (torch.from_numpy(model.inputs[name]) for name in INPUTS)
    with torch.no_grad():
        expected = Exported(model.network).eval()(*given)
    assert found[CELLS].shape[1:3] == (cells_along(model.size),) * 2
    assert found[MAPS].shape[2:] == (map_cells_along(model.size),) * 2
    for name, part in zip(found, expected, strict=True):
        np.testing.assert_allclose(found[name], part.numpy(), atol=1e-3, err_msg=name)


@pytest.mark.slow
def test_engines_compare_all_cells_of_a_view_with_as_many_as_a_bank_holds(model, tmp_path):
    on_engine = DamageNetwork.load(model.card, backend=simulated_backend(tmp_path))
    on_cpu = DamageNetwork.load(model.card)
    seen, *others = (
        assessment.embedding
        for assessment in on_engine.assess([filled(model.size, seed) for seed in range(10)])
    )
    assert len(seen.cells) == cells_along(model.size) ** 2
    bank = Bank.of(others)
    assert len(bank.compared) == min(MOST_REFERENCE_CELLS, 9 * len(seen.cells))
    found, expected = (network.compare(seen, bank) for network in (on_engine, on_cpu))
    assert found.log_odds == pytest.approx(expected.log_odds, abs=1e-3)
    assert found.change.shape == (len(seen.cells),)


@pytest.mark.slow
def test_a_gallery_keeps_where_the_cells_of_a_view_lie(model):
    [assessment] = DamageNetwork.load(model.card).assess([filled(model.size)])
    kept = decode_embedding(encode_embedding(assessment.embedding))
    rows = np.argwhere(np.ones((cells_along(model.size),) * 2))
    np.testing.assert_array_equal(kept.where, rows)


@pytest.mark.slow
@pytest.mark.parametrize("model", (192, 640), indirect=True)
def test_nvidia_builds_what_the_node_asks_for(model, tmp_path):
    pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx-cu13 is not installed")
    library = find_library(["tensorrt_rtx"])
    engines = {}

    def build(_, graph, profile, *rest):
        engines[graph.name] = (profile.sizes, build_engine(library, graph, profile, *rest).engine)
        return Built(str(graph).encode())

    DamageNetwork.load(model.card, backend=simulated_backend(tmp_path, build=build))
    (views, network), (cells, comparer) = engines.values()
    assert set(views) == set(INPUTS) and cells[VIEW][2] == cells_along(model.size) ** 2
    assert len(network) > 100_000 and len(comparer) > 100_000


def test_the_engines_of_the_shipped_model_stay_what_they_were():
    assert most_compared(320) == {"view": 400, "references": 1200}
