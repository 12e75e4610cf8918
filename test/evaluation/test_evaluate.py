"""A labelled data set through a real inspector: files, errors, and which item is scored."""

import csv
import json

import cv2
import numpy as np
import pytest
from color_network import color_inspector
from image_folder import CAMERA, HEIGHT, WIDTH, box_scene, write_camera, write_image, write_labels
from red_network import PLANE, red_inspector

from damage_perception.dataset import DatasetError, ImageFolder
from damage_perception.evaluation.evaluate import evaluate
from damage_perception.evaluation.prediction import predict
from damage_perception.frame import CameraModel, Frame
from damage_perception.station import Station
from damage_perception.station.target import find_target

BOX, SIDE = (110, 80, 90, 70), (10, 20, 60, 50)


def write(folder, name, *red_of_boxes, **labels):
    """An image of one box for each of ``red_of_boxes``, painted red where it is True."""
    boxes = (BOX, SIDE)[: len(red_of_boxes)]
    color, depth = box_scene(*boxes, seed=len(name))
    for box, red in zip(boxes, red_of_boxes, strict=True):
        x, y, width, height = box
        color[y : y + height, x : x + width, 1 if red else 0] //= 4
    write_image(folder, name, color, depth, **labels)


@pytest.fixture
def folder(tmp_path):
    """Four good and four torn items, one of each wrongly coloured; a reference; no label for u."""
    path = tmp_path / "data"
    path.mkdir()
    write_camera(path)
    rows = []
    for i in range(8):
        damaged = i >= 4
        write(path, f"i{i}", damaged if i not in (0, 4) else not damaged)
        kind = ("tear" if i != 7 else "hole") if damaged else "none"
        rows.append((f"i{i}", "s", "query", int(damaged), kind, "box" if i % 2 else "bag"))
    write(path, "r", False)
    write(path, "u", False)
    rows.append(("r", "s", "reference", 0, "none", ""))
    write_labels(path, *rows, columns=("name", "sku", "role", "damaged", "kind", "form"))
    return path


