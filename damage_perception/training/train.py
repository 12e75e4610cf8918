"""Training of the damage network: resumable, seeded, with a curve from the first minutes."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sklearn.metrics import roc_auc_score

from damage_perception.kinds import KINDS
from damage_perception.network import ModelCard, OnnxRuntimeSession
from damage_perception.network.finder import Finder
from damage_perception.simulation.split import Split
from damage_perception.station import FindForeground
from damage_perception.training.batch import Batch, draw_batch
from damage_perception.training.comparing import CalibrationViews
from damage_perception.training.config import (
    SCENES,
    VALIDATION_SCENES,
    TrainingConfig,
)
from damage_perception.training.curves import draw_curves
from damage_perception.training.describing import fit_describer
from damage_perception.training.drawing import Drawing
from damage_perception.training.encoder import LOWER_BLOCKS
from damage_perception.training.export import LearnedViews, export
from damage_perception.training.looks import fit_looks
from damage_perception.training.losses import (
    cells_of,
    compare,
    find_references,
    forward,
    whole_loss,
)
from damage_perception.training.lower import LowerFeatures
from damage_perception.training.model import DamageNet
from damage_perception.training.own_data import load_own_views
from damage_perception.training.real_split import RealSplit
from damage_perception.training.real_views import RealViews, load_real_views
from damage_perception.training.run import Run, drawn_ahead, learning_rate
from damage_perception.training.start import start_from
from damage_perception.training.views import LabelledViews, render_views
from damage_perception.training.worlds import forms_of

# Views whose statistics normalise a shipped graph again.
START_VIEWS = 64
# Seeds of the splits lie so far apart that no view is drawn twice.
CALIBRATION_SEED = 500_000_000
CHECKPOINT = "checkpoint.pt"
# Pictures of one object in validation.
REAL_EACH = 8


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
        with finder(config) as find:
            own = _own_views(config, find, progress)
            run = begin(config, work)
            real = _real_views(config, find, work, progress)
        render = partial(_render, config, work, progress)
        render("train", Split.TRAIN, config.train_views, config.seed, twins=True)
        render("validation", Split.VALIDATION, config.validation_views, config.seed)
        fit(run, config, work, real, own, progress)
        learned = LearnedViews(LabelledViews.load(work / "train"), real.training if real else None)
        sets = [learned.simulated, *([learned.real.views] if learned.real else [])]
        kept = fit_looks(run.averaged, sets, config.seed)
        progress.print(f"{kept:.3f} of what the encoder sees is kept to compare by")
        described = fit_describer(run.averaged.describer, config, work, progress)
        measured = {**(run.history[-1] if run.history else {}), **described}
        seed = config.seed + CALIBRATION_SEED
        render("calibration", Split.VALIDATION, config.calibration_views, seed)
    views = LabelledViews.load(work / "calibration")
    forms = forms_of(views, Split.VALIDATION, seed)
    calibration = CalibrationViews(views, forms, real.validation if real else None)
    return export(run.averaged.cpu(), config, learned, calibration, models, run.start, measured)


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


def begin(config: TrainingConfig, work: Path) -> Run[DamageNet]:
    """A run with the weights it goes on from: of its checkpoint, of another model, or random."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = DamageNet(config.widths)
    model.encoder.load_pretrained()
    model.encoder.tune(config.tuned_blocks)
    run = Run.of(model.to(device), config.weight_decay)
    if (work / CHECKPOINT).exists():
        run.resume(work / CHECKPOINT)
    elif config.start is not None:
        run.start = ModelCard.load(config.start).model_id
    return run


def fit(
    run: Run[DamageNet],
    config: TrainingConfig,
    work: Path,
    real: Real | None,
    own: LabelledViews | None,
    progress: Progress,
) -> None:
    """Trains ``run`` as the configuration says; its checkpoint and curves go into ``work``.

    work  holds the rendered views of training and validation
    real  pictures made elsewhere, to learn from and to validate with; None: none
    own   a site's own pictures to learn from; None: none
    """
    checkpoint = work / CHECKPOINT
    views = LabelledViews.load(work / "train")
    validation = LabelledViews.load(work / "validation")
    if config.start is not None and not checkpoint.exists():
        taken = _take_weights(run, ModelCard.load(config.start), views, config)
        progress.print(f"{taken} layers begin from {config.start}")
    lower = _lower(run.model, config)
    drawing = Drawing(config, views, real.training if real else None, own, lower)
    first = 0
    for stage in config.stages:
        steps = math.ceil(stage.samples / config.batch)
        task = progress.add_task(f"training at {stage.view_size} px", total=steps)
        progress.advance(task, min(steps, max(0, run.step - first)))
        draw = partial(drawing.draw, size=stage.view_size)
        processes = config.workers if run.model.device.type == "cuda" else 0
        for batch in drawn_ahead(draw, range(run.step, first + steps), processes):
            rate = learning_rate(stage.learning_rate, run.step - first, steps)
            loss = _step(run, batch, rate, config.ema)
            progress.advance(task)
            if run.step % config.validate_every == 0 or run.step == first + steps:
                _validate(run, validation, real, stage.view_size, lower, loss)
                draw_curves(run.history, work / "curves.png")
                run.save(checkpoint)
        first += steps


