"""Training of the damage network: resumable, seeded, with a curve from the first minutes."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sklearn.metrics import roc_auc_score

from damage_perception.kinds import KINDS
from damage_perception.network import ModelCard
from damage_perception.simulation.split import Split
from damage_perception.training.augment import Variation
from damage_perception.training.batch import Batch, draw_batch
from damage_perception.training.config import (
    SCENES,
    VALIDATION_SCENES,
    Stage,
    TrainingConfig,
)
from damage_perception.training.curves import draw_curves
from damage_perception.training.export import export
from damage_perception.training.losses import (
    Memory,
    cells_of,
    compare,
    find_references,
    forward,
    whole_loss,
)
from damage_perception.training.model import DamageNet
from damage_perception.training.optimizer import MuonAdamW
from damage_perception.training.own_data import load_own_views
from damage_perception.training.start import start_from
from damage_perception.training.views import LabelledViews, render_views

WARM_UP_STEPS = 100
# Views whose statistics normalise a shipped graph again.
START_VIEWS = 64
# Seeds of the splits lie so far apart that no view is drawn twice.
CALIBRATION_SEED = 500_000_000
CHECKPOINT = "checkpoint.pt"


@dataclass
class Run:
    """A training run in a folder: what a checkpoint holds.

    start   id of the model it began from; empty: from random weights
    memory  begins anew where a run goes on
    """

    model: DamageNet
    averaged: DamageNet
    optimizer: MuonAdamW
    start: str = ""
    step: int = 0
    history: list[dict[str, float]] | None = None
    memory: Memory = field(default_factory=Memory)

    def save(self, path: Path) -> None:
        """Writes a checkpoint that replaces the last one whole."""
        temporary = path.with_suffix(".tmp")
        torch.save(
            {
                "model": self.model.state_dict(),
                "averaged": self.averaged.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "start": self.start,
                "step": self.step,
                "history": json.dumps(self.history or []),
            },
            temporary,
        )
        temporary.replace(path)

    def resume(self, path: Path) -> None:
        """Goes on from a checkpoint of the same configuration."""
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.start, self.step = state["start"], state["step"]
        self.history = json.loads(state["history"])


def train(config_path: Path, work: Path, models: Path) -> Path:
    """Renders, trains, calibrates and exports; the path of the model card.

    work    folder of the rendered views, the checkpoint and the curves; a run there goes on
    models  folder that the graph and its card are written to

    Raises ValueError where the configuration is wrong.
    """
    config = TrainingConfig.load(config_path)
    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads)
    cv2.setNumThreads(1)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn()) as progress:
        # First what may be wrong, then what takes long.
        own = _own_views(config, progress)
        run = _begin(config, work)
        render = partial(_render, config, work, progress)
        render("train", Split.TRAIN, config.train_views, config.seed, twins=True)
        render("validation", Split.VALIDATION, config.validation_views, config.seed)
        _fit(run, config, work, own, progress)
        seed = config.seed + CALIBRATION_SEED
        render("calibration", Split.VALIDATION, config.calibration_views, seed)
    calibration = LabelledViews.load(work / "calibration")
    return export(run.averaged.cpu(), config, calibration, models, run.start, run.history or [])


def _render(
    config: TrainingConfig,
    work: Path,
    progress: Progress,
    name: str,
    split: Split,
    count: int,
    seed: int,
    twins: bool = False,
) -> None:
    task = progress.add_task(f"rendering {name}", total=count)
    render_views(
        work / name,
        split,
        count,
        seed,
        config.view_size,
        config.workers,
        twins,
        SCENES if twins else VALIDATION_SCENES,
        (config.prints, config.grounds),
        partial(progress.advance, task),
    )


def _begin(config: TrainingConfig, work: Path) -> Run:
    """A run with the weights it goes on from: of its checkpoint, of another model, or random."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = DamageNet(config.widths).to(device)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = MuonAdamW(model, config.weight_decay)
    run = Run(model, copy.deepcopy(model).requires_grad_(False), optimizer, history=[])
    if (work / CHECKPOINT).exists():
        run.resume(work / CHECKPOINT)
    elif config.start is not None:
        run.start = ModelCard.load(config.start).model_id
    return run


