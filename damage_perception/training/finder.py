"""Training of the finder: which pixels of a whole picture show items, and where two items meet."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import cv2
import numpy as np
import torch
import yaml
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn
from torch.nn import functional

from damage_perception.network.contract import COLOR
from damage_perception.network.session import OnnxRuntimeSession
from damage_perception.training.card_section import write_section
from damage_perception.training.encoder import CHANNELS, LICENSE, ORIGIN, STRIDES, ColorEncoder
from damage_perception.training.graphs import export_graph
from damage_perception.training.layers import Residual, convolution
from damage_perception.training.lower import Lower
from damage_perception.training.outlines import load_outlined, render_outlined
from damage_perception.training.run import Run, learning_rate
from damage_perception.training.varied_outlines import Library, vary

NAME: Final = "damage_net_finder.onnx"
CARD: Final = "damage_net.yaml"
STRIDE: Final = STRIDES[0]
_LEVELS: Final = tuple(zip(STRIDES[:3], CHANNELS[:3], strict=True))
# Seams are few pixels: without this weight they are best left out.
_SEAM_WEIGHT: Final = 8.0


@dataclass(frozen=True)
class FinderConfig:
    """What the finder learns from.

    rendered         simulated pictures of the training split
    outlined         folders of NAME_color and NAME_items pictures to learn from besides
    rendered_share   of what is learned from
    prints, grounds  folders of photographs for the simulated pictures; none by default
    copies           varied copies of pictures, encoded once and kept on disk
    samples          how many of them are learned from, one after the other, again and again
    width, height    of the picture as the finder sees it, in pixels
    """

    seed: int
    rendered: int
    outlined: tuple[Path, ...] = ()
    rendered_share: float = 0.6
    prints: Path | None = None
    grounds: Path | None = None
    copies: int = 3000
    samples: int = 12000
    batch: int = 16
    learning_rate: float = 0.003
    weight_decay: float = 0.02
    ema: float = 0.99
    width: int = 320
    height: int = 240
    workers: int = 2
    threads: int = 1

    @staticmethod
    def load(path: Path) -> FinderConfig:
        """Reads a YAML file. Raises ValueError naming what is unknown or missing."""
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError(f"{path}: expected a mapping")
        for name in ("prints", "grounds"):
            if content.get(name) is not None:
                content[name] = Path(content[name])
        content["outlined"] = tuple(Path(folder) for folder in content.get("outlined", ()))
        for folder in (content.get("prints"), content.get("grounds"), *content["outlined"]):
            if folder is not None and not folder.is_dir():
                raise ValueError(f"{path} names {folder}, which is no folder")
        try:
            config = FinderConfig(**content)
        except TypeError as error:
            raise ValueError(f"{path}: {error}") from error
        if config.width % STRIDES[2] or config.height % STRIDES[2]:
            raise ValueError(
                f"{path}: the finder sees {config.width}x{config.height}; expected multiples of "
                f"{STRIDES[2]}"
            )
        return config


class FinderHead(nn.Module):
    """Features of the encoder's lower part -> (N, 2, H/4, W/4) logits: foreground, seam.

    A seam is where two items touch. What the encoder has seen of the surroundings at stride 16 is
    carried on to stride 64, because only the whole picture says what is ground.
    """

    def __init__(self) -> None:
        super().__init__()
        (_, fine), (_, middle), (_, deep) = _LEVELS
        self.fuse4 = convolution(fine, 32)
        self.fuse8 = convolution(middle, 48)
        self.fuse16 = convolution(deep, 64)
        self.fuse32 = convolution(64, 64, 2)
        self.fuse64 = nn.Sequential(convolution(64, 64, 2), Residual(64))
        self.fuse_up32 = convolution(64, 64)
        self.fuse_up16 = convolution(64, 48)
        self.fuse_up8 = convolution(48, 32)
        self.fuse_up4 = convolution(32, 32)
        self.maps = nn.Conv2d(32, 2, 3, 1, 1)

    def forward(self, lower: list[Tensor]) -> Tensor:
        """See the class."""
        at4, at8 = self.fuse4(lower[0]), self.fuse8(lower[1])
        at16 = self.fuse16(lower[2])
        at32 = self.fuse32(at16)
        x = self.fuse_up32(at32 + _enlarged(self.fuse64(at32), at32))
        x = self.fuse_up16(at16 + _enlarged(x, at16))
        x = self.fuse_up8(at8 + _enlarged(x, at8))
        out: Tensor = self.maps(self.fuse_up4(at4 + _enlarged(x, at4)))
        return out


def _enlarged(x: Tensor, like: Tensor) -> Tensor:
    size = (like.shape[2], like.shape[3])
    return functional.interpolate(x, size, mode="bilinear", align_corners=False)


class Finder(nn.Module):
    """The finder as it is shipped: (1, H, W, 3) uint8 RGB -> item, seam (H/4, W/4), 0..1."""

    def __init__(self, encoder: ColorEncoder, head: FinderHead) -> None:
        super().__init__()
        self.encoder, self.head = Lower(encoder, len(_LEVELS)), head

    def forward(self, color: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        maps = self.head(list(self.encoder(color))).sigmoid()[0]
        return maps[0], maps[1]


def train_finder(config_path: Path, work: Path, models: Path) -> Path:
    """Renders, encodes, trains and exports; the path of the graph.

    work    folder of the pictures, their features and the checkpoint; a run there goes on
    models  folder that the graph is written to; where it holds a model card, that names it

    Raises ValueError where the configuration is wrong.
    """
    config = FinderConfig.load(config_path)
    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads)
    cv2.setNumThreads(1)
    encoder = ColorEncoder()
    encoder.load_pretrained()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn()) as progress:

        def shown(what: str, total: int) -> Callable[[int], None]:
            task = progress.add_task(what, total=total)
            return lambda done: progress.advance(task, done)

        rendered = work / "rendered"
        photographs = (config.prints, config.grounds)
        advance = shown("rendering", config.rendered)
        render_outlined(
            rendered, config.rendered, config.seed, config.workers, photographs, advance
        )
        _encode(encoder, config, work, shown("encoding", config.copies))
        head = _fit(config, work, shown("training", config.samples))
    return export_finder(Finder(encoder, head), config, models)


def _encode(
    encoder: ColorEncoder, config: FinderConfig, work: Path, progress: Callable[[int], None]
) -> None:
    """Writes features and targets of the varied copies; those already there stay.

    By ONNX Runtime, which is several times faster at this encoder than PyTorch on a CPU.
    """
    features, targets, marker = _open(config, work)
    start = int(marker.read_text()) if marker.exists() else 0
    progress(start)
    if start == config.copies:
        return
    library = Library.of(
        load_outlined(work / "rendered"),
        [load_outlined(folder) for folder in config.outlined],
        config.rendered_share,
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "lower.onnx"
        names = [f"at{stride}" for stride, _ in _LEVELS]
        _write(Lower(encoder, len(_LEVELS)), config, names, path)
        session = OnnxRuntimeSession(path, config.threads)
        for number in range(start, config.copies):
            rng = np.random.default_rng((config.seed, number))
            varied = vary(library, rng, config.width, config.height)
            outputs = session.run({COLOR: varied.color[None]})
            for store, name in zip(features, names, strict=True):
                store[number] = outputs[name][0]
            targets[number] = varied.targets(STRIDE)
            progress(1)
            if (number + 1) % 100 == 0 or number + 1 == config.copies:
                marker.write_text(str(number + 1))


def _open(
    config: FinderConfig, work: Path
) -> tuple[list[NDArray[np.float16]], NDArray[np.float16], Path]:
    """Features of each level, targets (N, 3, H/4, W/4), and the file that counts them."""
    size = np.array((config.height, config.width))
    stores = []
    for name, channels, stride in [
        *((f"at{stride}", channels, stride) for stride, channels in _LEVELS),
        ("targets", 3, STRIDE),
    ]:
        path, shape = work / f"{name}.npy", (config.copies, channels, *(size // stride).tolist())
        if not path.exists():
            open_memmap(path, "w+", np.float16, shape)
        store = np.load(path, mmap_mode="r+")
        if store.shape != shape:
            raise ValueError(
                f"{path} holds {store.shape}, of another configuration than {shape}: delete it"
            )
        stores.append(store)
    return stores[:-1], stores[-1], work / "encoded.txt"


def _fit(config: FinderConfig, work: Path, progress: Callable[[int], None]) -> FinderHead:
    """The trained head."""
    features, targets, _ = _open(config, work)
    run = Run.of(FinderHead(), config.weight_decay)
    checkpoint = work / "checkpoint.pt"
    if checkpoint.exists():
        run.resume(checkpoint)
    steps = config.samples // config.batch
    progress(run.step * config.batch)
    for rows in _batches(config, range(run.step, steps)):
        run.model.train()
        lower = [torch.from_numpy(store[rows]).float() for store in features]
        lower = [x.contiguous(memory_format=torch.channels_last) for x in lower]
        with torch.autocast("cpu", torch.bfloat16):
            logits = run.model(lower).float()
        loss = finder_loss(logits, torch.from_numpy(targets[rows]).float())
        run.learn(loss, learning_rate(config.learning_rate, run.step, steps), config.ema)
        progress(config.batch)
        if run.step % 100 == 0 or run.step == steps:
            run.history.append({"step": run.step, "loss": float(loss.detach())})
            run.save(checkpoint)
    return run.averaged.eval()


def _batches(config: FinderConfig, steps: range) -> Iterator[NDArray[np.int64]]:
    for step in steps:
        rng = np.random.default_rng((config.seed, config.copies, step))
        yield np.sort(rng.choice(config.copies, config.batch, replace=False))


def finder_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy of both maps; a scalar.

    logits   (N, 2, h, w)
    targets  (N, 3, h, w): share of each cell that shows items, share that is seam, share of which
             it is known what it shows
    """
    foreground, seam, known = targets.unbind(1)
    item = functional.binary_cross_entropy_with_logits(logits[:, 0], foreground, reduction="none")
    meets = functional.binary_cross_entropy_with_logits(
        logits[:, 1], seam, reduction="none", pos_weight=torch.tensor(_SEAM_WEIGHT)
    )
    inside = known * (foreground > 0.5)
    return (item * known).sum() / known.sum().clamp(min=1) + (
        meets * inside
    ).sum() / inside.sum().clamp(min=1)


