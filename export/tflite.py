"""Reads a TFLite flatbuffer into plain Python: tensors with their constants, operators with their options.

Only what the MediaPipe face and selfie models use is read. Constants come out as dense float32 or int arrays:
half-precision weights are widened (``DEQUANTIZE``) and sparse ones are filled with zeros (``DENSIFY``), so that
both operators vanish here and the rest of the graph is float32, which is how XNNPACK runs these models.
Schema: tensorflow/lite/schema/schema.fbs (version 3), read through the ``tflite`` package.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tflite

_BUILTIN_NAMES = {value: name for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)}
_OPTION_CLASSES = {
    "CONV_2D": tflite.Conv2DOptions,
    "DEPTHWISE_CONV_2D": tflite.DepthwiseConv2DOptions,
    "MAX_POOL_2D": tflite.Pool2DOptions,
    "AVERAGE_POOL_2D": tflite.Pool2DOptions,
    "CONCATENATION": tflite.ConcatenationOptions,
    "ADD": tflite.AddOptions,
    "MUL": tflite.MulOptions,
    "RESIZE_BILINEAR": tflite.ResizeBilinearOptions,
    "DEPTH_TO_SPACE": tflite.DepthToSpaceOptions,
}
_DTYPES = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT32: np.int32,
}


class TfliteError(ValueError):
    """The file is not a TFLite model, or uses something these models never use."""


@dataclass(frozen=True)
class Operator:
    """One node: TFLite's name of it, the indices of the tensors it reads and writes, its options.

    ``options`` is the generated flatbuffer accessor (``None`` where the operator has none); ``custom`` holds the
    raw bytes of a custom operator's options.
    """

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any
    custom: bytes


@dataclass(frozen=True)
class TfliteGraph:
    """A model's only subgraph, without ``DEQUANTIZE`` and ``DENSIFY``; activations are NHWC as in the file."""

    operators: tuple[Operator, ...]
    shapes: tuple[tuple[int, ...], ...]
    constants: dict[int, np.ndarray]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def producer(self, tensor: int) -> Operator:
        """The operator that writes ``tensor``; KeyError if it is an input or a constant."""
        for operator in self.operators:
            if tensor in operator.outputs:
                return operator
        raise KeyError(tensor)

    def named(self, name: str) -> list[Operator]:
        """All operators of that name, in execution order."""
        return [operator for operator in self.operators if operator.name == name]


def read_tflite(data: bytes) -> TfliteGraph:
    """Parse the bytes of a ``.tflite`` file.

    Raises:
        TfliteError: not a TFLite file, more than one subgraph, or a constant of an unknown type.
    """
    if data[4:8] != b"TFL3":
        raise TfliteError("not a TFLite model: the file identifier TFL3 is missing")
    # The generated accessors claim that any table may be absent; Any, because the schema requires these.
    model: Any = tflite.Model.GetRootAsModel(data, 0)
    if model.SubgraphsLength() != 1:
        raise TfliteError(f"expected one subgraph, found {model.SubgraphsLength()}")
    subgraph = model.Subgraphs(0)
    tensors = [subgraph.Tensors(index) for index in range(subgraph.TensorsLength())]
    constants = {
        index: array for index, tensor in enumerate(tensors) if (array := _constant(model, tensor)) is not None
    }
    operators = []
    for index in range(subgraph.OperatorsLength()):
        operator = _operator(model, subgraph.Operators(index))
        if operator.name in ("DEQUANTIZE", "DENSIFY") and operator.inputs[0] in constants:
            constants[operator.outputs[0]] = constants[operator.inputs[0]]
        else:
            operators.append(operator)
    return TfliteGraph(
        operators=tuple(operators),
        shapes=tuple(_ints(tensor.ShapeAsNumpy()) for tensor in tensors),
        constants={index: _widen(array) for index, array in constants.items()},
        inputs=_ints(subgraph.InputsAsNumpy()),
        outputs=_ints(subgraph.OutputsAsNumpy()),
    )


def _ints(array: Any) -> tuple[int, ...]:
    """A flatbuffer vector as a tuple; the generated accessors return the int 0 for an absent one."""
    return () if isinstance(array, int) else tuple(int(value) for value in array)


