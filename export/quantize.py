"""int8 for WebAssembly and native CPUs: static QDQ, per channel, calibrated on real photos, layer by layer as it pays.

A search decides which convolutions become int8: every one is quantised alone, what that costs the picture is measured,
and those that cost least for the work they save go first, as long as the picture stays within the allowed loss; one
that does not fit is left out, and the search goes on.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import onnx
from onnx import NodeProto, helper
from onnxruntime.quantization import CalibrationMethod, QuantType
from onnxruntime.quantization.calibrate import TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from .activation_ranges import measure_ranges
from .cost import convolution_macs
from .frames import Frame
from .quality import Loss, measure_loss, render_all
from .surgery import replace_nodes, widen_weights

FEWEST_MACS: Final = 300_000  # what smaller layers save cannot be measured
STEPS: Final = 6  # of the bisection: enough for 64 layers
# These layers stay fp32: their rounding would go straight into the picture, in steps that two processors which round
# differently do not take at the same places. Of the refiner it is the last block at 32 x 32, too: with it in int8, two
# of thirty frames of a clip differed in more than a thousandth of their pixels; and the small layers on the way there.
KEPT: Final = ("/head/", "/refiner/mix1/", "/refiner/up")
# Where a ReLU follows, half of the sums lie below 0, at random. WebAssembly rounds sums to bytes one by one, with a
# branch at the least and one at the largest, and the processor would guess every other one wrong. So the range reaches
# below 0 by this share of the largest number, where few sums lie beyond, and the ReLU is a Clip of many bytes at once.
BELOW_ZERO: Final = 0.3


@dataclass(frozen=True)
class Layer:
    """A convolution: its work (multiply-accumulates), and what the picture loses if it alone is int8."""

    name: str
    macs: int
    loss: Loss


@dataclass(frozen=True)
class Step:
    """One trial of the search: so many layers, that share of the convolutions' work, that loss."""

    layers: int
    share: float
    loss: Loss
    accepted: bool


@dataclass(frozen=True)
class Search:
    """How the int8 layers were found. chosen: their names; layers: in the order in which they were taken."""

    layers: tuple[Layer, ...]
    steps: tuple[Step, ...]
    chosen: tuple[str, ...]
    share: float
    loss: Loss


class Quantizer:
    """Makes int8 versions of one `render` graph.

    Args:
        model: fp32. frames: for the ranges of the activations, which are found once.
    """

    def __init__(self, model: onnx.ModelProto, frames: Sequence[Frame]) -> None:
        self.model = onnx.ModelProto()
        self.model.CopyFrom(model)
        widen_weights(self.model)
        self.macs = convolution_macs(self.model)
        self._relus = _relus(self.model)
        ranges = measure_ranges(self.model, frames)
        for before, after in self._relus.items():
            high = ranges[after][1]
            ranges[before] = ranges[after] = (-BELOW_ZERO * high, high)
        self._ranges = TensorsData(CalibrationMethod.MinMax, dict(ranges))

    def quantize(self, layers: Iterable[str]) -> onnx.ModelProto:
        """The graph with these convolutions in int8."""
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        if not (names := list(layers)):
            return model  # to the quantizer, no names mean all nodes
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            quantizer = QDQQuantizer(
                model,
                per_channel=True,
                reduce_range=True,  # older x86 processors add two products in 16 bits, where 8-bit weights overflow
                weight_qType=QuantType.QInt8,
                activation_qType=QuantType.QUInt8,
                tensors_range=self._ranges,
                nodes_to_quantize=names,
                nodes_to_exclude=[],
                op_types_to_quantize=["Conv"],
                extra_options={},
            )
            quantizer.quantize_model()
            quantizer.model.topological_sort()
        quantized = quantizer.model.model
        # The quantizer announces its own operators' domain, of which it uses none here.
        own = [opset for opset in quantized.opset_import if opset.domain == ""]
        del quantized.opset_import[:]
        quantized.opset_import.extend(own)
        _rectify_bytes(quantized, self._relus)
        return quantized


