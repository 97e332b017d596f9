"""Rewrites of a graph for ONNX Runtime's CPU kernels, which WebAssembly shares: the same numbers, sooner."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import NodeProto, helper, numpy_helper

from .bands import sample_in_bands
from .surgery import replace_nodes, rewritten
from .upsampling import spell_out_resizes

_ZERO = "cpu_zero"


def rewrite_for_cpu(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of a checked graph that computes the same with the faster ones of the CPU's kernels.

    Resize by two or four (see `spell_out_resizes`) takes twice to three times as long as sums; Clip, and a Relu that no
    convolution takes in, twice as long as Max and Min. A large picture is sampled sooner in parts: `sample_in_bands`.
    """
    return rewritten(model, _bound_by_max_and_min, spell_out_resizes, sample_in_bands)


def _bound_by_max_and_min(model: onnx.ModelProto) -> None:
    made = {name: node for node in model.graph.node for name in node.output}
    quantized = {node.input[0] for node in model.graph.node if node.op_type == "QuantizeLinear"}
    nodes: list[NodeProto] = []
    for node in model.graph.node:
        if node.op_type == "Clip":
            nodes += _clip(node)
        elif node.op_type == "Relu" and not _taken_in(node, made, quantized):
            nodes.append(helper.make_node("Max", [node.input[0], _ZERO], list(node.output), node.name))
        else:
            nodes.append(node)
    model.graph.initializer.append(numpy_helper.from_array(np.array(0.0, np.float32), _ZERO))
    replace_nodes(model, nodes)


def _clip(node: NodeProto) -> list[NodeProto]:
    """Clip with one bound or two."""
    bounds = [(operator, name) for operator, name in zip(("Max", "Min"), node.input[1:], strict=False) if name]
    if not bounds:
        return [node]
    nodes, source = [], node.input[0]
    for index, (operator, bound) in enumerate(bounds):
        last = index == len(bounds) - 1
        output = node.output[0] if last else f"{node.output[0]}_above"
        nodes.append(helper.make_node(operator, [source, bound], [output], f"{node.output[0]}_{operator.lower()}"))
        source = output
    return nodes


def _taken_in(relu: NodeProto, made: dict[str, NodeProto], quantized: set[str]) -> bool:
    """Whether ONNX Runtime makes a Relu part of a convolution, of one and the addition after it, or of a rounding to
    8 bits, which has no levels below 0."""
    source = made.get(relu.input[0])
    if source is None or relu.output[0] in quantized:
        return relu.output[0] in quantized
    summed = [made[name] for name in source.input if name in made] if source.op_type == "Add" else []
    return any(node.op_type == "Conv" for node in (source, *summed))
