"""The recorder over DDS, beside a real detector: what is kept of items, and what it says."""

import time

import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.srv", reason="the messages are not built")
pytest.importorskip("mcap", reason="mcap is not installed")

from cell import Detector

from damage_perception.bag import Bag
from damage_perception.records.item_record import Kept
from damage_perception.records.store import RecordStore
from damage_perception_msgs.srv import RecordItem

pytestmark = pytest.mark.ros

RECORDER = ("-m", "damage_perception.ros.recorder.process")


@pytest.fixture(scope="module")
def parameters():
    return {"cameras": ["front", "side"], "decision_deadline_ms": 1500}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("records")


@pytest.fixture(scope="module")
def recorder(cell, environment, folder, tmp_path_factory):
    """A recorder that knows the detector's cameras."""
    given = {"folder": str(folder), "site": "test_cell", "pass_sample": 0.0}
    process = Detector(tmp_path_factory.mktemp("recorder"), environment, given, program=RECORDER)
    cell.until(lambda: "cameras front, side" in process.log, timeout_s=20)
    cell.until(lambda: cell.node.count_subscribers("front/color/image_raw") == 2)
    time.sleep(0.3)
    yield process
    assert process.stop() == 0, process.log
    assert "Traceback" not in process.log


@pytest.fixture
def store(recorder, folder):
    return RecordStore(folder)


@pytest.fixture(autouse=True)
def empty_station(cell, recorder):
    """Every test begins where no item is followed."""
    show(cell, box=None, frames=6)


def show(cell, frames=1, **what):
    """One image of each camera at a time."""
    for _ in range(frames):
        for camera in ("front", "side"):
            cell.show(frames=1, period_s=0.02, camera=camera, **what)


def record_of(cell, store, item_id, **what):
    """The row of an item that is announced and shown until it is reported."""
    cell.announce(item_id)
    cell.report_on(item_id, beat=lambda: show(cell, **what))

    def written():
        rows = store.index.query("SELECT key FROM items WHERE item_id = ?", (item_id,))
        return store.index.find(rows[0][0]) if rows else None

    return cell.until(written)


def test_a_diverted_item_is_kept_with_the_images_of_every_camera(cell, store):
    record = record_of(cell, store, "torn", damaged=True)
    assert (record.kept, record.site, record.kind) == (Kept.DIVERTED, "test_cell", "crush")
    assert record.model_id == "tiny-red" and record.confidence >= record.threshold
    recording = store.recording(record)
    assert set(recording.frames) == {"front", "side"}
    region = recording.report.regions[0]
    stamp_ns = region.header.stamp.sec * 10**9 + region.header.stamp.nanosec
    frame = recording.frame(region.camera, stamp_ns)
    assert frame.stamp_ns == stamp_ns and frame.depth_m is not None
    # The red patch lies where the report says.
    x, y = round(region.polygon.points[0].x), round(region.polygon.points[0].y)
    assert frame.color[y - 3 : y + 4, x - 3 : x + 4].reshape(-1, 3).max(axis=0)[0] > 200
    assert set(recording.overlays) == {"front", "side"}
    assert all(jpeg.startswith(b"\xff\xd8") for jpeg in recording.overlays.values())
    assert "decision_deadline_ms: 1500" in recording.attached["parameters.yaml"]


def test_a_record_plays_as_a_recording_of_the_cameras(cell, store):
    record = record_of(cell, store, "played", damaged=True)
    bag = Bag(store.path(record))
    assert set(bag.cameras) == {"front", "side"}
    assert all(one.frame().depth_m is not None for one in bag)


def test_an_item_that_passes_is_counted_without_its_images(cell, store):
    record = record_of(cell, store, "good")
    assert (record.kept, record.file) == (Kept.NOT, "")
    assert record.confidence < record.threshold and record.latency_ms > 0


def test_an_item_that_somebody_asks_for_is_kept_and_acknowledged_when_it_is(cell, store):
    client = cell.node.create_client(RecordItem, "damage_recorder/record_item")
    assert client.wait_for_service(10)
    answer = client.call_async(RecordItem.Request(item_id="wanted"))
    time.sleep(0.3)
    record = record_of(cell, store, "wanted")
    response = cell.until_done(answer)
    assert response.success, response.message
    assert (response.key, response.file) == (record.key, record.file)
    assert record.kept is Kept.ASKED and store.path(record).is_file()


def test_a_request_for_an_item_that_never_comes_is_answered(cell, recorder):
    client = cell.node.create_client(RecordItem, "damage_recorder/record_item")
    assert client.wait_for_service(10)
    request = RecordItem.Request(item_id="nobody")
    request.timeout.nanosec = 500_000_000
    response = cell.until_done(client.call_async(request))
    assert not response.success and "nobody" in response.message


def test_an_item_nobody_saw_is_kept_as_unknown(cell, store):
    cell.announce("absent")
    cell.report_on("absent", beat=lambda: show(cell, box=None))
    rows = cell.until(lambda: store.index.query("SELECT key FROM items WHERE item_id = 'absent'"))
    record = store.index.find(rows[0][0])
    assert record.kept is Kept.UNKNOWN and "not_found" in record.reasons.words()
    assert store.recording(record).frames


def test_diagnostics_tell_what_was_kept(cell, store):
    level, message, values = cell.status("records")
    assert level == 0 and "items" in message
    assert int(values["files"]) <= int(values["items"]) and values["dropped_files"] == "0"


def test_a_folder_that_cannot_be_written_ends_the_recorder_with_one_line(environment, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    process = Detector(
        tmp_path, environment, {"folder": str(blocked / "records")}, program=RECORDER
    )
    assert process.wait() == 1
    assert "cannot be written" in process.log and "Traceback" not in process.log


def test_an_unknown_parameter_ends_the_recorder_with_its_name(environment, tmp_path):
    process = Detector(tmp_path, environment, {"pass_sampel": 0.5}, program=RECORDER)
    assert process.wait() == 1
    assert "pass_sampel" in process.log and "Traceback" not in process.log
