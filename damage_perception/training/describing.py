"""Training of the network that tells products apart."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import numpy as np
import torch
from rich.progress import Progress
from torch import Tensor

from damage_perception.training.augment import Variation
from damage_perception.training.batch import Batch, draw_batch
from damage_perception.training.config import SCENES, TrainingConfig
from damage_perception.training.describer import DESCRIBED_SIZE, Describer
from damage_perception.training.model import Preprocess
from damage_perception.training.run import Run, drawn_ahead, learning_rate
from damage_perception.training.views import LabelledViews, shrink_views

CHECKPOINT = "describer.pt"
# Cosines become logits by this.
SHARPNESS = 20.0
# Of two views of a scene, the damaged one is drawn so often.
DAMAGED_SHARE = 0.6
# Other inks make another product, of which there are never enough.
SWAPPED_SHARE = 0.4
WEIGHT_DECAY = 0.05
EMA = 0.995
# References of a product in validation.
ENROLLED = 3


def describing_loss(descriptor: Tensor, product: Tensor) -> Tensor:
    """Descriptors (N, D) of one product alike, of others not (Khosla 2020).

    Only those of a batch: a memory of earlier ones is of another network by then, and teaches
    noise.
    """
    logits = SHARPNESS * descriptor @ descriptor.T
    itself = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
    logits = logits.masked_fill(itself, float("-inf"))
    same = (product.unsqueeze(1) == product) & ~itself
    near = logits.masked_fill(~same, float("-inf")).logsumexp(dim=1)
    return (logits.logsumexp(dim=1) - near).mean()


def fit_describer(
    describer: Describer, config: TrainingConfig, work: Path, progress: Progress
) -> dict[str, float]:
    """Trains ``describer`` in place, on the rendered views in ``work``; the last validation.

    A run there goes on.
    """
    plan = config.describer
    if plan is None:
        return {}
    run = Run.of(copy.deepcopy(describer).requires_grad_(True), WEIGHT_DECAY)
    if (work / CHECKPOINT).exists():
        run.resume(work / CHECKPOINT)
    views = LabelledViews.load(work / "train")
    products = min(plan.products, len(views) // (2 * SCENES))
    steps = math.ceil(plan.samples / (products * SCENES))
    task = progress.add_task("learning products", total=steps)
    progress.advance(task, run.step)
    if run.step < steps:
        small = shrink_views(views, work / "train_described", DESCRIBED_SIZE)
        whole = LabelledViews.load(work / "validation")
        validation = shrink_views(whole, work / "validation_described", DESCRIBED_SIZE)
        for batch in drawn_ahead(
            lambda step: _drawn(small, products, (config.seed, step)), range(run.step, steps)
        ):
            loss = _step(run, batch, learning_rate(plan.learning_rate, run.step, steps, 50))
            progress.advance(task)
            if run.step % config.validate_every == 0 or run.step == steps:
                found = identified(run.averaged, validation)
                run.history.append({"step": run.step, "loss": loss, "identified": found})
                run.save(work / CHECKPOINT)
    describer.load_state_dict(run.averaged.state_dict())
    return {"identified": run.history[-1]["identified"]}


def _step(run: Run[Describer], batch: Batch, rate: float) -> float:
    run.model.train()
    descriptor = _describe(run.model, batch)
    loss = describing_loss(descriptor, batch.product.to(descriptor.device))
    run.learn(loss, rate, EMA)
    return float(loss.detach())


def _drawn(views: LabelledViews, count: int, seed: tuple[int, int]) -> Batch:
    """Some products, each in all its scenes, before or after the damage.

    seed  of the step, so that a resumed run goes on as if it had never stopped
    """
    rng = np.random.default_rng(seed)
    products = rng.choice(len(views) // (2 * SCENES), count, replace=False)
    scenes = (SCENES * products[:, None] + np.arange(SCENES)).ravel()
    rows = 2 * scenes + (rng.random(len(scenes)) >= DAMAGED_SHARE)
    own = rng.integers(2**63, size=len(rows))
    shared = np.repeat(rng.integers(2**63, size=count), SCENES)
    varied = [
        Variation(np.random.default_rng(one), int(common), 0.0, SWAPPED_SHARE)
        for one, common in zip(own, shared, strict=True)
    ]
    return draw_batch(views, rows, views.color.shape[1], varied)


def _describe(describer: Describer, batch: Batch) -> Tensor:
    device = next(describer.parameters()).device
    color, *shape = batch.to(device).inputs
    with torch.autocast(device.type, torch.bfloat16):
        rgb, seen = Preprocess()(color.bfloat16(), *shape)
        descriptor: Tensor = describer(rgb, seen, batch.width_m.to(device))
    return descriptor.float()


@torch.no_grad()
def identified(describer: Describer, views: LabelledViews, batch: int = 64) -> float:
    """Share of the views whose nearest reference, of all products, is of their own.

    The first undamaged views of each product are its references.
    """
    describer.eval()
    parts = []
    for start in range(0, len(views), batch):
        rows = np.arange(start, min(start + batch, len(views)))
        parts.append(_describe(describer, draw_batch(views, rows, views.color.shape[1])).cpu())
    descriptor = torch.cat(parts).numpy()
    product, good = np.asarray(views.product), ~np.asarray(views.damaged)
    enrolled = np.zeros(len(views), bool)
    for number in np.unique(product):
        enrolled[np.flatnonzero((product == number) & good)[:ENROLLED]] = True
    if enrolled.all() or not enrolled.any():
        return math.nan
    likeness = descriptor[~enrolled] @ descriptor[enrolled].T
    return float(np.mean(product[enrolled][likeness.argmax(axis=1)] == product[~enrolled]))
