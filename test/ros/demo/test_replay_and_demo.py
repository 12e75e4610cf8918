"""Recorded and simulated images go through the node, and what came of them is told."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")

import cv2
from cell import CAMERA, Cell, Detector, scene
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rich.console import Console
from sensor_msgs.msg import Image

from damage_perception.ros.demo.run import DemoError, run_demo

pytestmark = pytest.mark.ros


def write_folder(folder, *damaged):
    folder.mkdir()
    names = ("width", "height", "fx", "fy", "cx", "cy")
    camera = {name: getattr(CAMERA, name) for name in names} | {"depth_unit_m": 0.001}
    (folder / "camera.json").write_text(json.dumps(camera))
    for number, is_damaged in enumerate(damaged):
        color, depth = scene(damaged=is_damaged)
        cv2.imwrite(str(folder / f"{number}_color.png"), color[..., ::-1])
        cv2.imwrite(str(folder / f"{number}_depth.png"), (depth * 1000).astype(np.uint16))
    return folder


def replay(environment, source, **parameters):
    """The replay node as a launch file starts it."""
    arguments = []
    for name, value in {"source": source, **parameters}.items():
        arguments += ["-p", f"{name}:={value}"]
    return ended(environment, "damage_perception.ros.demo.replay_node", "--ros-args", *arguments)


def replay_command(environment, *arguments):
    """The replay as a person types it."""
    return ended(environment, "damage_perception.cli", "replay", *map(str, arguments))


def ended(environment, module, *arguments):
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def test_every_image_of_a_folder_gets_its_report(environment, tiny_card, tmp_path):
    """Without a station the plane is fitted in each frame."""
    folder = write_folder(tmp_path / "images", False, True, False)
    detector = Detector(tmp_path, environment, {"model": str(tiny_card), "autostart": True})
    cell = Cell(environment, ())
    try:
        cell.until(lambda: cell.node.count_publishers("damage_detector/reports"), 20)
        time.sleep(0.5)
        done = replay_command(environment, folder)
        assert done.returncode == 0, done.stderr
        assert "replaying" in done.stdout and "3/3" in done.stdout
        # A second of each image and 0.6 s without content, at 10 frames a second.
        assert "published 48 frames" in done.stdout
        cell.until(lambda: len(cell.reports) >= 3)
        assert [report.verdict for report in cell.reports] == [1, 2, 1]
    finally:
        cell.close()
        assert detector.stop() == 0
    assert "has no station: its plane is fitted in every frame" in detector.log


def test_a_recording_is_played_on_the_topics_of_its_cameras(environment, tiny_card, tmp_path):
    from recording import image, info, write_bag

    messages = []
    for at in range(0, 1000, 100):
        for camera, damaged in (("cell/left", False), ("cell/right", True)):
            color, depth = scene(damaged=damaged)
            messages += [
                (f"/{camera}/color/camera_info", at, info(at, CAMERA)),
                (f"/{camera}/color/image_raw", at, image(at, "rgb8", color)),
                (f"/{camera}/depth/image_rect_raw", at, image(at, "32FC1", depth)),
            ]
    recording = next(write_bag(tmp_path / "bag", messages).glob("*.mcap"))
    parameters = {"model": str(tiny_card), "autostart": True, "cameras": ["left", "right"]}
    detector = Detector(tmp_path, environment, parameters, "-r", "__ns:=/cell")
    cell = Cell(environment, (), namespace="cell")
    try:
        cell.until(lambda: cell.node.count_publishers("damage_detector/reports"), 20)
        time.sleep(0.5)
        done = replay(environment, recording)
        assert done.returncode == 0, done.stderr
        assert "published 20 frames" in done.stdout
        cell.until(lambda: len(cell.reports) >= 2)
    finally:
        cell.close()
        assert detector.stop() == 0
    verdicts = {tuple(report.cameras): report.verdict for report in cell.reports}
    assert verdicts == {("left",): 1, ("right",): 2}


def test_one_name_for_two_cameras_is_refused(environment, tmp_path):
    from recording import image, write_bag

    color, _ = scene()
    messages = [(f"/{name}/color/image_raw", 0, image(0, "rgb8", color)) for name in "ab"]
    done = replay(environment, write_bag(tmp_path / "bag", messages), camera="camera")
    assert done.returncode == 1 and "has the cameras a, b" in done.stderr


def test_a_replay_that_nobody_hears_says_so(environment, tmp_path):
    folder = write_folder(tmp_path / "images", False)
    done = replay(environment, folder, wait_s=0.5)
    assert done.returncode == 1
    assert "nobody subscribes to camera/color/image_raw" in done.stderr


def test_a_replay_of_nothing_says_so(environment, tmp_path):
    done = replay(environment, tmp_path / "nowhere")
    assert done.returncode == 1 and "does not exist" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_says_in_one_line_what_is_wrong(environment, tmp_path):
    folder = write_folder(tmp_path / "images", False)
    unheard = replay_command(environment, folder, "--as", "left", "--wait", 0.5)
    nowhere = replay_command(environment, tmp_path / "nowhere")
    uncalibrated = replay_command(environment, folder, "--camera", tmp_path / "x.json")
    for done, text in (
        (unheard, "nobody subscribes to left/color/image_raw"),
        (nowhere, "nowhere does not exist"),
        (uncalibrated, "x.json cannot be read"),
    ):
        assert done.returncode == 2
        assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
        assert text in done.stderr


def test_a_publisher_of_lesser_quality_is_an_error_with_its_mend(environment, tiny_card, tmp_path):
    parameters = {"model": str(tiny_card), "autostart": True, "image_qos": "reliable"}
    detector = Detector(tmp_path, environment, parameters)
    cell = Cell(environment, ())
    try:
        best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        cell.node.create_publisher(Image, "camera/color/image_raw", best_effort)
        cell.until(lambda: "set the parameter image_qos to sensor_data" in detector.log, 20)
    finally:
        cell.close()
        assert detector.stop() == 0
    assert (
        "[ERROR]" in detector.log and "camera/color/image_raw: a publisher offers" in detector.log
    )


def test_the_demo_reports_every_item_and_leaves_its_summary(environment, tiny_card, tmp_path):
    pytest.importorskip("embreex", reason="embreex is needed to render the simulated cell")
    out = tmp_path / "demo"
    out.mkdir()
    # An earlier demo has shown more items.
    for name in ("simulated_cell.log", "item-00003_overlay.jpg", "photo.jpg"):
        (out / name).touch()
    with (tmp_path / "terminal").open("w") as terminal:
        complete = run_demo(out, items=3, model=tiny_card, console=Console(file=terminal))
    shown = (tmp_path / "terminal").read_text()
    assert complete, shown
    summary = json.loads((out / "summary.json").read_text())
    assert summary["items"] == summary["reports"] == 3
    assert summary["backend"] == "onnxruntime-cpu-fp32"
    assert 0 < summary["latency_ms"]["p50"] <= summary["latency_ms"]["p99"]
    assert 0 <= summary["missed"] + summary["false_diverts"] <= 3
    items = [json.loads(line) for line in (out / "items.jsonl").read_text().splitlines()]
    for item in items:
        assert item["item_id"] in shown and item["answer"]["action"]
        assert cv2.imread(str(out / f"{item['item_id']}_overlay.jpg")) is not None
    assert cv2.imread(str(out / "contact_sheet.jpg")) is not None
    assert len(list(out.glob("*_overlay.jpg"))) == 3 and (out / "photo.jpg").exists()


def test_the_demo_enrols_its_products_and_says_what_references_change(environment, tmp_path):
    pytest.importorskip("embreex", reason="embreex is needed to render the simulated cell")
    pytest.importorskip("lancedb", reason="lancedb is not installed")
    from tiny_model import write_model

    from damage_perception.gallery.store.store import GalleryStore

    out = tmp_path / "demo"
    card = write_model(tmp_path / "model", references=True)
    with (tmp_path / "terminal").open("w") as terminal:
        complete = run_demo(out, items=3, model=card, console=Console(file=terminal))
    shown = (tmp_path / "terminal").read_text()
    assert complete, shown
    references = json.loads((out / "summary.json").read_text())["references"]
    assert references["enrolled"] + references["refused"] == 6
    kept = GalleryStore.open(out / "gallery", create=False).references()
    assert len(kept) == references["enrolled"]
    items = [json.loads(line) for line in (out / "items.jsonl").read_text().splitlines()]
    enrolled = {reference.sku for reference in kept}
    for item in items:
        assert (item["answer"]["references"] != "unknown_sku") == (item["sku"] in enrolled)
    used = [item for item in items if item["answer"]["references"] == "used"]
    assert references["items_compared"] == len(used)
    assert set(references["without_them"]) == {
        "diverted", "missed", "false_diverts", "unknown", "auroc"
    }  # fmt: skip
    assert "with references" in shown and "items compared" in shown


def test_a_demo_whose_detector_cannot_work_fails_with_its_words(environment, tmp_path):
    pytest.importorskip("embreex", reason="embreex is needed to render the simulated cell")
    # Of no demo, since none has been here.
    picture = tmp_path / "item-00003_overlay.jpg"
    picture.touch()
    with pytest.raises(DemoError, match=r"nowhere\.yaml"):
        run_demo(tmp_path, items=1, model=tmp_path / "nowhere.yaml", console=Console(quiet=True))
    assert picture.exists()