def predictions_of(out):
    with (out / "predictions.csv").open(newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def test_the_figures_are_those_of_the_predictions(folder, tmp_path):
    out = tmp_path / "out"
    metrics = evaluate(ImageFolder(folder), red_inspector(), out)
    assert json.loads((out / "metrics.json").read_text()) == metrics
    assert (metrics["n_good"], metrics["n_damaged"], metrics["n_references"]) == (4, 4, 1)
    assert metrics["unlabelled"] == ["u"]
    assert metrics["not_located"] == 0
    assert metrics["recall_at_threshold"] == 0.75
    assert metrics["false_positive_rate_at_threshold"] == 0.25
    assert set(metrics["breakdown"]["form"]) == {"bag", "box"}
    rows = predictions_of(out)
    assert list(rows["i0"]) == ["name", "damaged", "kind", "confidence", "predicted_kind"]
    assert set(rows) == {f"i{i}" for i in range(8)}
    assert (rows["i5"]["damaged"], rows["i5"]["kind"], rows["i5"]["predicted_kind"]) == (
        "1",
        "tear",
        "tear",
    )
    assert rows["i1"]["predicted_kind"] == "none"
    good = np.array([float(r["confidence"]) for r in rows.values() if r["damaged"] == "0"])
    damaged = np.array([float(r["confidence"]) for r in rows.values() if r["damaged"] == "1"])
    wins = (damaged[:, None] > good).mean() + (damaged[:, None] == good).mean() / 2
    assert metrics["auroc"] == pytest.approx(wins)


def test_pictures_of_figures_and_of_the_worst_are_written(folder, tmp_path):
    evaluate(ImageFolder(folder), red_inspector(), tmp_path / "out")
    assert cv2.imread(str(tmp_path / "out" / "report.png")).shape[1] == 1400
    assert cv2.imread(str(tmp_path / "out" / "worst.jpg")).shape[1] == 5 * 320


def test_what_got_no_answer_is_an_error_with_the_worst_confidence(folder, tmp_path):
    (folder / "i1_color.png").write_bytes(b"no image")
    write(folder, "i5")
    metrics = evaluate(ImageFolder(folder), red_inspector(), tmp_path / "out")
    rows = predictions_of(tmp_path / "out")
    assert [(e["name"], e["error"]) for e in metrics["errors"]] == [
        ("i1", "unreadable"),
        ("i5", "not located"),
    ]
    assert metrics["not_located"] == 1
    assert (metrics["n_good"], metrics["n_damaged"]) == (4, 4)
    assert [float(rows[name]["confidence"]) for name in ("i1", "i5")] == [1.0, 0.0]
    assert metrics["verdicts"]["good"]["unknown"] == metrics["verdicts"]["damaged"]["unknown"] == 1


def test_a_failed_backend_is_an_error_of_every_image(folder, tmp_path):
    inspector = red_inspector()
    inspector.network.broken = True
    metrics = evaluate(ImageFolder(folder), inspector, tmp_path / "out")
    assert len(metrics["errors"]) == 8
    assert metrics["auroc"] == 0.0
    assert metrics["expected_calibration_error"] is None


def test_a_data_set_without_labels_or_queries_is_refused(folder, tmp_path):
    write_labels(folder, ("i0", "s", "reference", 0, "none"))
    with pytest.raises(DatasetError, match="no row of role query"):
        evaluate(ImageFolder(folder), red_inspector(), tmp_path / "out")
    (folder / "labels.csv").unlink()
    with pytest.raises(DatasetError, match=r"no labels\.csv"):
        evaluate(ImageFolder(folder), red_inspector(), tmp_path / "out")


def located(folder, name):
    record = next(record for record in ImageFolder(folder) if record.name == name)
    frame = record.frame()
    return frame, tuple(Station(plane=PLANE).locate(frame, PLANE))


def covers(item, box):
    x, y, width, height = box
    return bool(item.mask[y + height // 2, x + width // 2])


def test_of_several_items_the_large_central_one_is_scored(folder):
    write(folder, "two", False, True)
    frame, items = located(folder, "two")
    assert covers(items[find_target(items, frame)], BOX)


def test_the_item_that_the_data_set_marks_is_scored(folder):
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[30:40, 20:40] = 2
    write(folder, "two", False, True, mask=mask)
    frame, items = located(folder, "two")
    assert covers(items[find_target(items, frame, damage=mask > 0)], SIDE)
    label = next(iter(ImageFolder(folder))).label
    record = next(record for record in ImageFolder(folder) if record.name == "two")
    assert predict(record, label, red_inspector()).confidence > 0.8


def test_an_item_marked_where_none_was_found_is_not_located(folder):
    items = np.zeros((HEIGHT, WIDTH), np.uint8)
    items[200:230, 250:300] = 1
    write(folder, "i5", True, items=items)
    record = next(record for record in ImageFolder(folder) if record.name == "i5")
    prediction = predict(record, record.label, red_inspector())
    assert (prediction.error, prediction.confidence) == ("not located", 0.0)
    assert "none of them the labelled one" in prediction.cause


def test_a_patch_of_the_marked_item_is_not_the_item(folder):
    items = np.zeros((HEIGHT, WIDTH), np.uint8)
    items[60:230, 100:300] = 1
    write(folder, "i5", True, items=items)
    frame, found = located(folder, "i5")
    assert find_target(found, frame, items == 1) is None
    assert find_target(found, frame, found[0].mask) == 0


def test_an_item_that_holds_the_marked_one_answers_for_it(folder):
    items = np.zeros((HEIGHT, WIDTH), np.uint8)
    x, y, width, height = BOX
    items[y : y + height // 4, x : x + width] = 1
    write(folder, "i5", True, items=items)
    frame, found = located(folder, "i5")
    assert find_target(found, frame, items == 1) == 0


def test_the_fit_of_the_items_found_is_measured_where_outlines_are_known(folder, tmp_path):
    items = np.zeros((HEIGHT, WIDTH), np.uint8)
    x, y, width, height = BOX
    items[y : y + height, x : x + width] = 1
    write(folder, "i5", True, items=items)
    metrics = evaluate(ImageFolder(folder), red_inspector(), tmp_path / "out")
    assert metrics["item_iou"]["median"] > 0.9
    assert metrics["item_iou"]["share_from_0.8"] == 1.0


def test_damage_marked_beside_every_item_leaves_the_central_one(folder):
    beside = np.zeros((HEIGHT, WIDTH), bool)
    beside[-5:, -5:] = True
    frame, items = located(folder, "i5")
    assert find_target(items, frame, damage=beside) == 0


def test_without_items_there_is_no_target():
    values = {name: CAMERA[name] for name in ("width", "height", "fx", "fy", "cx", "cy")}
    frame = Frame(np.zeros((HEIGHT, WIDTH, 3), np.uint8), None, CameraModel(**values))
    assert find_target((), frame) is None


def color_folder(path, skus=("green", "blue")):
    """Products by colour, of each a reference, a good query and one that differs from both."""
    path.mkdir()
    write_camera(path)
    rows = []
    for sku in skus:
        tint = {"green": (60, 150, 60), "blue": (60, 60, 150)}[sku]
        for name, role, shade in (("r", "reference", 0), ("g", "query", 0), ("d", "query", 40)):
            color, depth = box_scene(BOX)
            x, y, width, height = BOX
            noise = np.random.default_rng(0).integers(-12, 12, (height, width, 3))
            color[y : y + height, x : x + width] = np.array(tint) + noise + (0, -shade, shade // 2)
            write_image(path, f"{sku}_{name}", color, depth)
            kind = "hole" if name == "d" else "none"
            rows.append((f"{sku}_{name}", sku, role, int(name == "d"), kind))
    write_labels(path, *rows)
    return ImageFolder(path)


def test_references_of_the_data_set_make_a_signal_of_their_own(tmp_path):
    dataset = color_folder(tmp_path / "data")
    metrics = evaluate(dataset, color_inspector(), tmp_path / "out", references=True)
    assert metrics["references"]["auroc"] == 1.0
    assert metrics["joined"]["auroc"] == metrics["auroc"]
    assert metrics["supervised"]["auroc"] < 1.0
    assert (metrics["enrolled"], metrics["compared"]) == (2, 4)
    found = metrics["identification"]
    assert (found["skus"], found["top1"]) == (2, 1.0) and 0 <= found["rejected"] < 1
    keys = set(metrics["supervised"])
    assert keys == set(metrics["joined"]) == set(metrics["references"]) and keys <= set(metrics)


def test_wrong_references_are_noticed_and_leave_the_verdict_to_the_network(tmp_path):
    dataset = color_folder(tmp_path / "data")
    wrong = evaluate(dataset, color_inspector(), tmp_path / "wrong", wrong_references=True)
    none = evaluate(dataset, color_inspector(), tmp_path / "none")
    assert wrong["mismatched"] == 4 and wrong["compared"] == 0
    assert wrong["references"] is None
    assert wrong["joined"]["auroc"] == none["auroc"]


def test_without_depth_what_was_compared_is_counted_though_no_view_suffices_for_a_verdict(tmp_path):
    dataset = color_folder(tmp_path / "data")
    metrics = evaluate(
        dataset, color_inspector(), tmp_path / "out", with_depth=False, references=True
    )
    assert (metrics["enrolled"], metrics["compared"]) == (2, 4)
    assert metrics["references"]["auroc"] is not None


def test_references_that_are_not_there_are_asked_for_in_vain(folder, tmp_path):
    with pytest.raises(DatasetError, match="compares nothing"):
        evaluate(ImageFolder(folder), red_inspector(), tmp_path / "out", references=True)
    rows = [("green_g", "green", "query", 0, "none")]
    dataset = color_folder(tmp_path / "other", ("green",))
    write_labels(dataset.path, *rows)
    with pytest.raises(DatasetError, match="no row of role reference"):
        evaluate(ImageFolder(dataset.path), color_inspector(), tmp_path / "out", references=True)
