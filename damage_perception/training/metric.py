"""Learns how far cells look apart: what is damaged is to lie far from all references, what is not
is to lie near, whatever camera and light.

A linear projection of the network's dense embeddings, learned in half a minute once these are
there, for which a pass over each view is needed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from damage_perception.network import OnnxRuntimeSession
from damage_perception.network.bank import LEAST_DISTANCE, ORDER
from damage_perception.network.contract import (
    CELL_CHANNELS,
    CELL_STRIDE,
    CELLS,
    COMPARED_CHANNELS,
    LOOK_CHANNELS,
    MAP_STRIDE,
    MOST_VIEWS,
)
from damage_perception.network.embedding import cells_on
from damage_perception.network.metric import Metric, as_learned
from damage_perception.training.augment import spoilt_row
from damage_perception.training.one_camera import REFERENCES, pieces, unheard_of, whole_pictures
from damage_perception.training.real_views import RealViews
from damage_perception.training.views import LabelledViews, inputs_of, stacked

_STEPS: Final = 600
_BATCH: Final = 8
_RATE: Final = 3e-3
# Draws the projection back to where it began, what the encoder sees: there damage is told that
# nobody wrote. With three times as much, anomalies of a set that was left out are told less well.
_HOLD: Final = 1e-2
# What is kept is the mean over so many steps at the end.
_AVERAGED: Final = 300
# How often references are pictures that were taken elsewhere, where there are any.
_ELSEWHERE: Final = 0.35
# Shares of what is learned from: simulated pieces, real ones that lie alike, that lie anyhow.
_SHARES: Final = (0.25, 0.5, 0.25)
# Every so many pictures are also seen with pieces that lie anyhow.
_TURNED_EVERY: Final = 2
_SIMULATED: Final = 2400
# A cell is damaged where so much of it is, and whole where hardly any is.
_DAMAGED, _WHOLE = 0.12, 0.01

Cells = NDArray[np.float16]


@dataclass(frozen=True, eq=False)
class _Seen:
    """A view: cells (n, CELL_CHANNELS) as learned, and (n,) the damaged share of each."""

    cells: Cells
    spoilt: NDArray[np.float32]
    damaged: bool


@dataclass(frozen=True, eq=False)
class _Lesson:
    """Views of pieces of one product, whole and damaged, and what to hold them against.

    references  of the same camera; elsewhere  pictures of the product taken elsewhere
    """

    seen: list[_Seen]
    references: list[Cells]
    elsewhere: list[Cells]


def fit_metric(
    session: OnnxRuntimeSession, simulated: LabelledViews, real: RealViews | None, seed: int
) -> Metric:
    """Learns the metric of a network.

    session    of its graph
    simulated  views in pairs, before and after their damage, some scenes of each product
    real       pictures made elsewhere; None: there are none

    Raises ValueError where nothing shows a product with and without damage.
    """
    rng = np.random.default_rng(seed)
    groups = [_of_scenes(session, simulated)]
    if real is not None:
        groups += [_of_pictures(session, real, rng, turned) for turned in (False, True)]
    parts = [(group, share) for group, share in zip(groups, _SHARES, strict=False) if group]
    if not parts:
        raise ValueError("there is no product with whole and damaged views to learn a metric from")
    return _learned([group for group, _ in parts], [share for _, share in parts], rng)


def _of_scenes(session: OnnxRuntimeSession, views: LabelledViews) -> list[_Lesson]:
    rows = np.arange(min(_SIMULATED, len(views)))
    seen = _look(session, views, rows)
    product, scene = np.asarray(views.product)[rows], np.asarray(views.scene)[rows]
    whole = ~np.asarray(views.damaged)[rows]
    lessons = []
    for number in np.unique(scene):
        here = np.flatnonzero(scene == number)
        others = np.flatnonzero((product == product[here[0]]) & (scene != number) & whole)
        lessons.append(
            _lesson([seen[row] for row in here], [seen[row].cells for row in others], [])
        )
    return [lesson for lesson in lessons if _teaches(lesson)]


def _of_pictures(
    session: OnnxRuntimeSession, real: RealViews, rng: np.random.Generator, turned: bool
) -> list[_Lesson]:
    found: list[tuple[str, list[_Seen]]] = []
    for place, (number, row) in enumerate(whole_pictures(real)):
        if turned and place % _TURNED_EVERY:
            continue
        views = stacked(pieces(row, (spoilt_row, unheard_of), rng, turned))
        found.append((str(real.shown[number]), _look(session, views, np.arange(len(views)))))
    lessons = []
    for place, (name, seen) in enumerate(found):
        others = [
            other[0].cells
            for at, (theirs, other) in enumerate(found)
            if theirs == name and at != place and not turned
        ]
        references = [one.cells for one in seen[:REFERENCES]]
        lessons.append(_lesson(seen[REFERENCES:], references, others))
    return [lesson for lesson in lessons if _teaches(lesson)]


def _lesson(seen: list[_Seen], references: list[Cells], elsewhere: list[Cells]) -> _Lesson:
    return _Lesson(
        [one for one in seen if len(one.cells)],
        [cells for cells in references if len(cells)],
        [cells for cells in elsewhere if len(cells)],
    )


def _teaches(lesson: _Lesson) -> bool:
    return bool(lesson.references) and len({one.damaged for one in lesson.seen}) == 2


def _look(
    session: OnnxRuntimeSession, views: LabelledViews, rows: NDArray[np.integer]
) -> list[_Seen]:
    """What the network's cells of some views are."""
    seen = []
    each = CELL_STRIDE // MAP_STRIDE
    for start in range(0, len(rows), MOST_VIEWS):
        some = rows[start : start + MOST_VIEWS]
        given = session.run(inputs_of(views, some))[CELLS]
        for place, row in enumerate(some):
            where = tuple(cells_on(views.item[row], given.shape[1]).T)
            marked = (np.asarray(views.kinds[row]) > 0).astype(np.float32)
            along = len(marked) // each
            share = marked.reshape(along, each, along, each).mean(axis=(1, 3))
            cells = as_learned(given[place][where].astype(np.float32)).astype(np.float16)
            seen.append(_Seen(cells, share[where], bool(views.damaged[row])))
    return seen


