"""The course of a training run as a picture."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from damage_perception.kinds import KINDS


def draw_curves(history: list[dict[str, float]], path: Path) -> None:
    """Loss, and AUROC in all and per kind, over the steps of ``history``, as a PNG."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
    steps = [record["step"] for record in history]
    left.plot(steps, [record["loss"] for record in history])
    left.set(xlabel="step", ylabel="training loss", yscale="log")
    right.plot(steps, [record["auroc"] for record in history], "k", linewidth=2, label="all")
    for kind in KINDS:
        right.plot(steps, [record.get(kind, float("nan")) for record in history], label=kind)
    right.set(xlabel="step", ylabel="AUROC on validation views", ylim=(0.5, 1.0))
    right.grid(alpha=0.3)
    right.legend(fontsize="small")
    figure.savefig(path, dpi=90)
    plt.close(figure)
