"""A threshold from a site's own recordings."""

import cv2
import numpy as np
import pytest
import yaml
from image_folder import box_scene, write_camera, write_image, write_labels
from red_network import red_inspector

from damage_perception.dataset import DatasetError, ImageFolder
from damage_perception.evaluation.tuning import (
    plot_tuning,
    plot_unlabelled_tuning,
    tune,
    tune_unlabelled,
    write_parameters,
)
from damage_perception.frame import CameraModel
from damage_perception.source import open_source

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
    write_parameters(tuning, "cell 3", 50, tmp_path / "new" / "tuned.yaml")
    text = (tmp_path / "new" / "tuned.yaml").read_text()
    values = yaml.safe_load(text)["/**"]["damage_detector"]["ros__parameters"]
    assert values["damage_threshold"] == pytest.approx(tuning.point.threshold, abs=1e-6)
    assert values["false_diverts_per_1000"] == 50
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


@pytest.fixture(scope="module")
def stream(tmp_path_factory):
    """512 items, 16 an image, four of them torn, and an image that breaks off."""
    path = tmp_path_factory.mktemp("stream")
    write_camera(path)
    rng = np.random.default_rng(0)
    boxes = [(30 + 68 * i, 10 + 58 * j, 45, 40) for i in range(4) for j in range(4)]
    for number in range(32):
        color, depth = box_scene(*boxes, seed=number)
        for index, (x, y, width, height) in enumerate(boxes):
            # Log odds are (red - green) / 20, and both have a mean of 130.
            log_odds = 3.5 if index == 0 and number < 4 else rng.normal(0, 0.6)
            part = color[y : y + height, x : x + width].astype(np.float32)
            part[..., 0] += 10 * log_odds
            part[..., 1] -= 10 * log_odds
            color[y : y + height, x : x + width] = np.clip(part, 0, 255).astype(np.uint8)
        write_image(path, f"i{number:02}", color, depth)
    write_image(path, "last", *box_scene(*boxes))
    (path / "last_depth.png").write_bytes(b"no image")
    return path


def test_a_stream_of_which_nobody_knows_what_is_damaged_gives_a_threshold(stream, tmp_path):
    source = open_source(stream)
    tuning = tune_unlabelled(source, red_inspector(threshold=1.0), 10)
    assert len(tuning.log_odds) == tuning.suggested.items == 512
    assert tuning.unjudged == 1
    threshold = tuning.suggested.point.threshold
    # Of a normal distribution 10 in 1000 lie beyond 2.33 deviations; the torn ones are above.
    assert np.log(threshold / (1 - threshold)) == pytest.approx(2.33 * 0.6, abs=0.4)
    assert (tuning.log_odds > 2.5).sum() == 4
    write_parameters(tuning, "line 3", 10, tmp_path / "tuned.yaml")
    text = (tmp_path / "tuned.yaml").read_text()
    values = yaml.safe_load(text)["/**"]["damage_detector"]["ros__parameters"]
    assert values == {
        "damage_threshold": pytest.approx(threshold, abs=1e-6),
        "false_diverts_per_1000": 10.0,
    }
    assert "512 unlabelled items of line 3; it holds where up to 2% of them are damaged" in text
    plot_unlabelled_tuning(tuning, 10, "line 3", tmp_path / "tuned.png")
    assert cv2.imread(str(tmp_path / "tuned.png")).std() > 5


def test_a_stream_of_too_few_items_is_refused(stream):
    with pytest.raises(DatasetError, match=r"512 items are too few .* 1000 are needed \(1 could"):
        tune_unlabelled(open_source(stream), red_inspector(threshold=1.0), 1)


def test_an_item_in_many_frames_of_a_recording_is_one_item(tmp_path):
    from recording import image, info, write_bag

    camera = CameraModel(320, 240, 300.0, 300.0, 159.5, 119.5)
    messages = []
    for number in range(30):
        # Two items one after the other, ten frames each.
        boxes = [BOX] if number // 10 != 1 else []
        color, depth = box_scene(*boxes, seed=number)
        stamp_ms = 1000 + 100 * number
        messages += [
            ("/camera/color/camera_info", stamp_ms, info(stamp_ms, camera)),
            ("/camera/color/image_raw", stamp_ms, image(stamp_ms, "rgb8", color)),
            ("/camera/depth/image_rect_raw", stamp_ms, image(stamp_ms, "16UC1", depth)),
        ]
    bag = write_bag(tmp_path / "bag", messages)
    with pytest.raises(DatasetError, match=r"^2 items are too few"):
        tune_unlabelled(open_source(bag), red_inspector(threshold=1.0), 5)


def test_the_command_says_what_the_stream_gave(stream, tmp_path, monkeypatch, capsys):
    from damage_perception.cli import recorded
    from damage_perception.cli.main import main

    monkeypatch.setattr(recorded, "load_inspector", lambda *_: red_inspector(threshold=1.0))
    params = tmp_path / "tuned.yaml"
    arguments = ["tune", str(stream), "--unlabelled", "--false-diverts-per-1000", "10"]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--params", str(params)])
    assert not ended.value.code
    said = " ".join(capsys.readouterr().out.split())
    assert "by 512 items of which up to 2% may be damaged" in said
    assert "1 items or frames could not be judged" in said
    assert params.exists() and params.with_suffix(".png").exists()