def _fit(
    run: Run,
    config: TrainingConfig,
    work: Path,
    own: LabelledViews | None,
    progress: Progress,
) -> None:
    checkpoint = work / CHECKPOINT
    views = LabelledViews.load(work / "train")
    validation = LabelledViews.load(work / "validation")
    if config.start is not None and not checkpoint.exists():
        _take_weights(run, ModelCard.load(config.start), views, config)
    first = 0
    for stage in config.stages:
        steps = math.ceil(stage.samples / config.batch)
        task = progress.add_task(f"training at {stage.view_size} px", total=steps)
        progress.advance(task, min(steps, max(0, run.step - first)))
        for batch in _batches(views, own, stage, config, range(run.step, first + steps)):
            loss = _step(run, batch, _learning_rate(stage, run.step - first, steps), config.ema)
            progress.advance(task)
            if run.step % config.validate_every == 0 or run.step == first + steps:
                _validate(run, validation, stage.view_size, loss)
                draw_curves(run.history or [], work / "curves.png")
                run.save(checkpoint)
        first += steps


def _take_weights(run: Run, card: ModelCard, views: LabelledViews, config: TrainingConfig) -> None:
    rows = np.arange(min(len(views), START_VIEWS))
    first = draw_batch(views, rows, config.view_size).to(run.model.device)
    start_from(card, run.model, first.inputs)
    run.averaged.load_state_dict(run.model.state_dict())


def _own_views(config: TrainingConfig, progress: Progress) -> LabelledViews | None:
    if not config.own:
        return None
    loaded = load_own_views(config.own, config.view_size)
    damaged = int(loaded.views.damaged.sum())
    progress.print(f"own pictures: {len(loaded.views)} items, {damaged} of them damaged")
    if loaded.not_located:
        names = ", ".join(loaded.not_located[:5])
        progress.print(f"left out, no item found: {len(loaded.not_located)} ({names}, ...)")
    return loaded.views


def _learning_rate(stage: Stage, step: int, steps: int) -> float:
    warm = min(1.0, (step + 1) / WARM_UP_STEPS)
    return stage.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * step / steps)) + 1e-6


