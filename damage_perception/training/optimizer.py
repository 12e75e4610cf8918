"""The optimizer: Muon for the convolutions, AdamW for the rest."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

# Stems and the heads of the maps are no mappings between features; Muon is not for them.
_MUON_LAYERS = ("stage", "fuse", "join")
# Layers that begin with what they learned on photographs: they learn at a share of the rate, and
# of their way from there so much is taken back at each step at a rate of one.
_PRETRAINED = "encoder."
_PRETRAINED_RATE, _PRETRAINED_HOLD = 0.1, 0.5


class MuonAdamW:
    """Muon (Jordan 2024) where a layer maps features to features, AdamW elsewhere, at one rate.

    Pretrained layers that may learn stay near what they were (L2-SP, Li 2018).

    Orthogonal updates learn more from each sample, which is what a small machine is short of.
    torch's Muon takes matrices, so it is given the kernels as matrices that share their memory.
    """

    def __init__(self, model: nn.Module, weight_decay: float) -> None:
        kernels: list[nn.Parameter] = []
        pretrained: list[nn.Parameter] = []
        decayed: list[nn.Parameter] = []
        plain: list[nn.Parameter] = []
        for name, parameter in model.named_parameters():
            if name.startswith(_PRETRAINED):
                if parameter.requires_grad:
                    pretrained.append(parameter)
            elif parameter.ndim == 4 and any(layer in name for layer in _MUON_LAYERS):
                kernels.append(parameter)
            else:
                (decayed if parameter.ndim > 1 else plain).append(parameter)
        self._kernels = kernels
        self._matrices = [nn.Parameter(_as_matrix(kernel.data)) for kernel in kernels]
        shared = zip(self._matrices, kernels, strict=True)
        if any(matrix.data_ptr() != kernel.data_ptr() for matrix, kernel in shared):
            raise ValueError("kernels are not in channels_last: their matrices would be copies")
        groups = [
            {"params": decayed, "weight_decay": weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ]
        self._parts: dict[str, torch.optim.Optimizer] = {
            "muon": torch.optim.Muon(
                self._matrices, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"
            ),
            "adamw": torch.optim.AdamW(groups),
        }
        if pretrained:
            self._parts["pretrained"] = torch.optim.AdamW(pretrained, weight_decay=0.0)
        self._pretrained = pretrained
        self._origins = [parameter.detach().clone() for parameter in pretrained]

    def step(self, rate: float) -> None:
        """One step along the gradients at a learning rate."""
        for matrix, kernel in zip(self._matrices, self._kernels, strict=True):
            matrix.grad = None if kernel.grad is None else _as_matrix(kernel.grad)
        for name, part in self._parts.items():
            for group in part.param_groups:
                group["lr"] = rate * (_PRETRAINED_RATE if name == "pretrained" else 1.0)
            part.step()
        with torch.no_grad():
            for parameter, origin in zip(self._pretrained, self._origins, strict=True):
                parameter.lerp_(origin, rate * _PRETRAINED_HOLD)

    def state_dict(self) -> dict[str, Any]:
        """As of torch's optimizers."""
        parts = {name: part.state_dict() for name, part in self._parts.items()}
        return {**parts, "origins": self._origins}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """As of torch's optimizers."""
        for name, part in self._parts.items():
            part.load_state_dict(state[name])
        self._origins = state["origins"]


def _as_matrix(kernel: Tensor) -> Tensor:
    """(out, in, h, w) -> (out, h * w * in), without a copy where the kernel is channels_last."""
    return kernel.permute(0, 2, 3, 1).reshape(len(kernel), -1)
