"""From frames to reports, with a network that says what the test tells it to."""

from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import pytest

from damage_perception import inspector as inspecting
from damage_perception.frame import CameraModel, Frame
from damage_perception.inspector import Inspector, MountedCamera
from damage_perception.kinds import HOLE, KINDS
from damage_perception.network import Assessment, BackendError
from damage_perception.network.contract import map_cells_along
from damage_perception.station import Plane, Station, StationError
from damage_perception.verdict.camera_agreement import CameraAgreement
from damage_perception.verdict.policy import VerdictPolicy
from damage_perception.verdict.quality import QualityLimits
from damage_perception.verdict.report import Reason, Verdict
from damage_perception.verdict.site import Thresholds
from damage_perception.verdict.tracker import Announcement

MS = 1_000_000
CAMERA = CameraModel(320, 240, 300.0, 300.0, 159.5, 119.5)
PLANE = Plane(np.array([0.0, 0.0, -1.0]), 0.8)
POLICY = VerdictPolicy.at(0.5, frames_per_camera=2)


class ScriptedNetwork:
    """Says ``logit`` of every view, or fails."""

    view_size = 64
    kinds = KINDS
    backend = "scripted"
    backend_reason = "a test"
    problem = ""
    finder = None

    class card:
        model_id = "model"
        calibration_id = "calibration"

    def __init__(self, logit=-3.0):
        self.logit = logit
        self.views = []

    def assess(self, views):
        self.views.extend(views)
        if self.logit is None:
            self.problem = "inference failed: out of memory"
            raise BackendError(self.problem)
        cells = map_cells_along(self.view_size)
        maps = np.zeros((len(KINDS), cells, cells), np.float32)
        maps[KINDS.index(HOLE), 6:10, 6:10] = 0.9
        p = 1 / (1 + np.exp(-self.logit))
        return [Assessment(self.logit, p, np.full(len(KINDS), p, np.float32), maps) for _ in views]


def textured(shape):
    return np.random.default_rng(1).integers(40, 220, (*shape, 3), np.uint8)


def frame_with_box(x=100, name="top", stamp=0, color=None, depth=True):
    image = np.full((240, 320, 3), 90, np.uint8)
    image[80:150, x : x + 90] = textured((70, 90)) if color is None else color
    depth_m = np.full((240, 320), 0.8, np.float32)
    depth_m[80:150, x : x + 90] = 0.7
    return Frame(image, depth_m if depth else None, CAMERA, name, f"{name}_optical", stamp)


def half_black_half_white():
    image = np.zeros((70, 90, 3), np.uint8)
    image[:, 45:] = 255
    return image


def blurred(frame):
    return replace(frame, color=cv2.GaussianBlur(frame.color, (0, 0), 12))


def inspector(network=None, poses=None, **quality):
    cameras = {
        name: MountedCamera(Station(plane=PLANE), pose)
        for name, pose in (poses or {"top": None}).items()
    }
    return Inspector(network or ScriptedNetwork(), cameras, POLICY, QualityLimits(**quality))


def feed(subject, frames, start=0, step=100):
    reports = []
    for i, frame in enumerate(frames):
        now_ns = (start + i * step) * MS
        stamped = replace(frame, stamp_ns=frame.stamp_ns or now_ns)
        reports += subject.observe(stamped, now_ns)
    return reports


def test_a_clean_item_passes_with_its_image_stamp_and_frame():
    (report,) = feed(inspector(), [frame_with_box(stamp=5), frame_with_box(stamp=7)])
    assert (report.verdict, report.reasons) == (Verdict.PASS, Reason.NONE)
    assert (report.stamp_ns, report.first_seen_ns, report.frame_id) == (7, 5, "top_optical")
    assert report.position_m == pytest.approx([-0.035, -0.012, 0.7], abs=0.02)
    assert report.confidence == pytest.approx(1 / (1 + np.exp(3.0)))
    assert report.regions == ()


def test_a_damaged_item_is_diverted_and_shown_where():
    (report,) = feed(inspector(ScriptedNetwork(3.0)), [frame_with_box(), frame_with_box()])
    assert (report.verdict, report.reasons) == (Verdict.DIVERT, Reason.DAMAGE)
    (region,) = report.regions
    assert region.kind == "hole"
    assert region.position_m == pytest.approx(report.position_m, abs=0.02)
    assert region.area_m2 == pytest.approx(region.size_m[0] * region.size_m[1], rel=0.1)
    x, y, width, height = region.box
    assert 100 < x < x + width < 190 and 80 < y < y + height < 150


