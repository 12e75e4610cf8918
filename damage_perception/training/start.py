"""The weights of a shipped model, for a training to go on from."""

from __future__ import annotations

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from damage_perception.network import ModelCard
from damage_perception.training.graphs import Exported
from damage_perception.training.model import DamageNet

_PREFIX = "model."


def start_from(card: ModelCard, model: DamageNet, inputs: tuple[Tensor, ...]) -> int:
    """Gives ``model`` the weights of an exported model; how many of its layers took some.

    inputs  a batch of views as in DamageNet.forward

    A layer that the exported network does not have, or has in another shape, stays as it is: so a
    new network begins from what an older one knows.

    The export folds normalisation into the convolution before it. It is unfolded with the
    statistics of ``inputs``, so that the network says what it said, and learns as it did.

    Raises ValueError where no layer fits.
    """
    graphs = [card.graph("fp32"), *([card.comparer] if card.comparer else [])]
    stored = {
        entry.name.removeprefix(_PREFIX): torch.from_numpy(numpy_helper.to_array(entry).copy())
        for graph in graphs
        for entry in onnx.load(str(graph)).graph.initializer
    }
    state = model.state_dict()

    def fits(name: str) -> bool:
        return name in stored and stored[name].shape == state[name].shape

    folded = {
        name: stored[f"{_before(name)}.weight_bias"]
        for name, module in model.named_modules()
        if isinstance(module, nn.BatchNorm2d)
        and f"{_before(name)}.weight_bias" in stored
        and fits(f"{_before(name)}.weight")
    }
    taken = {name for name in state if name.rsplit(".", 1)[0] not in folded and fits(name)}
    if not taken:
        raise ValueError(f"{card.path} is of another network: no layer of it fits this one")
    model.load_state_dict(state | {name: stored[name] for name in taken})
    _unfold(model, folded, inputs)
    return len({name.rsplit(".", 1)[0] for name in taken} | set(folded))


def _before(normalisation: str) -> str:
    """The convolution whose output a normalisation takes, both being of one nn.Sequential."""
    place, number = normalisation.rsplit(".", 1)
    return f"{place}.{int(number) - 1}"


@torch.no_grad()
def _unfold(model: DamageNet, folded: dict[str, Tensor], inputs: tuple[Tensor, ...]) -> None:
    def measure(module: nn.BatchNorm2d, bias: Tensor, x: Tensor) -> None:
        mean, variance = x.mean(dim=(0, 2, 3)), x.var(dim=(0, 2, 3))
        module.running_mean, module.running_var = mean, variance
        module.weight.copy_((variance + module.eps).sqrt())
        module.bias.copy_(bias + mean)

    hooks = []
    for name, module in model.named_modules():
        if isinstance(module, nn.BatchNorm2d) and name in folded:
            bias = folded[name]
            hooks.append(
                module.register_forward_pre_hook(
                    lambda module, given, bias=bias: measure(module, bias, given[0])
                )
            )
    Exported(model).eval()(*inputs)
    for hook in hooks:
        hook.remove()
