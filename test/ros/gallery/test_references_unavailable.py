"""Detectors whose references are not to be had: items are judged without, and everyone is told."""

import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")
pytest.importorskip("lancedb", reason="lancedb is not installed")
pytest.importorskip("onnx", reason="onnx is needed to write the tiny model")

from cell import ACTIVATE, DEACTIVATE, PLANE, Cell, Detector
from gallery_cell import GREEN, confirm, enroll, frame_of, inspector_of, judged, review, undo
from tiny_model import write_model

from damage_perception.enrollment import show
from damage_perception.gallery.reference import NewReference
from damage_perception.gallery.store.store import GalleryStore
from damage_perception_msgs.msg import DamageReport

pytestmark = pytest.mark.ros


@pytest.fixture
def run(environment, tmp_path):
    """Starts a detector with a gallery, and the cell around it."""
    running = []

    def start(card, gallery):
        parameters = {
            "model": str(card),
            "gallery": str(gallery),
            "autostart": True,
            "camera": {"plane": PLANE},
            "leave_after_ms": 100,
        }
        detector = Detector(tmp_path, environment, parameters)
        running.append(detector)
        cell = Cell(environment)
        running.insert(0, cell)
        cell.connect()
        return cell, detector

    yield start
    for each in running:
        if isinstance(each, Cell):
            each.close()
        else:
            assert each.stop() == 0, each.log
            assert "Traceback" not in each.log


def test_references_of_another_model(run, tmp_path):
    card = write_model(tmp_path / "model", references=True)
    shown = show("shown", frame_of(tint=GREEN), inspector_of(card))
    store = GalleryStore.open(tmp_path / "gallery")
    new = [NewReference(shown.view, shown.embedding, "shown")]
    store.enroll("green", "another-model", new, "tester", "")
    cell, _ = run(card, tmp_path / "gallery")
    report = judged(cell, "item", "green", tint=GREEN)
    assert report.verdict == DamageReport.PASS
    assert report.references == DamageReport.REFERENCES_UNAVAILABLE
    level, message, _ = cell.status("gallery")
    assert level == 1
    assert f"damage-perception gallery reembed --gallery {tmp_path / 'gallery'}" in message
    # What the command does.
    name = store.references()[0].reference_id
    store.reembed("tiny-red", {name: shown.embedding}, "tester")
    cell.until(lambda: cell.status("gallery")[0] == 0)
    assert judged(cell, "then", "green", tint=GREEN).references_used


def test_a_model_that_compares_nothing(run, tmp_path):
    cell, _ = run(write_model(tmp_path / "model"), tmp_path / "gallery")
    report = judged(cell, "item", "green", tint=GREEN)
    assert report.references == DamageReport.REFERENCES_UNAVAILABLE
    response = enroll(cell, "green", tint=GREEN)
    assert not response.success and "tiny-red compares nothing" in response.message
    assert not (tmp_path / "gallery").exists()


def test_no_gallery(run, tmp_path):
    cell, _ = run(write_model(tmp_path / "model", references=True), "")
    for response in (
        enroll(cell, "green", tint=GREEN),
        confirm(cell, "item"),
        review(cell, "green"),
        undo(cell),
    ):
        assert not response.success and "set the parameter gallery" in response.message
    assert cell.status("gallery")[:2] == (0, "none: items are not compared with references")


def test_references_survive_a_node_that_is_deactivated(run, tmp_path):
    card = write_model(tmp_path / "model", references=True)
    cell, _ = run(card, tmp_path / "gallery")
    enrolled = enroll(cell, "green", tint=GREEN)
    assert enrolled.success, enrolled.message
    assert cell.change_state(DEACTIVATE)
    assert "not active" in enroll(cell, "blue", tint=GREEN).message
    # The gallery is changed all the same, and the node has it when it is active again.
    assert undo(cell, enrolled.change_id).success
    back = undo(cell)
    assert not back.success and "no change to undo" in back.message
    assert undo(cell, undo_of(tmp_path / "gallery")).success
    assert cell.change_state(ACTIVATE)
    cell.connect()
    assert judged(cell, "item", "green", tint=GREEN).references_used


def undo_of(gallery):
    """The change that undid the newest."""
    return GalleryStore.open(gallery, create=False).changes()[0].change_id
