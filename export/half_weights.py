"""Stores weights in half precision where that loses nothing."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_MIN_ELEMENTS = 64


def store_half(model: onnx.ModelProto) -> None:
    """Store float32 constants whose values all are float16 numbers as float16, widened by a ``Cast``.

    ONNX Runtime folds the casts when it loads the model, so only the file changes, not the arithmetic.
    """
    _make_initializers(model.graph)
    casts = []
    for initializer in model.graph.initializer:
        if initializer.data_type != TensorProto.FLOAT:
            continue
        array = numpy_helper.to_array(initializer)
        with np.errstate(over="ignore"):
            half = array.astype(np.float16)
        if array.size < _MIN_ELEMENTS or not np.array_equal(half.astype(np.float32), array):
            continue
        name = initializer.name
        initializer.CopyFrom(numpy_helper.from_array(half, f"{name}_half"))
        casts.append(helper.make_node("Cast", [f"{name}_half"], [name], f"{name}_widen", to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


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
