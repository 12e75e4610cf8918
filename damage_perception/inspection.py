"""Recorded frames through the pipeline, one line of JSON and two pictures each."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.dataset import DatasetError
from damage_perception.frame import Frame
from damage_perception.inspector import FrameResult, Inspector
from damage_perception.overlay import draw_overlay, write_picture
from damage_perception.source import Source
from damage_perception.station import Item, StationError
from damage_perception.verdict.regions import Region
from damage_perception.verdict.report import Report, Verdict
from damage_perception.verdict.severity import Extent

REPORTS_FILE: Final = "reports.jsonl"


@dataclass(frozen=True)
class Inspected:
    """What became of one frame; ``error`` is empty where it was judged."""

    name: str
    verdicts: tuple[Verdict, ...]
    error: str = ""


def inspect_source(
    source: Source, inspector: Inspector, out: Path, sku: str = ""
) -> Iterator[Inspected]:
    """Judges every frame of ``source`` and writes it into the folder ``out`` before the next one.

    sku  of all items, where it is known; the inspector's references of it are compared with

    reports.jsonl     one line per frame: name, stamp_ns, frame_id, camera, and by index its items
                      and their reports. A frame that could not be read or has no plane to stand
                      on has an ``error`` and no report.
    NAME_overlay.jpg  the items, their verdicts and damage drawn onto the image
    NAME_items.png    uint8, i where the i-th item of the line is, 0 elsewhere

    Lengths are metres in the camera's optical frame, boxes x, y, width, height in pixels. What is
    not known is null.
    """
    out.mkdir(parents=True, exist_ok=True)
    with (out / REPORTS_FILE).open("w", encoding="utf-8") as lines:
        for record in source:
            try:
                frame = record.frame()
                result = inspector.judge(frame, sku)
            except (DatasetError, StationError) as error:
                line = {"name": record.name, "error": str(error), "items": [], "reports": []}
                inspected = Inspected(record.name, (), str(error))
            else:
                line = _line(record.name, frame, result)
                _write_pictures(out, record.name, frame, result)
                verdicts = tuple(report.verdict for report in result.reports)
                inspected = Inspected(record.name, verdicts)
            lines.write(json.dumps(line, allow_nan=False) + "\n")
            lines.flush()
            yield inspected


def report_json(report: Report) -> dict[str, Any]:
    """``report`` in the types of JSON: names for codes, null for what is not known."""
    return {
        "item_id": report.item_id,
        "sku": report.sku,
        "verdict": report.verdict.name.lower(),
        "reasons": report.reasons.words(),
        "detail": report.detail,
        "confidence": _number(report.confidence),
        "threshold": _number(report.threshold),
        "kind_confidences": {kind: _number(value) for kind, value in report.kinds.items()},
        "anomaly_score": _number(report.anomaly_score),
        "network_confidence": _number(report.alone),
        "references": report.references.name.lower(),
        "identified_sku": report.identity.sku,
        "identification_confidence": _number(report.identity.confidence),
        "regions": [_region_json(region) for region in report.regions],
        "severity": report.severity.name.lower(),
        "damage": _extent_json(report.extent),
        "position_m": _vector(report.position_m),
        "cameras": list(report.cameras),
        "frames_used": report.frames_used,
        "model_id": report.model_id,
        "calibration_id": report.calibration_id,
        "backend": report.backend,
        "backend_reason": report.backend_reason,
    }


def _line(name: str, frame: Frame, result: FrameResult) -> dict[str, Any]:
    return {
        "name": name,
        "stamp_ns": frame.stamp_ns,
        "frame_id": frame.frame_id,
        "camera": frame.camera_name,
        "items": [_item_json(item) for item in result.items],
        "reports": [report_json(report) for report in result.reports],
    }


def _item_json(item: Item) -> dict[str, Any]:
    return {
        "box": [int(value) for value in item.box],
        "area_px": int(item.mask.sum()),
        "centroid_m": _vector(item.centroid_m),
        "depth_share": _number(item.depth_share),
        "cut_off": bool(item.cut_off),
    }


def _extent_json(extent: Extent) -> dict[str, Any]:
    return {name: _number(value) for name, value in vars(extent).items()}


def _region_json(region: Region) -> dict[str, Any]:
    return {
        "kind": region.kind,
        "confidence": _number(region.confidence),
        "camera": region.camera,
        "box": [int(value) for value in region.box],
        "severity": region.severity.name.lower(),
        **_extent_json(region.extent),
        "polygon": [[float(x), float(y)] for x, y in region.polygon],
        "position_m": _vector(region.position_m),
        "size_m": _vector(region.size_m),
        "area_m2": _number(region.area_m2) if region.position_m is not None else None,
    }


def _number(value: float | np.floating[Any]) -> float | None:
    return round(float(value), 6) if math.isfinite(value) else None


def _vector(values: NDArray[np.floating[Any]] | None) -> list[float | None] | None:
    return None if values is None else [_number(value) for value in values]


def _write_pictures(out: Path, name: str, frame: Frame, result: FrameResult) -> None:
    overlay = draw_overlay(frame.color, result.pictures, result.reports)
    write_picture(out / f"{name}_overlay.jpg", overlay)
    items = np.zeros(frame.color.shape[:2], np.uint8)
    for index, item in enumerate(result.items, start=1):
        items[item.mask] = index
    write_picture(out / f"{name}_items.png", items)
