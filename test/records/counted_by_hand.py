"""Figures of records counted one by one, without SQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone

from damage_perception.records.figures import By, Figures, Span
from damage_perception.records.item_record import ItemRecord, Judgement, Kept
from damage_perception.verdict.report import Reason, Verdict


def count(records: Iterable[ItemRecord]) -> Figures:
    """The figures of all of ``records``."""
    items = diverted = unknown = confirmed = false_alarms = missed = 0
    for one in records:
        items += 1
        damaged, good = (one.judgement is j for j in (Judgement.DAMAGED, Judgement.GOOD))
        if one.verdict is Verdict.DIVERT:
            diverted += 1
            confirmed += damaged
            false_alarms += good
        else:
            unknown += one.verdict is Verdict.UNKNOWN
            missed += damaged
    return Figures(items, diverted, unknown, confirmed, false_alarms, missed)


def within(records: Iterable[ItemRecord], span: Span) -> list[ItemRecord]:
    """The records that are counted in a span."""
    return [
        one
        for one in records
        if span.since_ns <= one.time_ns < span.until_ns and one.kept is not Kept.BOOTH
    ]


def count_by(
    records: Iterable[ItemRecord], by: By, vendors: Mapping[str, str]
) -> dict[str, Figures]:
    """The figures of each group of ``records``."""
    if by is By.CAMERA:
        return _by_camera(list(records))
    groups: dict[str, list[ItemRecord]] = defaultdict(list)
    for one in records:
        for name in _NAMES[by](one, vendors):
            groups[name].append(one)
    return {name: count(members) for name, members in groups.items()}


def _by_camera(records: list[ItemRecord]) -> dict[str, Figures]:
    found = {}
    for camera in {name for one in records for name in _seen_by(one)}:
        seen = [one for one in records if camera in _seen_by(one)]
        own = count(one for one in seen if camera in _saw(one))
        others = count(one for one in seen if one.verdict is not Verdict.DIVERT)
        found[camera] = Figures(
            len(seen),
            own.diverted,
            others.unknown,
            own.confirmed,
            own.false_alarms,
            others.missed,
        )
    return found


def _seen_by(one: ItemRecord) -> set[str]:
    return {*(one.cameras or ("",)), *_saw(one)}


def _saw(one: ItemRecord) -> tuple[str, ...]:
    return (one.camera,) if one.verdict is Verdict.DIVERT else ()


def _kinds(one: ItemRecord, _: Mapping[str, str]) -> list[str]:
    if one.verdict is not Verdict.DIVERT and one.judgement is not Judgement.DAMAGED:
        return []
    kind = one.judged_kind if one.judged_kind != "none" else one.kind
    return ["" if kind == "none" else kind]


def _reasons(one: ItemRecord, _: Mapping[str, str]) -> list[str]:
    if one.verdict is not Verdict.UNKNOWN:
        return []
    known = [str(r.name).lower() for r in Reason if r and r in one.reasons]
    newer = [f"bit {n}" for n in range(22, 63) if int(one.reasons) >> n & 1]
    return [*known, *newer] or [""]


def _hour(one: ItemRecord, _: Mapping[str, str]) -> list[str]:
    moment = datetime.fromtimestamp(one.time_ns // 10**9, timezone.utc)
    return [f"{moment:%H}:00"]


_NAMES: Mapping[By, Callable[[ItemRecord, Mapping[str, str]], list[str]]] = {
    By.SKU: lambda one, _: [one.sku],
    By.VENDOR: lambda one, vendors: [vendors.get(one.sku, "")],
    By.KIND: _kinds,
    By.HOUR: _hour,
    By.REASON: _reasons,
    By.SITE: lambda one, _: [one.site],
}
