"""One way from a torch module to an ONNX graph, for every graph of the bundle."""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
import onnxsim
import torch
from torch import Tensor, nn
from torch.onnx import (
    register_custom_op_symbolic,  # pyright: ignore[reportPrivateImportUsage]
    symbolic_helper,
    unregister_custom_op_symbolic,  # pyright: ignore[reportPrivateImportUsage]
)

# GridSample has no WebGPU kernel from opset 20 on, and torch's newer exporter keeps to no opset below 18: this one
# serves every target.
OPSET = 17


def simplify(model: onnx.ModelProto) -> tuple[onnx.ModelProto, bool]:
    """onnxsim: folds what is constant, removes what is not needed. The graph, and whether it is a checked one.

    Half of the nodes that torch writes compute shapes and constants: without it `render` has twice as many.
    """
    # Its shape inference warns, from C++, of every constant that depends on a size yet unknown.
    streams = [os.dup(number) for number in (1, 2)]
    with open(os.devnull, "wb") as nowhere:
        sys.stdout.flush()
        sys.stderr.flush()
        for number in (1, 2):
            os.dup2(nowhere.fileno(), number)
        try:
            return onnxsim.simplify(model)
        finally:
            for number, stream in zip((1, 2), streams, strict=True):
                os.dup2(stream, number)
                os.close(stream)


def export_graph(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: Sequence[str],
    dynamic_axes: Mapping[str, Mapping[int, str]] | None = None,
) -> onnx.ModelProto:
    """A module as a simplified ONNX graph of opset 17.

    Args:
        inputs: the arguments of `forward` by name, in its order; example values.
        outputs: names for what `forward` returns.
        dynamic_axes: per tensor, the axes that may have any length, by name; all others keep the example's length.

    Raises:
        RuntimeError: the simplifier's check fails, or the graph has another opset or foreign operators.
    """
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # The legacy exporter: torch's newer one emits opset 18 when it is asked for 17, and traced sizes warn.
        warnings.simplefilter("ignore")
        path = Path(folder, "graph.onnx")
        register_custom_op_symbolic("aten::lerp", _lerp, OPSET)
        try:
            torch.onnx.export(
                module.eval(),
                tuple(inputs.values()),
                path,
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_axes={name: dict(axes) for name, axes in (dynamic_axes or {}).items()},
                opset_version=OPSET,
                dynamo=False,
            )
        finally:
            unregister_custom_op_symbolic("aten::lerp", OPSET)
        graph, same = simplify(onnx.load(path))
    if not same or [(o.domain, o.version) for o in graph.opset_import] != [("", OPSET)]:
        raise RuntimeError(f"The graph of {type(module).__name__} changed when it was simplified.")
    onnx.checker.check_model(graph, full_check=True)
    return graph


@symbolic_helper.parse_args("v", "v", "v")
def _lerp(context: Any, start: Any, end: Any, weight: Any) -> Any:
    """start + weight · (end − start). torch's own symbolic chooses between two formulas by a mask, whose booleans
    WebGPU cannot transpose."""
    return context.op("Add", start, context.op("Mul", weight, context.op("Sub", end, start)))
