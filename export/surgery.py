"""What all rewrites of graphs need: constants by name, and other nodes in place of the old ones."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import count
from typing import Any, Final

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

# Operators that restore constants from what is stored of them; others have none but computed inputs after `simplify`.
RESTORING: Final = frozenset({"Cast", "GatherND", "Min", "Mul", "Reshape"})


def constants_of(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """All weights by name, those among them that nodes restore from what is stored: see `store_compactly`."""
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        elif node.op_type in RESTORING and all(name in constants for name in node.input):
            constants[node.output[0]] = _restored(node, [constants[name] for name in node.input])
    return constants


def _restored(node: onnx.NodeProto, inputs: Sequence[np.ndarray]) -> np.ndarray:
    """What ONNX Runtime makes of a node of `RESTORING` when it loads the graph."""
    attributes = {attribute.name: attribute.i for attribute in node.attribute}
    match node.op_type:
        case "Cast":
            return inputs[0].astype(helper.tensor_dtype_to_np_dtype(attributes["to"]))
        case "GatherND":
            return inputs[0][tuple(np.moveaxis(inputs[1], -1, 0))]
        case "Min":
            return np.minimum(inputs[0], inputs[1])
        case "Mul":
            return inputs[0] * inputs[1]
        case _:
            return inputs[0].reshape(inputs[1])


class NodeWriter:
    """Nodes and constants that take one node's place, under names that begin with its own."""

    def __init__(self, model: onnx.ModelProto, prefix: str) -> None:
        self.nodes: list[NodeProto] = []
        self._model, self._prefix, self._numbers = model, prefix, count()

    def add(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Append a node. Returns the name of its output, which is the node's too."""
        name = output or f"{self._prefix}/{next(self._numbers)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name, **attributes))
        return name

    def constant(self, value: float | Sequence[int]) -> str:
        """The name of a float32 number or of whole numbers [n], kept with the model's weights."""
        array = np.float32(value) if isinstance(value, float) else np.array(value, np.int64)
        name = f"{self._prefix}/{next(self._numbers)}"
        self._model.graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
        return name


def rewritten(model: onnx.ModelProto, *rewrites: Callable[[onnx.ModelProto], None]) -> onnx.ModelProto:
    """A copy of a checked graph after rewrites that change what they are given; checked again.

    Raises:
        onnx.checker.ValidationError: the rewrites left no valid graph.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for rewrite in rewrites:
        rewrite(copy)
    onnx.checker.check_model(copy, full_check=True)
    return copy


def put_constants(model: onnx.ModelProto, constants: Mapping[str, np.ndarray]) -> None:
    """Add initializers, in place of those of the same names."""
    drop_constants(model, constants)
    model.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in constants.items())


def drop_constants(model: onnx.ModelProto, names: Collection[str]) -> None:
    """Remove initializers."""
    kept = [t.SerializeToString() for t in model.graph.initializer if t.name not in names]
    del model.graph.initializer[:]
    model.graph.initializer.extend(onnx.TensorProto.FromString(tensor) for tensor in kept)


def replace_nodes(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto]) -> None:
    """Put other nodes into a graph, in their order, and drop nodes and weights that nothing reads any more."""
    wanted = {value.name for value in model.graph.output}
    kept: list[onnx.NodeProto] = []
    for node in reversed(nodes):
        if wanted & set(node.output):
            wanted |= _read_by(node)
            kept.append(node)
    # Copies: what is deleted from a message takes its parts along.
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in reversed(kept)]
    tensors = [t.SerializeToString() for t in model.graph.initializer if t.name in wanted]
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(copies)
    model.graph.initializer.extend(onnx.TensorProto.FromString(tensor) for tensor in tensors)


def bodies_of(nodes: Iterable[onnx.NodeProto]) -> list[onnx.GraphProto]:
    """The graphs that loops among the nodes run."""
    return [attribute.g for node in nodes for attribute in node.attribute if attribute.HasField("g")]


def _read_by(node: onnx.NodeProto) -> set[str]:
    """All that a node reads, in the bodies of loops too."""
    return {*node.input, *(name for body in bodies_of([node]) for inner in body.node for name in _read_by(inner))}


def widen_weights(model: onnx.ModelProto) -> None:
    """Undo `store_compactly`: what nodes restore from constants becomes an initializer. Changes the model.

    Not so what they make of int8: those are rounded weights, and stay.
    """
    rounded = {tensor.name for tensor in model.graph.initializer if tensor.data_type == TensorProto.INT8}
    for node in model.graph.node:
        if node.op_type in RESTORING and rounded & set(node.input):
            rounded |= set(node.output)
    constants = constants_of(model)
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        name = node.output[0]
        if node.op_type != "Constant" and name in constants and name not in rounded:
            model.graph.initializer.append(numpy_helper.from_array(constants[name], name))
        else:
            nodes.append(node)
    replace_nodes(model, nodes)
