"""``python -m benchmarks.left_out CONFIG WORK SET``: a real set, its objects left out in turn.

First a network learns from everything but the set: what it says of the set is what it says of
pictures from elsewhere. Then, for each fold of the set's objects, it learns
on with the objects of the other folds, those that are otherwise held out among them. Of every
picture (at most eight of an object) what the network says that never saw its object counts. Results
go to benchmarks/results/left_out.json.

WORK is the folder of a training of CONFIG, whose rendered views are taken. A model that CONFIG
names as `start`, and photographs printed on the rendered views, must not have come from the set.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import Progress
from sklearn.metrics import roc_auc_score

from damage_perception.training.config import Stage, TrainingConfig
from damage_perception.training.real_split import RealSplit, folds
from damage_perception.training.real_views import RealViews, load_real_views
from damage_perception.training.run import Run
from damage_perception.training.train import (
    REAL_EACH,
    Real,
    begin,
    finder,
    fit,
    predict,
    real_views_of,
)
from damage_perception.training.views import without_depth

RESULTS: Final = Path(__file__).parent / "results" / "left_out.json"
_DRAWS: Final = 1000


def main() -> None:
    """Trains, measures and writes the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("set", help="whose objects are left out in turn")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=4800, help="of a fold's training")
    parser.add_argument("--view-size", type=int, default=320, help="of a fold's training")
    parser.add_argument("--learning-rate", type=float, default=0.001, help="of a fold's training")
    options = parser.parse_args()
    config = TrainingConfig.load(options.config)
    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads)
    cv2.setNumThreads(1)
    place = options.work / "left_out" / options.set
    real = _all_views(config, place / "real")
    of_set = real.dataset == options.set
    if not of_set.any():
        raise SystemExit(f"there are no pictures of {options.set}; there are {set(real.dataset)}")
    validation = real.only(of_set).with_written(REAL_EACH, config.seed)
    stage = Stage(options.view_size, options.samples, options.learning_rate)
    with Progress() as progress:
        base = _trained(
            config, place / "base", options.work, real.only(~of_set), validation, None, progress
        )
        said = {"elsewhere": _said(base, validation, config.view_size)}
        said["in turn"] = {
            way: np.full_like(logits, np.nan) for way, logits in said["elsewhere"].items()
        }
        shown = real.shown[of_set]
        fold_of = dict(zip(shown, folds(shown, options.folds), strict=True))
        for fold in range(options.folds):
            out = [name for name, of in fold_of.items() if of == fold]
            learned = real.only(~np.isin(real.shown, out))
            rows = np.isin(validation.shown, out)
            tested = validation.only(rows)
            settings = replace(config, stages=(stage,), start=None)
            # Checkpoints of other folds or lessons are no use here, and would go unnoticed.
            lesson = f"{fold}_of_{options.folds}_{stage.samples}_at_{stage.view_size}"
            run = _trained(settings, place / lesson, options.work, learned, tested, base, progress)
            for way, logits in _said(run, tested, stage.view_size).items():
                said["in turn"][way][rows] = logits
    found = {
        f"{name}, {way}": _figures(validation, logits, options.set)
        for name, ways in said.items()
        for way, logits in ways.items()
    }
    everything = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    everything[options.set] = {"folds": options.folds, "stage": vars(stage), **found}
    RESULTS.write_text(json.dumps(everything, indent=1) + "\n")
    print(json.dumps(found, indent=1))


def _all_views(config: TrainingConfig, folder: Path) -> RealViews:
    made = real_views_of(config)
    views = RealViews.load(folder, made)
    if views is None:
        if config.real is None:
            raise SystemExit("the configuration names no folder of real pictures")
        split = RealSplit.load(config.real_split)
        with finder(config) as find:
            views = load_real_views(config.real, split, config.view_size, None, config.seed, find)
        views.save(folder, made)
    return views


def _trained(
    config: TrainingConfig,
    place: Path,
    work: Path,
    learned: RealViews,
    tested: RealViews,
    base: Run[Any] | None,
    progress: Progress,
) -> Run[Any]:
    """A network that learned from some real pictures; one that stopped goes on."""
    place.mkdir(parents=True, exist_ok=True)
    for name in ("train", "validation"):
        if not (place / name).exists():
            (place / name).symlink_to((work / name).resolve())
    run = begin(config, place)
    if base is not None and run.step == 0:
        for network, known in ((run.model, base.model), (run.averaged, base.averaged)):
            network.load_state_dict(known.state_dict())
    fit(run, config, place, Real(learned, tested), None, progress)
    return run


def _said(run: Run[Any], tested: RealViews, size: int) -> dict[str, NDArray[np.float32]]:
    """(N,) logits by what the camera gives."""
    said = {"colour alone": predict(run.averaged, without_depth(tested.views), size).item}
    if (np.asarray(tested.views.width_m) > 0).any():
        said["with depth"] = predict(run.averaged, tested.views, size).item
    return said


def _figures(tested: RealViews, logits: NDArray[Any], name: str) -> dict[str, Any]:
    """AUROC of real damage, and of damage written into whole ones, against whole ones."""
    damaged = np.asarray(tested.views.damaged)
    whole = ~damaged
    groups = {
        "real": tested.dataset == name,
        "written": whole | (tested.dataset == f"{name}+"),
        **{
            f"real, {material}": (tested.dataset == name) & (tested.material == material)
            for material in np.unique(tested.material)
        },
    }
    return {
        group: {
            "auroc": round(float(roc_auc_score(damaged[rows], logits[rows])), 3),
            "auroc_95": _interval(damaged[rows], logits[rows], tested.shown[rows]),
            "damaged": int(damaged[rows].sum()),
            "whole": int(whole[rows].sum()),
        }
        for group, rows in groups.items()
        if len(np.unique(damaged[rows])) == 2
    }


def _interval(
    damaged: NDArray[np.bool_], logits: NDArray[Any], shown: NDArray[np.str_]
) -> list[float]:
    """95 % of the AUROC over draws of objects: pictures of one object are no independent ones."""
    return [
        round(float(bound), 3)
        for bound in np.quantile([*_drawn(damaged, logits, shown)], (0.025, 0.975))
    ]


def _drawn(
    damaged: NDArray[np.bool_], logits: NDArray[Any], shown: NDArray[np.str_]
) -> Iterator[float]:
    rng = np.random.default_rng(0)
    rows_of = [np.flatnonzero(shown == name) for name in np.unique(shown)]
    for _ in range(_DRAWS):
        chosen = rng.integers(len(rows_of), size=len(rows_of))
        rows = np.concatenate([rows_of[number] for number in chosen])
        if len(np.unique(damaged[rows])) == 2:
            yield float(roc_auc_score(damaged[rows], logits[rows]))


if __name__ == "__main__":
    main()
