"""Reports out of messages, and what the index says of them.

Messages are taken by their fields alone: those of rclpy and those read from a recording alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from damage_perception.kinds import NONE, name_of
from damage_perception.records.item_record import ItemRecord, Kept
from damage_perception.verdict.difference import Identity, ReferenceStatus
from damage_perception.verdict.regions import Region
from damage_perception.verdict.report import Reason, Report, Verdict
from damage_perception.verdict.severity import Extent, Severity


def report_of(message: Any) -> Report:
    """The report in a DamageReport message."""
    return Report(
        item_id=message.item_id,
        sku=message.sku,
        verdict=Verdict(message.verdict),
        reasons=Reason(message.reasons),
        confidence=message.confidence,
        threshold=message.threshold,
        kinds={
            name_of(code): float(confidence)
            for code, confidence in zip(message.kinds, message.kind_confidences, strict=True)
        },
        regions=tuple(_region_of(region) for region in message.regions),
        cameras=tuple(message.cameras),
        frames_used=message.frames_used,
        stamp_ns=nanoseconds_of(message.header.stamp),
        frame_id=message.header.frame_id,
        first_seen_ns=nanoseconds_of(message.first_seen),
        position_m=_vector(message.position) if message.position_valid else None,
        model_id=message.model_id,
        calibration_id=message.calibration_id,
        backend=message.backend,
        backend_reason=message.backend_reason,
        anomaly_score=message.anomaly_score,
        alone=message.network_confidence,
        references=ReferenceStatus(message.references),
        identity=Identity(message.identified_sku, message.identification_confidence),
        detail=message.detail,
        extent=Extent(
            message.damage_area_m2 * 1e4, message.damage_depth_m * 1e3, message.damage_item_share
        ),
        severity=Severity(message.severity),
    )


def record_of_report(
    report: Report, time_ns: int, latency_ns: int, site: str, kept: Kept
) -> ItemRecord:
    """The row of a report.

    time_ns     when it came, nanoseconds since 1970
    latency_ns  from its stamp to its publication
    """
    seen = max(report.regions, key=lambda region: region.confidence, default=None)
    cameras = report.cameras
    return ItemRecord(
        site=site,
        time_ns=time_ns,
        item_id=report.item_id,
        sku=report.sku or report.identity.sku,
        verdict=report.verdict,
        reasons=report.reasons,
        detail=report.detail,
        confidence=report.confidence,
        threshold=report.threshold,
        alone=report.alone,
        anomaly_score=report.anomaly_score,
        references_used=report.references is ReferenceStatus.USED,
        kind=seen.kind if seen else NONE,
        camera=seen.camera if seen else next(iter(cameras), ""),
        cameras=cameras,
        severity=report.severity,
        extent=report.extent,
        model_id=report.model_id,
        latency_ms=latency_ns / 1e6,
        kept=kept,
    )


def nanoseconds_of(stamp: Any) -> int:
    """A point or a length of time in nanoseconds."""
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def _region_of(message: Any) -> Region:
    box = message.box
    placed = message.position_valid
    return Region(
        kind=name_of(message.kind),
        confidence=message.confidence,
        box=(box.x_offset, box.y_offset, box.width, box.height),
        polygon=np.array([(point.x, point.y) for point in message.polygon.points], np.float32),
        camera=message.camera,
        frame_id=message.header.frame_id,
        stamp_ns=nanoseconds_of(message.header.stamp),
        position_m=_vector(message.position) if placed else None,
        size_m=_vector(message.size) if placed else None,
        area_m2=message.area_m2,
        depth_m=message.depth_m,
        item_share=message.item_share,
        severity=Severity(message.severity),
    )


def _vector(message: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([message.x, message.y, message.z], np.float64)
