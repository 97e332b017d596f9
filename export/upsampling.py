"""Enlarging twice or four times without Resize, whose bilinear kernel takes two to three times as long on CPUs.

A bilinear value is a weighted mean of a pixel and a neighbour. Twice or four times as many columns (then rows) are so
many pictures, each with weights of its own, that take turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Final

import onnx
from onnx import NodeProto, TensorProto, helper, shape_inference

from .surgery import NodeWriter, constants_of, replace_nodes

_FEWEST: Final = 16_384  # numbers in what is enlarged: for fewer, Resize takes no longer than so many nodes
_FACTORS: Final = (2, 4)
_ROWS, _COLUMNS = 2, 3
_SIZES: Final = 3  # Resize's input


def spell_out_resizes(model: onnx.ModelProto) -> None:
    """Replace bilinear Resizes that make a raster of known size twice or four times as large. Changes the model.

    Where a square raster becomes a square whose size is known only at run time, an `If` looks whether it is twice the
    raster's, and Resize makes all others.
    """
    inferred = shape_inference.infer_shapes(model, data_prop=True).graph
    values = (*inferred.value_info, *inferred.input, *inferred.output)
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in values}
    fixed = constants_of(model)
    nodes: list[NodeProto] = []
    for number, node in enumerate(model.graph.node):
        before, after = shapes.get(node.input[0], []) if node.input else [], shapes.get(node.output[0], [])
        if not _is_bilinear(node) or len(before) != 4 or prod(before) < _FEWEST:
            nodes.append(node)
            continue
        writer = NodeWriter(model, f"{node.name or 'Resize'}_{number}")
        told = len(node.input) > _SIZES and node.input[_SIZES] not in fixed  # at run time
        if (factor := _factor(before, after)) in _FACTORS:
            rows = _enlarge(writer, node.input[0], before, factor)
            writer.add("Reshape", rows, writer.constant(after), output=node.output[0])
            nodes += writer.nodes
        elif told and not all(after) and before[_ROWS] == before[_COLUMNS]:
            nodes += _twice_or_resize(writer, node, before)
        else:
            nodes.append(node)
    replace_nodes(model, nodes)


def _is_bilinear(node: NodeProto) -> bool:
    said = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    middle = (b"half_pixel", b"pytorch_half_pixel")  # differ for results of one pixel only
    return (
        node.op_type == "Resize"
        and said.get("mode") == b"linear"
        and said.get("coordinate_transformation_mode", middle[0]) in middle
    )


def _factor(before: Sequence[int], after: Sequence[int]) -> int | None:
    """By how much both sides grow, if by one whole number."""
    if len(after) != 4 or not all(after):
        return None
    factor = after[_ROWS] // before[_ROWS]
    return factor if list(after) == [*before[:2], before[_ROWS] * factor, before[_COLUMNS] * factor] else None


def _twice_or_resize(writer: NodeWriter, node: NodeProto, shape: Sequence[int]) -> list[NodeProto]:
    """`If` with its condition. Its result has rows that take turns on an axis of their own: a branch that ended with
    Reshape would copy all of it."""
    height = writer.add("Gather", node.input[_SIZES], writer.constant([_ROWS]))
    # No WebGPU kernel compares numbers of 64 bits.
    height, wanted = (
        writer.add("Cast", name, to=TensorProto.INT32) for name in (height, writer.constant([2 * shape[_ROWS]]))
    )
    twice = writer.add("Equal", height, wanted)
    condition, writer.nodes = writer.nodes, []
    large = _enlarge(writer, node.input[0], shape, 2)
    then_nodes, writer.nodes = writer.nodes, []
    other = NodeProto.FromString(node.SerializeToString())
    other.output[0] = f"{node.output[0]}_other"
    alone = writer.add("Unsqueeze", other.output[0], writer.constant([_COLUMNS]))
    then, otherwise = _branch(then_nodes, large), _branch([other, *writer.nodes], alone)
    chosen = f"{node.output[0]}_rows"
    return [
        *condition,
        helper.make_node("If", [twice], [chosen], f"{node.name}_if", then_branch=then, else_branch=otherwise),
        helper.make_node("Reshape", [chosen, node.input[_SIZES]], [node.output[0]], node.name),
    ]


def _branch(nodes: Sequence[NodeProto], output: str) -> onnx.GraphProto:
    return helper.make_graph(nodes, output, [], [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)])


def _enlarge(writer: NodeWriter, source: str, shape: Sequence[int], factor: int) -> str:
    """[N, C, H, W] → [N, C, H, factor, factor · W]; columns first, while there are few rows."""
    columns = _taking_turns(writer, source, _COLUMNS, shape[_COLUMNS], factor)
    wide = writer.add("Reshape", columns, writer.constant([*shape[:3], factor * shape[_COLUMNS]]))
    return _taking_turns(writer, wide, _ROWS, shape[_ROWS], factor)


def _taking_turns(writer: NodeWriter, source: str, axis: int, length: int, factor: int) -> str:
    """The `factor` pictures of one direction, on a new axis behind `axis`."""
    along, pads = writer.constant([axis]), [0] * 8
    pads[axis] = pads[axis + 4] = 1
    longer = writer.add("Pad", source, writer.constant(pads), mode="edge")
    pictures: list[str] = []
    for k in range(factor // 2):  # from the pixel's middle outwards
        share = (k + 0.5) / factor
        near = writer.add("Mul", source, writer.constant(1.0 - share))
        far = writer.add("Mul", longer, writer.constant(share))
        before = writer.add("Slice", far, writer.constant([0]), writer.constant([length]), along)
        after = writer.add("Slice", far, writer.constant([2]), writer.constant([length + 2]), along)
        pictures = [writer.add("Add", near, before), *pictures, writer.add("Add", near, after)]
    behind = writer.constant([axis + 1])
    return writer.add("Concat", *(writer.add("Unsqueeze", name, behind) for name in pictures), axis=axis + 1)
