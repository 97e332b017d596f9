"""One way from a torch module to an ONNX graph, for every graph of the bundle."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
import onnxsim
import torch
from torch import Tensor, nn

OPSET = 17


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
        graph, same = onnxsim.simplify(onnx.load(path))
    if not same or [(o.domain, o.version) for o in graph.opset_import] != [("", OPSET)]:
        raise RuntimeError(f"The graph of {type(module).__name__} changed when it was simplified.")
    onnx.checker.check_model(graph, full_check=True)
    return graph
