"""Whether every file of a bundle is what the manifest says, and what onnxruntime and onnxruntime-web can run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import onnx
from google.protobuf.message import DecodeError
from onnx import checker, helper, shape_inference

from ..runtime.errors import BundleError
from ..runtime.manifest import GRAPHS, read_manifest
from ..runtime.session import Bundle
from .to_onnx import OPSET

DOMAINS: Final = frozenset({"", "ai.onnx"})


def digest_of(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of all that a manifest says besides its own digest, however it is written."""
    said = {key: value for key, value in manifest.items() if key != "digest"}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode("utf-8")).hexdigest()


def check_bundle(folder: Path) -> None:
    """Checks every file and every graph: size, SHA-256, opset, operators, and that inputs and outputs are as declared.

    Where the manifest has a digest it is checked, too: that finds damage, not intent.

    Raises:
        BundleError: with one sentence, about the first thing that is wrong.
    """
    bundle = Bundle(folder)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    if "digest" in manifest and manifest["digest"] != digest_of(manifest):
        raise BundleError(f"{folder / 'manifest.json'} is damaged: its digest differs.")
    for name in bundle.manifest.presets:
        bundle.preset(name)
    for name in GRAPHS:
        _check_graph(manifest["graphs"][name], bundle.content(name))
    variants = manifest.get("variants", [])
    if not isinstance(variants, list) or not all(isinstance(entry, Mapping) for entry in variants):
        raise BundleError(f"{folder / 'manifest.json'} is incomplete or damaged (variants).")
    for entry in variants:
        _check_graph(entry, read_entry(bundle, entry))
    read_manifest(folder)


def read_entry(bundle: Bundle, entry: Mapping[str, Any]) -> bytes:
    """The checked file of a graph or variant, by its entry in the manifest."""
    try:
        name, size, sha256 = str(entry["file"]), int(entry["bytes"]), str(entry["sha256"])
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"The bundle's manifest is damaged ({type(error).__name__}: {error}).") from None
    path = (bundle.folder / name).resolve()
    if not path.is_relative_to(bundle.folder.resolve().parent):
        raise BundleError(f"The bundle's manifest names {name!r}, which lies outside of the bundle.")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BundleError(f"The bundle's file {name} cannot be read: {error.strerror}.") from None
    if len(content) != size:
        raise BundleError(f"The bundle's file {name} has {len(content)} bytes instead of {size}.")
    if hashlib.sha256(content).hexdigest() != sha256:
        raise BundleError(f"The bundle's file {name} is not the one that the manifest names (its SHA-256 differs).")
    return content


def render_entries(folder: Path) -> dict[str, dict[str, Any]]:
    """Entries of every `render` of a checked manifest, the own one first, by name: `render`, `render wasm-int8`, …"""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    variants = {f"{v['graph']} {v['target']}-{v['precision']}": v for v in manifest.get("variants", [])}
    return {"render": {"precision": "fp32", **manifest["graphs"]["render"]}} | variants


def _check_graph(entry: Mapping[str, Any], content: bytes) -> None:
    file = entry.get("file")
    try:
        model = onnx.load_model_from_string(content)
        opsets = {(o.domain, o.version) for o in model.opset_import}
        foreign = sorted({f"{n.domain}.{n.op_type}" for n in model.graph.node if n.domain not in DOMAINS})
        if foreign:
            raise BundleError(f"The bundle's file {file} uses {foreign[0]}, which is no ONNX operator.")
        if {version for domain, version in opsets if domain in DOMAINS} != {OPSET}:
            told = ", ".join(str(version) for _, version in sorted(opsets))
            raise BundleError(
                f"The bundle's file {file} is of opset {told or 'none'}; this version of vivant runs {OPSET}."
            )
        if any(tensor.external_data for tensor in model.graph.initializer):
            raise BundleError(f"The bundle's file {file} keeps its weights in other files.")
        checker.check_model(model, full_check=True)
    except (DecodeError, checker.ValidationError, shape_inference.InferenceError, UnicodeDecodeError) as error:
        why = str(error).strip().splitlines()
        raise BundleError(f"The bundle's file {file} is no valid ONNX graph: {why[0] if why else 'damaged'}.") from None
    for side, values in (("inputs", model.graph.input), ("outputs", model.graph.output)):
        declared = entry.get(side)
        if declared is not None and _declared(declared) != [_found(value) for value in values]:
            raise BundleError(f"The bundle's file {file} has other {side} than the manifest declares.")


def _declared(tensors: Any) -> Any:
    if not isinstance(tensors, list) or not all(isinstance(tensor, Mapping) for tensor in tensors):
        return None
    return [(tensor.get("name"), tensor.get("dtype"), tensor.get("shape")) for tensor in tensors]


def _found(value: onnx.ValueInfoProto) -> tuple[Any, Any, Any]:
    kind = value.type.tensor_type
    dtype = str(helper.tensor_dtype_to_np_dtype(kind.elem_type))
    return value.name, dtype, [d.dim_param or d.dim_value for d in kind.shape.dim]
