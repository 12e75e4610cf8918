"""References over DDS: compared, missing, mistaken, enrolled and taken back, without a restart."""

import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")
pytest.importorskip("lancedb", reason="lancedb is not installed")

from gallery_cell import (
    BLUE,
    DARK_GREEN,
    GREEN,
    answered,
    confirm,
    enroll,
    enroll_here,
    judged,
    review,
    undo,
)
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from damage_perception.gallery.reference import State
from damage_perception.gallery.store.store import GalleryStore
from damage_perception_msgs.msg import DamageReport, PackagingChange
from damage_perception_msgs.srv import EnrollReference, Inspect

pytestmark = pytest.mark.ros

PASS, DIVERT, UNKNOWN = DamageReport.PASS, DamageReport.DIVERT, DamageReport.UNKNOWN
LASTING = QoSProfile(
    depth=10,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)


@pytest.fixture(scope="module")
def tiny_card(tmp_path_factory):
    pytest.importorskip("onnx", reason="onnx is needed to write the tiny model")
    from tiny_model import write_model

    return write_model(tmp_path_factory.mktemp("comparing"), references=True)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    return tmp_path_factory.mktemp("galleries") / "gallery"


@pytest.fixture(scope="module")
def parameters(gallery):
    from cell import PLANE

    return {
        "gallery": str(gallery),
        "decision_deadline_ms": 1500,
        "camera": {"plane": PLANE},
    }


@pytest.fixture(scope="module")
def store(gallery, green):
    return GalleryStore.open(gallery, create=False)


@pytest.fixture(scope="module")
def green(cell):
    """The change that enrolled the green product."""
    response = enroll(cell, "green", tint=GREEN)
    assert response.success, response.message
    return response


def test_without_the_gallery_items_are_judged_and_the_node_says_why(cell, detector, gallery):
    report = judged(cell, "early", "green", tint=GREEN, hole=True)
    assert (report.verdict, report.references) == (PASS, DamageReport.REFERENCES_UNAVAILABLE)
    level, message, values = cell.status("gallery")
    assert level == 1 and f"gallery {gallery} does not exist" in message
    assert values["gallery"] == str(gallery) and values["problem"] == message
    assert detector.log.count("does not exist: enroll a reference") == 1


def test_what_is_enrolled_is_compared_from_the_next_image_on(cell, green, gallery):
    assert green.accepted == 3 and not green.refused and green.change_id
    report = judged(cell, "whole", "green", tint=GREEN)
    assert (report.verdict, report.references) == (PASS, DamageReport.REFERENCES_USED)
    assert report.references_used and report.anomaly_score < 0.5
    # Of a spot that the damage network alone takes for no damage.
    report = judged(cell, "spotted", "green", tint=GREEN, hole=True)
    assert report.verdict == DIVERT and report.anomaly_score > 0.5
    level, message, values = cell.status("gallery")
    assert (level, message) == (0, "3 references of 1 skus in use")
    assert (values["skus"], values["candidates"], values["problem"]) == ("1", "0", "")


def test_an_item_without_a_sku_is_compared_with_what_it_looks_like(cell, green):
    report = judged(cell, "nameless", "", tint=GREEN)
    assert report.references == DamageReport.REFERENCES_USED and report.sku == ""
    assert report.identified_sku == "green" and report.identification_confidence > 0.5
    assert cell.set_parameter("identify", False).successful
    report = judged(cell, "unidentified", "", tint=GREEN)
    assert report.references == DamageReport.REFERENCES_NO_SKU and not report.identified_sku
    assert cell.set_parameter("identify", True).successful


def test_a_sku_that_was_never_enrolled_is_said(cell, green):
    report = judged(cell, "stranger", "pink", tint=GREEN)
    assert (report.verdict, report.references) == (PASS, DamageReport.REFERENCES_UNKNOWN_SKU)
    assert not report.references_used


def test_an_item_of_another_sku_than_announced_does_not_pass(cell, green):
    report = judged(cell, "mistaken", "green", tint=BLUE)
    assert (report.verdict, report.references) == (UNKNOWN, DamageReport.REFERENCES_MISMATCH)
    assert report.reasons & DamageReport.REASON_SKU_MISMATCH
    assert cell.set_parameter("require_sku", False).successful
    assert judged(cell, "tolerated", "green", tint=BLUE).verdict == PASS
    assert cell.set_parameter("require_sku", True).successful