def test_a_backend_fault_is_unknown_never_pass():
    subject = inspector(ScriptedNetwork(None))
    reports = feed(subject, [frame_with_box() for _ in range(12)])
    (report,) = reports
    assert report.verdict is Verdict.UNKNOWN
    assert Reason.BACKEND_FAULT in report.reasons and Reason.DEADLINE in report.reasons
    assert np.isnan(report.confidence)
    assert subject.network.problem == "inference failed: out of memory"
    assert report.backend_reason == "a test; inference failed: out of memory"


def test_a_backend_that_works_again_leaves_the_reason_why_it_did_not():
    subject = inspector(ScriptedNetwork(None))
    feed(subject, [frame_with_box()])
    subject.network.logit, subject.network.problem = -3.0, ""
    (report,) = feed(subject, [frame_with_box()]) + subject.finish()
    assert Reason.BACKEND_FAULT in report.reasons
    assert report.backend_reason == "a test; inference failed: out of memory"


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (frame_with_box(color=0), Reason.EXPOSURE),
        (frame_with_box(color=255), Reason.EXPOSURE),
        (frame_with_box(color=half_black_half_white()), Reason.EXPOSURE),
        (blurred(frame_with_box()), Reason.BLUR),
        (frame_with_box(x=230), Reason.CUT_OFF),
    ],
)
def test_views_unfit_to_judge_by_are_unknown_with_the_reason(frame, reason):
    (report,) = feed(inspector(), [frame] * 12)
    assert report.verdict is Verdict.UNKNOWN
    assert reason in report.reasons


def test_an_item_without_depth_does_not_pass():
    reports = feed(inspector(), [frame_with_box(depth=False)] * 12)
    assert reports, "the item is found by its colour"
    assert {report.verdict for report in reports} == {Verdict.UNKNOWN}
    assert all(Reason.NO_DEPTH in report.reasons for report in reports)
    assert all(report.position_m is None for report in reports)


def test_an_empty_station_gives_no_report():
    empty = Frame(
        np.full((240, 320, 3), 90, np.uint8), np.full((240, 320), 0.8, np.float32), CAMERA, "top"
    )
    assert feed(inspector(), [empty] * 5) == []


def test_two_cameras_with_poses_judge_one_item_by_its_worst_side():
    left, right = np.eye(4), np.eye(4)
    right[0, 3] = 90 / 300 * 0.7  # shifted by the width of the box
    subject = inspector(poses={"left": left, "right": right})
    network = subject.network
    reports = []
    for i in range(2):
        network.logit = -3.0
        reports += subject.observe(frame_with_box(130, "left"), i * 200 * MS)
        network.logit = 3.0
        reports += subject.observe(frame_with_box(40, "right"), (i * 200 + 100) * MS)
    (report,) = reports
    assert report.cameras == ("left", "right")
    assert report.verdict is Verdict.DIVERT


def test_a_camera_that_was_moved_shows_in_the_items_that_several_see(monkeypatch):
    few = partial(CameraAgreement, window=12, fewest=6)
    monkeypatch.setattr(inspecting, "CameraAgreement", few)
    left, right = np.eye(4), np.eye(4)
    right[0, 3] = 90 / 300 * 0.7
    subject = inspector(poses={"left": left, "right": right})
    rng = np.random.default_rng(0)
    empty = np.full((240, 320), 0.8, np.float32)

    def show(items, bumped_px=0):
        for _ in range(items):
            x = int(rng.integers(100, 150))
            seen = {"left": frame_with_box(x, "left"), "right": frame_with_box(x - 90, "right")}
            if bumped_px:
                seen["right"] = frame_with_box(x - 90 + bumped_px, "right")
            gone = [replace(frame, depth_m=empty) for frame in seen.values()]
            yield feed(subject, [*seen.values()] * 2 + gone * 4, start=next(starts))

    starts = iter(range(0, 10**9, 1_500))
    assert all(len(reports) == 1 for reports in show(12))
    assert subject.condition("right").weak == ""
    offset = subject.condition("right").offset
    assert np.linalg.norm(offset.moved_mm) < 1 and offset.items == 12
    # Six pixels are 14 mm at 0.7 m.
    assert all(len(reports) == 1 for reports in show(12, bumped_px=6))
    assert "items lie 14.0 mm" in subject.condition("right").weak
    assert np.linalg.norm(subject.condition("right").offset.moved_mm) == pytest.approx(14, abs=1)


