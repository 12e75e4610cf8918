"""Pieces before one camera, anomalies that the damage network never learns, and the metric."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

pytest.importorskip("torch", reason="training needs PyTorch: make training")

from damage_perception.kinds import KINDS
from damage_perception.network import Embedding, ModelCard, OnnxRuntimeSession
from damage_perception.network.bank import Bank
from damage_perception.network.contract import (
    CELL_CHANNELS,
    CELLS,
    COLOR,
    COMPARED_CHANNELS,
    DESCRIPTOR,
    LOOK_CHANNELS,
    cells_along,
    map_cells_along,
)
from damage_perception.network.metric import Metric
from damage_perception.training import metric as metric_learning
from damage_perception.training.augment import spoilt_row
from damage_perception.training.metric import fit_metric
from damage_perception.training.one_camera import (
    REFERENCES,
    one_camera,
    pieces,
    unheard_of,
    whole_pictures,
)
from damage_perception.training.real_split import RealSplit
from damage_perception.training.real_views import RealViews, load_real_views
from damage_perception.training.strange import strange
from damage_perception.training.views import (
    UNKNOWN_KIND,
    LabelledViews,
    inputs_of,
    labelled_row,
    stacked,
)
from damage_perception.view import View, Window

SIZE = 192


def picture(seed):
    """A row of a printed card on a plain ground."""
    rng = np.random.default_rng(seed)
    color = np.full((SIZE, SIZE, 3), rng.integers(60, 200, 3), np.uint8)
    item = np.zeros((SIZE, SIZE), np.uint8)
    item[40:150, 50:140] = 1
    color[item > 0] = rng.integers(60, 200, 3)
    color[60:80, 60:130] = rng.integers(60, 200, 3)
    view = View(color, np.full((SIZE, SIZE), -10, np.float32), item, 0.0, Window(0, 0, SIZE))
    return labelled_row(view, np.zeros((SIZE, SIZE), np.uint8), False)


def real_views(count):
    shown = np.array([f"cards/{number // 2}" for number in range(count)])
    views = stacked([picture(number) for number in range(count)])
    return RealViews(views, np.full(count, "cards"), shown, np.full(count, "board"))


def test_an_anomaly_lies_on_the_item_and_can_be_seen():
    row = picture(0)
    for seed in range(20):
        changed = strange(row["color"], row["item"], np.random.default_rng(seed))
        apart = np.abs(changed.astype(int) - row["color"]).max(axis=2)
        assert apart.max() > 9
        assert apart[row["item"] > 0].astype(bool).sum() > 0.5 * (apart > 0).sum()
        again = strange(row["color"], row["item"], np.random.default_rng(seed))
        np.testing.assert_array_equal(changed, again)


def test_nothing_is_written_on_an_item_without_pixels():
    row = picture(0)
    nothing = np.zeros_like(row["item"])
    np.testing.assert_array_equal(
        strange(row["color"], nothing, np.random.default_rng(0)), row["color"]
    )


def test_pieces_differ_and_only_those_that_are_spoilt_are_damaged():
    rows = pieces(picture(0), (spoilt_row, unheard_of), np.random.default_rng(0))
    assert [bool(row["damaged"]) for row in rows] == [False] * (REFERENCES + 1) + [True] * 2
    assert not any((row["kinds"] > 0).any() for row in rows[: REFERENCES + 1])
    assert set(np.unique(rows[-1]["kinds"])) == {0, UNKNOWN_KIND}
    assert set(np.unique(rows[-2]["kinds"])) <= {*range(len(KINDS) + 1), UNKNOWN_KIND}
    colors = [row["color"] for row in rows]
    assert not any(np.array_equal(a, b) for a, b in itertools.pairwise(colors))
    assert all(row["kinds"].shape == (map_cells_along(SIZE),) * 2 for row in rows)


def test_each_whole_picture_is_a_product_of_its_own():
    real = real_views(4)
    real.views.damaged[3] = True
    assert [number for number, _ in whole_pictures(real)] == [0, 1, 2]
    made = one_camera(real, spoilt_row, 0)
    assert len(made.views) == 3 * (REFERENCES + 2)
    products = made.by_object()
    assert len(set(products.product)) == 3
    assert len(set(products.scene)) == len(made.views)


class Means:
    """A network whose last channels are mean colours; where learning begins there is red."""

    def run(self, inputs):
        color = inputs[COLOR]
        along = cells_along(color.shape[1])
        side = color.shape[1] // along
        means = color.reshape(len(color), along, side, along, side, 3).mean(axis=(2, 4)) / 255
        cells = np.zeros((*means.shape[:3], CELL_CHANNELS), "f4")
        cells[..., COMPARED_CHANNELS] = 1
        cells[..., COMPARED_CHANNELS + 1] = cells[..., -3] = means[..., 0]
        cells[..., -2:] = means[..., 1:]
        return {CELLS: cells}


def test_what_is_learned_depends_on_the_seed_alone(monkeypatch):
    monkeypatch.setattr(metric_learning, "_STEPS", 40)
    monkeypatch.setattr(metric_learning, "_AVERAGED", 20)
    first, again, other = (fit_metric(Means(), pairs(), real_views(2), seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.weights, again.weights)
    assert not np.array_equal(first.weights, other.weights)
    # Learning began from nothing of the last channels.
    assert np.abs(first.weights[:, -3:]).max() > 0.01


def test_the_shipped_metric_tells_what_nobody_wrote(recordings, shipped_card, tmp_path):
    """On held-out products: better than the directions of most variance, where learning began."""
    card = ModelCard.load(shipped_card)
    network = OnnxRuntimeSession(card.graph("fp32"), 2)
    (tmp_path / "packaging").symlink_to(recordings / "packaging")
    split = RealSplit.load(Path(__file__).parents[2] / "config" / "real_split.yaml")
    real = load_real_views(tmp_path, split, card.view_size, held_out=True)
    first = np.zeros((LOOK_CHANNELS, CELL_CHANNELS), np.float32)
    first[:, COMPARED_CHANNELS : COMPARED_CHANNELS + LOOK_CHANNELS] = np.eye(LOOK_CHANNELS)
    metrics = (Metric(first), Metric.load(card.metric))
    distances = []
    rng = np.random.default_rng(0)
    for _, row in itertools.islice(whole_pictures(real), 24):
        views = stacked(pieces(row, (unheard_of,), rng))
        given = network.run(inputs_of(views, np.arange(len(views))))
        for metric in metrics:
            seen = [
                Embedding.of(*one, metric)
                for one in zip(given[CELLS], given[DESCRIPTOR], views.item, strict=True)
            ]
            bank = Bank.of(seen[:REFERENCES])
            distances.append([bank.distance(one.looks) for one in seen[REFERENCES:]])
    before, after = (
        roc_auc_score([False, True] * 24, np.ravel(distances[start::2])) for start in (0, 1)
    )
    assert after > before


def test_nothing_to_learn_a_metric_from_is_said():
    simulated = pairs()
    whole = LabelledViews(**{**vars(simulated), "damaged": np.zeros(len(simulated), bool)})
    with pytest.raises(ValueError, match="whole and damaged views"):
        fit_metric(Means(), whole, None, 0)


def pairs():
    """Two products in two scenes each, before and after damage."""
    rng = np.random.default_rng(1)
    rows = []
    for scene in range(4):
        row = picture(scene // 2) | {"product": np.int32(scene // 2), "scene": np.int32(scene)}
        rows += [unheard_of(row, rng), row]
    return stacked(rows)
