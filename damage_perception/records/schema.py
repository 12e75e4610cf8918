"""The tables of the index, and its rows as records."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan, nan
from typing import Any, Final

from damage_perception.records.item_record import ItemRecord, Judgement, Kept
from damage_perception.verdict.report import Reason, Verdict
from damage_perception.verdict.severity import Extent, Severity

FORMAT: Final = 1
# Of the file, so that another program's database is not taken for an index: "dmgp".
APPLICATION: Final = 0x646D6770

# An item waits for a person: nobody looked yet, it did not pass, and its images are kept.
WAITING: Final = "judgement = 0 AND verdict <> 1 AND file <> ''"

# What figures are made of: what a cell reported, and not what was captured at the booth; of these
# what more is said of than that it passed; and the full hour of UTC. Statements that have these
# word by word read an index alone: the figures of a million items take a tenth of a second
# (benchmarks/records.py).
COUNTED: Final = "kept <> 'booth'"
NOTED: Final = "(verdict <> 1 OR judgement <> 0)"
HOUR_NS: Final = 3_600_000_000_000
HOUR: Final = f"time_ns - time_ns % {HOUR_NS}"

TABLES: Final = f"""
CREATE TABLE items (
    key INTEGER PRIMARY KEY,
    site TEXT NOT NULL,
    time_ns INTEGER NOT NULL,
    item_id TEXT NOT NULL,
    sku TEXT NOT NULL,
    verdict INTEGER NOT NULL,
    reasons INTEGER NOT NULL,
    detail TEXT NOT NULL,
    confidence REAL,
    threshold REAL,
    alone REAL,
    anomaly_score REAL,
    references_used INTEGER NOT NULL,
    kind TEXT NOT NULL,
    camera TEXT NOT NULL,
    cameras TEXT NOT NULL,
    severity INTEGER NOT NULL,
    area_cm2 REAL,
    depth_mm REAL,
    item_share REAL,
    model_id TEXT NOT NULL,
    latency_ms REAL,
    kept TEXT NOT NULL,
    file TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    judgement INTEGER NOT NULL,
    judged_kind TEXT NOT NULL,
    judged_by TEXT NOT NULL,
    judged_ns INTEGER NOT NULL
);
CREATE INDEX waiting ON items (time_ns, judgement, verdict, file) WHERE {WAITING};
CREATE INDEX shown ON items (time_ns, judgement, bytes, file) WHERE file <> '';
CREATE INDEX files ON items (verdict = 1 DESC, time_ns, judgement) WHERE file <> '';
CREATE INDEX judged ON items (time_ns) WHERE judgement IN (1, 2);
CREATE INDEX hours ON items ({HOUR}, site, cameras, time_ns, kept) WHERE {COUNTED};
CREATE INDEX skus ON items (sku, time_ns, kept) WHERE {COUNTED};
CREATE INDEX noted ON items
    (time_ns, verdict, judgement, reasons, sku, kind, judged_kind, camera, cameras, site,
     confidence, threshold, kept) WHERE {COUNTED} AND {NOTED};
CREATE TABLE judgements (
    key INTEGER PRIMARY KEY,
    item INTEGER NOT NULL REFERENCES items (key),
    time_ns INTEGER NOT NULL,
    by TEXT NOT NULL,
    judgement INTEGER NOT NULL,
    kind TEXT NOT NULL,
    undone INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX judgements_of_item ON judgements (item);
CREATE INDEX judgements_by ON judgements (by, key);
CREATE TABLE shapes (
    item INTEGER NOT NULL REFERENCES items (key),
    camera TEXT NOT NULL,
    kind TEXT NOT NULL,
    tool TEXT NOT NULL,
    points TEXT NOT NULL,
    width_px REAL NOT NULL
);
CREATE INDEX shapes_of_item ON shapes (item);
"""

COLUMNS: Final = (
    "site",
    "time_ns",
    "item_id",
    "sku",
    "verdict",
    "reasons",
    "detail",
    "confidence",
    "threshold",
    "alone",
    "anomaly_score",
    "references_used",
    "kind",
    "camera",
    "cameras",
    "severity",
    "area_cm2",
    "depth_mm",
    "item_share",
    "model_id",
    "latency_ms",
    "kept",
    "file",
    "bytes",
    "judgement",
    "judged_kind",
    "judged_by",
    "judged_ns",
)


def row_of(record: ItemRecord) -> dict[str, Any]:
    """``record`` by columns, without its key; what is not known is null."""
    extent = record.extent
    values = {
        **{name: getattr(record, name) for name in COLUMNS if hasattr(record, name)},
        "verdict": int(record.verdict),
        "reasons": int(record.reasons),
        "references_used": int(record.references_used),
        "cameras": ",".join(record.cameras),
        "severity": int(record.severity),
        "area_cm2": extent.area_cm2,
        "depth_mm": extent.depth_mm,
        "item_share": extent.item_share,
        "kept": record.kept.value,
        "judgement": int(record.judgement),
    }
    return {
        name: None if isinstance(value, float) and isnan(value) else value
        for name, value in values.items()
    }


def record_of(row: Mapping[str, Any]) -> ItemRecord:
    """The record in a row of ``items``."""
    values = dict(row)
    extent = Extent(*(_number(values.pop(name)) for name in ("area_cm2", "depth_mm", "item_share")))
    for name in ("confidence", "threshold", "alone", "anomaly_score", "latency_ms"):
        values[name] = _number(values[name])
    return ItemRecord(
        **{
            **values,
            "verdict": Verdict(values["verdict"]),
            "reasons": Reason(values["reasons"]),
            "references_used": bool(values["references_used"]),
            "cameras": tuple(filter(None, values["cameras"].split(","))),
            "severity": Severity(values["severity"]),
            "kept": Kept(values["kept"]),
            "judgement": Judgement(values["judgement"]),
        },
        extent=extent,
    )


def _number(value: float | None) -> float:
    return nan if value is None else float(value)
