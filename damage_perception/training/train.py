"""Training of the damage network: resumable, seeded, with a curve from the first minutes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
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
from damage_perception.training.describing import fit_describer
from damage_perception.training.export import export
from damage_perception.training.losses import (
    cells_of,
    compare,
    find_references,
    forward,
    whole_loss,
)
from damage_perception.training.model import DamageNet
from damage_perception.training.own_data import load_own_views
from damage_perception.training.run import Run, drawn_ahead, learning_rate
from damage_perception.training.start import start_from
from damage_perception.training.views import LabelledViews, render_views

# Views whose statistics normalise a shipped graph again.
START_VIEWS = 64
# Seeds of the splits lie so far apart that no view is drawn twice.
CALIBRATION_SEED = 500_000_000
CHECKPOINT = "checkpoint.pt"


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
        described = fit_describer(run.averaged.describer, config, work, progress)
        measured = {**(run.history[-1] if run.history else {}), **described}
        seed = config.seed + CALIBRATION_SEED
        render("calibration", Split.VALIDATION, config.calibration_views, seed)
    calibration = LabelledViews.load(work / "calibration")
    return export(run.averaged.cpu(), config, calibration, models, run.start, measured)


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


def _begin(config: TrainingConfig, work: Path) -> Run[DamageNet]:
    """A run with the weights it goes on from: of its checkpoint, of another model, or random."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    run = Run.of(DamageNet(config.widths).to(device), config.weight_decay)
    if (work / CHECKPOINT).exists():
        run.resume(work / CHECKPOINT)
    elif config.start is not None:
        run.start = ModelCard.load(config.start).model_id
    return run


def _fit(
    run: Run[DamageNet],
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
            rate = learning_rate(stage.learning_rate, run.step - first, steps)
            loss = _step(run, batch, rate, config.ema)
            progress.advance(task)
            if run.step % config.validate_every == 0 or run.step == first + steps:
                _validate(run, validation, stage.view_size, loss)
                draw_curves(run.history, work / "curves.png")
                run.save(checkpoint)
        first += steps


def _take_weights(
    run: Run[DamageNet], card: ModelCard, views: LabelledViews, config: TrainingConfig
) -> None:
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


def _batches(
    views: LabelledViews,
    own: LabelledViews | None,
    stage: Stage,
    config: TrainingConfig,
    steps: range,
) -> Iterator[Batch]:
    """The batches of some steps."""
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

    return drawn_ahead(draw, steps)


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


def _step(run: Run[DamageNet], batch: Batch, rate: float, ema: float) -> float:
    run.model.train()
    loss = whole_loss(run.model, batch.to(run.model.device))
    run.learn(loss, rate, ema)
    return float(loss.detach())


@dataclass(frozen=True)
class Predicted:
    """What a model says of some views.

    item         (N,) logits of damage
    against      (N,) the same against references, NaN where a view has none
    same, other  (V,) logits of the references being of the product, with right ones and with wrong
    """

    item: NDArray[np.float32]
    against: NDArray[np.float32]
    same: NDArray[np.float32]
    other: NDArray[np.float32]


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
        parts.append((outputs.item, against, same, other))
    return Predicted(*(torch.cat(part).cpu().numpy() for part in zip(*parts, strict=True)))


def _validate(run: Run[DamageNet], views: LabelledViews, size: int, loss: float) -> None:
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
    good = ~damaged
    for code, kind in enumerate(KINDS, start=1):
        rows = good | (damaged & (views.kinds == code).any(axis=(1, 2)))
        if damaged[rows].any():
            record[kind] = float(roc_auc_score(damaged[rows], found.item[rows]))
    run.history.append(record)
