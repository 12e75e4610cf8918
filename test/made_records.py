"""Records as a cell leaves them: pictures of a parcel on a table, and what was reported."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
from rosbags.interfaces import Nodetype

from damage_perception.frame import CameraModel, Frame
from damage_perception.kinds import CODES
from damage_perception.records.item_record import ItemRecord, Kept
from damage_perception.records.recording import (
    REPORT,
    REPORT_TOPIC,
    Message,
    RecordingFormat,
)
from damage_perception.records.store import RecordStore
from damage_perception.share import message_definitions
from damage_perception.verdict.report import Reason, Verdict
from damage_perception.verdict.severity import Extent, Severity

CAMERA = CameraModel(320, 240, 300.0, 300.0, 159.5, 119.5)
START_NS = 1_760_000_000_000_000_000
SECOND_NS = 1_000_000_000
DENT = (150, 100, 40, 30)  # x, y, width, height


@cache
def recording_format() -> RecordingFormat:
    """The format that knows the reports' definition."""
    return RecordingFormat(message_definitions())


def parcel(camera: str, stamp_ns: int, number: int = 0) -> Frame:
    """A brown parcel 0.1 m high on a grey table 0.7 m away; ``number`` is printed on it."""
    color = np.full((240, 320, 3), 90, np.uint8)
    depth = np.full((240, 320), 0.7, np.float32)
    color[60:180, 90:230] = (170, 120, 70)
    depth[60:180, 90:230] = 0.6
    x, y, width, height = DENT
    color[y : y + height, x : x + width] = (110, 70, 40)
    depth[y : y + height, x : x + width] = 0.615
    cv2.putText(color, str(number), (95, 170), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (20, 20, 20), 2)
    return Frame(color, depth, CAMERA, camera, f"{camera}_optical_frame", stamp_ns)


def report_message(record: ItemRecord) -> Message:
    """The report that a recorder would have kept of ``record``, a crushed region in each camera."""
    store = recording_format()._store
    regions = [_region(record, camera) for camera in record.cameras]
    values = _default(REPORT)
    values.header = _header(record)
    values.item_id, values.sku = record.item_id, record.sku
    values.verdict, values.reasons = int(record.verdict), int(record.reasons)
    values.confidence, values.threshold = record.confidence, record.threshold
    values.cameras = list(record.cameras)
    values.regions = regions if record.verdict is Verdict.DIVERT else []
    values.severity = int(record.severity)
    data = store.serialize_cdr(values, REPORT)
    return Message(REPORT_TOPIC, REPORT, record.time_ns, bytes(data))


def add_item(
    store: RecordStore,
    number: int,
    verdict: Verdict = Verdict.DIVERT,
    cameras: tuple[str, ...] = ("front", "top"),
    images: bool = True,
    **fields: Any,
) -> ItemRecord:
    """Adds item ``number``, reported so many minutes after START_NS."""
    divert = verdict is Verdict.DIVERT
    reasons = {
        Verdict.DIVERT: Reason.DAMAGE,
        Verdict.UNKNOWN: Reason.BLUR,
        Verdict.PASS: Reason.NONE,
    }
    kept = {
        Verdict.DIVERT: Kept.DIVERTED,
        Verdict.UNKNOWN: Kept.UNKNOWN,
        Verdict.PASS: Kept.SAMPLED,
    }
    values: dict[str, Any] = {
        "site": "test_cell",
        "time_ns": START_NS + number * 60 * SECOND_NS,
        "item_id": f"item-{number:04d}",
        "sku": f"sku-{number % 3}",
        "verdict": verdict,
        "reasons": reasons[verdict],
        "confidence": 0.97 if divert else 0.05,
        "threshold": 0.9,
        "kind": "crush" if divert else "none",
        "camera": cameras[0],
        "cameras": cameras,
        "severity": Severity.MODERATE if divert else Severity.UNKNOWN,
        "extent": Extent(12.5, 15.0, 0.07) if divert else Extent(),
        "model_id": "damage_net-test",
        "latency_ms": 120.0,
        "kept": kept[verdict] if images else Kept.NOT,
    }
    record = ItemRecord(**(values | fields))
    if not images:
        return store.add(record)
    made = recording_format()
    messages = [report_message(record)]
    for camera in cameras:
        frame = parcel(camera, record.time_ns, number)
        messages += made.frame_messages(frame)
        jpeg = cv2.imencode(".jpg", frame.color[..., ::-1])[1].tobytes()
        messages.append(made.overlay_message(camera, frame.stamp_ns, frame.frame_id, jpeg))
    attached = {"parameters.yaml": "cameras: [front, top]\n"}
    return store.add(record, lambda stream: made.write(stream, messages, attached))


def _region(record: ItemRecord, camera: str) -> Any:
    x, y, width, height = DENT
    region = _default("damage_perception_msgs/msg/DamageRegion")
    region.header, region.camera = _header(record), camera
    region.kind, region.confidence = CODES["crush"], record.confidence
    region.box.x_offset, region.box.y_offset, region.box.width, region.box.height = DENT
    corners = ((x, y), (x + width, y), (x + width, y + height), (x, y + height))
    point = recording_format()._store.types["geometry_msgs/msg/Point32"]
    region.polygon.points = [point(float(u), float(v), 0.0) for u, v in corners]
    region.severity = int(record.severity)
    region.area_m2, region.depth_m, region.item_share = 12.5e-4, 0.015, 0.07
    region.position_valid = True
    return region


def _header(record: ItemRecord) -> Any:
    types = recording_format()._store.types
    stamp = types["builtin_interfaces/msg/Time"](*divmod(record.time_ns, SECOND_NS))
    return types["std_msgs/msg/Header"](stamp=stamp, frame_id="front_optical_frame")


def _default(name: str) -> Any:
    """A message of a type with every field at 0 or empty."""
    _, fields = recording_format()._store.fielddefs[name]
    return SimpleNamespace(**{field: _default_of(kind) for field, kind in fields})


def _default_of(kind: Any) -> Any:
    node, what = kind
    if node is Nodetype.NAME:
        return _default(what)
    if node is Nodetype.BASE:
        return {"string": "", "bool": False}.get(what[0], 0)
    (inner, name), _ = what
    is_number = inner is Nodetype.BASE and name[0] != "string"
    return np.zeros(0, name[0]) if is_number else []