def test_a_fault_of_the_camera_is_in_the_report_of_what_waited_for_it():
    subject = inspector()
    assert feed(subject, [frame_with_box()]) == []
    (report,) = subject.tick(2_000 * MS, {"top": Reason.STALE_CAMERA})
    assert report.verdict is Verdict.UNKNOWN
    assert Reason.STALE_CAMERA in report.reasons


def test_what_waits_is_answered_when_the_inspector_finishes():
    subject = inspector()
    feed(subject, [frame_with_box()])
    (report,) = subject.finish()
    assert report.verdict is Verdict.UNKNOWN


def test_where_stamps_jump_back_what_was_seen_is_answered_and_judged_anew():
    subject = inspector()
    assert feed(subject, [frame_with_box(stamp=3_600_000 * MS)]) == []
    subject.announce(Announcement("parcel"), 50 * MS)
    before, after = feed(subject, [frame_with_box(stamp=t * MS) for t in (100, 200)], start=100)
    assert before.verdict is Verdict.UNKNOWN and Reason.STOPPED in before.reasons
    assert before.detail == "the stamps of camera top jumped back by 3599.9 s"
    assert after.verdict is Verdict.PASS


def test_what_lies_there_as_stamps_jump_back_takes_no_second_name():
    subject = inspector()
    subject.announce(Announcement("first"), 0)
    (first,) = feed(subject, [frame_with_box(stamp=t * MS) for t in (60_000, 60_100)])
    assert (first.item_id, first.verdict) == ("first", Verdict.PASS)
    subject.announce(Announcement("second", deadline_ns=1_000 * MS), 250 * MS)
    (again,) = feed(subject, [frame_with_box(stamp=t * MS) for t in (100, 200)], start=300)
    assert again.verdict is Verdict.PASS and again.item_id.startswith("item-")
    (second,) = subject.tick(1_000 * MS)
    assert (second.item_id, second.verdict) == ("second", Verdict.UNKNOWN)
    assert Reason.NOT_FOUND in second.reasons


def test_what_was_seen_is_answered_also_where_the_frame_that_jumped_back_is_of_no_use():
    subject = inspector()
    feed(subject, [frame_with_box(stamp=60_000 * MS)])
    subject.cameras = {"top": MountedCamera(Station())}
    clutter = np.random.default_rng(1).uniform(0.4, 1.6, (240, 320)).astype(np.float32)
    with pytest.raises(StationError):
        feed(subject, [replace(frame_with_box(stamp=100 * MS), depth_m=clutter)], start=100)
    (report,) = subject.tick(120 * MS)
    assert report.verdict is Verdict.UNKNOWN and Reason.STOPPED in report.reasons


def test_frames_out_of_their_order_begin_nothing_anew():
    subject = inspector()
    stamps = (1_000, 900)
    (report,) = feed(subject, [frame_with_box(stamp=t * MS) for t in stamps])
    assert report.verdict is Verdict.PASS and report.frames_used == 2


def test_one_camera_whose_stamps_jump_back_leaves_the_others_items_alone():
    subject = inspector(poses={"left": None, "right": None})
    assert feed(subject, [frame_with_box(name="left", stamp=9_000 * MS)]) == []
    assert feed(subject, [frame_with_box(name="right", stamp=9_000 * MS)], start=50) == []
    (answered,) = feed(subject, [frame_with_box(name="left", stamp=10 * MS)], start=100)
    assert answered.cameras == ("left",)
    (report,) = feed(subject, [frame_with_box(name="right", stamp=9_100 * MS)], start=150)
    assert report.verdict is Verdict.PASS and report.frames_used == 2


def test_a_refused_announcement_is_unknown_and_says_why():
    report = inspector().refuse("parcel", "sku", "no such camera")
    assert (report.item_id, report.sku, report.verdict) == ("parcel", "sku", Verdict.UNKNOWN)
    assert (report.reasons, report.detail) == (Reason.REFUSED, "no such camera")
    assert np.isnan(report.confidence) and report.model_id == "model"


def test_an_item_that_has_its_report_is_followed_and_not_assessed_again():
    subject = inspector()
    reports = feed(subject, [frame_with_box()] * 10)
    assert [report.verdict for report in reports] == [Verdict.PASS]
    assert len(subject.network.views) == POLICY.frames_per_camera


