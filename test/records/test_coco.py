"""What people judged is written so that training reads it."""

import json
from datetime import datetime

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

pytest.importorskip("mcap")

import made_records
from made_records import CAMERA, SECOND_NS, START_NS, add_item, parcel

from damage_perception.cli import records
from damage_perception.dataset import ImageFolder, read_calibration
from damage_perception.frame import CameraModel, Frame
from damage_perception.kinds import CODES, KINDS
from damage_perception.records.coco import export_coco
from damage_perception.records.item_record import Judgement, RecordError, Shape
from damage_perception.records.store import RecordStore
from damage_perception.verdict.report import Verdict

GOOD, DAMAGED, SKIPPED = Judgement.GOOD, Judgement.DAMAGED, Judgement.SKIPPED
BOX = Shape("front", "hole", "box", ((150.0, 100.0), (190.0, 130.0)))
MINUTE_NS = 60 * SECOND_NS


@pytest.fixture
def store(tmp_path):
    return RecordStore(tmp_path / "records", create=True)


def judged(store, number, judgement, *shapes, kind="none", **fields):
    record = add_item(store, number, **fields)
    store.index.judge(record.key, judgement, "Anna", 1, kind)
    store.index.mark(record.key, shapes)
    return record


def read(path):
    """The annotations of each picture of a COCO file by the start of its name."""
    content = json.loads(path.read_text())
    found = {entry["file_name"].rsplit("-", 1)[0]: [] for entry in content["images"]}
    names = {entry["id"]: entry["file_name"].rsplit("-", 1)[0] for entry in content["images"]}
    for entry in content["annotations"]:
        found[names[entry["image_id"]]].append(entry)
    return found


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_training_reads_the_export_as_it_is(store, tmp_path):
    pytest.importorskip("embreex", reason="training data needs embreex")
    pytest.importorskip("pycocotools", reason="COCO files need pycocotools")
    from damage_perception.training.own_data import load_own_views
    from damage_perception.training.views import UNKNOWN_KIND

    judged(store, 1, DAMAGED, BOX, kind="hole", cameras=("front",))
    judged(store, 2, GOOD, cameras=("front",))
    judged(store, 3, DAMAGED, kind="tear", cameras=("front",))
    done = export_coco(store, tmp_path / "out")
    loaded = load_own_views(done.sources, 128)
    assert loaded.not_located == ()
    assert loaded.views.damaged.tolist() == [True, False, True]
    marked, good, unmarked = loaded.views.kinds
    assert set(np.unique(marked)) == {0, CODES["hole"]}
    assert not good.any()
    assert (unmarked == UNKNOWN_KIND).all()


def test_every_tool_becomes_polygons_of_its_kind(store, tmp_path):
    corners = ((100.0, 70.0), (140.0, 70.0), (120.0, 90.0))
    stroke = Shape("front", "spillage", "brush", ((110.0, 150.0), (200.0, 150.0)), 10.0)
    outline = Shape("front", "tear", "polygon", corners)
    record = judged(store, 1, DAMAGED, BOX, outline, stroke)
    export_coco(store, tmp_path / "out")
    (entries,) = read(tmp_path / "out" / "annotations.json").values()
    box, polygon, brush = entries
    assert record.cameras == ("front", "top")
    assert [entry["category_id"] for entry in entries] == [
        CODES[s] for s in ("hole", "tear", "spillage")
    ]
    assert box["segmentation"] == [[150, 100, 190, 100, 190, 130, 150, 130]]
    assert box["bbox"] == [150, 100, 40, 30]
    assert box["area"] == pytest.approx(1200, rel=0.01)
    assert polygon["segmentation"] == [[100, 70, 140, 70, 120, 90]]
    assert brush["bbox"] == pytest.approx([105, 145, 100, 10], abs=1)
    assert brush["area"] == pytest.approx(90 * 10 + 25 * np.pi, rel=0.05)
    assert all(entry["iscrowd"] == 0 for entry in entries)
    content = json.loads((tmp_path / "out" / "annotations.json").read_text())
    assert content["categories"] == [{"id": CODES[kind], "name": kind} for kind in KINDS]


