"""From rendered views to a model that the node loads."""

import copy
from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest
import yaml
from image_folder import write_folder, write_labels

torch = pytest.importorskip("torch", reason="training needs PyTorch: make training")
pytest.importorskip("embreex", reason="training data needs embreex")

from product_views import product_views  # noqa: E402
from torch.nn import functional  # noqa: E402

from damage_perception.kinds import KINDS  # noqa: E402
from damage_perception.network import (  # noqa: E402
    DamageNetwork,
    Embedding,
    ModelCard,
    OnnxRuntimeSession,
)
from damage_perception.network.contract import (  # noqa: E402
    COMPARED_CHANNELS,
    EMBEDDINGS,
    INPUTS,
    ITEM_LOGIT,
    LARGEST_VIEW,
    LOOK_CHANNELS,
    MAP_STRIDE,
    OUTPUTS,
    REFERENCES,
    SAME_LOGIT,
    SEEN_CHANNELS,
    SMALLEST_VIEW,
    VIEW,
    VIEW_STEP,
    cells_along,
    map_cells_along,
)
from damage_perception.simulation.split import Split  # noqa: E402
from damage_perception.training import augment  # noqa: E402
from damage_perception.training.augment import Variation  # noqa: E402
from damage_perception.training.batch import draw_batch  # noqa: E402
from damage_perception.training.calibration import fit_calibration  # noqa: E402
from damage_perception.training.config import TrainingConfig  # noqa: E402
from damage_perception.training.describer import DESCRIBED_SIZE  # noqa: E402
from damage_perception.training.graphs import Exported  # noqa: E402
from damage_perception.training.looks import fit_looks  # noqa: E402
from damage_perception.training.losses import whole_loss  # noqa: E402
from damage_perception.training.model import DamageNet, Preprocess  # noqa: E402
from damage_perception.training.optimizer import MuonAdamW  # noqa: E402
from damage_perception.training.reference_card import (  # noqa: E402
    FUSION_LOSS,
    SIMULATED,
    SeenViews,
    reference_card,
)
from damage_perception.training.run import Run, drawn_ahead  # noqa: E402
from damage_perception.training.start import start_from  # noqa: E402
from damage_perception.training.train import train  # noqa: E402
from damage_perception.training.views import UNKNOWN_KIND, LabelledViews, render_views  # noqa: E402

CONFIG = """
seed: 3
train_views: 24
validation_views: 12
calibration_views: 120
batch: 8
validate_every: 2
stages:
  - {view_size: 256, samples: 16, learning_rate: 0.001}
  - {view_size: 192, samples: 8, learning_rate: 0.001}
describer: {samples: 24, learning_rate: 0.001, products: 4}
"""


VIEW_SIZES = range(SMALLEST_VIEW, LARGEST_VIEW + 1, VIEW_STEP)


def views_of(color, height_m, item, kinds, damaged):
    count, cells = len(damaged), kinds.shape[1]
    return LabelledViews(
        color=color,
        height_m=height_m,
        item=item,
        width_m=np.full(count, 0.4, np.float32),
        kinds=kinds,
        place_m=np.full((count, cells, cells, 3), np.nan, np.float16),
        damaged=np.asarray(damaged),
        product=np.full(count, -1, np.int32),
        scene=np.full(count, -1, np.int32),
    )


def inputs(size=64, count=2):
    return (
        torch.full((count, size, size, 3), 128, dtype=torch.uint8),
        torch.zeros(count, size, size),
        torch.zeros(count, size, size, dtype=torch.uint8),
        torch.full((count,), 0.4),
    )


def box_with_dent(scale=1.0):
    color, height, item, width = inputs()
    height[:, 16:48, 16:48] = 0.1 * scale
    height[:, 16:22, 16:22] = 0.09 * scale
    item[:, 16:48, 16:48] = 1
    return color, height, item, width * scale


def test_relief_shows_a_dented_corner_and_not_the_edge_of_the_item():
    _, shape = Preprocess()(*box_with_dent())
    fine, broad = shape[0, 1:3]
    assert broad[8:11, 8:11].mean() < -0.5
    whole_edge = torch.stack((fine[13:23, 23], broad[13:23, 23], broad[13:23, 24]))
    assert whole_edge.abs().max() < 0.2


def test_what_the_network_sees_does_not_depend_on_the_size_of_the_item():
    small, large = (Preprocess()(*box_with_dent(scale))[1] for scale in (0.3, 1.0))
    assert torch.allclose(small, large, atol=1e-4)


