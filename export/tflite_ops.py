"""Turns TFLite operators into ONNX nodes.

Rank-4 activations become NCHW once, at the input; constants follow. A ``RESHAPE`` is the only place where TFLite's
NHWC order shows through, so a transpose is put in front of it when the spatial size is not 1x1.
"""

from collections.abc import Callable

import numpy as np
import onnx_ir as ir
import tflite
from onnxscript import OpBuilder

from .tflite import Operator, TfliteError, TfliteGraph

_NHWC_TO_NCHW_AXIS = (0, 2, 3, 1)


class TfliteEmitter:
    """Writes parts of one TFLite graph into an ONNX graph under construction.

    Args:
        op: the builder of the ONNX graph.
        graph: the model to convert.
        values: ONNX values already at hand, by tensor index (NCHW where the tensor has rank 4); at least what the
            wanted tensors depend on. Grows as tensors are converted.
    """

    def __init__(self, op: OpBuilder, graph: TfliteGraph, values: dict[int, ir.Value]) -> None:
        self.op = op
        self.graph = graph
        self.values = dict(values)

    def tensor(self, index: int) -> ir.Value:
        """The ONNX value of a TFLite tensor, converting everything it needs that is not there yet.

        Raises:
            TfliteError: an operator has no conversion, or uses a feature that these models never use.
        """
        pending = [index]
        while pending:
            current = pending[-1]
            if current in self.values:
                pending.pop()
                continue
            operator = self.graph.producer(current)
            missing = [i for i in operator.inputs if i not in self.values and i not in self.graph.constants]
            if missing:
                pending += missing
            elif operator.name in _CONVERSIONS:
                self.values[operator.outputs[0]] = _CONVERSIONS[operator.name](self, operator)
            else:
                raise TfliteError(f"no conversion for the TFLite operator {operator.name}")
        return self.values[index]

    def constant(self, index: int) -> np.ndarray:
        return self.graph.constants[index]

    def weight(self, array: np.ndarray) -> ir.Value:
        """Add an initializer."""
        name = f"weight_{len(self.op.builder.graph.initializers)}"
        return self.op.initializer(ir.tensor(np.ascontiguousarray(array), name=name), name)


def _activate(emitter: TfliteEmitter, value: ir.Value, activation: int) -> ir.Value:
    match activation:
        case tflite.ActivationFunctionType.NONE:
            return value
        case tflite.ActivationFunctionType.RELU:
            return emitter.op.Relu(value)
        case _:
            raise TfliteError(f"no conversion for the fused activation {activation}")


def _same_pads(size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int]) -> list[int]:
    """ONNX pads (top, left, bottom, right) of TFLite's SAME padding: the odd pixel goes to the bottom right."""
    totals = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(size, kernel, stride, strict=True)]
    return [totals[0] // 2, totals[1] // 2, totals[0] - totals[0] // 2, totals[1] - totals[1] // 2]


def window(emitter: TfliteEmitter, node: Operator, kernel: tuple[int, int]) -> dict[str, list[int]]:
    """The attributes that convolutions and pools share."""
    stride = (node.options.StrideH(), node.options.StrideW())
    pads = [0, 0, 0, 0]
    if node.options.Padding() == tflite.Padding.SAME:
        height, width = emitter.graph.shapes[node.inputs[0]][1:3]
        pads = _same_pads((height, width), kernel, stride)
    return {"kernel_shape": list(kernel), "strides": list(stride), "pads": pads}


def _conv(emitter: TfliteEmitter, node: Operator) -> ir.Value:
    weight = conv_weight(emitter, node)
    value = emitter.op.Conv(
        emitter.tensor(node.inputs[0]),
        emitter.weight(weight),
        emitter.weight(emitter.constant(node.inputs[2])),
        group=weight.shape[0] if node.name == "DEPTHWISE_CONV_2D" else 1,
        **window(emitter, node, (weight.shape[2], weight.shape[3])),
    )
    return _activate(emitter, value, node.options.FusedActivationFunction())


def conv_weight(emitter: TfliteEmitter, node: Operator) -> np.ndarray:
    """A convolution's weights as ONNX wants them, OIHW."""
    depthwise = node.name == "DEPTHWISE_CONV_2D"
    if (node.options.DilationHFactor(), node.options.DilationWFactor()) != (1, 1):
        raise TfliteError("no conversion for a dilated convolution")
    weight = emitter.constant(node.inputs[1])
    # OHWI, depthwise 1HWO, to OIHW.
    return weight.transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2))


def _transpose_conv_bias(emitter: TfliteEmitter, node: Operator) -> ir.Value:
    """MediaPipe's ``Convolution2DTransposeBias``; options: the C struct {padding, stride width, stride height}."""
    _, stride_width, stride_height = np.frombuffer(node.custom[:12], np.int32).tolist()
    weight = emitter.constant(node.inputs[1])
    if weight.shape[1:3] != (stride_height, stride_width):
        raise TfliteError("no conversion for a transposed convolution whose windows overlap")
    return emitter.op.ConvTranspose(
        emitter.tensor(node.inputs[0]),
        emitter.weight(weight.transpose(3, 0, 1, 2)),
        emitter.weight(emitter.constant(node.inputs[2])),
        kernel_shape=[stride_height, stride_width],
        strides=[stride_height, stride_width],
    )


