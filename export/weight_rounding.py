"""Rounds the weights of convolutions to 8 bits in the file: what runs is what ran, with slightly other weights.

Stored are whole numbers and a scale per output channel, which ONNX Runtime multiplies when it loads the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
import onnxruntime as ort
from onnx import NodeProto, TensorProto, helper

from .surgery import constants_of, drop_constants, put_constants, replace_nodes, widen_weights

LEVELS: Final = 127  # on either side of 0
FEWEST_WEIGHTS: Final = 2048  # smaller layers, the first ones among them, weigh little and keep their precision
MOST_ERROR: Final = 0.006  # share of a layer's output; the few layers that would lose more keep their precision, too
_LEVELS: Final = "_levels"
Feeds = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class _Error:
    """What rounding a layer does to its output: the mean of each channel [O], and all else relative to the output."""

    means: np.ndarray
    share: float


def round_weights(model: onnx.ModelProto, runs: Sequence[Feeds] = ()) -> None:
    """Round the weights of convolutions to 8 bits, but for those with less than `FEWEST_WEIGHTS`. Changes the model.

    Weights keep their names and types. A graph whose weights are rounded already stays as it is.

    Args:
        runs: inputs of the graph. If given, layers that lose more than `MOST_ERROR` on them are left out, and what
            rounding adds to a channel on average is taken off its bias.
    """
    if is_rounded(model):
        return
    widen_weights(model)
    constants = constants_of(model)
    layers = [node for node in model.graph.node if node.op_type == "Conv" and node.input[1] in constants]
    layers = [node for node in layers if constants[node.input[1]].size >= FEWEST_WEIGHTS]
    if runs:
        errors = _errors(model, layers, runs)
        layers = [node for node, error in zip(layers, errors, strict=True) if error.share <= MOST_ERROR]
        _correct_biases(model, layers, [error.means for error in errors if error.share <= MOST_ERROR])
    weights = {node.input[1]: constants[node.input[1]] for node in layers}
    nodes = [node for name, weight in weights.items() for node in _restoring(name, weight.dtype)]
    drop_constants(model, weights)
    for name, weight in weights.items():
        levels, scale = round_channels(weight)
        put_constants(model, {f"{name}{_LEVELS}": levels, f"{name}_scale": scale})
    replace_nodes(model, [*nodes, *model.graph.node])


def is_rounded(model: onnx.ModelProto) -> bool:
    """Whether a graph has weights of 8 bits by `round_weights`."""
    return any(tensor.name.endswith(_LEVELS) for tensor in model.graph.initializer)


def round_channels(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest whole numbers on each output channel's own scale, on which its largest weight is `LEVELS`.

    Args:
        weight: [O, ...].

    Returns:
        levels int8 [O, ...], scale float32 [O, 1, ...].
    """
    channels = weight.reshape(len(weight), -1).astype(np.float32)
    scale = np.abs(channels).max(1, keepdims=True) / LEVELS
    # Cut off to float16's eleven digits: most fit into it, and products with levels are exact in float32.
    scale = (scale.view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32)
    scale[scale == 0] = 1
    levels = np.rint(channels / scale).clip(-LEVELS, LEVELS).astype(np.int8)
    return levels.reshape(weight.shape), scale.reshape(len(weight), *[1] * (weight.ndim - 1))


def _errors(model: onnx.ModelProto, layers: Sequence[NodeProto], runs: Sequence[Feeds]) -> list[_Error]:
    """What each layer, if it alone were rounded, would add to its output over all runs."""
    constants = constants_of(model)
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    del probe.graph.output[:]
    for index, node in enumerate(layers):
        weight = constants[node.input[1]]
        levels, scale = round_channels(weight)
        put_constants(probe, {f"change {index}": (levels * scale).astype(weight.dtype) - weight})
        change = NodeProto.FromString(node.SerializeToString())
        change.name = ""
        change.input[:], change.output[:] = [node.input[0], f"change {index}"], [f"error {index}"]
        probe.graph.node.append(change)
        for name in (f"error {index}", node.output[0]):
            probe.graph.output.append(helper.make_empty_tensor_value_info(name))
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1  # the same bytes every time
    options.log_severity_level = 3
    session = ort.InferenceSession(probe.SerializeToString(), options, ["CPUExecutionProvider"])
    moments = [[_moments(np.asarray(values)) for values in session.run(None, dict(feeds))] for feeds in runs]
    averages = [np.mean(layer, 0) for layer in zip(*moments, strict=True)]
    found = []
    for (error, squared_error), (output, squared_output) in zip(averages[::2], averages[1::2], strict=True):
        left, whole = (squared_error - error**2).mean(), squared_output.mean() - output.mean() ** 2
        found.append(_Error(error, float(np.sqrt(left / whole))))
    return found


def _moments(values: np.ndarray) -> np.ndarray:
    """Mean and mean square of each channel of [B, C, H, W]: [2, C]."""
    exact = values.astype(np.float64)
    return np.stack([exact.mean((0, 2, 3)), np.square(exact).mean((0, 2, 3))])


def _correct_biases(model: onnx.ModelProto, layers: Sequence[NodeProto], means: Sequence[np.ndarray]) -> None:
    """Take what rounding adds to each channel on average off its bias."""
    constants = constants_of(model)
    for node, mean in zip(layers, means, strict=True):
        name = f"{node.input[1]}_bias"
        bias = constants[node.input[2]] if len(node.input) > 2 else np.zeros_like(mean)
        put_constants(model, {name: (bias - mean).astype(np.float16).astype(constants[node.input[1]].dtype)})
        node.input[:] = [*node.input[:2], name]


def _restoring(name: str, kind: np.dtype) -> list[NodeProto]:
    """The nodes that make the weight `name` of levels and scale."""
    steps, wide = f"{name}_steps", f"{name}_wide"
    nodes = [helper.make_node("Cast", [f"{name}{_LEVELS}"], [steps], to=TensorProto.FLOAT)]
    if kind == np.float32:
        return [*nodes, helper.make_node("Mul", [steps, f"{name}_scale"], [name])]
    # In float32 up to here: ONNX Runtime's CPU provider, which restores constants, multiplies no float16.
    nodes.append(helper.make_node("Mul", [steps, f"{name}_scale"], [wide]))
    return [*nodes, helper.make_node("Cast", [wide], [name], to=TensorProto.FLOAT16)]
