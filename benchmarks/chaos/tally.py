"""What every item got, as a row of a table."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from diagnostic_msgs.msg import DiagnosticStatus

from benchmarks.chaos.answers import Heard
from benchmarks.chaos.cell import Cell
from benchmarks.chaos.fault import Fault
from damage_perception.ros.messages import NANOSECONDS
from damage_perception_msgs.msg import DamageReport

_PASS, _DIVERT = DamageReport.PASS, DamageReport.DIVERT
_TEXT: Final = 80
_LEVELS: Final = {
    DiagnosticStatus.OK: "ok",
    DiagnosticStatus.WARN: "warn",
    DiagnosticStatus.ERROR: "error",
    DiagnosticStatus.STALE: "stale",
}
COLUMNS: Final = {
    "fault": "fault",
    "items": "items",
    "passed": "pass",
    "diverted": "divert",
    "unknown": "unknown",
    "unanswered": "unanswered",
    "twice": "twice",
    "broken_passed": "broken passed",
    "good_passed": "good passed",
    "recovered_s": "s to recover",
    "diagnostics": "worst of /diagnostics",
}


@dataclass(frozen=True)
class Row:
    """What became of one fault.

    items            announcements, or items shown where none is announced
    unanswered       without a report 1.5 s after the deadline
    twice            with more than one report
    recovered_s      from the end of the fault to the first right verdict on an item that came
                     after it; None where it lasts or there was none
    came_after       how many items came after the fault was over
    broken_ids       the broken items that passed
    unanswered_after those of the unanswered that came after it was over; after the detector had
                     recovered, where it started anew
    not_told         texts that /diagnostics should have had
    notes            what the fault has to say of itself
    """

    fault: str
    items: int
    passed: int
    diverted: int
    unknown: int
    unanswered: int
    twice: int
    broken_passed: int
    good_passed: int
    recovered_s: float | None
    diagnostics: str
    came_after: int
    broken_ids: tuple[str, ...]
    unanswered_after: int = 0
    not_told: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def row_of(fault: Fault, cell: Cell) -> Row:
    """The row of a run that is over. An item with several reports passed if one of them says so."""
    answers = [cell.answers(asked) for asked in cell.asked]
    passed, diverted, unknown, good, broken = 0, 0, 0, 0, []
    for asked, heard in zip(cell.asked, answers, strict=True):
        verdicts = {report.message.verdict for report in heard}
        if _PASS in verdicts:
            passed += 1
            good += not asked.damaged
            broken += [asked.item_id] if asked.damaged else []
        elif _DIVERT in verdicts:
            diverted += 1
        elif verdicts:
            unknown += 1
    recovered_s = _recovered_s(cell, answers)
    after_ns = cell.ended_ns
    if fault.starts_anew:
        after_ns += round((recovered_s or 0.0) * NANOSECONDS)
    return Row(
        fault.name,
        len(answers),
        passed,
        diverted,
        unknown,
        sum(not heard for heard in answers),
        sum(len(heard) > 1 for heard in answers),
        len(broken),
        good,
        recovered_s,
        _worst(cell),
        sum(asked.begun_ns >= cell.ended_ns > 0 for asked in cell.asked),
        tuple(broken),
        sum(
            asked.begun_ns >= after_ns > 0 and not heard
            for asked, heard in zip(cell.asked, answers, strict=True)
        ),
        tuple(text for text in fault.tells if not _is_told(text, cell)),
        tuple(cell.notes),
    )


def failures(rows: Sequence[Row], faults: Sequence[Fault]) -> list[str]:
    """What must not be, one line each; the first row is that of no fault."""
    found, usual = [], set(rows[0].broken_ids)
    for row, fault in zip(rows, faults, strict=True):
        freed = sorted(set(row.broken_ids) - usual)
        if fault.blind and freed:
            found.append(f"{row.fault}: broken items passed: {', '.join(freed)}")
        owed = row.unanswered_after if fault.loses or fault.starts_anew else row.unanswered
        if owed:
            found.append(f"{row.fault}: {owed} of {row.items} items went unanswered")
        if fault.loses and not row.unanswered:
            found.append(f"{row.fault}: nothing went unanswered while it lasted: it had no effect")
        if fault.seconds and not row.came_after:
            found.append(f"{row.fault}: no item came after the fault was over: play more of them")
        elif fault.seconds and row.recovered_s is None:
            found.append(f"{row.fault}: no right verdict after the fault was over")
        elif row.recovered_s is not None and row.recovered_s > fault.recovers_s:
            found.append(
                f"{row.fault}: the first right verdict came {row.recovered_s} s after the fault; "
                f"expected within {fault.recovers_s:g} s"
            )
        found += [f"{row.fault}: /diagnostics never said {text!r}" for text in row.not_told]
        if fault.harmless and row.diagnostics != "ok":
            found.append(f"{row.fault}: /diagnostics must not say {row.diagnostics}")
    return found


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a table."""
    lines = ["| " + " | ".join(COLUMNS.values()) + " |", "| --- " * len(COLUMNS) + "|"]
    lines += ["| " + " | ".join(cells(row)).replace("\n", " ") + " |" for row in rows]
    return "\n".join(lines)


def cells(row: Row) -> list[str]:
    """A row's texts in the order of COLUMNS."""
    values = (getattr(row, name) for name in COLUMNS)
    return ["-" if value is None else str(value) for value in values]


def _recovered_s(cell: Cell, answers: Sequence[Sequence[Heard]]) -> float | None:
    if not cell.ended_ns:
        return None
    right = [
        heard.received_ns
        for asked, reports in zip(cell.asked, answers, strict=True)
        for heard in reports
        if asked.begun_ns >= cell.ended_ns
        and heard.message.verdict == (_DIVERT if asked.damaged else _PASS)
    ]
    return round((min(right) - cell.ended_ns) / NANOSECONDS, 1) if right else None


def _statuses(cell: Cell) -> list[DiagnosticStatus]:
    """What detectors told; a recorder beside has statuses of its own."""
    told = [status for heard in list(cell.diagnostics) for status in heard.message.status]
    return [status for status in told if status.name.startswith("damage_detector: ")]


def _is_told(text: str, cell: Cell) -> bool:
    return any(text in status.message for status in _statuses(cell))


def _worst(cell: Cell) -> str:
    """The worst level that was told, and of each part that told it the most frequent text."""
    exit_status = cell.processes.detector.exit_status
    if exit_status is not None:
        return f"the process ended with status {exit_status}"
    statuses = _statuses(cell)
    worst = max((status.level for status in statuses), default=DiagnosticStatus.OK)
    if worst == DiagnosticStatus.OK:
        return "ok"
    told: dict[str, list[str]] = {}
    for status in statuses:
        if status.level == worst:
            told.setdefault(status.name.rpartition(": ")[2], []).append(status.message)
    parts = "; ".join(f"{part}: {_usual(texts)}" for part, texts in sorted(told.items()))
    return f"{_LEVELS[worst]}: {parts}".replace("|", "/")


def _usual(texts: Sequence[str]) -> str:
    """The most frequent one; texts that differ by their numbers alone are one."""
    kinds = Counter(re.sub(r"\d+", "", text) for text in texts)
    kind = kinds.most_common(1)[0][0]
    text = next(text for text in texts if re.sub(r"\d+", "", text) == kind)
    return text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"