@cache
def drawn_finely():
    """A printed box, with a hole and without."""
    return product_views(1920, products=1, scenes=1)


def seen_at(size):
    """The same views made smaller, as the network takes them."""
    views = drawn_finely()

    def shrunk(images, how):
        return torch.from_numpy(
            np.stack([cv2.resize(image, (size, size), interpolation=how) for image in images])
        )

    height_m = shrunk(views.height_m.astype(np.float32), cv2.INTER_NEAREST)
    item = shrunk(views.item, cv2.INTER_NEAREST)
    return shrunk(views.color, cv2.INTER_AREA), height_m, item, torch.from_numpy(views.width_m)


@pytest.mark.parametrize("size", VIEW_SIZES)
def test_relief_means_the_same_at_every_size_of_a_view(size):
    usual, other = (Preprocess()(*seen_at(of))[1][:, 1:3] for of in (320, size))
    usual, other = (functional.adaptive_avg_pool2d(part, 16) for part in (usual, other))
    assert usual.abs().max() > 0.5
    assert (usual - other).abs().max() < 0.35


def test_products_look_the_same_at_every_size_of_a_view(shipped_card):
    model = DamageNet()
    start_from(ModelCard.load(shipped_card), model, seen_at(320))
    model.eval()

    @torch.no_grad()
    def descriptors(size):
        color, height_m, item, width_m = seen_at(size)
        return model.describer(*model.preprocess(color, height_m, item, width_m), width_m)

    # The size at which it is learned.
    usual = descriptors(DESCRIBED_SIZE)
    for size in VIEW_SIZES:
        assert (usual * descriptors(size)).sum(dim=1).min() > 0.995, size


@pytest.mark.parametrize("size", VIEW_SIZES)
def test_views_of_every_size_are_learned_from(size):
    torch.manual_seed(0)
    model = DamageNet((8, 8, 16, 16, 16))
    views = product_views(size, products=2, scenes=2)
    whole_loss(model, draw_batch(views, np.arange(len(views)), size)).backward()
    # The describer is learned apart, from the same views made smaller.
    learned = {
        name: w
        for name, w in model.named_parameters()
        if name.split(".")[0] not in ("describer", "looks")
    }
    assert [n for n, w in learned.items() if w.grad is None or not w.grad.isfinite().all()] == []
    assert model.comparer.item[0].weight.grad.abs().max() > 0


def test_a_view_without_depth_or_scale_is_like_one_without_height():
    color, height, item, width = box_with_dent()
    _, without_depth = Preprocess()(color, torch.full_like(height, -10.0), item, width)
    _, without_scale = Preprocess()(color, height, item, torch.zeros_like(width))
    assert torch.equal(without_depth, without_scale)
    assert without_depth[:, :4].abs().max() == 0


def test_the_network_answers_at_every_size_it_is_trained_at():
    model = DamageNet().eval()
    for size in VIEW_SIZES:
        maps, item, kinds, cells, looks = model(*inputs(size))
        assert cells.shape == (2, cells_along(size), cells_along(size), COMPARED_CHANNELS)
        assert looks.shape == (2, cells_along(size), cells_along(size), SEEN_CHANNELS)
        torch.testing.assert_close(looks.norm(dim=3), torch.ones(looks.shape[:3]))
        assert maps.shape == (2, len(KINDS), map_cells_along(size), map_cells_along(size))
        assert item.shape == (2,) and kinds.shape == (2, len(KINDS))