def test_inspect_compares_with_the_sku_it_is_given(cell, green):
    cell.show(None, frames=5)
    for tint, status in ((GREEN, "USED"), (BLUE, "MISMATCH")):
        request = Inspect.Request(sku="green")
        request.timeout.sec = 1
        show = lambda: cell.show(frames=1, tint=tint)  # noqa: B023, E731
        (report,) = answered(cell, Inspect, "inspect", request, show).reports
        assert report.references == getattr(DamageReport, f"REFERENCES_{status}")
        assert report.sku == "green" and report.item_id.startswith("inspect-")


def test_views_that_may_not_be_references_are_refused_with_the_reason(cell, green, store):
    before = store.version
    for given, reason in (
        ({"tint": GREEN, "damaged": True}, "looks damaged"),
        ({"tint": BLUE}, "another product than the references of this sku"),
        ({"box": None}, "no item was found"),
    ):
        response = enroll(cell, "green", **given)
        assert not response.success and "no view of 'green'" in response.message
        assert len(response.refused) == 3 and not response.accepted and not response.change_id
        assert "camera, view 1: " in response.refused[0] and reason in response.refused[0]
    for request, reason in (
        (EnrollReference.Request(sku=""), "has 0 characters"),
        (EnrollReference.Request(sku="a", camera="left"), "'left' is not one of camera"),
        (EnrollReference.Request(sku="a", views=1000), "expected 32 at most"),
    ):
        response = cell.call(EnrollReference, "enroll_reference", request)
        assert not response.success and reason in response.message
    assert store.version == before


def test_without_images_nothing_is_enrolled(cell, green):
    request = EnrollReference.Request(sku="blue")
    request.timeout.nanosec = 200_000_000
    response = cell.call(EnrollReference, "enroll_reference", request)
    assert not response.success and "no images of camera" in response.message


def test_an_operator_may_vouch_for_what_is_shown_and_take_it_back(cell, green, store):
    response = enroll(cell, "green", force=True, views=2, tint=BLUE)
    assert response.success and response.accepted == 2
    assert judged(cell, "vouched", "green", tint=BLUE).verdict == PASS
    back = undo(cell, response.change_id)
    assert back.success, back.message
    assert judged(cell, "not vouched", "green", tint=BLUE).verdict == UNKNOWN
    again = undo(cell, response.change_id)
    assert not again.success and "undone already" in again.message
    newest, forced = store.changes("green")[:2]
    assert (newest.by, newest.undoes) == ("tester", response.change_id)
    assert (forced.by, forced.why) == ("tester", "shown to the node, vouched for")


def test_what_another_process_changes_is_followed(cell, green, store, tiny_card):
    assert judged(cell, "too soon", "blue", tint=BLUE).references == (
        DamageReport.REFERENCES_UNKNOWN_SKU
    )
    change = enroll_here(store, "blue", BLUE, tiny_card)
    cell.until(lambda: cell.status("gallery")[2]["skus"] == "2", timeout_s=10)
    report = judged(cell, "known now", "blue", tint=BLUE)
    assert (report.verdict, report.references) == (PASS, DamageReport.REFERENCES_USED)
    # Both are enrolled by now, so that the node can say which it is.
    assert judged(cell, "green in truth", "blue", tint=GREEN).identified_sku == "green"
    store.undo(change.change_id, "another process", "")
    cell.until(lambda: cell.status("gallery")[2]["skus"] == "1", timeout_s=10)


def test_a_confirmed_item_is_a_candidate_until_somebody_accepts_it(cell, green, store):
    judged(cell, "worn", "green", tint=DARK_GREEN)
    worn = judged(cell, "as worn", "green", tint=DARK_GREEN)
    assert worn.verdict == PASS and worn.anomaly_score > 0.5
    response = confirm(cell, "worn")
    assert response.success and "candidate of 'green'" in response.message
    assert judged(cell, "still worn", "green", tint=DARK_GREEN).anomaly_score > 0.5
    assert cell.status("gallery")[2]["candidates"] == "1"
    accepted = review(cell, "green")
    assert accepted.success and accepted.candidates == 1
    assert judged(cell, "no longer", "green", tint=DARK_GREEN).anomaly_score < 0.5
    assert undo(cell, accepted.change_id).success
    assert judged(cell, "again", "green", tint=DARK_GREEN).anomaly_score > 0.5
    rejected = review(cell, "green", accept=False)
    assert rejected.success and rejected.candidates == 1
    assert [s.candidates for s in store.summaries() if s.sku == "green"] == [0]
    nothing = review(cell, "green")
    assert not nothing.success and "no candidate of 'green' waits" in nothing.message


