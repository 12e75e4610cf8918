"""Recorded frames become one line each, with an overlay and a mask of the items."""

import json

import cv2
import numpy as np
import pytest
from image_folder import HEIGHT, WIDTH, box_scene, write_camera, write_folder, write_image
from red_network import red_inspector

from damage_perception.dataset import ImageFolder
from damage_perception.inspection import inspect_source
from damage_perception.verdict.report import Verdict


def reddened(box, *others):
    color, depth = box_scene(box, *others)
    x, y, width, height = box
    color[y : y + height, x : x + width, 1:] //= 4
    return color, depth


def lines_of(out):
    return [json.loads(line) for line in (out / "reports.jsonl").read_text().splitlines()]


@pytest.fixture
def folder(tmp_path):
    """Image a shows a good item, b a torn and a good one, c nothing."""
    path = write_folder(tmp_path / "in", "a", box=(110, 80, 90, 70))
    write_image(path, "b", *reddened((30, 60, 100, 90), (200, 80, 60, 50)))
    write_image(path, "c", *box_scene())
    return path


def test_every_frame_is_a_line_with_its_items_and_reports(folder, tmp_path):
    inspected = list(inspect_source(ImageFolder(folder), red_inspector(), tmp_path / "out"))
    a, b, c = lines_of(tmp_path / "out")
    assert [line["name"] for line in (a, b, c)] == ["a", "b", "c"]
    assert [len(line["items"]) for line in (a, b, c)] == [1, 2, 0]
    assert [len(line["reports"]) for line in (a, b, c)] == [1, 2, 0]
    assert [r["verdict"] for r in b["reports"]] == ["divert", "pass"]
    assert [i.verdicts for i in inspected] == [
        (Verdict.PASS,),
        (Verdict.DIVERT, Verdict.PASS),
        (),
    ]
    assert a["items"][0]["box"] == pytest.approx([110, 80, 90, 70], abs=3)


def test_a_report_says_what_damage_is_where(folder, tmp_path):
    list(inspect_source(ImageFolder(folder), red_inspector(), tmp_path / "out"))
    report = lines_of(tmp_path / "out")[1]["reports"][0]
    assert report["reasons"] == ["damage"]
    assert report["confidence"] > report["threshold"] == 0.8
    assert report["kind_confidences"]["tear"] == 0.9
    (region,) = report["regions"]
    assert region["kind"] == "tear"
    assert len(region["polygon"]) >= 3
    assert region["position_m"][2] == pytest.approx(0.7, abs=0.01)
    assert report["model_id"] == "red"


def test_item_masks_go_by_the_order_of_the_items(folder, tmp_path):
    list(inspect_source(ImageFolder(folder), red_inspector(), tmp_path / "out"))
    line = lines_of(tmp_path / "out")[1]
    mask = cv2.imread(str(tmp_path / "out" / "b_items.png"), cv2.IMREAD_UNCHANGED)
    assert (mask.dtype, mask.shape) == (np.uint8, (HEIGHT, WIDTH))
    assert sorted(np.unique(mask)) == [0, 1, 2]
    for index, item in enumerate(line["items"], start=1):
        x, y, width, height = item["box"]
        assert cv2.boundingRect((mask == index).astype(np.uint8)) == (x, y, width, height)
        assert (mask == index).sum() == item["area_px"]
    assert not cv2.imread(str(tmp_path / "out" / "c_items.png"), cv2.IMREAD_UNCHANGED).any()


def test_every_frame_has_an_overlay_of_its_size(folder, tmp_path):
    list(inspect_source(ImageFolder(folder), red_inspector(), tmp_path / "out"))
    for name in "abc":
        overlay = cv2.imread(str(tmp_path / "out" / f"{name}_overlay.jpg"))
        assert overlay.shape == (HEIGHT, WIDTH, 3)


def test_a_frame_that_cannot_be_read_is_a_line_without_verdict(folder, tmp_path):
    (folder / "b_color.png").write_bytes(b"\x89PNG broken")
    inspected = list(inspect_source(ImageFolder(folder), red_inspector(), tmp_path / "out"))
    lines = lines_of(tmp_path / "out")
    assert (lines[1]["items"], lines[1]["reports"]) == ([], [])
    assert "b_color.png" in lines[1]["error"] == inspected[1].error
    assert [len(line["reports"]) for line in lines] == [1, 0, 0]
    assert not (tmp_path / "out" / "b_overlay.jpg").exists()


def test_a_frame_without_a_plane_is_a_line_without_verdict(tmp_path):
    write_camera(tmp_path)
    rng = np.random.default_rng(0)
    noise = rng.integers(300, 5000, (HEIGHT, WIDTH)).astype(np.uint16)
    write_image(tmp_path, "a", box_scene()[0], noise)
    source, inspector = ImageFolder(tmp_path), red_inspector(plane=None)
    list(inspect_source(source, inspector, tmp_path / "out"))
    (line,) = lines_of(tmp_path / "out")
    assert line["reports"] == []
    assert "plane" in line["error"]


def test_a_failed_backend_is_unknown_with_its_reason(folder, tmp_path):
    inspector = red_inspector()
    inspector.network.broken = True
    list(inspect_source(ImageFolder(folder), inspector, tmp_path / "out"))
    (report,) = lines_of(tmp_path / "out")[0]["reports"]
    assert (report["verdict"], report["confidence"]) == ("unknown", None)
    assert "backend_fault" in report["reasons"]


def test_a_missing_depth_image_never_passes(folder, tmp_path):
    (folder / "a_depth.png").unlink()
    list(inspect_source(ImageFolder(folder), red_inspector(plane=None), tmp_path / "out"))
    line = lines_of(tmp_path / "out")[0]
    assert all(report["verdict"] != "pass" for report in line["reports"])


@pytest.mark.parametrize(
    "name", ["with space", "ümlaut-漢字", "-dash", "..", "a'b\"c;$(x)", "x\ny"]
)
def test_odd_names_stay_one_line_and_inside_the_folder(tmp_path, name):
    folder = write_folder(tmp_path / "in", name)
    list(inspect_source(ImageFolder(folder), red_inspector(), tmp_path / "out"))
    (line,) = lines_of(tmp_path / "out")
    assert line["name"] == name
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "reports.jsonl",
        f"{name}_overlay.jpg",
        f"{name}_items.png",
    }
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}