def search_layers(
    model: onnx.ModelProto,
    frames: Sequence[Frame],
    max_loss: float,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[onnx.ModelProto, Search]:
    """The int8 graph with as much of the convolutions' work in int8 as the picture allows.

    Args:
        model: `render`, fp32. frames: to calibrate and to compare on. max_loss: mean grey levels, see `ExportOptions`.
    """
    quantizer = Quantizer(model, frames)
    reference = render_all(quantizer.model.SerializeToString(), frames)

    def loss_of(layers: Iterable[str]) -> Loss:
        content = quantizer.quantize(layers).SerializeToString()
        return measure_loss(render_all(content, frames), reference, frames)

    candidates = [
        name for name, macs in quantizer.macs.items() if macs >= FEWEST_MACS and not any(kept in name for kept in KEPT)
    ]
    layers: list[Layer] = []
    for done, name in enumerate(candidates):
        layers.append(Layer(name, quantizer.macs[name], loss_of([name])))
        if progress:
            progress("weighing layers", done + 1, len(candidates))
    # One that alone takes half of what may be lost stays fp32, so that many others can become int8.
    layers.sort(key=lambda x: (x.loss.worst_part > max_loss / 2, x.loss.worst_part / x.macs))
    search = choose_layers(layers, sum(quantizer.macs.values()), loss_of, max_loss)
    return quantizer.quantize(search.chosen), search


def choose_layers(
    layers: Sequence[Layer], total: int, loss_of: Callable[[Iterable[str]], Loss], max_loss: float
) -> Search:
    """As many of the first layers as fit, found by bisection; of the others, one by one, those that fit beside them.

    Args:
        layers: the cheapest for their work first. total: multiply-accumulates of all convolutions. loss_of: what the
            picture loses if the layers of these names are int8. max_loss: what it may lose, see `Loss.worst_part`.
    """
    steps: list[Step] = []

    def share(some: Sequence[Layer]) -> float:
        return sum(layer.macs for layer in some) / total

    def fits(some: Sequence[Layer]) -> bool:
        loss = loss_of(layer.name for layer in some)
        steps.append(Step(len(some), share(some), loss, loss.worst_part <= max_loss))
        return steps[-1].accepted

    low, high = 0, len(layers) + 1  # low fits, high does not
    for count in [len(layers)] * bool(layers):
        low, high = (count, count + 1) if fits(layers) else (0, count)
    for _ in range(STEPS):
        if high - low <= 1:
            break
        middle = (low + high) // 2
        low, high = (middle, high) if fits(layers[:middle]) else (low, middle)
    chosen = list(layers[:low])
    for layer in layers[low + (high == low + 1) :]:
        if layer.loss.worst_part <= max_loss and fits([*chosen, layer]):
            chosen.append(layer)
    best = next(
        (step.loss for step in reversed(steps) if step.accepted and step.layers == len(chosen)),
        Loss(0.0, 0.0, 0.0, 0, float("inf")),
    )
    ordered = tuple(sorted(steps, key=lambda step: step.layers))
    return Search(tuple(layers), ordered, tuple(layer.name for layer in chosen), share(chosen), best)


def _relus(model: onnx.ModelProto) -> dict[str, str]:
    """Outputs of convolutions that are read by a ReLU alone, and that ReLU's."""
    readers = _readers(model)
    following = {node.output[0]: readers.get(node.output[0], []) for node in model.graph.node if node.op_type == "Conv"}
    return {
        name: after[0].output[0] for name, after in following.items() if [node.op_type for node in after] == ["Relu"]
    }


def _rectify_bytes(model: onnx.ModelProto, relus: Mapping[str, str]) -> None:
    """Replace DequantizeLinear, Relu and QuantizeLinear of one scale by a Clip of bytes: the same numbers.

    Args:
        relus: names of the tensors before and after each ReLU, which have the same range.
    """
    readers = _readers(model)
    made = {name: node for node in model.graph.node for name in node.output}
    instead: dict[str, list[NodeProto]] = {}  # nodes by the output of the one whose place they take
    for after in relus.values():
        wide = made[made[after].input[0]]
        rounding = [node for node in readers.get(after, []) if node.op_type == "QuantizeLinear"]
        if wide.op_type != "DequantizeLinear" or not rounding:
            continue  # a neighbour is fp32
        (rounded,), (level, scale, zero) = rounding[0].output, wide.input
        clip = helper.make_node("Clip", [level, zero], [rounded], made[after].name)
        again = helper.make_node("DequantizeLinear", [rounded, scale, zero], [after], f"{after}_again")  # fp32 reads it
        instead |= {rounded: [], after: [clip, again]}
    replace_nodes(model, [other for node in model.graph.node for other in instead.get(node.output[0], [node])])


def _readers(model: onnx.ModelProto) -> dict[str, list[NodeProto]]:
    """The nodes that read each tensor."""
    readers: dict[str, list[NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    return readers
