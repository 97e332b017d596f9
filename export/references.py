"""Graphs of known cost, timed in the same run as a bundle's, so that figures travel between machines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .to_onnx import OPSET

# Plain U-Nets at 256 × 256: name, channels of the finest level.
UNETS: Final = (("plain U-Net, 16 channels", 16), ("plain U-Net, 32 channels", 32))
# Convolutions that decide the measured peak: channels, side.
PEAKS: Final = ((64, 64), (128, 32), (96, 48))
_LEVELS: Final = 4
_SEED: Final = 0


@dataclass(frozen=True)
class Reference:
    """A graph with one input `x`, float32, of this shape."""

    name: str
    model: onnx.ModelProto
    shape: tuple[int, int, int, int]


class GraphBuilder:
    """Convolutions with random weights, ×2 upsampling, additions."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.random = np.random.default_rng(_SEED)

    def conv(self, x: str, channels_in: int, channels_out: int, stride: int = 1) -> str:
        name = f"conv{len(self.nodes)}"
        shape = (channels_out, channels_in, 3, 3)
        weight = self.random.normal(0.0, (9 * channels_in) ** -0.5, shape).astype(np.float32)
        self.weights.append(numpy_helper.from_array(weight, f"{name}_weight"))
        node = helper.make_node(
            "Conv", [x, f"{name}_weight"], [name], name, kernel_shape=[3, 3], strides=[stride] * 2, pads=[1] * 4
        )
        self.nodes.append(node)
        self.nodes.append(helper.make_node("Relu", [name], [f"{name}_relu"], f"{name}_relu"))
        return f"{name}_relu"

    def up(self, x: str, skip: str) -> str:
        name = f"up{len(self.nodes)}"
        scales = numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), f"{name}_scales")
        self.weights.append(scales)
        self.nodes.append(helper.make_node("Resize", [x, "", f"{name}_scales"], [name], name, mode="linear"))
        self.nodes.append(helper.make_node("Add", [name, skip], [f"{name}_sum"], f"{name}_sum"))
        return f"{name}_sum"

    def graph(self, name: str, y: str, shape: tuple[int, int, int, int], channels: int) -> Reference:
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
        outputs = [helper.make_tensor_value_info(y, TensorProto.FLOAT, (shape[0], channels, *shape[2:]))]
        graph = helper.make_graph(self.nodes, "reference", inputs, outputs, self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        return Reference(name, model, shape)


def make_unet(name: str, width: int, side: int = 256) -> Reference:
    """A U-Net of 3×3 convolutions: one for each of four levels on the way down, one on the way up; 3 channels in."""
    build = GraphBuilder()
    x = build.conv("x", 3, width)
    skips = []
    for level in range(_LEVELS - 1):
        skips.append(x)
        x = build.conv(x, width << level, width << (level + 1), stride=2)
    for level in reversed(range(_LEVELS - 1)):
        x = build.conv(x, width << (level + 1), width << level)
        x = build.conv(build.up(x, skips[level]), width << level, width << level)
    return build.graph(name, x, (1, 3, side, side), width)


def make_convolutions(channels: int, side: int, count: int = 4) -> Reference:
    """A chain of 3×3 convolutions, large enough to show what the machine can do."""
    build = GraphBuilder()
    x = "x"
    for _ in range(count):
        x = build.conv(x, channels, channels)
    return build.graph(
        f"{count} convolutions of {channels} channels at {side}²", x, (1, channels, side, side), channels
    )


def all_unets() -> Iterator[Reference]:
    """The reference rows."""
    for name, width in UNETS:
        yield make_unet(name, width)
