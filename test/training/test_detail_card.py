"""What a card says of tiles follows from labelled items that are larger than a view."""

import numpy as np
import pytest
import yaml

pytest.importorskip("sklearn", reason="fitting a card needs scikit-learn: make training")
pytest.importorskip("scipy", reason="fitting a card needs SciPy: make training")

from image_folder import write_folder, write_labels

from damage_perception.dataset import ImageFolder
from damage_perception.network import Assessment, ModelCard
from damage_perception.network.detail import Detail
from damage_perception.training.card_section import write_section
from damage_perception.training.detail_card import detail_card, measure_items


def signals(tiles_see, count=400):
    """Log odds of whole views, which see damage faintly, and of tiles; and what is damaged."""
    rng = np.random.default_rng(5)
    damaged = np.arange(count) % 2 == 1
    whole = rng.normal(0, 1, count) + damaged
    tiles = rng.normal(0, 1, count) + tiles_see * damaged
    return np.column_stack((whole, tiles)), damaged


def test_tiles_that_see_more_weigh_more_and_are_calibrated():
    found, damaged = signals(tiles_see=2.0)
    section = detail_card(found, damaged)
    assert section["tiles"] > section["whole"] > 0
    assert section["measured"]["auroc"]["joined"] > section["measured"]["auroc"]["tiles"]
    odds = np.array([Detail.parse(section).join(whole, [tile]) for whole, tile in found])
    assert np.mean(1 / (1 + np.exp(-odds))) == pytest.approx(damaged.mean(), abs=0.01)


def test_tiles_that_do_not_help_give_no_section():
    found, damaged = signals(tiles_see=-1.0)
    with pytest.raises(ValueError, match="tiles do not help"):
        detail_card(found, damaged)


def test_too_few_items_give_no_section():
    found, damaged = signals(tiles_see=2.0, count=60)
    with pytest.raises(ValueError, match="30 good and 30 damaged"):
        detail_card(found, damaged)


class Network:
    """Says 1 of the first view of a pass and 2 of the others."""

    def __init__(self, view_size):
        self.view_size = view_size

    def assess(self, views):
        logits = [1.0] + [2.0] * (len(views) - 1)
        maps = np.zeros((6, 4, 4), np.float32)
        return [Assessment(logit, 0.5, np.zeros(6, np.float32), maps) for logit in logits]


def test_items_are_measured_whole_and_by_tiles_where_they_are_larger_than_a_view(tmp_path):
    folder = write_folder(tmp_path / "images", "good", "torn")
    rows = [("good", "", "query", 0, "none"), ("torn", "", "query", 1, "tear")]
    write_labels(folder, *rows)
    found, damaged = measure_items(ImageFolder(folder), Network(view_size=64))
    assert found == pytest.approx(np.array([(1.0, 2.0), (1.0, 2.0)]))
    assert damaged.tolist() == [False, True]
    found, damaged = measure_items(ImageFolder(folder), Network(view_size=320))
    assert (found.shape, damaged.shape) == ((0, 2), (0,))


def test_the_section_replaces_the_one_of_the_card_and_nothing_else(model_copy):
    before = yaml.safe_load(model_copy.read_text())
    for tiles in (0.4, 0.6):
        write_section(model_copy, "detail", {"whole": 0.8, "tiles": tiles, "offset": 0.1})
    assert ModelCard.load(model_copy).detail == Detail(0.8, 0.6, 0.1)
    after = yaml.safe_load(model_copy.read_text())
    assert before | {"detail": after["detail"]} == after
    assert model_copy.read_text().startswith(
        "# Written by `damage-perception train`; do not edit.\n"
    )
