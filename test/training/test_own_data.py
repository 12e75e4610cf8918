"""A site's own pictures become views to learn from."""

import json

import numpy as np
import pytest
from image_folder import (
    HEIGHT,
    WIDTH,
    box_scene,
    write_camera,
    write_folder,
    write_image,
    write_labels,
)

pytest.importorskip("embreex", reason="training data needs embreex")

from damage_perception.dataset import DatasetError
from damage_perception.kinds import CODES
from damage_perception.training.own_data import load_own_views
from damage_perception.training.views import UNKNOWN_KIND

# Of the box that write_folder draws.
HOLE = (130, 100, 40, 30)


def write_coco(folder, annotations, categories=("Hole", "missing unit", "item"), **image):
    """A COCO file over the folder's images a and b."""
    content = {
        "images": [
            {"id": i, "file_name": f"{name}_color.png", "width": WIDTH, "height": HEIGHT} | image
            for i, name in enumerate("ab")
        ],
        "categories": [{"id": i, "name": name} for i, name in enumerate(categories)],
        "annotations": [
            {"id": i + 1, "image_id": 0, "iscrowd": 0, "area": 1, "bbox": [0, 0, 1, 1]} | entry
            for i, entry in enumerate(annotations)
        ],
    }
    path = folder / "annotations.json"
    path.write_text(json.dumps(content))
    return path


def polygon(x, y, width, height):
    return [[x, y, x + width, y, x + width, y + height, x, y + height]]


def test_coco_polygons_become_maps_of_their_kind(tmp_path):
    pytest.importorskip("pycocotools", reason="COCO files need pycocotools: make training")
    write_folder(tmp_path, "a", "b")
    path = write_coco(tmp_path, [{"category_id": 0, "segmentation": polygon(*HOLE)}])
    loaded = load_own_views([path], 128)
    assert loaded.not_located == ()
    assert loaded.views.damaged.tolist() == [True, False]
    drawn, undamaged = loaded.views.kinds
    assert set(np.unique(drawn)) == {0, CODES["hole"]}
    assert not undamaged.any()
    # The view is a square around the box, 126 pixels wide; the map has 32 cells.
    share = (drawn > 0).mean() * 126**2 / (HOLE[2] * HOLE[3])
    assert share == pytest.approx(1, abs=0.25)


def test_coco_outlines_say_which_item_is_meant(tmp_path):
    pytest.importorskip("pycocotools", reason="COCO files need pycocotools: make training")
    left, right = (20, 80, 90, 70), (210, 90, 60, 50)
    write_camera(tmp_path)
    for name in "ab":
        write_image(tmp_path, name, *box_scene(left, right))
    path = write_coco(tmp_path, [{"category_id": 2, "segmentation": polygon(*right)}])
    meant, largest = load_own_views([path], 128).views.width_m
    assert meant < 0.75 * largest


def test_run_lengths_are_read_too(tmp_path):
    pytest.importorskip("pycocotools", reason="COCO files need pycocotools: make training")
    write_folder(tmp_path, "a", "b")
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[100:130, 130:170] = 1
    runs = np.diff(np.flatnonzero(np.diff(mask.T.ravel(), prepend=1 - mask[0, 0], append=2)))
    segmentation = {"size": [HEIGHT, WIDTH], "counts": runs.tolist()}
    path = write_coco(tmp_path, [{"category_id": 1, "iscrowd": 1, "segmentation": segmentation}])
    views = load_own_views([path], 128).views
    assert set(np.unique(views.kinds[0])) == {0, CODES["missing_unit"]}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"categories": ("dent",)}, "category 'dent'; expected crush"),
        ({"width": 10}, "10x240; camera.json says 320x240"),
        ({"file_name": "c_color.png"}, "annotates c_color.png"),
    ],
)
def test_a_coco_file_that_does_not_fit_is_named(tmp_path, change, complaint):
    pytest.importorskip("pycocotools", reason="COCO files need pycocotools: make training")
    write_folder(tmp_path, "a", "b")
    with pytest.raises(DatasetError, match=complaint):
        load_own_views([write_coco(tmp_path, [], **change)], 128)


def test_what_is_no_coco_file_is_named(tmp_path):
    pytest.importorskip("pycocotools", reason="COCO files need pycocotools: make training")
    write_folder(tmp_path, "a")
    path = tmp_path / "annotations.json"
    path.write_text("[1, 2")
    with pytest.raises(DatasetError, match="not a COCO annotation file"):
        load_own_views([path], 128)


def test_an_image_folder_needs_no_drawn_damage(tmp_path):
    write_folder(tmp_path, "a", "b", "c")
    write_labels(
        tmp_path,
        ("a", "box", "query", 1, "tear"),
        ("b", "box", "query", 0, "none"),
        ("c", "box", "reference", 0, "none"),
    )
    views = load_own_views([tmp_path], 128).views
    assert views.damaged.tolist() == [True, False, False]
    assert (views.kinds[0] == UNKNOWN_KIND).all()
    assert not views.kinds[1:].any()


def test_pictures_without_an_item_are_named(tmp_path):
    write_folder(tmp_path, "a")
    write_image(tmp_path, "b", *box_scene())
    write_labels(tmp_path, ("a", "box", "query", 0, "none"), ("b", "box", "query", 0, "none"))
    assert load_own_views([tmp_path], 128).not_located == ("b",)


def test_a_folder_without_labels_is_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"no labels\.csv"):
        load_own_views([write_folder(tmp_path, "a")], 128)