def test_the_optimizer_moves_every_weight_and_goes_on_from_its_state():
    color, *shape = inputs(128, 4)
    # Descriptors are of the item only.
    shape[1][:, 32:96, 32:96] = 1
    color = torch.randint(256, color.shape, dtype=torch.uint8)

    def steps(model, optimizer, count):
        for _ in range(count):
            model.zero_grad(set_to_none=True)
            maps, item, kinds, cells, descriptor = Exported(model)(color, *shape)
            compared = cells[..., :COMPARED_CHANNELS]
            found = model.comparer(compared[:2].flatten(1, 2), compared[2:].flatten(1, 2))
            loss = maps.square().mean() + item.sum() + kinds.square().sum()
            loss = loss + descriptor[:, :64].sum() + found.item.square().sum() + found.same.sum()
            (loss + found.change.square().sum() + found.missing.square().sum()).backward()
            optimizer.step(0.01)

    torch.manual_seed(0)
    model = DamageNet().to(memory_format=torch.channels_last)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    optimizer = MuonAdamW(model, 0.02)
    steps(model, optimizer, 1)
    still = [name for name, weight in model.named_parameters() if torch.equal(weight, before[name])]
    # Fitted at the end of a training, and never learned.
    assert still == ["looks.weight"]
    again = copy.deepcopy(model)
    resumed = MuonAdamW(again, 0.02)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for trained, its_optimizer in ((model, optimizer), (again, resumed)):
        torch.manual_seed(1)
        steps(trained, its_optimizer, 2)
    for one, other in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_processes_draw_what_a_thread_draws():
    def draw(step):
        return torch.full((3,), step), np.random.default_rng(step).random(2)

    steps = range(4, 11)
    for one, other in zip(
        drawn_ahead(draw, steps), drawn_ahead(draw, steps, processes=2), strict=True
    ):
        assert torch.equal(one[0], other[0]) and (one[1] == other[1]).all()


def test_varied_views_keep_damage_where_it_is(monkeypatch):
    # A glare or a shadow would hide the brightness that is looked for.
    monkeypatch.setattr(augment, "SHADED_SHARE", 0)
    size, count = 64, 40
    color = np.zeros((count, size, size, 3), np.uint8)
    side = map_cells_along(size)
    kinds = np.zeros((count, side, side), np.uint8)
    color[:, 40:56, 12:28] = 200
    kinds[:, 10:14, 3:7] = 3
    shape = (count, size, size)
    views = views_of(
        color, np.zeros(shape, np.float16), np.ones(shape, np.uint8), kinds, np.ones(count, bool)
    )
    rngs = np.random.default_rng(0).spawn(count)
    varied = [Variation(rng, seed) for seed, rng in enumerate(rngs)]
    batch = draw_batch(views, np.arange(count), 96, varied)
    bright = batch.inputs[0].float().mean(dim=3) > 110
    cells = bright.view(count, 24, MAP_STRIDE, 24, MAP_STRIDE).float().mean(dim=(2, 4)) > 0.5
    labelled = batch.maps[:, 2] > 0
    shared = (cells & labelled).sum(dim=(1, 2)) / (cells | labelled).sum(dim=(1, 2))
    # A part of the view may show nothing of the damage, and then is not labelled as if it did.
    shown = (cells | labelled).any(dim=(1, 2))
    assert shown.sum() >= 0.8 * count
    assert shared[shown].min() > 0.5
    assert shared[shown].mean() > 0.8


