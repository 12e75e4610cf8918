"""The graphs that are shipped: fp32, fp16, and twice int8 with its scales in the graph (QDQ)."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import onnx
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from torch import Tensor, nn

from damage_perception.network.contract import (
    COMPARER_INPUTS,
    COMPARER_OUTPUTS,
    EMBEDDINGS,
    INPUTS,
    OUTPUTS,
    Array,
)
from damage_perception.training.comparer import Comparer
from damage_perception.training.model import DamageNet

OPSET = 18
# What looks at pixels and what is read as a number keep their precision.
_UNQUANTISED = ("stem", "maps", "detail", "embed", "looks", "head")
# Half of a symmetric range is lost on what is never negative: the finest features do not bear it.
_UNQUANTISED_SYMMETRIC = (*_UNQUANTISED, "stage8")


class Exported(nn.Module):
    """The network as it is shipped: maps as probabilities.

    In half precision where ``model`` is; heights are prepared in full in any case.
    """

    def __init__(self, model: DamageNet) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, color: Tensor, height_m: Tensor, item: Tensor, width_m: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Maps 0..1, item logit, kind logits, cells and descriptor."""
        # As floats first: TensorRT does nothing with bytes but convert them.
        rgb, shape = self.model.preprocess(color.float(), height_m, item.float(), width_m)
        exact = self.model.gain.dtype
        rgb, shape = rgb.to(exact), shape.to(exact)
        found = self.model.judge(rgb, shape)
        descriptor = self.model.describer(rgb, shape, width_m)
        return (
            found.maps.float().sigmoid(),
            found.item.float(),
            found.kinds.float(),
            torch.cat((found.cells.float(), found.looks), dim=3),
            descriptor,
        )


class ExportedComparer(nn.Module):
    """The comparison as it is shipped: of one view, all of whose cells count."""

    def __init__(self, comparer: Comparer) -> None:
        super().__init__()
        self.comparer = comparer

    def forward(self, view: Tensor, references: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """view (n, C), references (K, C) -> item and same logits (1,); change and missing 0..1."""
        found = self.comparer(view.unsqueeze(0), references.unsqueeze(0))
        return found.item, found.same, found.change[0].sigmoid(), found.missing[0].sigmoid()


def write_graph(model: DamageNet, size: int, path: Path) -> None:
    """Writes the graph for views of ``size`` pixels, in the precision of the model's weights."""
    batch = {0: torch.export.Dim("batch", min=1, max=64)}
    export_graph(
        Exported(model),
        _example(INPUTS, size, (2,) * len(INPUTS)),
        path,
        list(INPUTS),
        [*OUTPUTS, *EMBEDDINGS],
        (batch, batch, batch, batch),
    )


def write_comparer(comparer: Comparer, path: Path) -> None:
    """Writes the graph that compares the cells of one view with those of its references."""
    shapes = tuple({0: torch.export.Dim(name, min=1, max=8192)} for name in ("seen", "known"))
    export_graph(
        ExportedComparer(comparer),
        _example(COMPARER_INPUTS, 0, (3, 5)),
        path,
        list(COMPARER_INPUTS),
        list(COMPARER_OUTPUTS),
        shapes,
    )


def _example(arrays: Mapping[str, Array], size: int, counts: tuple[int, ...]) -> tuple[Tensor, ...]:
    """Inputs for views of ``size`` pixels, with ``counts`` where any number goes."""
    return tuple(
        torch.zeros(
            [count if side is None else side for side in array.shape(size)],
            dtype=getattr(torch, array.dtype),
        )
        for array, count in zip(arrays.values(), counts, strict=True)
    )


def export_graph(
    module: nn.Module,
    example: tuple[Tensor, ...],
    path: Path,
    inputs: list[str],
    outputs: list[str],
    shapes: tuple[Any, ...] | None = None,
) -> None:
    """Writes ``module`` as a checked ONNX graph.

    shapes  which sizes of its inputs may vary; None: none
    """
    torch.onnx.export(
        module.eval(),
        example,
        str(path),
        input_names=inputs,
        output_names=outputs,
        dynamic_shapes=shapes,
        opset_version=OPSET,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    graph = onnx.load(str(path))
    # The exporter notes source lines of the machine that trained; nobody else can use them.
    for node in graph.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*graph.graph.input, *graph.graph.output, *graph.graph.value_info):
        del value.metadata_props[:]
    onnx.checker.check_model(graph)
    onnx.save(graph, str(path))


class _Views(CalibrationDataReader):  # type: ignore[misc]
    """One view after the other."""

    def __init__(self, views: Iterator[dict[str, Any]]) -> None:
        self._views = views

    def get_next(self) -> dict[str, Any] | None:
        """The next view, None after the last."""
        return next(self._views, None)


def write_int8(
    fp32: Path, views: Iterator[dict[str, Any]], path: Path, symmetric: bool = False
) -> None:
    """Writes the graph whose body computes in 8 bits.

    fp32       graph to quantise
    views      inputs of the graph, from which the ranges of its layers follow
    symmetric  as TensorRT needs it: zero in the middle of every range, biases as they are; in 8
               bits is what convolutions read after the first stage, and no sum or activation,
               which it joins to the convolution before. Otherwise as ONNX Runtime is fastest at
               on a CPU
    """
    kept = _UNQUANTISED_SYMMETRIC if symmetric else _UNQUANTISED
    kinds = ["Conv"] if symmetric else ["Conv", "Relu", "Clip", "Add"]
    nodes = onnx.load(str(fp32)).graph.node
    readers: dict[str, set[str]] = {}
    writer: dict[str, onnx.NodeProto] = {}
    for node in nodes:
        for name in node.input:
            readers.setdefault(name, set()).add(node.op_type)
        for name in node.output:
            writer[name] = node

    def in_body(node: onnx.NodeProto) -> bool:
        if node.op_type == "Add":
            # Sums of features; sums of logits and of prepared heights need all their digits.
            return bool(readers.get(node.output[0], set()) & {"Relu", "Conv"})
        if node.op_type == "Clip":
            # That of a layer, not of prepared heights.
            before = writer.get(node.input[0])
            return before is not None and before.op_type == "Conv" and in_body(before)
        if node.op_type == "Relu":
            # That of the head has the verdict behind it.
            before = writer.get(node.input[0])
            return before is None or before.op_type != "Gemm"
        weights = node.input[1] if node.op_type == "Conv" else ""
        return not any(part in weights for part in kept)

    logger = logging.getLogger()
    level = logger.level
    # Its warnings advise a pass that the exporter has already made.
    logger.setLevel(logging.ERROR)
    quantize_static(
        str(fp32),
        str(path),
        _Views(views),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QInt8 if symmetric else QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        op_types_to_quantize=kinds,
        nodes_to_quantize=[node.name for node in nodes if node.op_type in kinds and in_body(node)],
        extra_options={
            "ActivationSymmetric": symmetric,
            "QuantizeBias": not symmetric,
            "OpTypesToExcludeOutputQuantization": ["Conv"] if symmetric else [],
        },
    )
    logger.setLevel(level)
