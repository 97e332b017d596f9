"""Features of the face tracker's own network, run in torch: a perceptual distance that needs no download."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..models.geometry import pixel_grid, sample
from .vgg import WeightsError

TRACKER_SIZE = 192
_TRACKER_MARGIN = 1.25  # the network sees the face's box, that much larger
_LEAST_RASTER = 12


@dataclass(frozen=True)
class _Node:
    """One node of the tracker's graph. `attributes` are ONNX's, plain Python."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]


class TrackerFeatures(nn.Module):
    """Features of the tracker's trunk (MediaPipe's attention mesh), run in torch on the face.

    Args:
        graph: the bundle's `track.onnx`. It is read with the package `onnx` and run node by node: a trunk of plain
            convolutions, additions, poolings and PReLUs.

    Raises:
        WeightsError: the file is no such graph.
    """

    def __init__(self, graph: Path) -> None:
        super().__init__()
        nodes, constants, start = _read_graph(graph)
        self.start = start
        self.nodes, self.taken = _trunk(nodes, constants, start)
        used = {name for node in self.nodes for name in node.inputs if name in constants}
        for name in used:
            self.register_buffer(_plain(name), constants[name].float(), persistent=False)
        self.constants = used

    def forward(self, pictures: Tensor, points: Tensor) -> list[Tensor]:
        """pictures [B, 3, S, S] 0..1, points [B, 478, 3] normalised: where the face is → features, fine to coarse."""
        values = self.run(255.0 * _face(pictures, points))
        return [values[name] for name in self.taken]

    def run(self, face: Tensor) -> dict[str, Tensor]:
        """All values of the trunk by name, for a face [B, 3, 192, 192] in 0..255."""
        values = {self.start: face}
        for node in self.nodes:
            inputs = [self.get_buffer(_plain(n)) if n in self.constants else values[n] for n in node.inputs if n]
            values[node.outputs[0]] = _run(node, inputs)
        return values


def _plain(name: str) -> str:
    return "constant_" + name.replace(".", "_").replace("/", "_").replace(":", "_")


def _face(pictures: Tensor, points: Tensor) -> Tensor:
    """The face's box as the tracker sees it: [B, 3, 192, 192]."""
    low, high = points[..., :2].amin(1), points[..., :2].amax(1)
    half = 0.5 * _TRACKER_MARGIN * (high - low).amax(-1).reshape(-1, 1, 1, 1)
    size = TRACKER_SIZE
    grid = pixel_grid(size, pictures.device).reshape(1, size, size, 2)
    return sample(pictures, 0.5 * (low + high)[:, None, None] + grid * half)


def _read_graph(path: Path) -> tuple[list[_Node], dict[str, Tensor], str]:
    """Nodes, constants, and the name of the 192 × 192 picture that the network starts from."""
    import onnx
    from onnx import numpy_helper
    from onnx.reference import ReferenceEvaluator

    try:
        model = onnx.load(path)
    except Exception as error:
        raise WeightsError(f"{path} is not a readable ONNX graph: {error}.") from error
    graph, opsets = model.graph, {opset.domain: opset.version for opset in model.opset_import}
    constants = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in graph.initializer}
    nodes = []
    for node in graph.node:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        if node.input and all(name in constants for name in node.input):  # restores what is stored in fewer bytes
            given = {name: constants[name].numpy() for name in node.input}
            (value,) = ReferenceEvaluator(node, opsets=opsets).run(None, given)
            constants[node.output[0]] = torch.from_numpy(np.array(value))
            continue
        if node.op_type == "Constant":
            constants[node.output[0]] = torch.from_numpy(numpy_helper.to_array(attributes["value"]).copy())
            continue
        nodes.append(_Node(node.op_type, tuple(node.input), tuple(node.output), attributes))
    first = next((n for n in nodes if n.kind == "Conv"), None)
    if first is None:
        raise WeightsError(f"{path} holds no convolution: it is not the tracker.")
    start = first.inputs[0]
    producer = next((n for n in nodes if start in n.outputs), None)
    if producer is not None and producer.kind == "Pad":
        start = producer.inputs[0]
    return nodes, constants, start


_KINDS = ("Conv", "Add", "Mul", "Min", "Max", "Relu", "PRelu", "MaxPool", "Pad")


def _trunk(nodes: list[_Node], constants: dict[str, Tensor], start: str) -> tuple[list[_Node], list[str]]:
    """What depends on the picture alone, down to the coarsest raster; and the last value before each halving."""
    known: dict[str, int] = {start: TRACKER_SIZE}
    trunk: list[_Node] = []
    taken: list[str] = []
    last = ""
    for node in nodes:
        needed = [n for n in node.inputs if n and n not in constants]
        if node.kind not in _KINDS or not needed or any(n not in known for n in needed):
            continue
        side = known[needed[0]] // int(node.attributes.get("strides", [1])[0])
        if side < _LEAST_RASTER:
            break
        if last and side < known[last]:
            taken.append(last)
        known[node.outputs[0]] = side
        trunk.append(node)
        last = node.outputs[0] if not last or side <= known[last] else last
    return trunk, [*taken, last]


def _run(node: _Node, inputs: list[Tensor]) -> Tensor:
    kind, attributes = node.kind, node.attributes
    if kind == "Conv":
        x, pads = inputs[0], attributes.get("pads", [0, 0, 0, 0])
        x = F.pad(x, (pads[1], pads[3], pads[0], pads[2])) if any(pads) else x
        bias = inputs[2] if len(inputs) > 2 else None
        return F.conv2d(x, inputs[1], bias, attributes.get("strides", [1, 1]), groups=attributes.get("group", 1))
    if kind == "MaxPool":
        x, pads = inputs[0], attributes.get("pads", [0, 0, 0, 0])
        x = F.pad(x, (pads[1], pads[3], pads[0], pads[2]), value=-torch.inf) if any(pads) else x
        return F.max_pool2d(x, attributes["kernel_shape"], attributes.get("strides", [1, 1]))
    if kind == "Pad":  # pads: [begin of N, C, H, W, end of N, C, H, W]
        begin, end = inputs[1].long().tolist()[:4], inputs[1].long().tolist()[4:]
        widths = [value for axis in (3, 2, 1, 0) for value in (begin[axis], end[axis])]
        return F.pad(inputs[0], widths)
    if kind == "PRelu":
        return torch.where(inputs[0] > 0, inputs[0], inputs[0] * inputs[1])
    if kind == "Relu":
        return F.relu(inputs[0])
    two = {"Add": torch.add, "Mul": torch.mul, "Min": torch.minimum, "Max": torch.maximum}[kind]
    return two(inputs[0], inputs[1])