def test_twins_are_varied_alike():
    color = np.random.default_rng(1).integers(0, 255, (1, 64, 64, 3), np.uint8)
    height = np.random.default_rng(1).random((1, 64, 64)).astype(np.float16)
    views = views_of(
        *(np.repeat(part, 2, axis=0) for part in (color, height, color[..., 0] // 200)),
        np.zeros((2, 16, 16), np.uint8),
        [True, False],
    )

    def twice(seed):
        return [Variation(np.random.default_rng(seed), seed) for _ in range(2)]

    seen = set()
    for seed in range(60):
        batch = draw_batch(views, np.arange(2), 64, twice(seed))
        assert all(torch.equal(part[0], part[1]) for part in batch.inputs)
        heights = batch.inputs[1][0]
        seen.add("no depth" if (heights == -10).all() else "depth")
        if len(heights.unique()) < 700:
            seen.add("coarse")
    assert seen == {"no depth", "depth", "coarse"}


@pytest.mark.parametrize("bent", [0, 1])
def test_damage_is_written_into_pristine_views_anew_each_time(bent, monkeypatch):
    monkeypatch.setattr(augment, "BENT_SHARE", bent)
    rng = np.random.default_rng(2)
    item = np.zeros((1, 128, 128), np.uint8)
    item[:, 24:104, 24:104] = 1
    height = np.where(item, 0.1, 0).astype(np.float16)
    height[:, 30:36, 30:36] = -10
    color = rng.integers(90, 200, (1, 128, 128, 3), np.uint8)
    views = views_of(color, height, item, np.zeros((1, 32, 32), np.uint8), [False])
    rows = np.zeros(12, np.intp)
    spoil = {place: np.random.default_rng(place) for place in range(1, 12)}
    batch = draw_batch(views, rows, 128, None, spoil)
    color, height_m = (part.numpy() for part in batch.inputs[:2])
    assert batch.damaged.tolist() == [0.0] + [1.0] * 11
    assert not batch.maps[0].any() and (color[0] == views.color[0]).all()
    assert all(batch.maps[place].any() for place in spoil)
    assert all((color[place] != color[0]).any() for place in spoil)
    assert len({color[place].tobytes() for place in spoil}) == 11
    # A height that was not known stays so; a deformation moves it, or takes its surface away.
    if not bent:
        assert (height_m[:, 30:36, 30:36] == -10).all()


def test_views_of_another_configuration_are_not_mixed_in(tmp_path):
    render_views(tmp_path / "views", Split.TRAIN, 2, 3, 64, workers=1, twins=False)
    with pytest.raises(ValueError, match="another configuration"):
        render_views(tmp_path / "views", Split.TRAIN, 4, 3, 64, workers=1, twins=False)


def test_a_folder_without_photographs_ends_rendering_before_it_begins(tmp_path):
    (tmp_path / "prints").mkdir()
    with pytest.raises(ValueError, match="prints holds no"):
        render_views(
            tmp_path / "views",
            Split.TRAIN,
            2,
            3,
            64,
            workers=1,
            twins=False,
            photographs=(tmp_path / "prints", None),
        )


def test_what_the_encoder_sees_is_kept_in_few_channels():
    model = DamageNet()
    model.encoder.load_pretrained()
    rng = np.random.default_rng(0)
    color = rng.integers(0, 256, (24, 8, 8, 3), np.uint8).repeat(24, axis=1).repeat(24, axis=2)
    views = views_of(
        color,
        np.zeros((24, 192, 192), np.float16),
        np.ones((24, 192, 192), np.uint8),
        np.zeros((24, 48, 48), np.uint8),
        [False] * 24,
    )
    assert fit_looks(model, [views]) > 0.9
    rgb = model.preprocess.rgb(torch.from_numpy(color))
    with torch.no_grad():
        seen = torch.nn.functional.normalize(model.seen(rgb), dim=1).flatten(2)[0]
        kept = torch.nn.functional.normalize(model.looks(model.seen(rgb)), dim=1).flatten(2)[0]
    assert ((seen.T @ seen) - (kept.T @ kept)).abs().mean() < 0.05


@pytest.mark.slow
def test_a_run_goes_on_from_what_a_gpu_left(tmp_path, monkeypatch):
    asked = []
    load = torch.load
    monkeypatch.setattr(torch, "load", lambda *of, **how: asked.append(how) or load(*of, **how))
    run = Run.of(DamageNet(), 0.02)
    run.save(tmp_path / "checkpoint.pt")
    run.resume(tmp_path / "checkpoint.pt")
    assert asked == [{"weights_only": True, "map_location": "cpu"}]


def test_damage_that_is_not_drawn_is_not_learned_as_none():
    views = views_of(
        np.zeros((1, 64, 64, 3), np.uint8),
        np.zeros((1, 64, 64), np.float16),
        np.ones((1, 64, 64), np.uint8),
        np.full((1, 16, 16), UNKNOWN_KIND, np.uint8),
        [True],
    )
    batch = draw_batch(views, np.arange(1), 64)
    assert batch.damaged.tolist() == [1.0]
    assert batch.known.max() == 0 and batch.all_known.tolist() == [[0.0]]
    assert batch.maps.max() == 0


def test_calibration_finds_the_odds_that_made_the_labels():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, 20_000).astype(np.float32)
    damaged = rng.random(20_000) < 1 / (1 + np.exp(-(0.5 * logits - 1)))
    assert fit_calibration(logits, damaged) == pytest.approx((0.5, -1.0), abs=0.08)


class Comparing:
    """A session of the comparer that knows of some views what they show, and what it was asked."""

    def __init__(self, *known, sure=4.0):
        self.rng = np.random.default_rng(0)
        self.compared = []
        self.knows = {
            float(embedding.cells[0, 0]): sure * (2.0 * damaged - 1.0)
            for seen in known
            for embedding, damaged in zip(seen.embeddings, seen.views.damaged, strict=True)
        }

    def run(self, inputs):
        self.compared.append((len(inputs[VIEW]), len(inputs[REFERENCES])))
        logit = self.knows.get(float(inputs[VIEW][0, 0]), 0.0) + self.rng.normal()
        return {ITEM_LOGIT: np.array([logit]), SAME_LOGIT: self.rng.normal(size=1)}


def seen_views(source=SIMULATED, seed=0, cells=20, sure=0.0):
    """Views of products; how sure the damage network is of which of them are damaged."""
    rng = np.random.default_rng(seed)
    views = product_views(64)
    descriptors = rng.normal(size=(len(views), 8)).astype(np.float32)
    embeddings = [
        Embedding(
            rng.normal(size=(cells, COMPARED_CHANNELS + LOOK_CHANNELS)).astype("f4"),
            np.zeros((cells, 2), "u1"),
            descriptor,
        )
        for descriptor in descriptors / np.linalg.norm(descriptors, axis=1, keepdims=True)
    ]
    log_odds = sure * (2.0 * views.damaged - 1.0) + rng.normal(size=len(views))
    beside = np.full(len(views), -9.0)
    return SeenViews(views, np.full(len(views), source), embeddings, log_odds, beside)


@pytest.fixture
def short_lesson(monkeypatch):
    """The metric learns for a few steps only."""
    monkeypatch.setattr("damage_perception.training.metric._STEPS", 20)
    monkeypatch.setattr("damage_perception.training.metric._AVERAGED", 10)


AGAINST = ("1 reference", "3 references")


def test_what_is_known_of_comparing_is_measured_as_production_compares():
    session, simulated = Comparing(), seen_views(cells=700)
    card = reference_card(session, simulated, [])
    # Each against one reference and against three; of the three, as many cells as a bank holds.
    assert card["measured"]["views"] == 2 * len(simulated.views)
    assert set(session.compared) == {(700, 700), (700, 1200)}


def test_real_pictures_without_a_second_one_of_their_object_compare_nothing():
    simulated, real = seen_views(), seen_views("real", 1)
    alone = replace(real.views, product=np.full(len(real.views), -1, np.int32))
    card = reference_card(Comparing(), simulated, [replace(real, views=alone)])
    assert set(card["measured"]["auroc"]) == {f"{SIMULATED}, {each}" for each in AGAINST}
    assert card["measured"]["views"] == 2 * len(simulated.views)


def test_joining_listens_to_whoever_knows():
    simulated, real = seen_views(sure=4.0), seen_views("real", 1, sure=4.0)
    alone = reference_card(Comparing(), simulated, [real])
    assert alone["fusion"]["references"] < 0.2 * alone["fusion"]["supervised"]
    simulated, real = seen_views(), seen_views("real", 1)
    against = reference_card(Comparing(simulated, real), simulated, [real])
    assert against["fusion"]["supervised"] < 0.2 * against["fusion"]["references"]
    for card in (alone, against):
        assert card["fusion"]["used"]
        assert all(one["joined"] > 0.99 for one in card["measured"]["auroc"].values())


def test_joining_is_off_where_it_costs_one_of_the_sets_too_much():
    simulated, real = seen_views(), seen_views("real", 1, sure=1.0)
    card = reference_card(Comparing(simulated, sure=1.0), simulated, [real])
    measured = card["measured"]["auroc"]
    for each in AGAINST:
        assert measured[f"{SIMULATED}, {each}"]["references"] > 0.8
        assert measured[f"real, {each}"]["supervised"] > 0.8
    lost = max(
        max(one["supervised"], one["references"]) - one["joined"] for one in measured.values()
    )
    assert lost > FUSION_LOSS and not card["fusion"]["used"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("seed: 3", "sed: 3"), "unknown sed"),
        *(
            (("view_size: 256", f"view_size: {size}"), f"view_size is {size}; {bounds}")
            for size in (0, 128, 160, 300, 704, 320.0, "'320'")
            for bounds in ("expected a multiple of 64 from 192 to 640",)
        ),
        (("stages:", "steps:"), "stages"),
        (("train_views: 24\n", ""), "train_views"),
        (("train_views: 24", "train_views: 25"), "pairs"),
        (("seed: 3", "seed: 3\nprints: nowhere"), "nowhere, which is no folder"),
        (("seed: 3", "seed: 3\nown: [nowhere]"), "nowhere, which does not exist"),
        (("seed: 3", "seed: 3\nown: pictures"), "expected a list"),
        (("seed: 3", "seed: 3\nstart: no.yaml"), "no.yaml, which does not exist"),
        (("seed: 3", "seed: 3\nfinder: no.onnx"), "no.onnx, which does not exist"),
        (("{samples: 24,", "{sample: 24,"), "unknown sample"),
        (("{samples: 24, learning_rate: 0.001, products: 4}", "no"), "`describer` to be a mapping"),
    ],
)
def test_a_wrong_configuration_is_named(tmp_path, change, complaint):
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG.replace(*change))
    with pytest.raises(ValueError, match=complaint):
        TrainingConfig.load(path)


