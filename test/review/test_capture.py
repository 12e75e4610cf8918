"""What is captured: one moment of all cameras, what is wrong with it, and what becomes of it."""

import time

import cv2
import numpy as np
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("mcap")
pytest.importorskip("lancedb", reason="a gallery needs lancedb: pip install lancedb")

from booth_cameras import BLUE, BOX, RED, ShownCameras, booth_inspector, item

from damage_perception.gallery.store.store import GalleryStore
from damage_perception.inspector import Inspector, MountedCamera
from damage_perception.network import DamageNetwork, OnnxRuntimeBackend
from damage_perception.records.item_record import Judgement, Kept, RecordError
from damage_perception.review.capture import Moment, keep_damaged, take_moment
from damage_perception.review.captured_pictures import (
    Capture,
    Captures,
    CheckedPicture,
    Problem,
    check_pictures,
    enroll,
    unchecked_pictures,
)
from damage_perception.review.item_picture import jpeg_of
from damage_perception.station import Station
from damage_perception.verdict.policy import VerdictPolicy

NOW_NS = 1_760_000_000_123_000_000


@pytest.fixture
def gallery(tmp_path):
    return GalleryStore.open(tmp_path / "gallery")


def checked(**frames):
    """What each camera's frame is said to be, by camera."""
    inspector = booth_inspector(*frames)
    pictures = check_pictures(take_moment(ShownCameras(**frames), patience_s=0), inspector)
    return {one.camera: one for one in pictures}


def decoded(jpeg):
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def test_a_moment_is_the_newest_frame_of_every_camera():
    cameras = ShownCameras(front=item(), top=item(BLUE))
    moment = take_moment(cameras)
    assert [frame.camera_name for frame in moment.frames] == ["front", "top"]
    assert moment.is_one and not moment.missing


def test_a_camera_that_lags_is_waited_for():
    cameras = ShownCameras(front=item(), top=item())
    cameras.late_ms["top"] = 900

    class Catching(ShownCameras):
        def newest(self, name):
            cameras.late_ms["top"] -= 100
            return cameras.newest(name)

    moment = take_moment(Catching(front=None, top=None))
    assert moment.is_one and cameras.late_ms["top"] >= 0


def test_stamps_that_stay_apart_are_said():
    cameras = ShownCameras(front=item(), top=item())
    cameras.late_ms["top"] = 700
    started_s = time.monotonic()
    moment = take_moment(cameras, patience_s=0.2)
    assert not moment.is_one and moment.spread_ms == pytest.approx(700, abs=50)
    assert time.monotonic() - started_s < 1


def test_a_camera_without_a_picture_is_named_and_kept_apart():
    pictures = checked(front=None, top=item())
    assert list(pictures) == ["front", "top"]
    assert pictures["front"].problems == (Problem.NO_PICTURE,) and not pictures["front"].jpeg
    assert pictures["top"].problems == ()


@pytest.mark.parametrize(
    ("frame", "wrong"),
    [
        (item(), ()),
        (item(RED), (Problem.DAMAGED,)),
        (item(flat=True), (Problem.BLUR,)),
        (item((0, 0, 0), flat=True), (Problem.EXPOSURE,)),
        (item(box=None), (Problem.NO_ITEM,)),
        (item(box=(0, 80, 90, 70)), (Problem.CUT_OFF,)),
    ],
)
def test_what_is_wrong_with_a_picture_is_said(frame, wrong):
    assert checked(front=frame)["front"].problems == wrong


def test_a_picture_without_depth_says_so():
    [one] = check_pictures(
        take_moment(ShownCameras(front=item(depth=False))), booth_inspector("front")
    )
    assert Problem.NO_DEPTH in one.problems


def test_a_camera_that_the_model_has_no_station_for_is_named():
    moment = take_moment(ShownCameras(front=item(), side=item()))
    _, side = check_pictures(moment, booth_inspector("front"))
    assert side.problems == (Problem.NOT_SET_UP,) and side.jpeg


def test_a_table_that_cannot_be_found_is_named():
    cameras = {"front": MountedCamera(Station())}
    inspector = Inspector(booth_inspector().network, cameras, VerdictPolicy.at(0.8))
    rng = np.random.default_rng(0)
    frame = item()
    frame.depth_m[:] = rng.uniform(0.2, 3, frame.depth_m.shape)
    [one] = check_pictures(take_moment(ShownCameras(front=frame)), inspector)
    assert one.problems == (Problem.NO_PLANE,) and one.detail


def test_a_model_that_fails_is_named():
    inspector = booth_inspector("front")
    inspector.network.broken = True
    [one] = check_pictures(take_moment(ShownCameras(front=item())), inspector)
    assert one.problems == (Problem.FAILED,) and "inference failed" in one.detail


def test_the_picture_shows_the_item_outlined():
    one = checked(front=item())["front"]
    shown = decoded(one.jpeg)
    assert shown.shape[0] < 240 and shown.shape[1] / shown.shape[0] == pytest.approx(4 / 3, 0.02)
    yellow = (shown[..., 0] > 180) & (shown[..., 1] > 160) & (shown[..., 2] < 160)
    rows, columns = np.nonzero(yellow)
    assert np.ptp(columns) == pytest.approx(BOX[2], abs=8)
    assert np.ptp(rows) == pytest.approx(BOX[3], abs=8)


