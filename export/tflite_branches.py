"""Runs parallel branches of a TFLite graph side by side, as one branch of grouped convolutions.

Branches that differ only in their weights (lips, eyes and irises of the attention mesh) work on maps so small that a
node costs more than its arithmetic; joined along the channels they need one node where they had one each.
"""

from collections.abc import Callable

import numpy as np
import onnx_ir as ir

from .tflite import Operator, TfliteError
from .tflite_ops import TfliteEmitter, conv_weight, prelu, window

_Tensors = tuple[int, ...]
_Branches = tuple[Operator, ...]


class BranchEmitter:
    """Converts tuples of like tensors to one ONNX value each, their channels one after the other."""

    def __init__(self, emitter: TfliteEmitter) -> None:
        self.emitter = emitter
        self.values: dict[_Tensors, ir.Value] = {}

    def tensors(self, indices: _Tensors) -> ir.Value:
        """The joined tensors, converting what they need; tensors the emitter holds already are concatenated.

        Raises:
            TfliteError: the branches are not alike, or hold an operator without a joined form.
        """
        if indices not in self.values:
            self.values[indices] = self._join(indices)
        return self.values[indices]

    def _join(self, indices: _Tensors) -> ir.Value:
        op = self.emitter.op
        distinct = tuple(dict.fromkeys(indices))
        if distinct != indices:
            # Here branches part: repeat what they share.
            parts = op.Split(self.tensors(distinct), axis=1, _outputs=len(distinct))
            return op.Concat(*(parts[distinct.index(index)] for index in indices), axis=1)
        if all(index in self.emitter.values for index in indices):
            return op.Concat(*(self.emitter.values[index] for index in indices), axis=1)
        nodes = tuple(self.emitter.graph.producer(index) for index in indices)
        names = {node.name for node in nodes}
        shapes = {self.emitter.graph.shapes[index] for index in indices}
        if len(names) != 1 or len(shapes) != 1 or nodes[0].name not in _JOINED:
            raise TfliteError(f"no joined form for branches of {sorted(names)} with shapes {sorted(shapes)}")
        return _JOINED[nodes[0].name](self, nodes)

    def inputs(self, nodes: _Branches, slot: int = 0) -> ir.Value:
        return self.tensors(tuple(node.inputs[slot] for node in nodes))

    def constants(self, nodes: _Branches, slot: int) -> np.ndarray:
        return np.concatenate([self.emitter.constant(node.inputs[slot]).reshape(-1) for node in nodes])


def _conv(branches: BranchEmitter, nodes: _Branches) -> ir.Value:
    emitter = branches.emitter
    if any(node.options.FusedActivationFunction() for node in nodes):
        raise TfliteError("no joined form for a convolution with a fused activation")
    weight = np.concatenate([conv_weight(emitter, node) for node in nodes])
    return emitter.op.Conv(
        branches.inputs(nodes),
        emitter.weight(weight),
        emitter.weight(branches.constants(nodes, 2)),
        group=weight.shape[0] if nodes[0].name == "DEPTHWISE_CONV_2D" else len(nodes),
        **window(emitter, nodes[0], (weight.shape[2], weight.shape[3])),
    )


def _prelu(branches: BranchEmitter, nodes: _Branches) -> ir.Value:
    return prelu(branches.emitter, branches.inputs(nodes), branches.constants(nodes, 1))


def _add(branches: BranchEmitter, nodes: _Branches) -> ir.Value:
    return branches.emitter.op.Add(branches.inputs(nodes, 0), branches.inputs(nodes, 1))


def _max_pool(branches: BranchEmitter, nodes: _Branches) -> ir.Value:
    options = nodes[0].options
    kernel = (options.FilterHeight(), options.FilterWidth())
    return branches.emitter.op.MaxPool(branches.inputs(nodes), **window(branches.emitter, nodes[0], kernel))


def _pad(branches: BranchEmitter, nodes: _Branches) -> ir.Value:
    """Padding adds channels, so each branch must be padded by itself: they move to the batch axis for it."""
    emitter = branches.emitter
    before, after = emitter.constant(nodes[0].inputs[1])[[0, 3, 1, 2]].T.tolist()
    _, height, width, channels = emitter.graph.shapes[nodes[0].inputs[0]]
    value = emitter.op.Reshape(branches.inputs(nodes), [len(nodes), channels, height, width])
    value = emitter.op.Pad(value, [*before, *after])
    _, height, width, channels = emitter.graph.shapes[nodes[0].outputs[0]]
    return emitter.op.Reshape(value, [1, len(nodes) * channels, height, width])


_JOINED: dict[str, Callable[[BranchEmitter, _Branches], ir.Value]] = {
    "ADD": _add,
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _conv,
    "MAX_POOL_2D": _max_pool,
    "PAD": _pad,
    "PRELU": _prelu,
}