def test_items_that_may_not_become_candidates_are_refused(cell, green):
    judged(cell, "torn", "green", tint=GREEN, damaged=True)
    judged(cell, "some other", "green", tint=BLUE)
    judged(cell, "of no sku", "")
    for item_id, reason in (
        ("torn", "was reported DIVERT"),
        ("some other", "was reported UNKNOWN"),
        ("of no sku", "has no sku"),
        ("worn", "confirmed already"),
        ("unheard of", "not among the newest 200"),
    ):
        response = confirm(cell, item_id)
        assert not response.success and reason in response.message, response.message
    for number in range(9):
        judged(cell, f"good-{number}", "green", tint=GREEN)
    responses = [confirm(cell, f"good-{number}") for number in range(9)]
    assert [response.success for response in responses] == [True] * 8 + [False]
    assert "8 candidates of 'green' wait already" in responses[8].message
    assert review(cell, "green", accept=False).candidates == 8


def test_changes_cost_no_frame(cell, green):
    """Of all that was published while the gallery changed, every frame is handled."""
    cell.show(None, frames=5)
    before, dropped = counts(cell)
    shown = []

    def show(tint=GREEN):
        shown.extend(cell.show(frames=1, period_s=0.1, tint=tint))

    request = EnrollReference.Request(sku="green", by="tester")
    response = answered(cell, EnrollReference, "enroll_reference", request, show)
    assert response.success
    for _ in range(10):
        show()
    assert undo(cell, response.change_id).success
    for _ in range(10):
        show()
    cell.until(lambda: counts(cell)[0] - before == len(shown), timeout_s=5)
    assert counts(cell)[1] == dropped


def test_a_new_packaging_is_told_and_waits_for_somebody_to_accept_it(cell, detector, green, store):
    heard = []
    cell.node.create_subscription(
        PackagingChange, "damage_detector/packaging_changes", heard.append, LASTING
    )
    active = ids(store)
    assert review(cell, "green", accept=False).message  # begins anew with what was seen
    for number in range(12):
        report = judged(cell, f"new-{number}", "green", tint=DARK_GREEN)
        assert report.verdict == PASS and report.anomaly_score > 0.5
    (change,) = cell.until(lambda: heard)
    assert change.sku == "green" and len(change.item_ids) == 5
    assert all(item_id.startswith("new-") for item_id in change.item_ids)
    assert "5 views are candidates" in change.message and "review_candidates" in change.message
    level, message, values = cell.status("gallery")
    assert level == 1 and "packaging of green seems to have changed" in message
    assert values["candidates"] == "5" and values["packaging_changed"] == "green"
    assert detector.log.count("its packaging seems to have changed") == 1
    assert ids(store) == active
    late = []
    cell.node.create_subscription(
        PackagingChange, "damage_detector/packaging_changes", late.append, LASTING
    )
    assert cell.until(lambda: late)[0] == change
    accepted = review(cell, "green")
    assert accepted.success and accepted.candidates == 5
    assert judged(cell, "new and known", "green", tint=DARK_GREEN).anomaly_score < 0.5
    assert judged(cell, "old and known", "green", tint=GREEN).anomaly_score < 0.5
    assert cell.status("gallery")[:2] == (0, "8 references of 1 skus in use")
    assert undo(cell, accepted.change_id).success
    assert review(cell, "green", accept=False).candidates == 5


def test_a_slow_drift_of_damage_teaches_nothing(cell, green, store):
    active = ids(store)
    scores = []
    for number in range(16):
        share = number / 15
        tint = tuple((1 - share) * a + share * b for a, b in zip(GREEN, DARK_GREEN, strict=True))
        scores.append(judged(cell, f"drift-{number}", "green", tint=tint).anomaly_score)
    # As far off as ever, though each is like the one before.
    assert scores == sorted(scores) and scores[-1] == pytest.approx(0.87, abs=0.03)
    assert ids(store) == active
    assert ids(store, State.CANDIDATE) <= 8


def ids(store, state=State.ACTIVE):
    """How many references of the green product, or their ids where they are active."""
    found = [r.reference_id for r in store.references("green", (state,))]
    return sorted(found) if state is State.ACTIVE else len(found)


def counts(cell):
    """Frames handled so far, and all that were dropped."""
    frames = int(cell.status("detector")[2]["frames"])
    values = cell.status("camera camera")[2]
    return frames, {key: value for key, value in values.items() if key.startswith("dropped")}
