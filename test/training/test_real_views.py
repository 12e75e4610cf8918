"""Real pictures become views as the node would cut them."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import yaml

from damage_perception.station import Foreground
from damage_perception.training.augment import spoilt_row
from damage_perception.training.real_split import RealSplit
from damage_perception.training.real_views import RealViews, load_real_views

STATES = {"plastic1": "intact", "plastic2": "crushed", "cardboard1": "torn", "plastic9": "opened"}
# x, y, width and height of the clear bottle and of its label, in a picture of 240 x 180.
BOTTLE, LABEL = (40, 30, 160, 120), (80, 60, 40, 30)


@pytest.fixture
def pictures(tmp_path):
    """A folder of one set: clear bottles with a label on a light ground, and its split."""
    folder = tmp_path / "data" / "trashnet"
    folder.mkdir(parents=True)
    rows = "\n".join(f"{name},{state}" for name, state in STATES.items())
    (folder / "states.csv").write_text(f"name,state\n{rows}\n")
    (folder / "labels.csv").write_text("name\n")
    image = np.full((180, 240, 3), 200, np.uint8)
    for (x, y, wide, high), color in ((BOTTLE, (196, 198, 202)), (LABEL, (20, 20, 160))):
        image[y : y + high, x : x + wide] = color
    for name in STATES:
        cv2.imwrite(str(folder / f"{name}_color.jpg"), image)
    split = tmp_path / "split.yaml"
    objects = {name: [name] for name in STATES}
    sets = {"trashnet": {"held_out": ["plastic2"], "pictures": objects}}
    split.write_text(yaml.safe_dump({"rule": "by hand", "sets": sets}))
    return tmp_path / "data", RealSplit.load(split)


def finds_the_bottle(color):
    item = np.zeros((45, 60), np.float32)
    x, y, wide, high = (side // 4 for side in BOTTLE)
    item[y : y + high, x : x + wide] = 1
    return Foreground(item, np.zeros_like(item))


def test_the_finder_says_what_the_item_is(pictures):
    whole = load_real_views(*pictures, 192, None, find=finds_the_bottle)
    label = load_real_views(*pictures, 192, None)
    assert len(whole.views) == len(label.views) == 3
    for views, share in ((whole, 120 / 160), (label, 30 / 40)):
        for item in views.views.item:
            *_, wide, high = cv2.boundingRect(item)
            assert high / wide == pytest.approx(share, abs=0.08)
    # Of the bottle the label is a part; cut around the label, there is hardly anything else.
    red = [
        np.mean((views.views.color[0, ..., 0] > 100) & (views.views.color[0, ..., 1] < 80))
        for views in (whole, label)
    ]
    assert red[0] < 0.05 and red[1] > 0.25


def test_only_what_is_asked_for_is_read_and_opened_packages_are_neither(pictures):
    def shown(held_out):
        return sorted(load_real_views(*pictures, 192, held_out).shown)

    assert shown(True) == ["trashnet/plastic2"]
    assert shown(False) == ["trashnet/cardboard1", "trashnet/plastic1"]
    views = load_real_views(*pictures, 192, None)
    told = dict(
        zip(views.shown, zip(views.views.damaged, views.material, strict=True), strict=True)
    )
    assert told == {
        "trashnet/cardboard1": (True, "board"),
        "trashnet/plastic1": (False, "plastic"),
        "trashnet/plastic2": (True, "plastic"),
    }


def test_damage_is_written_into_whole_ones_and_they_are_stored(pictures, tmp_path):
    views = load_real_views(*pictures, 192, None, find=finds_the_bottle).with_written(2, 0)
    written = views.dataset == "trashnet+"
    assert written.sum() == 1 and views.views.damaged[written].all()
    assert RealViews.load(tmp_path / "views", "so") is None
    views.save(tmp_path / "views", "so")
    again = RealViews.load(tmp_path / "views", "so")
    assert again is not None and (again.shown == views.shown).all()
    assert (again.views.color == views.views.color).all()
    with pytest.raises(ValueError, match="another configuration: so; not otherwise"):
        RealViews.load(tmp_path / "views", "otherwise")


def test_a_picture_and_its_copy_with_damage_never_vouch_for_each_other(pictures):
    views = load_real_views(*pictures, 192, None, find=finds_the_bottle).with_written(2, 0)
    by_object = views.by_object()
    copies = np.flatnonzero(np.char.endswith(views.dataset, "+"))
    assert len(copies) == 1
    assert (by_object.scene[copies] == by_object.scene[copies - 1]).all()
    assert (by_object.product[copies] == by_object.product[copies - 1]).all()
    assert len(set(by_object.product)) == len(set(views.shown))


def test_scenes_of_several_objects_have_no_products(pictures):
    views = load_real_views(*pictures, 192, None, find=finds_the_bottle)
    scenes = replace(views, dataset=np.full(len(views.dataset), "mosd"))
    assert (scenes.by_object().product == -1).all()


def test_a_deformed_item_takes_its_outline_along(pictures):
    views = load_real_views(*pictures, 192, None, find=finds_the_bottle).views
    row = {name: values[1] for name, values in vars(views).items()}
    moved = [
        np.count_nonzero(spoilt_row(row, np.random.default_rng(seed))["item"] != row["item"])
        for seed in range(12)
    ]
    assert max(moved) > 100 and min(moved) == 0
