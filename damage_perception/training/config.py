"""The training configuration: a YAML file with these names."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from damage_perception.network.contract import check_view_size

# In how many scenes a product is shown, each the reference of the others.
SCENES, VALIDATION_SCENES = 3, 8


@dataclass(frozen=True)
class Stage:
    """A stretch of training: so many samples at one size of view, in pixels."""

    view_size: int
    samples: int
    learning_rate: float

    def __post_init__(self) -> None:
        check_view_size(self.view_size)


@dataclass(frozen=True)
class Describing:
    """How the network that tells products apart is trained: on so many samples.

    products  in a batch, each shown in SCENES scenes
    """

    samples: int
    learning_rate: float
    products: int = 64


@dataclass(frozen=True)
class TrainingConfig:
    """What is trained, on how much, from which seed.

    train_views, validation_views, calibration_views  simulated views of each split
    stages         one after the other; the last one's view_size is the model's
    describer      the network that tells products apart; none: it stays as it began
    widths         channels of the shape branch at strides 4, 8, 16, 32, and of the decoder
    tuned_blocks   of the colour encoder, from its end, that learn; 0: it stays as it was pretrained
    batch          views of one step
    workers        processes that render, and that draw batches where a GPU learns
    threads        threads that train; one is as fast as two that share a core
    weight_decay   of AdamW
    ema            share of the running mean of the weights that stays at each step
    written_share  share of the simulated pairs whose damage is drawn anew, into the pristine view
    prints         folder of photographs to print on simulated packaging; none by default
    grounds        folder of photographs to lay under simulated items; none by default
    real           folder of openly licensed pictures, see real_views.py; none by default
    real_split     which of them are never trained on
    real_share     share of what is not own that is drawn from them
    own            image folders with labels.csv, and COCO files, to learn from besides
    own_share      share of each batch that is drawn from them, half of it damaged
    start          model card of the weights to begin from; none by default
    finder         graph that finds the items of pictures without depth; none: they are what
                   differs from the border of the picture
    """

    seed: int
    train_views: int
    validation_views: int
    calibration_views: int
    stages: tuple[Stage, ...]
    describer: Describing | None = None
    widths: tuple[int, ...] = (24, 48, 80, 144, 96)
    tuned_blocks: int = 0
    batch: int = 32
    workers: int = 2
    threads: int = 2
    weight_decay: float = 0.02
    ema: float = 0.998
    written_share: float = 0.4
    validate_every: int = 200
    prints: Path | None = None
    grounds: Path | None = None
    real: Path | None = None
    real_split: Path = Path("config/real_split.yaml")
    real_share: float = 0.45
    own: tuple[Path, ...] = ()
    own_share: float = 0.5
    start: Path | None = None
    finder: Path | None = None

    @property
    def view_size(self) -> int:
        """Side of the model's view in pixels, which is also that of the rendered data."""
        return self.stages[-1].view_size

    @staticmethod
    def load(path: Path) -> TrainingConfig:
        """Reads a YAML file. Raises ValueError naming what is unknown, missing or out of range."""
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or not isinstance(content.get("stages"), list):
            raise ValueError(f"{path}: expected a mapping with a list `stages`")
        stages = tuple(_build(Stage, stage, path) for stage in content.pop("stages"))
        if not stages:
            raise ValueError(f"{path}: `stages` is empty")
        if content.get("describer") is not None:
            if not isinstance(content["describer"], dict):
                raise ValueError(f"{path}: expected `describer` to be a mapping")
            content["describer"] = _build(Describing, content["describer"], path)
        if "widths" in content:
            content["widths"] = tuple(content["widths"])
        if "real_split" in content:
            content["real_split"] = Path(content["real_split"])
        for name in ("prints", "grounds", "real"):
            if content.get(name) is not None:
                content[name] = Path(content[name])
                if not content[name].is_dir():
                    raise ValueError(f"{path}: {name} names {content[name]}, which is no folder")
        if not isinstance(content.get("own", []), list):
            raise ValueError(f"{path}: own is {content['own']!r}; expected a list of sources")
        content["own"] = tuple(Path(source) for source in content.get("own", ()))
        files = [*content["own"]]
        if content.get("real") is not None:
            files.append(content.get("real_split", TrainingConfig.real_split))
        for name in ("start", "finder"):
            if content.get(name) is not None:
                content[name] = Path(content[name])
                files.append(content[name])
        for file in files:
            if not file.exists():
                raise ValueError(f"{path} names {file}, which does not exist")
        config: TrainingConfig = _build(TrainingConfig, {**content, "stages": stages}, path)
        if config.train_views % (2 * SCENES):
            raise ValueError(
                f"{path}: train_views is {config.train_views}; expected a multiple of "
                f"{2 * SCENES}, the pairs of {SCENES} scenes for every product"
            )
        return config


def _build(kind: type[Any], values: dict[str, Any], path: Path) -> Any:
    unknown = set(values) - {field.name for field in fields(kind)}
    if unknown:
        known = ", ".join(field.name for field in fields(kind))
        raise ValueError(f"{path}: unknown {', '.join(sorted(unknown))}; known are {known}")
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
