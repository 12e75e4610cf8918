"""What is refused leaves no trace, and is refused with its reason."""

import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")
pytest.importorskip("lancedb", reason="a gallery needs lancedb")

from gallery_cell import BLUE, GREEN, confirm, enroll, judged, review, undo

from damage_perception_msgs.msg import DamageReport

pytestmark = pytest.mark.ros


@pytest.fixture(scope="module")
def tiny_card(tmp_path_factory):
    pytest.importorskip("onnx", reason="onnx is needed to write the tiny model")
    from tiny_model import write_model

    return write_model(tmp_path_factory.mktemp("comparing"), references=True)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    return tmp_path_factory.mktemp("galleries") / "mistyped"


@pytest.fixture(scope="module")
def parameters(gallery):
    from cell import PLANE

    return {
        "gallery": str(gallery),
        "decision_deadline_ms": 1500,
        "camera": {"plane": PLANE},
    }


def test_a_refused_request_creates_no_gallery(cell, gallery):
    judged(cell, "damaged", "green", tint=GREEN, damaged=True)
    for response in (
        confirm(cell, "never seen"),
        confirm(cell, "damaged"),
        enroll(cell, "green", tint=GREEN, damaged=True),
        review(cell, "green"),
        undo(cell),
    ):
        assert not response.success and response.message
    assert not gallery.exists()


def test_what_is_granted_creates_it(cell, gallery):
    judged(cell, "good", "green", tint=GREEN)
    assert confirm(cell, "good").success
    assert gallery.is_dir()
    assert review(cell, "green").success


def test_a_review_without_candidates_says_so(cell, gallery):
    for sku in ("green", "pink"):
        response = review(cell, sku)
        assert not response.success
        assert response.message == f"no candidate of {sku!r} waits for a review"


def test_an_item_that_is_none_of_its_sku_is_not_said_to_look_like_it(cell, gallery):
    """The tiny model describes every item alike, so the nearest sku is the announced one."""
    report = judged(cell, "mistaken", "green", tint=BLUE)
    assert report.reasons & DamageReport.REASON_SKU_MISMATCH
    assert report.references == DamageReport.REFERENCES_MISMATCH
    assert (report.identified_sku, report.identification_confidence) == ("", 0.0)
