"""What all rewrites of graphs need: constants by name, and other nodes in place of the old ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper


def constants_of(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """All weights by name, those among them that are stored in half precision and widened by a Cast."""
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Cast" and node.input[0] in constants:
            kind = helper.tensor_dtype_to_np_dtype(node.attribute[0].i)
            constants[node.output[0]] = constants[node.input[0]].astype(kind)
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    return constants


def replace_nodes(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto]) -> None:
    """Put other nodes into a graph, in their order, and drop nodes and weights that nothing reads any more."""
    wanted = {value.name for value in model.graph.output}
    kept: list[onnx.NodeProto] = []
    for node in reversed(nodes):
        if wanted & set(node.output):
            wanted |= set(node.input)
            kept.append(node)
    # Copies: what is deleted from a message takes its parts along.
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in reversed(kept)]
    tensors = [t.SerializeToString() for t in model.graph.initializer if t.name in wanted]
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(copies)
    model.graph.initializer.extend(onnx.TensorProto.FromString(tensor) for tensor in tensors)


def widen_weights(model: onnx.ModelProto) -> None:
    """Undo `store_half`: weights that a Cast widens become float32 initializers. Changes the model."""
    stored = {tensor.name for tensor in model.graph.initializer}
    constants = constants_of(model)
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        if node.op_type == "Cast" and node.input[0] in stored:
            model.graph.initializer.append(numpy_helper.from_array(constants[node.output[0]], node.output[0]))
        else:
            nodes.append(node)
    replace_nodes(model, nodes)
