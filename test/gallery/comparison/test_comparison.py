"""Items held against references: compared, mistaken for others, identified, or neither."""

from dataclasses import replace

import numpy as np
import pytest
from color_network import ColorNetwork, color_inspector, embedding, gallery
from image_folder import CAMERA, box_scene

from damage_perception.frame import CameraModel, Frame
from damage_perception.gallery.gallery import Gallery
from damage_perception.network.bank import Bank
from damage_perception.network.comparison import Identification, Sameness
from damage_perception.verdict.difference import ReferenceStatus
from damage_perception.verdict.report import Reason, Verdict
from damage_perception.verdict.tracker import Announcement

BOX = (110, 80, 90, 70)
GREEN, BLUE = (60, 150, 60), (60, 60, 150)


def frame(color, stamp_ns=1):
    image, depth = box_scene(BOX)
    x, y, width, height = BOX
    noise = np.random.default_rng(0).integers(-12, 12, (height, width, 3))
    image[y : y + height, x : x + width] = np.clip(np.array(color) + noise, 0, 255)
    values = {name: CAMERA[name] for name in ("width", "height", "fx", "fy", "cx", "cy")}
    return Frame(image, depth.astype(np.float32) / 1000, CameraModel(**values), stamp_ns=stamp_ns)


def judged(color, sku="", references=None, **changes):
    inspector = color_inspector()
    inspector.use_gallery(references)
    for name, value in changes.items():
        setattr(inspector.network, name, value)
    result = inspector.judge(frame(color), sku)
    assert len(result.reports) == 1
    return result.reports[0]


def test_an_item_like_its_references_passes_and_one_that_differs_does_not():
    known = gallery(green=[GREEN])
    same, other = judged(GREEN, "green", known), judged((60, 118, 60), "green", known)
    assert same.references is other.references is ReferenceStatus.USED
    assert same.verdict is Verdict.PASS and same.anomaly_score < 0.1 < other.anomaly_score
    assert judged((60, 118, 60)).confidence < other.confidence


def test_what_only_the_references_see_is_shown_where_it_is():
    inspector = color_inspector()
    [alone] = inspector.judge(frame((60, 92, 92))).reports
    inspector.use_gallery(gallery(green=[GREEN]))
    [compared] = inspector.judge(frame((60, 92, 92)), "green").reports
    assert alone.verdict is Verdict.PASS
    assert compared.verdict is Verdict.DIVERT and compared.anomaly_score > 0.5
    assert compared.regions and compared.regions[0].position_m is not None


@pytest.mark.parametrize(
    ("sku", "references", "status"),
    [
        ("", {"green": [GREEN]}, ReferenceStatus.USED),
        ("green", {"green": [GREEN]}, ReferenceStatus.USED),
        ("red", {"green": [GREEN]}, ReferenceStatus.UNKNOWN_SKU),
        ("blue", {"green": [GREEN], "blue": [BLUE]}, ReferenceStatus.MISMATCH),
        ("green", {}, ReferenceStatus.UNKNOWN_SKU),
        ("", {}, ReferenceStatus.NO_SKU),
    ],
)
def test_the_report_says_what_became_of_the_references(sku, references, status):
    report = judged(GREEN, sku, gallery(**references))
    assert report.references is status
    assert np.isfinite(report.anomaly_score) == (status is ReferenceStatus.USED)


def test_without_a_gallery_nothing_is_compared_and_nothing_else_changes():
    report = judged(GREEN, "green")
    assert report.references is ReferenceStatus.UNAVAILABLE
    assert report.verdict is Verdict.PASS and np.isnan(report.anomaly_score)


def test_an_item_of_another_sku_is_not_passed_nor_judged_by_its_references():
    known = gallery(green=[GREEN], blue=[BLUE])
    report, alone = judged(GREEN, "blue", known), judged(GREEN)
    assert report.verdict is Verdict.UNKNOWN and Reason.SKU_MISMATCH in report.reasons
    assert report.confidence == alone.confidence
    assert report.identity.sku == "green"


def test_an_unnamed_item_is_identified_or_none_of_these():
    known = gallery(green=[GREEN, (50, 140, 60)], blue=[BLUE])
    found, other = judged(GREEN, "", known), judged((150, 150, 150), "", known)
    assert (found.identity.sku, found.sku) == ("green", "")
    assert found.identity.confidence > 0.5 > other.identity.confidence
    assert other.identity.sku == "" and other.references is ReferenceStatus.NO_SKU


def test_what_looks_like_a_sku_but_is_denied_by_the_comparison_is_judged_by_itself(monkeypatch):
    compare = ColorNetwork.compare
    denied = lambda *of: replace(compare(*of), same=-1.0)  # noqa: E731
    monkeypatch.setattr(ColorNetwork, "compare", denied)
    known = gallery(green=[GREEN])
    report, alone = judged(GREEN, "", known), judged(GREEN)
    assert report.references is ReferenceStatus.NO_SKU
    assert report.identity.sku == "" and report.identity.nearest == "green"
    assert report.verdict is Verdict.PASS and report.confidence == alone.confidence
    assert Reason.SKU_MISMATCH in judged(GREEN, "green", known).reasons


def test_a_comparison_that_fails_costs_the_references_and_not_the_verdict():
    report = judged(GREEN, "green", gallery(green=[GREEN]), comparing=False)
    assert report.verdict is Verdict.PASS
    assert report.references is ReferenceStatus.UNAVAILABLE


def test_an_item_announced_after_it_was_seen_is_compared_all_the_same():
    inspector = color_inspector()
    inspector.configure(
        inspector.policy.at(0.8, frames_per_camera=2, deadline_ns=10**9), inspector.quality
    )
    inspector.use_gallery(gallery(green=[GREEN], blue=[BLUE]))
    assert inspector.observe(frame(GREEN, 10**6), 10**6) == []
    inspector.announce(Announcement("a", "green"), 2 * 10**6)
    [report] = inspector.observe(frame(GREEN, 3 * 10**6), 3 * 10**6)
    assert (report.item_id, report.references) == ("a", ReferenceStatus.USED)


def test_whether_it_is_the_same_product_follows_from_comparison_and_descriptors():
    same = Sameness(logit=2.0, cosine=10.0, least=7.0)
    assert same.margin(0.0, 0.7) == pytest.approx(0.0)
    assert same.margin(1.0, 0.7) > 0 > same.margin(1.0, 0.4)
    bank = Bank.of([embedding(GREEN), embedding(BLUE)])
    assert (bank.descriptors @ embedding(BLUE).descriptor).max() == pytest.approx(1.0)


def test_people_are_told_which_skus_look_alike():
    near = (62, 150, 60)
    made = gallery(green=[GREEN, near], leaf=[GREEN, near], blue=[BLUE, (60, 62, 150)])
    references = [reference for sku in made.skus for reference in made.references(sku)]
    known = Gallery(references, Identification(cosine=10.0, lead=200.0, offset=-12.0))
    assert known.not_told_from("green") == "leaf" and known.not_told_from("leaf") == "green"
    assert known.not_told_from("blue") == ""
    assert gallery(green=[GREEN]).not_told_from("green") == ""