@pytest.mark.slow
@pytest.mark.usefixtures("short_lesson")
def test_training_goes_on_where_it_stopped_and_ends_in_a_model(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    card = train(path, tmp_path / "work", tmp_path / "models")
    network = DamageNetwork.load(card)
    assert network.view_size == 192
    assert 0 < network.card.operating_point(50).threshold < 1
    assert (tmp_path / "work" / "curves.png").stat().st_size > 5000
    shipped = yaml.safe_load(card.read_text())["graphs"]
    assert "fp16" in shipped and shipped["fp32"]["max_probability_difference"] <= 0.005
    for precision in shipped:
        assert DamageNetwork.load(card, precision=precision).precision == precision
    first = (tmp_path / "models" / "damage_net.onnx").read_bytes()
    # Nothing is left to do, so the same weights come out.
    train(path, tmp_path / "work", tmp_path / "models")
    assert (tmp_path / "models" / "damage_net.onnx").read_bytes() == first
    # A network that begins from the shipped graph says what the graph says.
    views = LabelledViews.load(tmp_path / "work" / "train")
    batch = draw_batch(views, np.arange(len(views)), 192)
    again = DamageNet()
    taken = start_from(network.card, again, batch.inputs)
    outputs = OnnxRuntimeSession(network.card.graph("fp32")).run(
        dict(
            zip(
                INPUTS,
                (part.numpy() for part in batch.inputs),
                strict=True,
            )
        )
    )
    with torch.no_grad():
        said = Exported(again).eval()(*batch.inputs)
    for part, name in zip(said, (*OUTPUTS, *EMBEDDINGS), strict=True):
        np.testing.assert_allclose(part.numpy(), outputs[name], atol=2e-2, err_msg=name)
    # Layers of another shape begin anew.
    other = DamageNet((16, 32, 64, 96, 128))
    began = other.shape_stem.weight.detach().clone()
    assert 0 < start_from(network.card, other, batch.inputs) < taken
    assert torch.equal(other.shape_stem.weight, began)


@pytest.mark.slow
@pytest.mark.usefixtures("short_lesson")
def test_a_site_goes_on_from_a_shipped_model_with_its_own_pictures(tmp_path, capsys, monkeypatch):
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    shipped = train(path, tmp_path / "work", tmp_path / "models")
    began_from = DamageNetwork.load(shipped).card.model_id
    own = write_folder(tmp_path / "own", "a", "b", "c")
    write_labels(
        own,
        *(
            (name, "box", "query", int(name == "a"), "tear" if name == "a" else "none")
            for name in "abc"
        ),
    )
    path.write_text(f"{CONFIG}start: {shipped}\nown: [{own}]\nown_share: 0.5\n")
    monkeypatch.setattr(
        "damage_perception.training.export._problem",
        lambda graph, exact: "AUROC" if graph.path.name == "damage_net_int8.onnx" else "",
    )
    card = train(path, tmp_path / "site", tmp_path / "models")
    assert "own pictures: 3 items, 1 of them damaged" in capsys.readouterr().out
    content = yaml.safe_load(card.read_text())
    # Another network came out in the place of the one it began from, and it loads.
    assert content["training"]["start"] == began_from
    assert DamageNetwork.load(card).card.model_id != began_from
    assert "int8" not in content["graphs"] and "AUROC" in content["left_out"]["int8"]
    left = {path.name for path in card.parent.iterdir()}
    compared = [content["references"][name] for name in ("comparer", "metric")]
    entries = (*content["graphs"].values(), content["self_test"], *compared)
    named = {entry["file"] for entry in entries}
    assert left == {card.name, *named}


def test_views_of_training_come_with_their_pristine_twins(tmp_path):
    render_views(tmp_path / "twins", Split.TRAIN, 8, 3, 64, workers=1, twins=True)
    views = LabelledViews.load(tmp_path / "twins")
    assert views.damaged.tolist() == [True, False] * 4
    difference = np.abs(views.color[::2].astype(int) - views.color[1::2]).max(axis=(1, 2, 3))
    assert (difference > 0).all()
    assert not views.kinds[1::2].any()
