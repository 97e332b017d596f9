"""Half precision for WebGPU: the convolutional networks in float16, coordinates and reductions in float32."""

from __future__ import annotations

from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference

from .surgery import constants_of, replace_nodes, widen_weights

# What may stand between two convolutions in half precision. All else (flows, soft assignments, sampling, least squares,
# the output's pixels) keeps float32: a coordinate of a 1024 px picture needs more than eleven bits.
BETWEEN: Final = frozenset({"Relu", "Add", "Resize", "Concat", "MaxPool", "AveragePool"})


def to_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of a graph whose convolutions, and what lies between them, compute in float16. Inputs and outputs stay."""
    half = onnx.ModelProto()
    half.CopyFrom(model)
    widen_weights(half)
    chosen = _between_convolutions(half)
    constants = constants_of(half)
    read_outside = {name for node in half.graph.node if node.output[0] not in chosen for name in node.input}
    read_outside |= {value.name for value in half.graph.output}
    made: dict[str, str] = {}
    nodes: list[onnx.NodeProto] = []
    for node in half.graph.node:
        if node.output[0] in chosen:
            for i in _data_inputs(node):
                name = node.input[i]
                if name in chosen:
                    node.input[i] = f"{name}_half"
                elif name in constants:
                    node.input[i] = _half_constant(half, name, constants[name], made)
                else:
                    if name not in made:
                        made[name] = f"{name}_half"
                        nodes.append(_cast(name, made[name], TensorProto.FLOAT16))
                    node.input[i] = made[name]
            (output,) = node.output
            node.output[0] = f"{output}_half"
            nodes.append(node)
            if output in read_outside:
                nodes.append(_cast(f"{output}_half", output, TensorProto.FLOAT))
        else:
            nodes.append(node)
    del half.graph.value_info[:]
    replace_nodes(half, nodes)
    onnx.checker.check_model(half, full_check=True)
    return half


def _between_convolutions(model: onnx.ModelProto) -> set[str]:
    """Outputs of the convolutions, and of nodes that read nothing but those, constants, and each other."""
    inferred = shape_inference.infer_shapes(model)
    floats = {v.name for v in inferred.graph.value_info if v.type.tensor_type.elem_type == TensorProto.FLOAT}
    constants = constants_of(model)
    chosen: set[str] = set()
    for node in model.graph.node:  # in topological order
        data = [node.input[i] for i in _data_inputs(node)]
        computed = [name for name in data if name not in constants]
        if node.op_type == "Conv" or (
            node.op_type in BETWEEN and computed and all(name in chosen and name in floats for name in computed)
        ):
            chosen |= set(node.output)
    return chosen


def _data_inputs(node: onnx.NodeProto) -> range:
    """Places of the inputs that hold the data; a Resize's others are sizes."""
    return range(1 if node.op_type == "Resize" else len(node.input))


def _cast(source: str, result: str, kind: int, purpose: str = "half") -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [result], f"{result}_cast_{purpose}", to=kind)


def _half_constant(model: onnx.ModelProto, name: str, value: np.ndarray, made: dict[str, str]) -> str:
    if name not in made:
        made[name] = f"{name}_half"
        model.graph.initializer.append(numpy_helper.from_array(value.astype(np.float16), made[name]))
    return made[name]


def emulate_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph in float32, with every number rounded to float16 where `to_half`'s graph would hold it as such.

    ONNX Runtime's CPU provider has no float16 convolutions: it computes such graphs in float32 and skips the roundings
    in between, which would flatter them. (A GPU may also add up in float16; that is not in here.)
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    halves = {t.name for t in copy.graph.initializer if t.data_type == TensorProto.FLOAT16}
    for tensor in copy.graph.initializer:
        if tensor.name in halves:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
    nodes: list[onnx.NodeProto] = []
    for node in copy.graph.node:
        to_half_cast = node.op_type == "Cast" and node.attribute[0].i == TensorProto.FLOAT16
        nodes.append(node)
        if to_half_cast:
            halves |= set(node.output)
            (name,) = node.output
            node.output[0] = f"{name}_rounded"
            nodes.append(_cast(f"{name}_rounded", name, TensorProto.FLOAT, "emulated"))
        elif node.op_type != "Cast" and halves & set(node.input):
            halves |= set(node.output)
            (name,) = node.output
            node.output[0] = f"{name}_exact"
            nodes.append(_cast(f"{name}_exact", f"{name}_rounded", TensorProto.FLOAT16, "emulated"))
            nodes.append(_cast(f"{name}_rounded", name, TensorProto.FLOAT, "emulated"))
    del copy.graph.value_info[:]
    replace_nodes(copy, nodes)
    return copy