def _widen(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32) if array.dtype == np.float16 else array


def _operator(model: Any, node: Any) -> Operator:
    code = model.OperatorCodes(node.OpcodeIndex())
    # The 8-bit field came first; files with newer operators store the larger of the two.
    builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    custom = builtin == tflite.BuiltinOperator.CUSTOM
    name = code.CustomCode().decode() if custom else _BUILTIN_NAMES[builtin]
    options = None
    if name in _OPTION_CLASSES and (table := node.BuiltinOptions()) is not None:
        options = _OPTION_CLASSES[name]()
        options.Init(table.Bytes, table.Pos)
    raw = bytes(bytearray(_ints(node.CustomOptionsAsNumpy())))
    return Operator(name, _ints(node.InputsAsNumpy()), _ints(node.OutputsAsNumpy()), options, raw)


def _constant(model: Any, tensor: Any) -> np.ndarray | None:
    """A tensor's constant as a dense array, or None for an activation."""
    raw = model.Buffers(tensor.Buffer()).DataAsNumpy()
    if isinstance(raw, int) or raw.size == 0:
        return None
    if tensor.Type() not in _DTYPES:
        raise TfliteError(f"constant of unknown TFLite type {tensor.Type()}")
    values = np.frombuffer(raw.tobytes(), _DTYPES[tensor.Type()])
    shape = _ints(tensor.ShapeAsNumpy())
    sparsity = tensor.Sparsity()
    return values.reshape(shape) if sparsity is None else _densify(values, shape, sparsity)


def _densify(values: np.ndarray, shape: tuple[int, ...], sparsity: Any) -> np.ndarray:
    """Fill a tensor of TFLite's block-sparse format (levels in traversal order, each dense or compressed)."""
    order = _ints(sparsity.TraversalOrderAsNumpy())
    block_map = _ints(sparsity.BlockMapAsNumpy())
    levels = [sparsity.DimMetadata(level) for level in range(sparsity.DimMetadataLength())]
    # Rows of coordinates, one per stored value so far; start with the single empty coordinate.
    positions = np.zeros((1, 0), np.int64)
    for level in levels:
        if level.Format() == tflite.DimensionType.DENSE:
            size = level.DenseSize()
            positions = np.concatenate(
                [np.repeat(positions, size, axis=0), np.tile(np.arange(size), len(positions))[:, None]], axis=1
            )
        else:
            counts = np.diff(_index_vector(level.ArraySegmentsType(), level.ArraySegments()))
            indices = _index_vector(level.ArrayIndicesType(), level.ArrayIndices())
            positions = np.concatenate([np.repeat(positions, counts, axis=0), indices[:, None]], axis=1)
    coordinates = np.zeros((len(positions), len(shape)), np.int64)
    for column, dimension in enumerate(order):
        if dimension < len(shape):
            block = _block_size(dimension, block_map, order, levels, len(shape))
            coordinates[:, dimension] += positions[:, column] * block
        else:
            coordinates[:, block_map[dimension - len(shape)]] += positions[:, column]
    dense = np.zeros(shape, values.dtype)
    dense[tuple(coordinates.T)] = values[: len(positions)]
    return dense


def _block_size(
    dimension: int, block_map: tuple[int, ...], order: tuple[int, ...], levels: list[Any], rank: int
) -> int:
    """How many entries of ``dimension`` one block spans (1 if it is not blocked)."""
    if dimension not in block_map:
        return 1
    return levels[order.index(rank + block_map.index(dimension))].DenseSize()


def _index_vector(kind: int, table: Any) -> np.ndarray:
    classes = {
        tflite.SparseIndexVector.Int32Vector: tflite.Int32Vector,
        tflite.SparseIndexVector.Uint16Vector: tflite.Uint16Vector,
        tflite.SparseIndexVector.Uint8Vector: tflite.Uint8Vector,
    }
    vector = classes[kind]()
    vector.Init(table.Bytes, table.Pos)
    return np.asarray(vector.ValuesAsNumpy(), np.int64)