def _pool(emitter: TfliteEmitter, node: Operator) -> ir.Value:
    kernel = (node.options.FilterHeight(), node.options.FilterWidth())
    value = emitter.tensor(node.inputs[0])
    if node.name == "MAX_POOL_2D":
        return emitter.op.MaxPool(value, **window(emitter, node, kernel))
    if kernel != emitter.graph.shapes[node.inputs[0]][1:3]:
        raise TfliteError("no conversion for an average pool that does not cover the whole map")
    return emitter.op.GlobalAveragePool(value)


def prelu(emitter: TfliteEmitter, value: ir.Value, slope: np.ndarray) -> ir.Value:
    """``max(x, 0) + slope min(x, 0)``, written as ``x + (slope - 1) min(x, 0)``.

    ONNX Runtime's PRelu kernel is scalar on CPUs: these three vectorised nodes take a quarter of its time.
    """
    negative = emitter.op.Min(value, 0.0)
    return emitter.op.Add(value, emitter.op.Mul(negative, emitter.weight(slope.reshape(-1, 1, 1) - 1)))


def _prelu(emitter: TfliteEmitter, node: Operator) -> ir.Value:
    return prelu(emitter, emitter.tensor(node.inputs[0]), emitter.constant(node.inputs[1]))


def _binary(emitter: TfliteEmitter, node: Operator) -> ir.Value:
    function = emitter.op.Add if node.name == "ADD" else emitter.op.Mul
    value = function(emitter.tensor(node.inputs[0]), emitter.tensor(node.inputs[1]))
    return _activate(emitter, value, node.options.FusedActivationFunction())


def _pad(emitter: TfliteEmitter, node: Operator) -> ir.Value:
    before, after = emitter.constant(node.inputs[1])[[0, 3, 1, 2]].T.tolist()
    return emitter.op.Pad(emitter.tensor(node.inputs[0]), [*before, *after])


def _reshape(emitter: TfliteEmitter, node: Operator) -> ir.Value:
    value = emitter.tensor(node.inputs[0])
    shape = emitter.graph.shapes[node.inputs[0]]
    target = emitter.graph.shapes[node.outputs[0]]
    if len(target) == 4:
        raise TfliteError("no conversion for a reshape into a picture")
    if len(shape) == 4 and shape[1:3] != (1, 1):
        value = emitter.op.Transpose(value, perm=[0, 2, 3, 1])
    return emitter.op.Reshape(value, list(target))


def _concatenation(emitter: TfliteEmitter, node: Operator) -> ir.Value:
    axis = node.options.Axis()
    if len(emitter.graph.shapes[node.outputs[0]]) == 4:
        axis = _NHWC_TO_NCHW_AXIS[axis]
    return emitter.op.Concat(*(emitter.tensor(index) for index in node.inputs), axis=axis)


def _resize_bilinear(emitter: TfliteEmitter, node: Operator) -> ir.Value:
    if node.options.AlignCorners():
        mode = "align_corners"
    else:
        mode = "half_pixel" if node.options.HalfPixelCenters() else "asymmetric"
    source, target = (emitter.graph.shapes[index] for index in (node.inputs[0], node.outputs[0]))
    scales = [1.0, 1.0, target[1] / source[1], target[2] / source[2]]
    return emitter.op.Resize(
        emitter.tensor(node.inputs[0]), None, scales, mode="linear", coordinate_transformation_mode=mode
    )


def _depth_to_space(emitter: TfliteEmitter, node: Operator) -> ir.Value:
    return emitter.op.DepthToSpace(emitter.tensor(node.inputs[0]), blocksize=node.options.BlockSize(), mode="DCR")


_CONVERSIONS: dict[str, Callable[[TfliteEmitter, Operator], ir.Value]] = {
    "ADD": _binary,
    "AVERAGE_POOL_2D": _pool,
    "CONCATENATION": _concatenation,
    "CONV_2D": _conv,
    "Convolution2DTransposeBias": _transpose_conv_bias,
    "DEPTHWISE_CONV_2D": _conv,
    "DEPTH_TO_SPACE": _depth_to_space,
    "HARD_SWISH": lambda emitter, node: emitter.op.HardSwish(emitter.tensor(node.inputs[0])),
    "LOGISTIC": lambda emitter, node: emitter.op.Sigmoid(emitter.tensor(node.inputs[0])),
    "MAX_POOL_2D": _pool,
    "MUL": _binary,
    "PAD": _pad,
    "PRELU": _prelu,
    "RELU": lambda emitter, node: emitter.op.Relu(emitter.tensor(node.inputs[0])),
    "RESHAPE": _reshape,
    "RESIZE_BILINEAR": _resize_bilinear,
}
