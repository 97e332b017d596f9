"""Writes a bundle: all graphs, the presets, and a manifest that says what each file is and what it weighs."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import onnx

from ..models.student import load_student
from ..runtime import driver, faces, images, portrait
from ..runtime.animate import Gains
from ..runtime.manifest import FORMAT, GRAPHS, read_manifest
from ..runtime.session import BUNDLED, Bundle
from ..runtime.smoothing import OneEuroConfig
from .graphs import build_student_graphs
from .motion_graphs import build_motion_graphs
from .signatures import TENSORS, TOLERANCES
from .to_onnx import OPSET
from .tracker import build_tracker_graphs

WEIGHTS = Path(__file__).resolve().parents[1] / "models" / "weights" / "student.safetensors"
PRESETS = Path(__file__).resolve().parents[1] / "models" / "presets"
TRACKER = ("detect", "detect_far", "track", "matte")
THRESHOLDS = {"presence": 0.5, "min_face": 40, "max_yaw_degrees": 60}
# What the Python host does around the graphs, for hosts in other languages to do alike.
HOST = {
    "gains": [field.name for field in fields(Gains)],
    "photo": {"max_side": images.MAX_SIDE, "max_megapixels": images.MAX_MEGAPIXELS, "max_count": 1},
    "faces": {
        "eye_corners": faces.OUTER_EYE_CORNERS,
        "looks": faces.REFINEMENTS,
        "settled": faces.SETTLED,
        "same_face": faces.SAME_FACE,
    },
    "max_size": portrait.MAX_SIZE,
    "driver": {
        "max_side": driver.MAX_SIDE,
        "thumbnail": driver.THUMBNAIL,
        "cut": driver.CUT,
        "jump": driver.JUMP,
    },
    "smoothing": asdict(OneEuroConfig()),
}
LICENCES = {
    "code": "Apache-2.0",
    "detect, detect_far, track, matte": "Apache-2.0 (converted from MediaPipe's models, © Google)",
    "encode, render": "CC-BY-NC-4.0, research and non-commercial use: the training data allows no more",
    "head, motion, retarget, paste": "Apache-2.0 (the canonical face is MediaPipe's)",
    "presets": "CC-BY-NC-4.0 (see presets/README.md)",
}


def export_bundle(checkpoint: Path | None, output: Path, mediapipe: Path | None = None) -> dict[str, Any]:
    """Write a bundle's folder; what stood there is replaced only when the new one is complete.

    Args:
        checkpoint: a student (`.safetensors`); the shipped one by default.
        output: the folder to write.
        mediapipe: the wheel or `mediapipe/modules` folder the tracker is converted from; by default the tracker's
            graphs are taken, checked, from the shipped bundle, since training does not change them.

    Returns:
        the manifest.

    Raises:
        ValueError: the checkpoint is no student. BundleError: the shipped bundle's tracker cannot be used.
        ModelNotFoundError: `mediapipe` is not what it should be.
    """
    source = checkpoint or WEIGHTS
    student, record = load_student(source)
    graphs = build_motion_graphs() | build_student_graphs(student)
    contents = {name: model.SerializeToString(deterministic=True) for name, model in graphs.items()}
    contents |= _tracker(mediapipe)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".bundle-") as temporary:
        folder = Path(temporary, "bundle")
        (folder / "presets").mkdir(parents=True)
        entries = {name: _write(folder, f"{name}.onnx", contents[name]) | _signature(contents[name]) for name in GRAPHS}
        for name, entry in entries.items():
            entry["tolerance"] = TOLERANCES.get(name)
        presets = {
            path.stem: _write(folder, f"presets/{path.name}", path.read_bytes())
            for path in sorted(PRESETS.glob("*.safetensors"))
        }
        manifest = {
            "format": FORMAT,
            "name": "vivant-student",
            "version": version("vivant"),
            "graphs": entries,
            "presets": presets,
            "thresholds": THRESHOLDS,
            "host": HOST,
            "licences": LICENCES,
            "training": json.loads(record) | {"weights_sha256": hashlib.sha256(source.read_bytes()).hexdigest()},
        }
        (folder / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        read_manifest(folder)
        _replace(folder, output)
    return manifest


def _tracker(mediapipe: Path | None) -> dict[str, bytes]:
    if mediapipe is not None:
        return {k: m.SerializeToString(deterministic=True) for k, m in build_tracker_graphs(mediapipe).items()}
    shipped = Bundle(BUNDLED)
    return {name: shipped.content(name) for name in TRACKER}


def _write(folder: Path, name: str, content: bytes) -> dict[str, Any]:
    (folder / name).write_bytes(content)
    return {"file": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _signature(content: bytes) -> dict[str, Any]:
    graph = onnx.load_model_from_string(content).graph
    return {
        "precision": "fp32",
        "opset": OPSET,
        "inputs": [_tensor(value) for value in graph.input],
        "outputs": [_tensor(value) for value in graph.output],
    }


def _tensor(value: onnx.ValueInfoProto) -> dict[str, Any]:
    kind = value.type.tensor_type
    shape = [d.dim_param or d.dim_value for d in kind.shape.dim]
    meaning = TENSORS[value.name]
    described: Mapping[str, Any] = {"unit": meaning.unit, "range": [meaning.low, meaning.high]}
    dtype = onnx.TensorProto.DataType.Name(kind.elem_type).lower().replace("float", "float32")
    return {"name": value.name, "dtype": dtype, "shape": shape, **described}


def _replace(folder: Path, output: Path) -> None:
    """Swap folders: the old bundle goes only when the new one stands."""
    old = output.with_name(f".{output.name}-old")
    if output.exists():
        os.replace(output, old)
    os.replace(folder, output)
    shutil.rmtree(old, ignore_errors=True)
