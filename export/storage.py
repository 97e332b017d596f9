"""Stores a graph in few bytes without loss: its constants, and the names of what is computed.

What restores a constant reads nothing but constants, so ONNX Runtime computes it once, when it loads the file: only the
file changes, not what runs. (`DequantizeLinear` would run at every frame: ONNX Runtime keeps it for its int8 kernels.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from math import isqrt
from typing import Final

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from .surgery import bodies_of, constants_of, widen_weights

_MIN_ELEMENTS: Final = 64
_BASE: Final = 256
_GROUPS: Final = (1, 2, 4, 8, 16, 32)
_INTEGERS: Final = (np.uint8, np.int32)  # onnxruntime-web casts no integers of 16 bits


@dataclass(frozen=True)
class _Stored:
    """One way to hold a constant: tensors, and the nodes that restore it from them, in order."""

    tensors: tuple[TensorProto, ...]
    nodes: tuple[NodeProto, ...] = ()

    @property
    def bytes(self) -> int:
        return sum(part.ByteSize() for part in (*self.tensors, *self.nodes))

    def then(self, *nodes: NodeProto) -> _Stored:
        return _Stored(self.tensors, (*self.nodes, *nodes))

    def __add__(self, other: _Stored) -> _Stored:
        return _Stored((*self.tensors, *other.tensors), (*self.nodes, *other.nodes))


def store_compactly(model: onnx.ModelProto) -> None:
    """Store float32 and int64 constants in the fewest bytes, number the tensors between nodes, and drop their shapes,
    which whoever loads a graph infers anyway.

    Constants keep their values, they and all nodes their names. Doing it twice changes nothing.
    """
    widen_weights(model)
    _make_initializers(model.graph)
    tensors: list[TensorProto] = []
    nodes: list[NodeProto] = []
    for initializer in sorted(model.graph.initializer, key=lambda tensor: tensor.name):
        stored = _Stored((initializer,))
        if initializer.data_type in (TensorProto.FLOAT, TensorProto.INT64):
            stored = _fewest_bytes(initializer.name, numpy_helper.to_array(initializer))
        tensors += [TensorProto.FromString(tensor.SerializeToString()) for tensor in stored.tensors]
        nodes += stored.nodes
    nodes += [NodeProto.FromString(node.SerializeToString()) for node in model.graph.node]
    del model.graph.initializer[:], model.graph.node[:], model.graph.value_info[:]
    model.graph.initializer.extend(sorted(tensors, key=lambda tensor: tensor.name))
    model.graph.node.extend(nodes)
    _number_tensors(model)


def _fewest_bytes(name: str, array: np.ndarray) -> _Stored:
    ways = [_Stored((numpy_helper.from_array(array, name),))]
    if array.size >= _MIN_ELEMENTS:
        if array.dtype == np.int64:
            ways += _as_small_integers(name, array)
        else:
            ways += [*_as_halves(name, array), *_as_palette(name, array), *_as_margins(name, array)]
    return min(ways, key=lambda way: way.bytes)


def _as_halves(name: str, array: np.ndarray) -> Iterator[_Stored]:
    """float16, widened."""
    with np.errstate(over="ignore"):
        half = array.astype(np.float16)
    if np.array_equal(half.astype(np.float32), array):
        yield _cast(numpy_helper.from_array(half, f"{name}_half"), name, TensorProto.FLOAT)


def _as_small_integers(name: str, array: np.ndarray) -> Iterator[_Stored]:
    """The narrowest type that holds all, widened."""
    for kind in _INTEGERS:
        if np.array_equal(array.astype(kind), array):
            yield _cast(numpy_helper.from_array(array.astype(kind), f"{name}_narrow"), name, TensorProto.INT64)
            return


def _as_palette(name: str, array: np.ndarray) -> Iterator[_Stored]:
    """The different values, or groups of values in a row, and their numbers: one digit to the base of 256, or two."""
    bits = np.ascontiguousarray(array).view(np.uint32)  # -0 is not 0
    for length in _GROUPS:
        if array.size % length:
            return
        groups, numbers = np.unique(bits.reshape(-1, length), axis=0, return_inverse=True)
        if 2 * len(groups) <= numbers.size and len(groups) <= _BASE**2:
            yield _numbered(name, groups.view(np.float32), numbers.reshape(-1), array.shape)
        if length == 1 and len(groups) > _BASE:
            return  # weights


def _numbered(name: str, palette: np.ndarray, numbers: np.ndarray, shape: tuple[int, ...]) -> _Stored:
    """palette [P, L], numbers [N] → N · L values of this shape."""
    digits = [numbers % _BASE]
    if len(palette) > _BASE:
        palette = np.pad(palette, ((0, -len(palette) % _BASE), (0, 0))).reshape(-1, _BASE, palette.shape[1])
        digits = [numbers // _BASE, *digits]
    stored = numpy_helper.from_array(np.stack(digits, -1).astype(np.uint8), f"{name}_digits")
    parts = _fewest_bytes(f"{name}_palette", palette) + _cast(stored, f"{name}_index", TensorProto.INT64)
    gather = helper.make_node("GatherND", [f"{name}_palette", f"{name}_index"], [f"{name}_groups"])
    return _reshaped(parts.then(gather), f"{name}_groups", name, shape)


def _as_margins(name: str, array: np.ndarray) -> Iterator[_Stored]:
    """A raster whose every value is the lesser of its row's and its column's largest: those largest values.

    Rasters of pixel coordinates are such, as each coordinate varies along one axis only; and windows that fall off
    towards a square's border are.
    """
    for shape, axis in _planes(array.shape):
        raster = array.reshape(shape)
        columns, rows = raster.max(axis, keepdims=True), raster.max(axis + 1, keepdims=True)
        if np.array_equal(np.minimum(columns, rows), raster):
            parts = _fewest_bytes(f"{name}_columns", columns) + _fewest_bytes(f"{name}_rows", rows)
            parts = parts.then(helper.make_node("Min", [f"{name}_columns", f"{name}_rows"], [f"{name}_raster"]))
            yield _reshaped(parts, f"{name}_raster", name, array.shape)


def _reshaped(stored: _Stored, source: str, name: str, shape: tuple[int, ...]) -> _Stored:
    target = _Stored((numpy_helper.from_array(np.array(shape, np.int64), f"{name}_shape"),))
    return (stored + target).then(helper.make_node("Reshape", [source, f"{name}_shape"], [name]))


def _planes(shape: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], int]]:
    """Where rows and columns may be: shapes of an array, and the axis of the rows, which the columns' follows.

    A square raster may also be flat: one axis of n · n.
    """
    for axis, length in enumerate(shape):
        side = isqrt(length)
        if side > 1 and side * side == length:
            yield (*shape[:axis], side, side, *shape[axis + 1 :]), axis
        if axis + 1 < len(shape) and min(length, shape[axis + 1]) > 1:
            yield shape, axis


def _cast(stored: TensorProto, name: str, kind: int) -> _Stored:
    return _Stored((stored,), (helper.make_node("Cast", [stored.name], [name], to=kind),))


def _make_initializers(graph: onnx.GraphProto) -> None:
    """Turns large ``Constant`` nodes, rasters for example, into initializers."""
    kept = []
    for node in graph.node:
        value = next((a.t for a in node.attribute if a.name == "value"), None) if node.op_type == "Constant" else None
        if value is None or np.prod(value.dims) < _MIN_ELEMENTS:
            kept.append(node)
        else:
            graph.initializer.append(value)
            graph.initializer[-1].name = node.output[0]
    del graph.node[:]
    graph.node.extend(kept)


def _number_tensors(model: onnx.ModelProto) -> None:
    """Shortens the names of computed tensors: exporters write them as paths, which repeat those of nodes."""
    kept = {value.name for value in (*model.graph.input, *model.graph.output)} | set(constants_of(model))
    computed = [name for node in model.graph.node for name in node.output if name and name not in kept]
    taken = kept | {name for body in bodies_of(model.graph.node) for name in _made_in(body)}
    free = (name for name in map("t{}".format, count()) if name not in taken)
    _rename(model.graph, dict(zip(computed, free, strict=False)))


def _made_in(body: onnx.GraphProto) -> Iterator[str]:
    yield from (value.name for value in (*body.input, *body.initializer))
    yield from (name for node in body.node for name in node.output)
    for inner in bodies_of(body.node):
        yield from _made_in(inner)


def _rename(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for body in bodies_of(graph.node):
        _rename(body, names)