def test_an_item_that_comes_beside_a_reported_one_is_assessed_alone():
    subject = inspector()
    assert len(feed(subject, [frame_with_box(20)] * 2)) == 1
    assessed = len(subject.network.views)
    both = frame_with_box(20)
    both.color[80:150, 200:280] = textured((70, 80))
    both.depth_m[80:150, 200:280] = 0.7
    subject.network.logit = 3.0
    (report,) = feed(subject, [both] * 5, start=200)
    assert report.verdict is Verdict.DIVERT
    assert report.position_m[0] > 0.1, "the new one lies on the right"
    assert len(subject.network.views) == assessed + POLICY.frames_per_camera


def test_an_item_whose_views_cannot_be_judged_is_assessed_until_its_report():
    subject = inspector()
    feed(subject, [frame_with_box(color=0)] * 3)
    (report,) = feed(subject, [frame_with_box()] * 3, start=300)
    assert report.verdict is Verdict.PASS and report.frames_used == 2


def test_an_item_that_leaves_and_another_in_its_place_are_two_reports():
    subject = inspector()
    empty = replace(
        frame_with_box(), color=np.full((240, 320, 3), 90, np.uint8),
        depth_m=np.full((240, 320), 0.8, np.float32),
    )  # fmt: skip
    reports = feed(subject, [frame_with_box()] * 4 + [empty] * 5 + [frame_with_box()] * 4)
    assert [report.verdict for report in reports] == [Verdict.PASS] * 2
    assert len({report.item_id for report in reports}) == 2


def test_regions_come_from_the_frame_that_shows_the_damage():
    subject = inspector(ScriptedNetwork(5.0))
    reports = subject.observe(frame_with_box(), 0)
    subject.network.logit = -1.0
    reports += subject.observe(frame_with_box(), 100 * MS)
    (report,) = reports
    assert report.verdict is Verdict.DIVERT
    assert [region.kind for region in report.regions] == ["hole"]


def test_judging_one_frame_answers_for_every_item_in_it():
    frame = frame_with_box(20)
    frame.color[80:150, 200:280] = textured((70, 80))
    frame.depth_m[80:150, 200:280] = 0.7
    result = inspector().judge(frame)
    assert len(result.items) == len(result.assessments) == len(result.reports) == 2
    assert [report.verdict for report in result.reports] == [Verdict.PASS] * 2


def test_the_view_shows_the_item_with_its_surroundings():
    subject = inspector()
    subject.judge(frame_with_box())
    (view,) = subject.network.views
    assert view.color.shape == (64, 64, 3)
    assert view.item.mean() == pytest.approx(70 * 90 / (1.4 * 90) ** 2, rel=0.1)
    assert np.median(view.height_m[view.item == 1]) == pytest.approx(0.1, abs=1e-3)
    assert view.width_m == pytest.approx(1.4 * 90 / 300 * 0.7, rel=0.05)


def test_a_single_frame_of_a_station_that_moved_says_by_how_much_and_passes_nothing():
    cameras = {"top": MountedCamera(Station(plane=PLANE))}
    inspector = Inspector(ScriptedNetwork(), cameras, POLICY)
    frame = frame_with_box()
    moved = replace(frame, depth_m=frame.depth_m - np.float32(0.02))
    for shown, verdict in ((frame, Verdict.PASS), (moved, Verdict.UNKNOWN)):
        [report] = inspector.judge(shown).reports
        assert report.verdict is verdict
    assert Reason.NOT_CALIBRATED in report.reasons
    assert "camera top: the support is 20 mm nearer" in report.detail


def test_an_item_that_colour_alone_shows_has_a_threshold_of_its_own():
    thresholds = Thresholds(alone=0.5, compared=0.5, without_depth=0.2)
    policy = replace(POLICY, frames_per_camera=1, thresholds=thresholds)
    # exp(-1) / (1 + exp(-1)) = 0.27 lies between both.
    judge = inspector(ScriptedNetwork(-1.0), require_depth=False)
    judge.configure(policy)
    (with_depth,) = judge.judge(frame_with_box()).reports
    assert with_depth.verdict is Verdict.PASS and with_depth.threshold == 0.5
    (without,) = judge.judge(frame_with_box(depth=False)).reports
    assert without.verdict is Verdict.DIVERT and without.threshold == 0.2
    assert without.regions
    judge.configure(replace(policy, thresholds=Thresholds.same(0.5)))
    (as_others,) = judge.judge(frame_with_box(depth=False)).reports
    assert as_others.verdict is Verdict.PASS and as_others.threshold == 0.5
