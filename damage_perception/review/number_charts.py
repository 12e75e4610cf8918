"""Where the parts of the charts on the page of numbers go, in units of their SVG."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from damage_perception.records.confidences import BINS, Confidences
from damage_perception.records.figures import Figures
from damage_perception.records.number_words import thousands
from damage_perception.records.timeline import Moment, Timeline

# From the bottom of a column up: what is counted, and how it is shown.
OUTCOMES: Final = ("confirmed", "false_alarms", "unjudged", "unknown")
_LEFT: Final = 96.0
_TICKS: Final = 4
_LABELS: Final = 12


@dataclass(frozen=True)
class Box:
    """A rectangle of one kind; ``kind`` is its class."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Column:
    """What is shown of one step. The whole height tells of it when it is pointed at."""

    title: str
    x: float
    width: float
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class Mark:
    """A line of the grid or of an axis, with its text."""

    at: float
    text: str


@dataclass(frozen=True)
class Chart:
    """A chart ``width`` by ``height`` units.

    across   lines across, by y
    down     texts below, by x
    captions of its parts, by the y of their upper ends
    """

    width: float
    height: float
    left: float
    columns: tuple[Column, ...]
    across: tuple[Mark, ...]
    down: tuple[Mark, ...]
    captions: tuple[Mark, ...]
    line: Mark | None = None


@dataclass(frozen=True)
class _Panel:
    """Where counts up to ``most`` are drawn, from ``bottom`` up."""

    bottom: float
    height: float
    most: int

    def y(self, count: float) -> float:
        return round(self.bottom - self.height * count / self.most, 2)

    def ticks(self, ticks: int) -> tuple[Mark, ...]:
        step = tick_step(self.most, ticks)
        return tuple(
            Mark(self.y(count), thousands(count)) for count in range(0, self.most + 1, step)
        )


def tick_step(most: int, ticks: int) -> int:
    """The smallest of 1, 2, 5, 10 and so on that divides ``most`` into no more than ``ticks``."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if most <= factor * step * ticks:
                return factor * step
        step *= 10


def over_time_chart(
    found: Timeline,
    title: Callable[[Moment], str],
    label: Callable[[Moment], str],
    captions: tuple[str, str],
) -> Chart:
    """Items above, and below what was diverted or unknown, by what people said of it.

    title     of a step, in words
    label     of a step on the axis
    captions  of both parts
    """
    width, height, right = 1600.0, 460.0, 36.0
    moments = found.moments
    step = (width - _LEFT - right) / max(1, len(moments))
    upper = _Panel(130.0, 84.0, _most(moment.figures.items for moment in moments))
    lower = _Panel(410.0, 210.0, _most(m.figures.diverted + m.figures.unknown for m in moments))
    columns = []
    for number, moment in enumerate(moments):
        x, gap = _LEFT + number * step, min(4.0, 0.15 * step)
        at = (round(x + gap / 2, 2), round(step - gap, 2))
        boxes = (
            *_stacked(upper, *at, (("items", moment.figures.items),)),
            *_stacked(lower, *at, _outcomes(moment.figures)),
        )
        columns.append(Column(title(moment), round(x, 2), round(step, 2), boxes))
    down = tuple(
        Mark(round(_LEFT + (number + 0.5) * step, 2), label(moments[number]))
        for number in found.labelled(_LABELS)
    )
    return Chart(
        width,
        height,
        _LEFT,
        tuple(columns),
        (*upper.ticks(2), *lower.ticks(_TICKS)),
        down,
        (Mark(26.0, captions[0]), Mark(180.0, captions[1])),
    )


def confidence_chart(
    found: Confidences,
    title: Callable[[int, int, float, float], str],
    captions: tuple[str, str],
    threshold: str,
) -> Chart:
    """Above how sure the reports were of what is damaged, below of what is good.

    title      of a bin: how many are damaged and good, and its ends
    captions   of both parts
    threshold  its text
    """
    width, height, right = 800.0, 460.0, 24.0
    span = width - _LEFT - right
    step = span / BINS
    upper = _Panel(210.0, 140.0, _most(found.damaged))
    lower = _Panel(410.0, 140.0, _most(found.good))
    columns = []
    for number, (damaged, good) in enumerate(zip(found.damaged, found.good, strict=True)):
        x = _LEFT + number * step
        at = (round(x + 1, 2), round(step - 2, 2))
        boxes = (
            *_stacked(upper, *at, (("confirmed", damaged),)),
            *_stacked(lower, *at, (("good", good),)),
        )
        words = title(damaged, good, number / BINS, (number + 1) / BINS)
        columns.append(Column(words, round(x, 2), round(step, 2), boxes))
    line = None
    if found.threshold == found.threshold:
        line = Mark(round(_LEFT + found.threshold * span, 2), threshold)
    return Chart(
        width,
        height,
        _LEFT,
        tuple(columns),
        (*upper.ticks(2), *lower.ticks(2)),
        tuple(Mark(_LEFT + percent / 100 * span, f"{percent}") for percent in (0, 25, 50, 75, 100)),
        (Mark(46.0, captions[0]), Mark(246.0, captions[1])),
        line,
    )


def _outcomes(figures: Figures) -> Sequence[tuple[str, int]]:
    return [(kind, getattr(figures, kind)) for kind in OUTCOMES]


def _most(counts: Iterable[int]) -> int:
    return max((1, *counts))


def _stacked(
    panel: _Panel, x: float, width: float, parts: Sequence[tuple[str, int]]
) -> tuple[Box, ...]:
    boxes, below = [], 0
    for kind, count in parts:
        if count:
            top = panel.y(below + count)
            boxes.append(Box(kind, x, top, width, round(panel.y(below) - top, 2)))
            below += count
    return tuple(boxes)
