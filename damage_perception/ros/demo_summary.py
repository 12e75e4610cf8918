"""What the demo counts, and the files it leaves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from rich.table import Table

from damage_perception.overlay import contact_sheet

SUMMARY: Final = "summary.json"
ITEMS: Final = "items.jsonl"
CONTACT_SHEET: Final = "contact_sheet.jpg"
# Of the ids that the simulated cell gives its items.
_PICTURES: Final = "item-[0-9][0-9][0-9][0-9][0-9]_overlay.jpg"
_COLUMNS: Final = 6


def remove_earlier_run(out: Path) -> None:
    """Removes what an earlier demo left in ``out``, pictures of items above all."""
    for path in (out / SUMMARY, out / ITEMS, out / CONTACT_SHEET, *out.glob(_PICTURES)):
        path.unlink(missing_ok=True)


class Tally:
    """Truth and answers of ``items`` items, by id."""

    def __init__(self, items: int) -> None:
        self._items = items
        self._truth: dict[str, Mapping[str, Any]] = {}
        self._answers: dict[str, Mapping[str, Any]] = {}

    def shown(self, truth: Mapping[str, Any]) -> None:
        """An item was announced and shown."""
        self._truth[truth["item_id"]] = truth

    def answered(self, answer: Mapping[str, Any]) -> None:
        """The controller dealt with an item."""
        self._answers[answer["item_id"]] = answer

    @property
    def complete(self) -> bool:
        """Whether every item was shown and reported in time."""
        return len(self._reports()) == len(self._truth) == self._items

    def summary(self) -> dict[str, Any]:
        """The figures of summary.json."""
        reports = self._reports()
        damaged = {item_id for item_id, truth in self._truth.items() if truth["damaged"]}
        diverted = {item_id for item_id, r in reports.items() if r["verdict"] == "divert"}
        passed = {item_id for item_id, r in reports.items() if r["verdict"] == "pass"}
        latencies = [report["latency_ms"] for report in reports.values()]
        median, high = np.percentile(latencies, (50, 99)) if latencies else (None, None)
        return {
            "items": len(self._truth),
            "reports": len(reports),
            "diverted": len(diverted),
            "true_damaged": len(damaged),
            "missed": len(damaged & passed),
            "false_diverts": len(diverted - damaged),
            "unknown": len(reports) - len(diverted) - len(passed),
            "latency_ms": {
                "p50": None if median is None else round(float(median), 1),
                "p99": None if high is None else round(float(high), 1),
            },
            "backend": next((report["backend"] for report in reports.values()), None),
        }

    def table(self) -> Table:
        """The closing table."""
        summary = self.summary()
        latency = summary.pop("latency_ms")
        table = Table(title="demo", show_header=False)
        for name, value in summary.items():
            table.add_row(name.replace("_", " "), str(value))
        table.add_row("latency, median", f"{latency['p50']} ms")
        table.add_row("latency, 99th percentile", f"{latency['p99']} ms")
        return table

    def write(self, out: Path) -> None:
        """summary.json, items.jsonl with truth and answer of each, and the contact sheet."""
        text = json.dumps(self.summary(), indent=2)
        (out / SUMMARY).write_text(text + "\n", encoding="utf-8")
        lines = [
            json.dumps({**truth, "answer": self._answers.get(item_id)})
            for item_id, truth in self._truth.items()
        ]
        (out / ITEMS).write_text("\n".join([*lines, ""]), encoding="utf-8")
        self._write_contact_sheet(out)

    def _write_contact_sheet(self, out: Path) -> None:
        pictures, captions = [], []
        for item_id, truth in self._truth.items():
            picture = cv2.imread(str(out / f"{item_id}_overlay.jpg"))
            if picture is None:
                continue
            verdict = self._answers.get(item_id, {}).get("verdict") or "no report"
            pictures.append(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8))
            captions.append(f"{item_id}: {verdict}, truth {truth['kind']}")
        if pictures:
            sheet = contact_sheet(pictures, captions, _COLUMNS)
            path = out / CONTACT_SHEET
            cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))

    def _reports(self) -> dict[str, Mapping[str, Any]]:
        return {k: a for k, a in self._answers.items() if a["verdict"] is not None}
