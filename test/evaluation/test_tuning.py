"""A threshold from a site's own recordings."""

import cv2
import numpy as np
import pytest
import yaml
from image_folder import box_scene, write_camera, write_image, write_labels
from red_network import red_inspector

from damage_perception.dataset import DatasetError, ImageFolder
from damage_perception.evaluation.tuning import plot_tuning, tune, write_parameters

BOX = (110, 80, 90, 70)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """40 good items that get redder and redder, four torn ones, and a dark one."""
    path = tmp_path_factory.mktemp("data")
    write_camera(path)
    rows = []
    x, y, width, height = BOX
    for i in range(44):
        color, depth = box_scene(BOX, seed=i)
        part = color[y : y + height, x : x + width]
        share = 1 - i / 80 if i < 40 else 0.2
        part[..., 1] = (part[..., 1] * share).astype(np.uint8)
        write_image(path, f"i{i}", color, depth)
        rows.append((f"i{i}", "s", "query", int(i >= 40), "tear" if i >= 40 else "none"))
    color, depth = box_scene(BOX)
    write_image(path, "dark", color // 100, depth)
    rows.append(("dark", "s", "query", 0, "none"))
    write_labels(path, *rows)
    return path


def test_no_more_good_items_are_diverted_than_asked(folder):
    for rate in (25, 100):
        tuning = tune(ImageFolder(folder), red_inspector(threshold=1.0), rate)
        assert (tuning.good >= tuning.point.threshold).sum() == rate * 40 / 1000
    assert tuning.recall == 1.0
    assert tuning.unjudged == 1


def test_the_parameter_file_holds_the_threshold_and_says_where_it_is_from(folder, tmp_path):
    tuning = tune(ImageFolder(folder), red_inspector(threshold=1.0), 50)
    write_parameters(tuning, "cell 3", tmp_path / "new" / "tuned.yaml")
    text = (tmp_path / "new" / "tuned.yaml").read_text()
    values = yaml.safe_load(text)["/**"]["damage_detector"]["ros__parameters"]
    assert values["damage_threshold"] == pytest.approx(tuning.point.threshold, abs=1e-6)
    assert "40 good and 4 damaged images of cell 3; 100.0% of the damaged diverted" in text
    plot_tuning(tuning, "cell 3", tmp_path / "tuned.png")
    assert cv2.imread(str(tmp_path / "tuned.png")).std() > 5


def test_a_rate_that_the_recordings_cannot_show_is_refused(folder):
    with pytest.raises(DatasetError, match="40 good items can show 25 to 975; 1000 or more"):
        tune(ImageFolder(folder), red_inspector(threshold=1.0), 1)


def test_recordings_without_labels_are_refused(tmp_path):
    write_camera(tmp_path)
    write_image(tmp_path, "a", *box_scene(BOX))
    with pytest.raises(DatasetError, match=r"no labels\.csv"):
        tune(ImageFolder(tmp_path), red_inspector(threshold=1.0), 5)