def test_a_large_picture_is_made_smaller():
    assert decoded(jpeg_of(np.zeros((1080, 1920, 3), np.uint8))).shape == (540, 960, 3)
    assert decoded(jpeg_of(np.zeros((240, 320, 3), np.uint8))).shape == (240, 320, 3)


def test_good_pictures_become_references_and_the_others_are_said(gallery):
    pictures = tuple(checked(a=item(), b=item(), c=item(RED), d=item(BLUE)).values())
    done = enroll(pictures, "tea", lambda create: gallery, booth_inspector(*"abcd"), "Anna")
    wrong = {one.camera: one.problems for one in done.pictures}
    assert wrong == {"a": (), "b": (), "c": (Problem.DAMAGED,), "d": (Problem.OTHER_PRODUCT,)}
    assert [each.source for each in gallery.references("tea")] == ["a", "b"] and done.count == 2
    assert [one.camera for one in done.refused] == ["c", "d"]
    assert gallery.changes("tea")[0].by == "Anna"


def test_who_vouches_for_refused_pictures_has_them_enrolled(gallery):
    pictures = tuple(checked(a=item(RED), b=item(box=None), c=None).values())
    inspector = booth_inspector(*"abc")
    refused = enroll(pictures, "tea", lambda create: gallery, inspector, "Anna")
    assert refused.change is None and refused.count == 0
    assert [one.camera for one in refused.refused] == ["a"]
    done = enroll(refused.refused, "tea", lambda create: gallery, inspector, "Anna", force=True)
    assert done.count == 1 and done.pictures[0].problems == ()


def test_a_damaged_item_is_kept_with_all_pictures_and_judged(store):
    moment = take_moment(ShownCameras(front=item(), top=item(RED), side=None), patience_s=0)
    record = keep_damaged(store, moment, "tea", "tear", "Anna", NOW_NS)
    assert record == store.index.find(record.key)
    assert (record.kept, record.site, record.sku) == (Kept.BOOTH, "booth", "tea")
    assert (record.judgement, record.judged_kind, record.judged_by) == (
        Judgement.DAMAGED, "tear", "Anna",
    )  # fmt: skip
    assert record.item_id.startswith("booth-2025") and record.item_id.endswith("-123")
    assert record.cameras == ("front", "top") and store.index.count_waiting() == 0
    recording = store.recording(record)
    assert recording.report is None and set(recording.frames) == {"front", "top"}
    for shown in moment.frames:
        [kept] = recording.frames[shown.camera_name]
        assert np.array_equal(kept.color, shown.color) and kept.stamp_ns == shown.stamp_ns
        assert np.array_equal(kept.depth_m, shown.depth_m) and kept.camera == shown.camera


def test_without_a_picture_nothing_is_kept(store):
    with pytest.raises(RecordError, match="no camera gives a picture"):
        keep_damaged(store, Moment({"front": None}), "", "none", "Anna", NOW_NS)
    assert store.index.newest(5) == []


def test_pictures_alone_need_no_model():
    front, top = unchecked_pictures(take_moment(ShownCameras(front=item(), top=None), patience_s=0))
    assert decoded(front.jpeg).shape == (240, 320, 3) and front.problems == ()
    assert top.problems == (Problem.NO_PICTURE,)


def test_old_captures_are_forgotten():
    captures = Captures()
    tokens = [captures.hold(Capture(f"sku-{i}", (CheckedPicture("front"),))) for i in range(12)]
    assert len(set(tokens)) == 12 and captures.find(tokens[-1]).sku == "sku-11"
    with pytest.raises(RecordError, match="capture the item again"):
        captures.find(tokens[0])


def test_the_shipped_model_takes_good_pieces_and_says_what_is_wrong(shipped_card, gallery):
    pytest.importorskip("embreex", reason="the simulated cell needs embreex")
    from damage_perception.simulation.cell import CellStream

    stream = CellStream(3, exposures=1)
    network = DamageNetwork.load(shipped_card, "fp32", OnnxRuntimeBackend(1))
    policy = VerdictPolicy.build(network.card, threshold=None, false_diverts_per_1000=5.0)
    names = ("front", "left", "top", "empty", "dark")
    inspector = Inspector(network, {name: MountedCamera(Station()) for name in names}, policy)
    pieces = stream.pristine(0, 3)
    dark = np.zeros_like(pieces[0].color)
    frames = dict(zip(names, (*pieces, stream.empty[0]), strict=False))
    frames["dark"] = type(pieces[0])(dark, pieces[0].depth_m, pieces[0].camera)
    pictures = check_pictures(take_moment(ShownCameras(**frames), patience_s=0), inspector)
    good = dict.fromkeys(("front", "left", "top"), ())
    bad = {"empty": (Problem.NO_ITEM,), "dark": (Problem.EXPOSURE,)}
    assert {one.camera: one.problems for one in pictures} == good | bad
    done = enroll(pictures, "parcel", lambda create: gallery, inspector, "Anna")
    assert [each.source for each in gallery.references("parcel")] == ["front", "left", "top"]
    assert done.count == 3 and [one.camera for one in done.refused] == ["dark"]
    network.close()
