"""How sure the reports were of what people judged."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import Final

from damage_perception.records.figures import Span
from damage_perception.records.item_record import Judgement
from damage_perception.records.numbers import NOTED_IN_SPAN, Rows, in_span

# From 0 to 1.
BINS: Final = 25
_DAMAGED: Final = int(Judgement.DAMAGED)
_GOOD: Final = int(Judgement.GOOD)

_JUDGED: Final = (
    f"{NOTED_IN_SPAN} AND judgement IN ({_DAMAGED}, {_GOOD}) AND confidence IS NOT NULL"
)
# Rounding so, and not casting, means the same in both.
_BINNED: Final = f"""
SELECT round(confidence * {BINS} - 0.5), judgement, count(*) FROM items
WHERE {_JUDGED} GROUP BY 1, 2"""
_THRESHOLDS: Final = f"""
SELECT threshold, count(*) FROM items WHERE {_JUDGED} AND threshold IS NOT NULL
GROUP BY 1 ORDER BY 2 DESC, 1"""


@dataclass(frozen=True)
class Confidences:
    """How sure the reports were of items that a person judged.

    good, damaged  counts in BINS bins from 0 to 1
    threshold      that most of them were compared with; NaN without any
    other          how many were compared with another one
    """

    good: tuple[int, ...]
    damaged: tuple[int, ...]
    threshold: float
    other: int


def confidences(rows: Rows, span: Span) -> Confidences:
    """How sure the reports were of what people judged, whatever the verdict."""
    bins = {_GOOD: [0] * BINS, _DAMAGED: [0] * BINS}
    for place, judgement, count in rows.query(_BINNED, in_span(span)):
        bins[judgement][min(BINS - 1, max(0, int(place)))] += count
    thresholds = rows.query(_THRESHOLDS, in_span(span))
    return Confidences(
        tuple(bins[_GOOD]),
        tuple(bins[_DAMAGED]),
        thresholds[0][0] if thresholds else nan,
        sum(count for _, count in thresholds[1:]),
    )