def test_pictures_are_those_of_the_cameras(store, tmp_path):
    record = judged(store, 1, GOOD)
    export_coco(store, tmp_path / "out")
    assert read_calibration(tmp_path / "out" / "camera.json").camera == CAMERA
    for one in ImageFolder(tmp_path / "out"):
        frame, taken = one.frame(), parcel("front", record.time_ns, 1)
        assert (frame.color == taken.color).all()
        assert np.abs(frame.depth_m - taken.depth_m).max() < 0.001


def test_readings_too_far_for_16_bits_are_none(store, tmp_path, monkeypatch):
    def far(camera, stamp_ns, number=0):
        frame = parcel(camera, stamp_ns, number)
        frame.depth_m[:10] = 70.0
        return frame

    monkeypatch.setattr(made_records, "parcel", far)
    judged(store, 1, GOOD, cameras=("front",))
    export_coco(store, tmp_path / "out")
    (depth,) = (tmp_path / "out").glob("*_depth.png")
    image = cv2.imread(str(depth), cv2.IMREAD_UNCHANGED)
    assert not image[:10].any()
    assert image[11, 5] == 700


def test_a_camera_without_depth_has_no_depth_image(store, tmp_path, monkeypatch):
    def flat(camera, stamp_ns, number=0):
        frame = parcel(camera, stamp_ns, number)
        return Frame(frame.color, None, CAMERA, camera, frame.frame_id, stamp_ns)

    monkeypatch.setattr(made_records, "parcel", flat)
    judged(store, 1, GOOD, cameras=("front",))
    export_coco(store, tmp_path / "out")
    assert not list((tmp_path / "out").glob("*_depth.png"))


def test_cameras_with_different_intrinsics_have_a_folder_each(store, tmp_path, monkeypatch):
    def taken(camera, stamp_ns, number=0):
        frame = parcel(camera, stamp_ns, number)
        model = CameraModel(320, 240, 280.0, 280.0, 159.5, 119.5) if camera == "top" else CAMERA
        return Frame(frame.color, frame.depth_m, model, camera, frame.frame_id, stamp_ns)

    monkeypatch.setattr(made_records, "parcel", taken)
    judged(store, 1, GOOD)
    out = tmp_path / "out"
    done = export_coco(store, out)
    assert names_in(out) == ["front", "top"]
    assert set(done.sources) == {
        out / "front" / "annotations.json",
        out / "top" / "annotations.json",
    }
    assert read_calibration(out / "top" / "camera.json").camera.fx == 280.0
    assert len(list(ImageFolder(out / "front"))) == 1


def test_a_camera_that_was_calibrated_again_has_another_folder(store, tmp_path, monkeypatch):
    def taken(camera, stamp_ns, number=0):
        frame = parcel(camera, stamp_ns, number)
        model = CameraModel(320, 240, 300.0 + number, 300.0, 159.5, 119.5)
        return Frame(frame.color, frame.depth_m, model, camera, frame.frame_id, stamp_ns)

    monkeypatch.setattr(made_records, "parcel", taken)
    for number in range(3):
        judged(store, number, GOOD, cameras=("front",))
    export_coco(store, tmp_path / "out")
    assert names_in(tmp_path / "out") == ["front", "front_2", "front_3"]


def test_a_picture_without_mark_of_a_marked_item_is_left_out(store, tmp_path):
    """Nobody said whether it shows the damage."""
    judged(store, 1, DAMAGED, BOX, kind="hole")
    done = export_coco(store, tmp_path / "out")
    assert [path.name[-15:] for path in (tmp_path / "out").glob("*_color.png")] == [
        "front_color.png"
    ]
    assert (done.good, done.marked, done.unmarked) == (0, 1, 0)


def test_damage_that_nobody_marked_may_be_anywhere_in_the_pictures_that_saw_it(store, tmp_path):
    judged(store, 1, DAMAGED, kind="tear", sku="milk, 1 l")
    done = export_coco(store, tmp_path / "out")
    assert done.sources == (tmp_path / "out",)
    labels = [one.label for one in ImageFolder(tmp_path / "out")]
    assert [(one.damaged, one.kind, one.sku) for one in labels] == [(True, "tear", "milk, 1 l")] * 2


