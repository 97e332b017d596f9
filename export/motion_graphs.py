"""The graphs that hold no network: `motion`, `retarget` and `head`."""

import onnx
import torch

from ..models import landmarks as lm
from ..models.canonical_face import canonical_face
from ..models.head import Head
from ..models.motion import Motion, Retarget
from .to_onnx import export_graph


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
