"""What a graph costs: multiply-accumulates, parameters, bytes moved; found from its shapes, without running it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import onnx
from onnx import shape_inference

from .surgery import constants_of
from .to_onnx import simplify

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Cost:
    """One run of a graph.

    Attributes:
        macs: multiply-accumulates of convolutions and matrix products. convolutions: those of convolutions alone.
        sampling: weighted sums of four neighbours by GridSample and Resize, multiply-accumulates.
        parameters: numbers in weights that convolutions and matrix products read. bytes: the file's.
        moved: bytes of all tensors read or written once by each node (fp32), weights included.
    """

    macs: int
    convolutions: int
    sampling: int
    parameters: int
    bytes: int
    moved: int

    @property
    def intensity(self) -> float:
        """Arithmetic operations (two for each multiply-accumulate) for each byte moved."""
        return 2.0 * (self.macs + self.sampling) / max(self.moved, 1)


def fix_sizes(model: onnx.ModelProto, sizes: Mapping[str, int]) -> onnx.ModelProto:
    """A copy with named axes of these lengths, simplified: what computed shapes is gone."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for value in (*fixed.graph.input, *fixed.graph.output):
        for axis in value.type.tensor_type.shape.dim:
            if axis.dim_param in sizes:
                axis.dim_value = sizes[axis.dim_param]
    simplified, _ = simplify(fixed)
    return simplified


def render_sizes(size: int) -> dict[str, int]:
    """The named axes of `encode`'s outputs and of `render` for a square of `size` pixels."""
    return {"S": size, "T": 2 * size - 1}


def measure_cost(model: onnx.ModelProto, sizes: Mapping[str, int]) -> Cost:
    """The cost of one run.

    Args:
        sizes: lengths of the graph's named axes.
    """
    fixed = fix_sizes(model, sizes)
    shapes = _shapes(fixed)
    sizes_of = _weights(fixed)
    macs = convolutions = sampling = parameters = moved = 0
    for node in fixed.graph.node:
        if node.op_type == "Constant":
            continue
        work = _macs(node, shapes)
        macs += work
        convolutions += work if node.op_type in ("Conv", "ConvTranspose") else 0
        if node.op_type in ("GridSample", "Resize"):
            sampling += 4 * prod(shapes.get(node.output[0], ()))
        if work:
            parameters += sum(sizes_of.get(name, 0) for name in node.input)
        moved += sum(4 * prod(shapes[name]) for name in (*node.input, *node.output) if name in shapes)
    return Cost(macs, convolutions, sampling, parameters, model.ByteSize(), moved)


def _weights(model: onnx.ModelProto) -> dict[str, int]:
    """How many numbers each constant has, and each that is one in int8."""
    sizes = {name: value.size for name, value in constants_of(model).items()}
    stored = (node for node in model.graph.node if node.op_type == "DequantizeLinear")
    return sizes | {node.output[0]: sizes[node.input[0]] for node in stored if node.input[0] in sizes}


def convolution_macs(model: onnx.ModelProto) -> dict[str, int]:
    """Multiply-accumulates of every convolution by its node's name; those of unknown shape count as 0."""
    shapes = _shapes(model)
    return {node.name: _macs(node, shapes) for node in model.graph.node if node.op_type == "Conv"}


def _macs(node: onnx.NodeProto, shapes: Shapes) -> int:
    first, second = ((*map(shapes.get, node.input[:2]), None, None))[:2]
    output = shapes.get(node.output[0])
    if not first or not second or not output:
        return 0
    if node.op_type == "Conv":
        return prod(output) * prod(second[1:])
    if node.op_type == "ConvTranspose":
        return prod(first) * prod(second[1:])
    if node.op_type == "MatMul":
        return prod(output) * first[-1]
    if node.op_type == "Gemm":
        transposed = next((a.i for a in node.attribute if a.name == "transA"), 0)
        return prod(output) * first[-2 if transposed else -1]
    return 0


def _shapes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Shapes of all tensors whose every axis is known."""
    graph = shape_inference.infer_shapes(model).graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.value_info, *graph.input, *graph.output):
        axes = value.type.tensor_type.shape.dim
        if all(axis.HasField("dim_value") for axis in axes):
            shapes[value.name] = tuple(axis.dim_value for axis in axes)
    return shapes