def export_finder(finder: Finder, config: FinderConfig, models: Path) -> Path:
    """Writes the graph, and names it in the model card that lies beside it."""
    models.mkdir(parents=True, exist_ok=True)
    path = models / NAME
    _write(finder, config, ["item", "seam"], path)
    card = models / CARD
    if card.exists():
        write_section(card, "finder", _section(path, config))
    return path


def keep_finder(before: Path, card: Path) -> None:
    """Names in ``card`` the finder that the card ``before`` it names, if there is one."""
    if before.exists():
        content = yaml.safe_load(before.read_text(encoding="utf-8"))
        if "finder" in content:
            write_section(card, "finder", content["finder"])


def _section(path: Path, config: FinderConfig) -> dict[str, Any]:
    """What the model card says of the finder."""
    return {
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "input": {"width": config.width, "height": config.height},
        "encoder": {"origin": ORIGIN, "license": LICENSE},
        "trained_on": {
            "rendered": config.rendered,
            "outlined": [folder.name for folder in config.outlined],
            "samples": config.samples,
            "seed": config.seed,
        },
    }


def _write(module: nn.Module, config: FinderConfig, names: list[str], path: Path) -> None:
    """Writes a graph that takes one colour image, of the size that the finder sees."""
    example = torch.zeros(1, config.height, config.width, 3, dtype=torch.uint8)
    export_graph(module, (example,), path, [COLOR], names)
