"""The graphs that hold no network: `motion`, `retarget` and `head`."""

import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import onnx
import onnxsim
import torch
from torch import Tensor, nn

from ..models import landmarks as lm
from ..models.canonical_face import canonical_face
from ..models.head import Head
from ..models.motion import Motion, Retarget

OPSET = 17


def build_motion_graphs() -> dict[str, onnx.ModelProto]:
    """The graphs `motion`, `retarget` and `head`, with the inputs and outputs that docs/architecture.md lists."""
    face = canonical_face().points * 100.0 + 200.0
    movement = {
        "rotation": torch.eye(3),
        "translation": torch.zeros(3),
        "scale": torch.zeros(()),
        "expression": torch.zeros(lm.COUNT, 3),
    }
    return {
        "motion": export_graph(Motion(), {"neutral": face, "driver": face + 1.0}, list(movement)),
        "retarget": export_graph(Retarget(), {"source": face, **movement, "gains": torch.ones(5)}, ["target"]),
        "head": export_graph(Head(), {"landmarks": face}, ["region"]),
    }


def export_graph(module: nn.Module, inputs: dict[str, Tensor], outputs: Sequence[str]) -> onnx.ModelProto:
    """A module as a simplified ONNX graph of opset 17 with static shapes.

    Args:
        inputs: the arguments of `forward` by name, in its order; example values, of which the shapes stay.
        outputs: names for what `forward` returns.

    Raises:
        RuntimeError: the simplified graph does not compute what the exported one does, or has the wrong opset.
    """
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # The legacy exporter, because torch's newer one emits opset 18 when it is asked for 17.
        warnings.simplefilter("ignore", DeprecationWarning)
        path = Path(folder, "graph.onnx")
        torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            path,
            input_names=list(inputs),
            output_names=list(outputs),
            opset_version=OPSET,
            dynamo=False,
        )
        graph, same = onnxsim.simplify(onnx.load(path))
    if not same or [(o.domain, o.version) for o in graph.opset_import] != [("", OPSET)]:
        raise RuntimeError(f"The graph of {type(module).__name__} changed when it was simplified.")
    onnx.checker.check_model(graph, full_check=True)
    return graph