def test_a_mark_that_shows_no_pixel_is_no_mark(store, tmp_path):
    line = Shape("front", "tear", "box", ((10.0, 10.0), (50.0, 10.0)))
    judged(store, 1, DAMAGED, line, kind="tear")
    assert export_coco(store, tmp_path / "out").unmarked == 2


def test_damage_that_no_camera_is_known_to_show_is_named(store, tmp_path):
    missed = judged(store, 1, DAMAGED, verdict=Verdict.PASS)
    judged(store, 2, DAMAGED, verdict=Verdict.PASS, cameras=("front",))
    done = export_coco(store, tmp_path / "out")
    assert done.unplaced == (missed.item_id,)
    assert done.unmarked == 1


def test_only_judged_items_of_the_time_are_exported(store, tmp_path):
    add_item(store, 0)
    judged(store, 1, SKIPPED)
    for number in (2, 3, 4):
        judged(store, number, GOOD, cameras=("front",))
    counts = []
    done = export_coco(
        store, tmp_path / "out", START_NS + 3 * MINUTE_NS, START_NS + 4 * MINUTE_NS, counts.append
    )
    assert list(read(tmp_path / "out" / "annotations.json")) == ["000004-item-0003"]
    assert done.good == 1
    assert counts == [1]


def test_an_item_that_cannot_be_read_is_named_and_the_others_are_written(store, tmp_path):
    broken = judged(store, 1, GOOD)
    judged(store, 2, GOOD)
    store.path(broken).write_bytes(b"not a recording")
    done = export_coco(store, tmp_path / "out")
    assert done.good == 2
    assert [why.partition(":")[0] for why in done.unread] == [broken.item_id]


def test_a_folder_that_holds_something_is_refused(store, tmp_path):
    judged(store, 1, GOOD)
    (tmp_path / "notes.txt").write_text("keep me")
    with pytest.raises(RecordError, match="is not empty: name a new folder"):
        export_coco(store, tmp_path)


def test_names_of_items_stay_inside_the_folder(store, tmp_path):
    judged(store, 1, GOOD, item_id="../../box 1", cameras=("front",))
    export_coco(store, tmp_path / "out")
    assert "000001-_.._box_1-front_color.png" in names_in(tmp_path / "out")


def run(*arguments):
    app = typer.Typer()
    app.add_typer(records.app)
    return CliRunner().invoke(app, ["records", "export", *map(str, arguments)])


def test_the_command_says_what_it_wrote_and_for_what(store, tmp_path):
    judged(store, 1, DAMAGED, BOX, kind="hole")
    judged(store, 2, GOOD)
    judged(store, 3, DAMAGED, verdict=Verdict.PASS)
    done = run(store.folder, tmp_path / "out")
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "left out: item-0003 is damaged, but nobody marked where" in said
    assert (
        "2 pictures of good items, 1 with marked damage, 0 with damage that nobody marked" in said
    )
    assert str(tmp_path / "out" / "annotations.json") in said


def test_the_command_takes_days(store, tmp_path):
    day = 24 * 3600 * SECOND_NS
    for number, time_ns in enumerate((START_NS, START_NS + 2 * day, START_NS + 4 * day)):
        judged(store, number, GOOD, cameras=("front",), time_ns=time_ns)
    middle = datetime.fromtimestamp((START_NS + 2 * day) / SECOND_NS).strftime("%Y-%m-%d")
    done = run(store.folder, tmp_path / "out", "--since", middle, "--until", middle)
    assert done.exit_code == 0, done.output
    assert list(read(tmp_path / "out" / "annotations.json")) == ["000002-item-0001"]


def test_the_command_ends_where_nobody_judged(store, tmp_path):
    add_item(store, 1)
    done = run(store.folder, tmp_path / "out")
    assert "nobody judged an item" in str(done.exception)
    assert not (tmp_path / "out").exists()