def _batches(
    views: LabelledViews,
    own: LabelledViews | None,
    stage: Stage,
    config: TrainingConfig,
    steps: range,
) -> Iterator[Batch]:
    """The batches of some steps, each drawn while the one before it is learned from."""
    own_count = round(config.batch * config.own_share) if own is not None else 0
    # Of each product all views, so that each has its references in the batch.
    product_count = max(1, (config.batch - own_count) // (2 * SCENES))
    scene_count = product_count * SCENES

    def draw(step: int) -> Batch:
        # Seeded by the step, so that a resumed run goes on as if it had never stopped.
        rng = np.random.default_rng((config.seed, step))
        products = rng.integers(0, len(views) // (2 * SCENES), product_count)
        scenes = (SCENES * products[:, None] + np.arange(SCENES)).ravel()
        rows = (2 * scenes[:, None] + (0, 1)).ravel()
        # Into pristine pieces, too, damage is written: of it no two are alike.
        written = 2 * np.flatnonzero(rng.random(scene_count) < config.written_share)
        rows[written] += 1
        # Twins are varied alike, so that nothing but the damage tells them apart.
        seeds = np.repeat(rng.integers(2**63, size=scene_count), 2)
        shared = np.repeat(rng.integers(2**63, size=product_count), 2 * SCENES)
        batch = draw_batch(
            views,
            rows,
            stage.view_size,
            _variations(seeds, shared),
            dict(zip(written.tolist(), rng.spawn(len(written)), strict=True)),
        )
        if own is None:
            return batch
        chosen = _balanced(own.damaged, own_count, rng)
        varied = _variations(*rng.integers(2**63, size=(2, own_count)))
        return batch.joined(draw_batch(own, chosen, stage.view_size, varied))

    with ThreadPoolExecutor(1) as pool:
        waiting = None
        for step in steps:
            coming = pool.submit(draw, step)
            if waiting is not None:
                yield waiting.result()
            waiting = coming
        if waiting is not None:
            yield waiting.result()


def _variations(seeds: NDArray[np.integer], shared: NDArray[np.integer]) -> list[Variation]:
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


def _step(run: Run, batch: Batch, rate: float, ema: float) -> float:
    run.model.train()
    loss = whole_loss(run.model, batch.to(run.model.device), run.memory)
    run.model.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(run.model.parameters(), 5.0)
    run.optimizer.step(rate)
    run.step += 1
    keep = min(ema, run.step / (run.step + 10))
    with torch.no_grad():
        for mean, new in zip(
            run.averaged.state_dict().values(), run.model.state_dict().values(), strict=True
        ):
            if mean.is_floating_point():
                mean.lerp_(new, 1 - keep)
    return float(loss.detach())


@dataclass(frozen=True)
class Predicted:
    """What a model says of some views.

    item         (N,) logits of damage
    against      (N,) the same against references, NaN where a view has none
    same, other  (V,) logits of the references being of the product, with right ones and with wrong
    descriptor   (N, D)
    """

    item: NDArray[np.float32]
    against: NDArray[np.float32]
    same: NDArray[np.float32]
    other: NDArray[np.float32]
    descriptor: NDArray[np.float32]


@torch.no_grad()
def predict(model: DamageNet, views: LabelledViews, size: int, batch: int = 32) -> Predicted:
    """What ``model`` says of all ``views`` at ``size``; references are views of the same batch.

    batch  a multiple of the views of a product
    """
    model.eval()
    parts = []
    for start in range(0, len(views), batch):
        rows = np.arange(start, min(start + batch, len(views)))
        drawn = draw_batch(views, rows, size).to(model.device)
        outputs = forward(model, drawn)
        against = torch.full_like(outputs.item, torch.nan)
        same = other = against[:0]
        seen, references = find_references(drawn)
        if len(seen):
            cells = cells_of(outputs, drawn)
            found = compare(model, cells, seen, references)
            against[seen], same = found.item, found.same
            wrong = references.roll(len(seen) // 2, dims=0)
            other = compare(model, cells, seen, wrong).same
        parts.append((outputs.item, against, same, other, outputs.descriptor))
    return Predicted(*(torch.cat(part).cpu().numpy() for part in zip(*parts, strict=True)))


def _validate(run: Run, views: LabelledViews, size: int, loss: float) -> None:
    found = predict(run.averaged, views, size)
    record = {"step": run.step, "loss": loss, "view_size": size}
    record["auroc"] = float(roc_auc_score(views.damaged, found.item))
    compared = np.isfinite(found.against)
    damaged = np.asarray(views.damaged)
    if len(np.unique(damaged[compared])) == 2:
        joined = found.item[compared] + found.against[compared]
        record["alone"] = float(roc_auc_score(damaged[compared], found.item[compared]))
        record["references"] = float(roc_auc_score(damaged[compared], found.against[compared]))
        record["joined"] = float(roc_auc_score(damaged[compared], joined))
        told = np.concatenate((found.same, found.other))
        record["same_product"] = float(roc_auc_score(np.arange(len(told)) < len(found.same), told))
        record["identified"] = _identified(found.descriptor, views)
    good = ~damaged
    for code, kind in enumerate(KINDS, start=1):
        rows = good | (damaged & (views.kinds == code).any(axis=(1, 2)))
        if damaged[rows].any():
            record[kind] = float(roc_auc_score(damaged[rows], found.item[rows]))
    assert run.history is not None
    run.history.append(record)


def _identified(descriptor: NDArray[np.float32], views: LabelledViews) -> float:
    """Share of the views whose nearest undamaged view of another scene is of their product."""
    likeness = descriptor @ descriptor.T
    likeness[np.asarray(views.scene)[:, None] == np.asarray(views.scene)] = -2
    likeness[:, np.asarray(views.damaged)] = -2
    return float(np.mean(views.product[likeness.argmax(axis=1)] == views.product))
