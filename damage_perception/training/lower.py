"""The lower part of the colour encoder as training on a CPU runs it: by ONNX Runtime.

PyTorch takes two to three times as long for depthwise convolutions, and of what nobody trains no
gradient is needed.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn

from damage_perception.network import OnnxRuntimeSession
from damage_perception.network.contract import COLOR, SMALLEST_VIEW, VIEW_STEP
from damage_perception.training.encoder import ColorEncoder
from damage_perception.training.graphs import export_graph
from damage_perception.training.model import Preprocess

_NAMES = ("stride_8", "stride_16")


class Lower(nn.Module):
    """(N, H, W, 3) uint8 RGB -> features of the encoder's lower part, at its last strides.

    levels  how many of these strides
    """

    def __init__(self, encoder: ColorEncoder, levels: int) -> None:
        super().__init__()
        self.encoder, self.levels = encoder, levels

    def forward(self, color: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        return tuple(self.encoder.below(Preprocess.rgb(color))[-self.levels :])


class LowerFeatures:
    """Colour as the network takes it -> features of the encoder's lower part, strides 8 and 16.

    threads  of one pass
    """

    def __init__(self, encoder: ColorEncoder, threads: int) -> None:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "lower.onnx"
            example = torch.zeros(2, SMALLEST_VIEW, SMALLEST_VIEW, 3, dtype=torch.uint8)
            shape = {
                0: torch.export.Dim("batch", min=1, max=256),
                1: VIEW_STEP * torch.export.Dim("rows", min=1, max=16),
                2: VIEW_STEP * torch.export.Dim("columns", min=1, max=16),
            }
            lower = Lower(encoder, len(_NAMES))
            export_graph(lower, (example,), path, [COLOR], list(_NAMES), (shape,))
            self._session = OnnxRuntimeSession(path, threads)

    def __call__(self, color: Tensor) -> tuple[Tensor, ...]:
        """color (N, S, S, 3) uint8 -> float32 (N, C, S/8, S/8) and (N, C, S/16, S/16)."""
        found = self._session.run({COLOR: color.numpy()})
        return tuple(torch.from_numpy(found[name]) for name in _NAMES)
