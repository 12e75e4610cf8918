"""What a step of training learns from: simulated views, real ones and a site's own, drawn anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from damage_perception.training.augment import Variation
from damage_perception.training.batch import Batch, draw_batch
from damage_perception.training.config import SCENES, TrainingConfig
from damage_perception.training.real_views import RealViews
from damage_perception.training.views import LabelledViews

# Of the real pairs; the others are a damaged picture and a whole one.
_REAL_WRITTEN_SHARE: Final = 0.6
# How often damage is written into whole pictures of each set: their number says nothing of their
# worth.
_WHOLE_SETS: Final = {"trashnet": 0.3, "groceries": 0.35, "packaging": 0.15, "mosd": 0.2}


@dataclass(frozen=True)
class Drawing:
    """Draws the batch of a step; the same step gives the same batch.

    simulated  of each product SCENES scenes, of each scene the damaged view and its twin
    real       pictures made elsewhere; None: none
    own        a site's own pictures; None: none
    lower      features of the lower part of the colour encoder, of colour (N, S, S, 3) uint8; None:
               the network computes them itself
    """

    config: TrainingConfig
    simulated: LabelledViews
    real: RealViews | None = None
    own: LabelledViews | None = None
    lower: Callable[[Tensor], tuple[Tensor, ...]] | None = None

    def draw(self, step: int, size: int) -> Batch:
        """The batch of a step, of views of ``size`` pixels."""
        config = self.config
        # Seeded by the step, so that a resumed run goes on as if it had never stopped.
        rng = np.random.default_rng((config.seed, step))
        own = round(config.batch * config.own_share) if self.own is not None else 0
        real = round((config.batch - own) * config.real_share) if self.real is not None else 0
        # Of each product all views, so that each has its references in the batch.
        products = max(1, (config.batch - own - real) // (2 * SCENES))
        batch = self._simulated(rng, products, size)
        if self.real is not None:
            batch = batch.joined(self._real(self.real, rng, real // 2, size))
        if self.own is not None:
            rows = _balanced(self.own.damaged, own, rng)
            varied = _variations(*rng.integers(2**63, size=(2, own)))
            batch = batch.joined(draw_batch(self.own, rows, size, varied))
        return batch if self.lower is None else replace(batch, lower=self.lower(batch.color))

    def _simulated(self, rng: np.random.Generator, count: int, size: int) -> Batch:
        products = rng.integers(0, len(self.simulated) // (2 * SCENES), count)
        scenes = (SCENES * products[:, None] + np.arange(SCENES)).ravel()
        rows = (2 * scenes[:, None] + (0, 1)).ravel()
        # Into pristine pieces, too, damage is written: of it no two are alike.
        written = 2 * np.flatnonzero(rng.random(len(scenes)) < self.config.written_share)
        rows[written] += 1
        # Twins are varied alike, so that nothing but the damage tells them apart.
        seeds = np.repeat(rng.integers(2**63, size=len(scenes)), 2)
        shared = np.repeat(rng.integers(2**63, size=count), 2 * SCENES)
        spoil = dict(zip(written.tolist(), rng.spawn(len(written)), strict=True))
        return draw_batch(self.simulated, rows, size, _variations(seeds, shared), spoil)

    def _real(self, real: RealViews, rng: np.random.Generator, pairs: int, size: int) -> Batch:
        """Pairs of a whole picture and the same with damage written in, or of two real ones."""
        rows, seeds, spoil = [], [], {}
        for pair in range(pairs):
            if rng.random() < _REAL_WRITTEN_SHARE or not real.views.damaged.any():
                row = _whole(real, rng)
                rows += [row, row]
                seeds += [int(rng.integers(2**63))] * 2
                spoil[2 * pair] = rng.spawn(1)[0]
            else:
                rows += _told_apart(real, rng)
                seeds += rng.integers(2**63, size=2).tolist()
        varied = _variations(seeds, seeds)
        return draw_batch(real.views, np.array(rows), size, varied, spoil)


def _whole(real: RealViews, rng: np.random.Generator) -> int:
    """Row of a whole picture: first of a set, then of an object of it, then of a picture."""
    whole = ~real.views.damaged
    sets = [name for name in _WHOLE_SETS if (whole & (real.dataset == name)).any()]
    shares = np.array([_WHOLE_SETS[name] for name in sets])
    chosen = sets[int(rng.choice(len(sets), p=shares / shares.sum()))]
    return _of_some_object(real, whole & (real.dataset == chosen), rng)


def _told_apart(real: RealViews, rng: np.random.Generator) -> list[int]:
    """Rows of a picture of real damage and of a whole one of the same material, if there is one.

    Otherwise the network learns that board is damaged: almost all boards there are.
    """
    damaged = real.views.damaged
    materials = np.unique(real.material[damaged])
    material = materials[int(rng.integers(len(materials)))]
    alike = real.material == material
    whole = alike & ~damaged
    first = _of_some_object(real, alike & damaged, rng)
    return [first, _of_some_object(real, whole, rng) if whole.any() else _whole(real, rng)]


def _of_some_object(real: RealViews, allowed: NDArray[np.bool_], rng: np.random.Generator) -> int:
    # By object: a product that was photographed often is not learned by heart.
    objects = np.unique(real.shown[allowed])
    rows = np.flatnonzero(allowed & (real.shown == objects[int(rng.integers(len(objects)))]))
    return int(rng.choice(rows))


def _variations(seeds: Any, shared: Any) -> list[Variation]:
    return [
        Variation(np.random.default_rng(own), int(common))
        for own, common in zip(seeds, shared, strict=True)
    ]


def _balanced(
    damaged: NDArray[np.bool_], count: int, rng: np.random.Generator
) -> NDArray[np.integer[Any]]:
    """Rows of which half are damaged, however few of them there are."""
    groups = [group for group in (np.flatnonzero(damaged), np.flatnonzero(~damaged)) if len(group)]
    return np.array([rng.choice(groups[i % len(groups)]) for i in range(count)])
