"""Real pictures are split by the object or the scene they show, never by the picture."""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from damage_perception.training.real_split import RealSplit, folds

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = ROOT / "config" / "real_split.yaml"
RECORDINGS = ROOT.parent / "shared" / "data"

SETS = {
    "bottles": {
        "held_out": ["blue"],
        "pictures": {"blue": ["b1", "b7"], "green": ["g2", "g3", "g9"], "red": ["r4"]},
    },
    "shop": {"held_out": ["Milk"], "pattern": "(?:train|val)_(.+)_[0-9]+"},
    "table": {"held_out": [], "scene": "table"},
}


def write_split(folder, sets):
    path = folder / "split.yaml"
    path.write_text(yaml.safe_dump({"rule": "by hand", "sets": sets}), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    return RealSplit.load(write_split(tmp_path_factory.mktemp("split"), SETS))


@pytest.mark.parametrize(
    ("dataset", "name", "shown", "held_out"),
    [
        ("bottles", "b7", "blue", True),
        ("bottles", "g9", "green", False),
        ("shop", "train_Milk_001", "Milk", True),
        ("shop", "val_Milk_007", "Milk", True),
        ("shop", "train_Juice_001", "Juice", False),
        ("table", "frame-000003", "table", False),
    ],
)
def test_a_picture_is_held_out_with_its_object(split, dataset, name, shown, held_out):
    assert split.object_of(dataset, name) == shown
    assert split.held_out(dataset, name) is held_out


@pytest.mark.parametrize(
    ("dataset", "name", "message"),
    [
        ("cans", "c1", "no set cans; it has bottles, shop, table"),
        ("bottles", "b2", "does not say which object b2 of bottles shows"),
        ("shop", "train_Milk_001.jpg", "expected a file's stem"),
    ],
)
def test_a_picture_that_the_split_does_not_know_is_refused(split, dataset, name, message):
    with pytest.raises(KeyError, match=message):
        split.held_out(dataset, name)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"scene": "table"}, "cans: expected a mapping with a list `held_out`"),
        ({"held_out": []}, "one of pictures, pattern, scene; found \\[\\]"),
        ({"held_out": [], "scene": "a", "pattern": "(.+)"}, "found \\['pattern', 'scene'\\]"),
        ({"held_out": [], "pattern": ".+"}, "with one group"),
        ({"held_out": ["b"], "pictures": {"a": ["1"]}}, "unknown b"),
        ({"held_out": ["b"], "scene": "a"}, "unknown b"),
        ({"held_out": [], "pictures": {"a": ["1"], "b": ["1"]}}, "1 shows both a and b"),
    ],
)
def test_a_split_that_contradicts_itself_is_refused(tmp_path, entry, message):
    with pytest.raises(ValueError, match=message):
        RealSplit.load(write_split(tmp_path, {"cans": entry}))


def test_a_file_without_sets_is_refused(tmp_path):
    path = tmp_path / "split.yaml"
    path.write_text("rule: none\n", encoding="utf-8")
    with pytest.raises(ValueError, match="a mapping `sets`"):
        RealSplit.load(path)


@given(
    pictures=st.lists(st.sampled_from("ABCDEFGH"), min_size=12, max_size=60),
    k=st.integers(2, 4),
)
def test_folds_are_even_and_never_part_an_object(pictures, k):
    pictures = [*pictures, *"ABCD"]
    found = folds(pictures, k)
    assert found.shape == (len(pictures),)
    for shown in set(pictures):
        assert len({int(f) for f, p in zip(found, pictures, strict=True) if p == shown}) == 1
    sizes = np.bincount(found, minlength=k)
    assert len(sizes) == k
    assert sizes.min() > 0
    assert sizes.max() - sizes.min() <= max(Counter(pictures).values())


def test_folds_do_not_depend_on_the_order_of_the_pictures():
    shown = ["blue", "green", "red", "green", "blue", "green"]
    assert (folds(shown[::-1], 3)[::-1] == folds(shown, 3)).all()


@pytest.mark.parametrize("k", [1, 4])
def test_more_folds_than_objects_are_refused(k):
    with pytest.raises(ValueError, match="expected 2 to 3"):
        folds(["blue", "green", "red", "green"], k)


def recordings(dataset):
    """The names of the pictures of a set as it lies on the disk."""
    files = [*(RECORDINGS / dataset).glob("*.jpg"), *(RECORDINGS / dataset).glob("*color.png")]
    return sorted(file.stem.removesuffix("_color") for file in files)


@pytest.mark.parametrize("dataset", ["trashnet", "groceries", "packaging", "mosd", "arc", "apc"])
def test_every_recording_has_an_object_on_one_side(dataset):
    """What is held out is also what the rule in the file says, so that no name was mistyped."""
    if not RECORDINGS.is_dir():
        pytest.skip(f"the real recordings are not at {RECORDINGS}")
    split = RealSplit.load(COMMITTED)
    names = recordings(dataset)
    assert names
    sides = {}
    for name in names:
        sides.setdefault(split.object_of(dataset, name), set()).add(split.held_out(dataset, name))
    if dataset in ("arc", "apc"):
        assert sides == {dataset: {False}}
        return
    assert sides == {shown: {by_the_rule(dataset, shown)} for shown in sides}
    assert split.sets[dataset].held_out <= set(sides)


def by_the_rule(dataset, shown):
    return int(hashlib.sha256(f"{dataset}/{shown}".encode()).hexdigest(), 16) % 5 == 0