def _take_weights(
    run: Run[DamageNet], card: ModelCard, views: LabelledViews, config: TrainingConfig
) -> int:
    rows = np.arange(min(len(views), START_VIEWS))
    first = draw_batch(views, rows, config.view_size).to(run.model.device)
    taken = start_from(card, run.model, first.inputs)
    run.averaged.load_state_dict(run.model.state_dict())
    return taken


@contextmanager
def finder(config: TrainingConfig) -> Iterator[FindForeground | None]:
    """What finds the items of pictures without depth, as long as it is asked for."""
    if config.finder is None:
        yield None
        return
    with closing(Finder(OnnxRuntimeSession(config.finder, config.threads), config.finder)) as find:
        yield find


def _own_views(
    config: TrainingConfig, find: FindForeground | None, progress: Progress
) -> LabelledViews | None:
    if not config.own:
        return None
    loaded = load_own_views(config.own, config.view_size, find)
    damaged = int(loaded.views.damaged.sum())
    progress.print(f"own pictures: {len(loaded.views)} items, {damaged} of them damaged")
    if loaded.not_located:
        names = ", ".join(loaded.not_located[:5])
        progress.print(f"left out, no item found: {len(loaded.not_located)} ({names}, ...)")
    return loaded.views


class Real(NamedTuple):
    """Pictures made elsewhere; those of the validation with damage written into copies."""

    training: RealViews
    validation: RealViews


def _real_views(
    config: TrainingConfig, find: FindForeground | None, work: Path, progress: Progress
) -> Real | None:
    if config.real is None:
        return None
    split = RealSplit.load(config.real_split)
    made = real_views_of(config)
    parts = []
    for name, held_out in (("real_train", False), ("real_validation", True)):
        views = RealViews.load(work / name, made)
        if views is None:
            progress.print(f"reading real pictures into {work / name}")
            views = load_real_views(
                config.real, split, config.view_size, held_out, config.seed, find
            )
            if held_out:
                views = views.with_written(REAL_EACH, config.seed)
            views.save(work / name, made)
        parts.append(views)
    return Real(*parts)


def real_views_of(config: TrainingConfig) -> str:
    """What real views are made of by this configuration; of another they are other ones."""
    find = hashlib.sha256(config.finder.read_bytes()).hexdigest() if config.finder else "border"
    return f"{config.view_size} px, seed {config.seed}, items by {find}"


def _lower(model: DamageNet, config: TrainingConfig) -> LowerFeatures | None:
    """What computes the lower part of the colour encoder; None: the network does, and learns it."""
    learns = config.tuned_blocks > len(model.encoder.blocks) - LOWER_BLOCKS
    if learns or model.device.type != "cpu":
        return None
    return LowerFeatures(model.encoder, config.threads)


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
def predict(
    model: DamageNet,
    views: LabelledViews,
    size: int,
    lower: LowerFeatures | None = None,
    batch: int = 32,
) -> Predicted:
    """What ``model`` says of all ``views`` at ``size``; references are views of the same batch.

    lower  computes the lower part of the colour encoder; None: the network does
    batch  a multiple of the views of a product
    """
    model.eval()
    parts = []
    for start in range(0, len(views), batch):
        rows = np.arange(start, min(start + batch, len(views)))
        drawn = draw_batch(views, rows, size)
        if lower is not None:
            drawn = replace(drawn, lower=lower(drawn.color))
        drawn = drawn.to(model.device)
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


def _validate(
    run: Run[DamageNet],
    views: LabelledViews,
    real: Real | None,
    size: int,
    lower: LowerFeatures | None,
    loss: float,
) -> None:
    found = predict(run.averaged, views, size, lower)
    record = {"step": run.step, "loss": loss, "view_size": size}
    record["auroc"] = float(roc_auc_score(views.damaged, found.item))
    if real is not None:
        record |= _validate_real(run.averaged, real.validation, size, lower)
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


def _validate_real(
    model: DamageNet, real: RealViews, size: int, lower: LowerFeatures | None
) -> dict[str, float]:
    """AUROC by set: of real damage where there is any, and of damage written into whole ones."""
    logits = predict(model, real.views, size, lower).item
    damaged = np.asarray(real.views.damaged)
    record = {}
    for name in np.unique(np.char.rstrip(real.dataset, "+")):
        for kind, rows in (
            ("real", real.dataset == name),
            ("written", (real.dataset == f"{name}+") | ((real.dataset == name) & ~damaged)),
        ):
            if len(np.unique(damaged[rows])) == 2:
                record[f"{name}_{kind}"] = float(roc_auc_score(damaged[rows], logits[rows]))
    return record
