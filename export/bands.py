"""Sampling a large picture band by band: what a band needs stays in the processor's cache, and no buffer is large."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import onnx
from onnx import NodeProto, helper, numpy_helper, shape_inference

from .surgery import replace_nodes

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
    picture, grid, (output,) = node.input[0], node.input[1], node.output
    prefix = f"{node.name or output}_bands"
    count, others = f"{prefix}_count", f"{prefix}_others"
    for name, number in ((count, BANDS), (others, BANDS - 1)):
        model.graph.initializer.append(numpy_helper.from_array(np.array([number], np.int64), name))

    def make(operator: str, inputs: list[str], name: str, **attributes: Any) -> NodeProto:
        return helper.make_node(operator, inputs, [f"{prefix}_{name}"], f"{prefix}_{name}", **attributes)

    grids, bands = ([f"{prefix}_{kind}{i}" for i in range(BANDS)] for kind in ("grid", "sampled"))
    sizes = [  # the last band takes the rest
        make("Shape", [grid], "height", start=_ROWS, end=_ROWS + 1),
        make("Div", [f"{prefix}_height", count], "rows"),
        make("Expand", [f"{prefix}_rows", others], "first"),
        make("Mul", [f"{prefix}_rows", others], "sum"),
        make("Sub", [f"{prefix}_height", f"{prefix}_sum"], "last"),
        make("Concat", [f"{prefix}_first", f"{prefix}_last"], "sizes", axis=0),
    ]
    split = helper.make_node("Split", [grid, f"{prefix}_sizes"], grids, f"{prefix}_split", axis=_ROWS)
    sampled = [NodeProto.FromString(node.SerializeToString()) for _ in range(BANDS)]
    for part, own, band in zip(sampled, grids, bands, strict=True):
        part.name = band
        part.input[:], part.output[:] = [picture, own], [band]
    return [*sizes, split, *sampled, helper.make_node("Concat", bands, [output], node.name, axis=_ROWS + 1)]
