"""What the demo counts, and the files it leaves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from rich.table import Table

from damage_perception.network.model_card import ModelCard
from damage_perception.overlay import contact_sheet
from damage_perception.ros.demo.without_references import WithoutReferences

SUMMARY: Final = "summary.json"
ITEMS: Final = "items.jsonl"
CONTACT_SHEET: Final = "contact_sheet.jpg"
GALLERY: Final = "gallery"
RECORDS: Final = "records"
# Of the ids that the simulated cell gives its items.
_PICTURES: Final = "item-[0-9][0-9][0-9][0-9][0-9]_overlay.jpg"
_COLUMNS: Final = 6

Answers = Mapping[str, Mapping[str, Any]]


def remove_earlier_run(out: Path) -> None:
    """Removes what an earlier demo left in ``out``, pictures of items above all."""
    for path in (out / SUMMARY, out / ITEMS, out / CONTACT_SHEET, *out.glob(_PICTURES)):
        path.unlink(missing_ok=True)
    for folder in (GALLERY, RECORDS):
        shutil.rmtree(out / folder, ignore_errors=True)


class Tally:
    """Truth and answers of ``items`` items, by id.

    card  of a model that compares the items with references; None: there are none
    """

    def __init__(self, items: int, card: ModelCard | None = None) -> None:
        self._items = items
        self._without = WithoutReferences(card) if card is not None else None
        self._truth: dict[str, Mapping[str, Any]] = {}
        self._answers: dict[str, Mapping[str, Any]] = {}
        self._enrolled = self._refused = 0

    def enrolled(self, event: Mapping[str, Any]) -> None:
        """A product was shown to be enrolled."""
        self._enrolled += event["accepted"]
        self._refused += len(event["refused"])

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
        latencies = [report["latency_ms"] for report in reports.values()]
        median, high = np.percentile(latencies, (50, 99)) if latencies else (None, None)
        figures: dict[str, Any] = {
            "items": len(self._truth),
            "reports": len(reports),
            "true_damaged": len(self._damaged()),
            **self._outcome(reports),
            "latency_ms": {
                "p50": None if median is None else round(float(median), 1),
                "p99": None if high is None else round(float(high), 1),
            },
            "backend": next((report["backend"] for report in reports.values()), None),
        }
        if self._without is not None:
            used = [report["references"] == "used" for report in reports.values()]
            figures["references"] = {
                "enrolled": self._enrolled,
                "refused": self._refused,
                "items_compared": sum(used),
                "without_them": self._outcome(
                    {item_id: self._without.answer(r) for item_id, r in reports.items()}
                ),
            }
        return figures

    def table(self) -> Table:
        """The closing table; what references change in a column beside it."""
        summary = self.summary()
        latency, references = summary.pop("latency_ms"), summary.pop("references", None)
        table = Table(title="demo", show_header=references is not None)
        table.add_column("")
        table.add_column("with references")
        if references is not None:
            table.add_column("without")
        without = references["without_them"] if references is not None else {}
        for name, value in summary.items():
            beside = [str(without[name])] if name in without else []
            table.add_row(name.replace("_", " "), str(value), *beside)
        table.add_row("latency, median", f"{latency['p50']} ms")
        table.add_row("latency, 99th percentile", f"{latency['p99']} ms")
        if references is not None:
            table.add_row("references enrolled", str(references["enrolled"]))
            table.add_row("views refused", str(references["refused"]))
            table.add_row("items compared", str(references["items_compared"]))
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

    def _outcome(self, reports: Answers) -> dict[str, Any]:
        damaged = self._damaged()
        diverted = {item_id for item_id, r in reports.items() if r["verdict"] == "divert"}
        passed = {item_id for item_id, r in reports.items() if r["verdict"] == "pass"}
        known = {k: r["confidence"] for k, r in reports.items() if r["confidence"] is not None}
        return {
            "diverted": len(diverted),
            "missed": len(damaged & passed),
            "false_diverts": len(diverted - damaged),
            "unknown": len(reports) - len(diverted) - len(passed),
            "auroc": _auroc(
                [confidence for item_id, confidence in known.items() if item_id in damaged],
                [confidence for item_id, confidence in known.items() if item_id not in damaged],
            ),
        }

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

    def _damaged(self) -> set[str]:
        return {item_id for item_id, truth in self._truth.items() if truth["damaged"]}

    def _reports(self) -> dict[str, Mapping[str, Any]]:
        return {k: a for k, a in self._answers.items() if a["verdict"] is not None}


def _auroc(damaged: Iterable[float], good: Iterable[float]) -> float | None:
    """How often a damaged item has more confidence than a good one; None without either."""
    above, below = np.asarray(list(damaged))[:, None], np.asarray(list(good))[None, :]
    if not above.size or not below.size:
        return None
    return round(float(np.mean((above > below) + 0.5 * (above == below))), 3)
