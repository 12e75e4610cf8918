"""``python -m benchmarks.frozen_features CONFIG WORK``: what the encoder knows of damage by itself.

A logistic regression on means and maxima of the frozen encoder's features at strides 16 and 32,
over views of 224 pixels by colour alone, tells real crushed and torn packaging (`trashnet`) from
whole: learned from other objects of the set, or from other sources that show nothing of it. Results
go to benchmarks/results/frozen_features.json.

WORK is the folder of a training of CONFIG, whose rendered views are taken.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from damage_perception.training import augment
from damage_perception.training.augment import Variation, draw
from damage_perception.training.config import TrainingConfig
from damage_perception.training.encoder import ColorEncoder
from damage_perception.training.lower import LowerFeatures
from damage_perception.training.real_split import RealSplit, folds
from damage_perception.training.real_views import RealViews, load_real_views
from damage_perception.training.train import finder
from damage_perception.training.views import LabelledViews

RESULTS: Final = Path(__file__).parent / "results" / "frozen_features.json"
SET: Final = "trashnet"
SIZE: Final = 224
FOLDS: Final = 5
# Inverse of the penalty on weights; many more features than pictures.
_STRENGTH: Final = 0.003
_PHOTOGRAPHS, _SIMULATED = 700, 1000
_BATCH: Final = 16

Features = NDArray[np.float32]


def main() -> None:
    """Measures and writes the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("work", type=Path)
    options = parser.parse_args()
    config = TrainingConfig.load(options.config)
    if config.real is None:
        raise SystemExit("the configuration names no folder of real pictures")
    with finder(config) as find:
        split = RealSplit.load(config.real_split)
        real = load_real_views(config.real, split, config.view_size, None, config.seed, find)
    encoder = ColorEncoder().eval()
    encoder.load_pretrained()
    lower = LowerFeatures(encoder, config.threads)

    def features(pictures: Iterable[NDArray[np.uint8]]) -> Features:
        return _features(encoder, lower, list(pictures))

    of_set = real.only(real.dataset == SET)
    asked = features(_small(color) for color in of_set.views.color)
    damaged = np.asarray(of_set.views.damaged)
    in_turn = np.zeros(len(damaged))
    fold_of = folds(of_set.shown, FOLDS)
    for fold in range(FOLDS):
        out = fold_of == fold
        in_turn[out] = _learned(asked[~out], damaged[~out]).decision_function(asked[out])
    found = {"objects in turn": _figures(of_set, in_turn)}
    simulated = _simulated(LabelledViews.load(options.work / "train"), config.seed)
    rendered = features(simulated[0]), simulated[1]
    found["simulated views"] = _asked(of_set, asked, *rendered)
    for share in (0.0, 1.0, augment.BENT_SHARE):
        augment.BENT_SHARE = share
        pictures, labels = _written(real.only(real.dataset != SET), config.seed)
        written = features(pictures), labels
        name = f"photographs with damage written in, {share:.0%} of it deformation"
        found[name] = _asked(of_set, asked, *written)
        both = (np.concatenate(parts) for parts in zip(rendered, written, strict=True))
        found[f"{name}, and simulated views"] = _asked(of_set, asked, *both)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


@torch.no_grad()
def _features(
    encoder: ColorEncoder, lower: LowerFeatures, pictures: list[NDArray[np.uint8]]
) -> Features:
    """(N, 2 * (C16 + C32)) of N views."""
    parts = []
    for start in range(0, len(pictures), _BATCH):
        below = lower(torch.from_numpy(np.stack(pictures[start : start + _BATCH])))
        *_, c16, c32 = encoder.above(below)
        pooled = [pool for c in (c32, c16) for pool in (c.mean(dim=(2, 3)), c.amax(dim=(2, 3)))]
        parts.append(torch.cat(pooled, dim=1).numpy())
    return np.concatenate(parts)


def _small(color: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(color, (SIZE, SIZE), interpolation=cv2.INTER_AREA), np.uint8)


def _simulated(
    views: LabelledViews, seed: int
) -> tuple[list[NDArray[np.uint8]], NDArray[np.bool_]]:
    """Views of some scenes, before and after their damage."""
    scenes = np.random.default_rng(seed).choice(len(views) // 2, _SIMULATED, replace=False)
    rows = np.concatenate((2 * scenes, 2 * scenes + 1))
    return [_small(views.color[row]) for row in rows], np.asarray(views.damaged)[rows]


def _written(real: RealViews, seed: int) -> tuple[list[NDArray[np.uint8]], NDArray[np.bool_]]:
    """Whole pictures, each as it is and with damage written in, both varied alike."""
    rng = np.random.default_rng(seed)
    pictures = []
    for row in rng.choice(len(real.views), _PHOTOGRAPHS, replace=False):
        own = int(rng.integers(2**31))
        for spoil in (None, np.random.default_rng(own)):
            varied = Variation(np.random.default_rng(own), own, 0, 0)
            pictures.append(draw(real.views, int(row), SIZE, varied, spoil).images[0])
    return pictures, np.arange(len(pictures)) % 2 == 1


def _learned(features: Features, damaged: NDArray[np.bool_]) -> Any:
    regression = LogisticRegression(C=_STRENGTH, class_weight="balanced", max_iter=500)
    return make_pipeline(StandardScaler(), regression).fit(features, damaged)


def _asked(
    of_set: RealViews, asked: Features, features: Features, damaged: NDArray[np.bool_]
) -> dict[str, float]:
    return _figures(of_set, _learned(features, damaged).decision_function(asked))


def _figures(of_set: RealViews, odds: NDArray[np.float64]) -> dict[str, float]:
    """AUROC of all, and by material."""
    damaged = np.asarray(of_set.views.damaged)
    groups = {name: of_set.material == name for name in np.unique(of_set.material)}
    return {
        name: round(float(roc_auc_score(damaged[rows], odds[rows])), 3)
        for name, rows in {"all": np.ones_like(damaged), **groups}.items()
    }


if __name__ == "__main__":
    main()
