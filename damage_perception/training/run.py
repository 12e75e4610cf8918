"""A training run in a folder: what a checkpoint holds."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from damage_perception.training.optimizer import MuonAdamW

Network = TypeVar("Network", bound=nn.Module)
Drawn = TypeVar("Drawn")


@dataclass
class Run(Generic[Network]):
    """A network while it learns.

    averaged  the running mean of its weights, which is what is used
    start     id of the model it began from; empty: from random weights
    """

    model: Network
    averaged: Network
    optimizer: MuonAdamW
    start: str = ""
    step: int = 0
    history: list[dict[str, float]] = field(default_factory=list)

    @staticmethod
    def of(model: Network, weight_decay: float) -> Run[Network]:
        """A run that begins with the weights of ``model``."""
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        averaged = copy.deepcopy(model).requires_grad_(False)
        return Run(model, averaged, MuonAdamW(model, weight_decay))

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
                "history": json.dumps(self.history),
            },
            temporary,
        )
        temporary.replace(path)

    def resume(self, path: Path) -> None:
        """Goes on from a checkpoint of the same configuration."""
        # Made on a GPU, it may go on without one.
        state = torch.load(path, weights_only=True, map_location="cpu")
        self.model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.start, self.step = state["start"], state["step"]
        self.history = json.loads(state["history"])

    def learn(self, loss: Tensor, rate: float, ema: float) -> None:
        """One step against ``loss``, of which the running mean takes 1 - ``ema``."""
        self.model.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step(rate)
        self.step += 1
        keep = min(ema, self.step / (self.step + 10))
        pairs = zip(
            self.averaged.state_dict().values(), self.model.state_dict().values(), strict=True
        )
        with torch.no_grad():
            for mean, new in pairs:
                if mean.is_floating_point():
                    mean.lerp_(new, 1 - keep)


def learning_rate(highest: float, step: int, steps: int, warm_up: int = 100) -> float:
    """Rises over ``warm_up`` steps and falls like a cosine."""
    warm = min(1.0, (step + 1) / warm_up)
    return highest * warm * 0.5 * (1 + math.cos(math.pi * step / steps)) + 1e-6


def drawn_ahead(
    draw: Callable[[int], Drawn], steps: Sequence[int], processes: int = 0
) -> Iterator[Drawn]:
    """What some steps learn from, each drawn while the one before it is learned from.

    processes  that draw, each a step of its own; 0: a thread of this one, enough for a network that
               learns on a CPU
    """
    if processes and steps:
        # A GPU learns from a batch many times faster than one process draws it. Forked, so that
        # views on disk are not copied to each.
        drawings = _Drawings(draw, steps)
        yield from DataLoader(
            drawings,
            batch_size=None,
            num_workers=processes,
            multiprocessing_context="fork",
            prefetch_factor=1,
            collate_fn=_as_it_is,
        )
        return
    with ThreadPoolExecutor(1) as pool:
        waiting = None
        for step in steps:
            coming = pool.submit(draw, step)
            if waiting is not None:
                yield waiting.result()
            waiting = coming
        if waiting is not None:
            yield waiting.result()


def _as_it_is(drawn: Drawn) -> Drawn:
    return drawn


class _Drawings(Dataset[Drawn]):
    """What each of some steps learns from."""

    def __init__(self, draw: Callable[[int], Drawn], steps: Sequence[int]) -> None:
        self._draw, self._steps = draw, steps

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, place: int) -> Drawn:
        return self._draw(self._steps[place])