def _learned(
    groups: Sequence[Sequence[_Lesson]], shares: Sequence[float], rng: np.random.Generator
) -> Metric:
    first = torch.zeros(LOOK_CHANNELS, CELL_CHANNELS)
    # The first directions of what the encoder sees hold most of it: see `fit_looks`.
    first[:, COMPARED_CHANNELS : COMPARED_CHANNELS + LOOK_CHANNELS] = torch.eye(LOOK_CHANNELS)
    weights = nn.Parameter(first.clone())
    optimizer = torch.optim.Adam([weights], lr=_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=_STEPS)
    share = np.array(shares) / sum(shares)
    mean = torch.zeros_like(first)
    for step in range(_STEPS):
        loss = _HOLD * (weights - first).square().sum()
        for group in rng.choice(len(groups), _BATCH, p=share):
            lesson = groups[group][int(rng.integers(len(groups[group])))]
            loss = loss + _loss(weights, lesson, rng) / _BATCH
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step >= _STEPS - _AVERAGED:
            mean += weights.detach() / _AVERAGED
    return Metric(mean.numpy())


def _loss(weights: Tensor, lesson: _Lesson, rng: np.random.Generator) -> Tensor:
    """Damaged views are to lie farther from some references than whole ones, and so are cells."""
    elsewhere = bool(lesson.elsewhere) and rng.random() < _ELSEWHERE
    known = lesson.elsewhere if elsewhere else lesson.references
    count = min(len(known), int(rng.integers(1, REFERENCES + 1)))
    chosen = [known[place] for place in rng.permutation(len(known))[:count]]
    bank = _project(weights, np.concatenate(chosen))
    loss, pairs = torch.zeros(()), 0
    far = [(one, _far(_project(weights, one.cells), bank)) for one in lesson.seen]
    for damaged, cells in far:
        if not damaged.damaged:
            continue
        for whole, others in far:
            if not whole.damaged:
                loss = loss + functional.softplus(-6 * (_pooled(cells) - _pooled(others)))
                pairs += 1
        hit, clean = damaged.spoilt > _DAMAGED, damaged.spoilt < _WHOLE
        if hit.any() and clean.any():
            apart = cells[torch.from_numpy(hit)].mean() - cells[torch.from_numpy(clean)].mean()
            loss = loss + 0.3 * functional.softplus(-4 * apart)
    return loss / pairs


def _project(weights: Tensor, cells: Cells) -> Tensor:
    return functional.normalize(torch.from_numpy(cells.astype(np.float32)) @ weights.T, dim=1)


def _far(cells: Tensor, bank: Tensor) -> Tensor:
    """(n,) logarithm of the distance of each cell from the nearest of the bank."""
    return (1 - (cells @ bank.T).amax(dim=1)).clamp(min=LEAST_DISTANCE).log()


def _pooled(far: Tensor) -> Tensor:
    return (torch.logsumexp(ORDER * far, dim=0) - math.log(len(far))) / ORDER
