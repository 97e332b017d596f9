"""Rounds the weights of convolutions to 8 bits in the file: what runs is what ran, with slightly other weights.

Stored are whole numbers and a scale per output channel, which ONNX Runtime multiplies when it loads the file.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from .surgery import replace_nodes, widen_weights

LEVELS: Final = 127  # on either side of 0
FEWEST_WEIGHTS: Final = 2048  # smaller layers, the first ones among them, weigh little and keep their precision


def round_weights(model: onnx.ModelProto, fewest: int = FEWEST_WEIGHTS) -> None:
    """Round the weights of all convolutions that have `fewest` or more.

    They keep their names and types. What is rounded already stays as it is. Changes the model.
    """
    widen_weights(model)
    read = [node.input[1] for node in model.graph.node if node.op_type == "Conv"]
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer if tensor.name in read}
    chosen = [name for name in dict.fromkeys(read) if name in weights and weights[name].size >= fewest]
    kept = [tensor for tensor in model.graph.initializer if tensor.name not in chosen]
    tensors = [TensorProto.FromString(tensor.SerializeToString()) for tensor in kept]
    nodes: list[NodeProto] = []
    for name in chosen:
        levels, scale = round_channels(weights[name])
        tensors.append(numpy_helper.from_array(levels, f"{name}_levels"))
        tensors.append(numpy_helper.from_array(scale, f"{name}_scale"))
        nodes += _restoring(name, weights[name].dtype)
    del model.graph.initializer[:]
    model.graph.initializer.extend(tensors)
    replace_nodes(model, [*nodes, *model.graph.node])


def round_channels(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest whole numbers on each output channel's own scale, on which its largest weight is `LEVELS`.

    Args:
        weight: [O, ...].

    Returns:
        levels int8 [O, ...], scale float32 [O, 1, ...].
    """
    channels = weight.reshape(len(weight), -1).astype(np.float32)
    scale = np.abs(channels).max(1, keepdims=True) / LEVELS
    # Cut off to float16's eleven digits: most fit into it, products with levels are exact in float32, and the largest
    # weight stays at the highest level, so that rounding anew changes nothing.
    scale = (scale.view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32)
    scale[scale == 0] = 1
    levels = np.rint(channels / scale).clip(-LEVELS, LEVELS).astype(np.int8)
    return levels.reshape(weight.shape), scale.reshape(len(weight), *[1] * (weight.ndim - 1))


def _restoring(name: str, kind: np.dtype) -> list[NodeProto]:
    """The nodes that make the weight `name` of levels and scale."""
    steps, wide = f"{name}_steps", f"{name}_wide"
    nodes = [helper.make_node("Cast", [f"{name}_levels"], [steps], to=TensorProto.FLOAT)]
    if kind == np.float32:
        return [*nodes, helper.make_node("Mul", [steps, f"{name}_scale"], [name])]
    # In float32 up to here: ONNX Runtime's CPU provider, which restores constants, multiplies no float16.
    nodes.append(helper.make_node("Mul", [steps, f"{name}_scale"], [wide]))
    return [*nodes, helper.make_node("Cast", [wide], [name], to=TensorProto.FLOAT16)]
