"""Rewrites of a graph so that WebGPU runs all of it, and runs it right; placement_rules.toml says what it can run."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference

from .surgery import constants_of, replace_nodes, rewritten

BOOL = TensorProto.BOOL
_VECTOR = 4  # channels that a shader reads at once


def rewrite_for_webgpu(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of a checked graph that computes the same with operators that WebGPU has, and has right."""
    return rewritten(model, _compare_without_booleans, fill_channels)


def _compare_without_booleans(model: onnx.ModelProto) -> None:
    """Compare truth values as numbers: WebGPU has no `Equal` for booleans."""
    inferred = shape_inference.infer_shapes(model)
    kinds = {value.name: value.type.tensor_type.elem_type for value in inferred.graph.value_info}
    casts: dict[str, str] = {}
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        if node.op_type == "Equal" and kinds.get(node.input[0]) == BOOL:
            for i, name in enumerate(node.input):
                if name not in casts:
                    casts[name] = f"{name}_number"
                    nodes.append(helper.make_node("Cast", [name], [casts[name]], casts[name], to=TensorProto.INT32))
                node.input[i] = casts[name]
        nodes.append(node)
    replace_nodes(model, nodes)


def fill_channels(model: onnx.ModelProto) -> None:
    """Fill the input channels of convolutions up to a multiple of four. Changes the model.

    onnxruntime-web 1.30 reads wrong values on WebGPU where it cannot take channels by four or two: a 3×3 convolution of
    9 channels is plainly wrong (https://github.com/microsoft/onnxruntime/issues/29651). Zeros cost less than a check.
    """
    constants = constants_of(model)
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        weight = constants.get(node.input[1]) if node.op_type == "Conv" else None
        missing = 0 if weight is None else -weight.shape[1] % _VECTOR
        if weight is not None and missing and weight.shape[1] > _VECTOR and weight[0, 0].size > 1:
            name = node.name or node.output[0]
            pads = np.array([0, 0, 0, 0, 0, missing, 0, 0], np.int64)
            wider = np.pad(weight, [(0, 0), (0, missing), (0, 0), (0, 0)])
            model.graph.initializer.append(numpy_helper.from_array(pads, f"{name}_channels"))
            model.graph.initializer.append(numpy_helper.from_array(wider, f"{name}_wider"))
            nodes.append(
                helper.make_node("Pad", [node.input[0], f"{name}_channels"], [f"{name}_padded"], f"{name}_pad")
            )
            node.input[0], node.input[1] = f"{name}_padded", f"{name}_wider"
        nodes.append(node)
    replace_nodes(model, nodes)
