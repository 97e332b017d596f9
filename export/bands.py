"""Sampling a large picture band by band: what a band needs stays in the processor's cache, and no buffer is large."""

from __future__ import annotations

from typing import Final

import onnx
from onnx import NodeProto, helper, shape_inference

from .surgery import NodeWriter, replace_nodes

BANDS: Final = 8
_LARGE: Final = 768  # rows of a picture; bands of smaller ones save nothing
_ROWS: Final = 1  # of a grid [N, h, w, 2]; of what is sampled [N, C, h, w] it is the next


def sample_in_bands(model: onnx.ModelProto) -> None:
    """Split the grid of each GridSample of a picture that is large, or may be, into bands of rows. Changes the model.

    Before ONNX Runtime's CPU kernel samples, it lists for every pixel of the grid which four it will mix: many times
    the bytes of the result.
    """
    inferred = shape_inference.infer_shapes(model, data_prop=True).graph
    values = (*inferred.value_info, *inferred.input)
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in values}
    nodes: list[NodeProto] = []
    for node in model.graph.node:
        shape = shapes.get(node.input[0], []) if node.op_type == "GridSample" else []
        large = len(shape) == 4 and (not shape[2] or shape[2] >= _LARGE)
        nodes += _banded(model, node) if large else [node]
    replace_nodes(model, nodes)


def _banded(model: onnx.ModelProto, node: NodeProto) -> list[NodeProto]:
    writer = NodeWriter(model, f"{node.name or node.output[0]}_bands")
    picture, grid = node.input
    others = writer.constant([BANDS - 1])
    height = writer.add("Shape", grid, start=_ROWS, end=_ROWS + 1)
    rows = writer.add("Div", height, writer.constant([BANDS]))
    last = writer.add("Sub", height, writer.add("Mul", rows, others))  # it takes the rest
    sizes = writer.add("Concat", writer.add("Expand", rows, others), last, axis=0)
    grids = [f"{sizes}/{i}" for i in range(BANDS)]
    writer.nodes.append(helper.make_node("Split", [grid, sizes], grids, f"{sizes}_split", axis=_ROWS))
    said = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    bands = [writer.add("GridSample", picture, part, **said) for part in grids]
    writer.add("Concat", *bands, output=node.output[0], axis=_ROWS + 1)
    return writer.nodes
