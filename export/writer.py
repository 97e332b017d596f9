"""Files of a bundle and what the manifest says of them; folders that change places only when they are complete."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
from onnx import helper

from ..runtime.portrait import ALL
from .options import Precision
from .signatures import TENSORS


def write_file(folder: Path, name: str, content: bytes) -> dict[str, Any]:
    """Writes a file; its entry in the manifest."""
    (folder / name).write_bytes(content)
    return {"file": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def write_graph(
    folder: Path, name: str, model: onnx.ModelProto, precision: Precision, tolerance: float | None
) -> dict[str, Any]:
    """Writes a graph, always to the same bytes; its entry in the manifest."""
    entry = write_file(folder, f"{name}.onnx", model.SerializeToString(deterministic=True))
    opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    return entry | {
        "precision": precision,
        "opset": opset,
        "inputs": [_tensor(name, value) for value in model.graph.input],
        "outputs": [_tensor(name, value) for value in model.graph.output],
        "tolerance": tolerance,
    }


def replace_folder(new: Path, output: Path) -> None:
    """Swap folders: the old one goes only when the new one stands."""
    old = output.with_name(f".{output.name}-old")
    if output.exists():
        os.replace(output, old)
    os.replace(new, output)
    shutil.rmtree(old, ignore_errors=True)


def _tensor(graph: str, value: onnx.ValueInfoProto) -> dict[str, Any]:
    kind = value.type.tensor_type
    shape = [d.dim_param or d.dim_value for d in kind.shape.dim]
    meaning = TENSORS.get(f"{graph}.{value.name}") or TENSORS[value.name.removeprefix(ALL)]
    described: Mapping[str, Any] = {"unit": meaning.unit, "range": [meaning.low, meaning.high]}
    return {
        "name": value.name,
        "dtype": str(helper.tensor_dtype_to_np_dtype(kind.elem_type)),
        "shape": shape,
        **described,
    }
