"""Writes a bundle: all graphs, the presets, and a manifest that says what each file is and what it weighs."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import onnx

from ..models.released import STUDENT, WATERMARK
from ..models.student import Student, load_student
from ..models.watermark import load_watermark
from ..runtime import driver, faces, images, portrait
from ..runtime.animate import Gains
from ..runtime.manifest import FORMAT, GRAPHS, read_manifest
from ..runtime.session import BUNDLED, Bundle
from ..runtime.smoothing import OneEuroConfig
from .cost import fix_sizes, render_sizes
from .cpu import rewrite_for_cpu
from .frames import Frame, make_frames
from .graphs import build_gpu_render, build_student_graphs
from .half import to_half
from .integrity import digest_of
from .metadata import stamp, tool_versions
from .motion_graphs import build_motion_graphs
from .options import MAX_PHOTOS, ExportOptions, Variant
from .quantize import Search, search_layers
from .signatures import TOLERANCES
from .storage import store_compactly
from .surgery import rewritten
from .tracker import build_tracker_graphs, round_tracker
from .watermark_graphs import build_watermark_graphs
from .webgpu import fill_channels, rewrite_for_webgpu
from .weight_rounding import round_weights
from .writer import replace_folder, write_file, write_graph

PRESETS = Path(__file__).resolve().parents[1] / "models" / "presets"
TRACKER = ("detect", "detect_far", "track", "matte")
SIZED = ("render", "paste")  # take a rendered square
CALIBRATION_FRAMES = 12  # of each photo
ROUNDING_FRAMES = 3  # of each photo: what rounding weights changes hardly depends on them
# Pictures are read whole first; then as if up to 40 % of their longer side had been cut off, or a margin added. Steps
# of 2.5 % leave the pattern at most 0.4 cells out of place at the border.
SCALES = (1.0, *(round(1.025**-k, 4) for k in range(1, 21)), *(round(1.025**k, 4) for k in range(1, 8)))
SEARCH = {"scales": SCALES, "threshold": 0.31, "frames": 16, "search_frames": 2}
THRESHOLDS = {"presence": 0.5, "min_face": 40, "max_yaw_degrees": 60}
# What the Python host does around the graphs, for hosts in other languages to do alike.
HOST = {
    "gains": [field.name for field in fields(Gains)],
    "photo": {"max_side": images.MAX_SIDE, "max_megapixels": images.MAX_MEGAPIXELS, "max_count": MAX_PHOTOS},
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
    "encode, refer, render, watermark_embed, watermark_read, watermark_decode": (
        "CC-BY-NC-4.0, research and non-commercial use: the training data allows no more"
    ),
    "head, motion, retarget, paste": "Apache-2.0 (the canonical face is MediaPipe's)",
    "presets": "CC-BY-NC-4.0 (see presets/README.md)",
}
Progress = Callable[[str, int, int], None]


def export_bundle(
    checkpoint: Path | None,
    output: Path,
    mediapipe: Path | None = None,
    options: ExportOptions = ExportOptions(),  # noqa: B008 (frozen)
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write a bundle's folder; what stood there is replaced only when the new one is complete.

    Args:
        checkpoint: a student (`.safetensors`); the shipped one by default.
        output: the folder to write.
        mediapipe: the wheel or `mediapipe/modules` folder the tracker is converted from; by default the tracker's
            graphs are taken, checked, from the shipped bundle, since training does not change them.
        options: precisions, hosts, size. progress: told the stage, what is done of it, and all of it.

    Returns:
        the manifest.

    Raises:
        ValueError: the checkpoint is no student. BundleError: the shipped bundle's tracker cannot be used.
        ModelNotFoundError: `mediapipe` is not what it should be. FaceError: a calibration photo shows no face.
    """
    source = checkpoint or STUDENT
    student, record = load_student(source)
    facts = tool_versions() | {"weights_sha256": hashlib.sha256(source.read_bytes()).hexdigest()}
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".bundle-") as temporary:
        folder = Path(temporary, "bundle")
        (folder / "presets").mkdir(parents=True)
        training = json.loads(record) | {"weights_sha256": facts["weights_sha256"]}
        assembly = _Assembly(folder, student, options, facts, progress or (lambda *_: None))
        manifest = assembly.write(mediapipe, training)
        read_manifest(folder)
        replace_folder(folder, output)
    return manifest


class _Assembly:
    """One bundle in the making: the portable graphs first, since the others are calibrated with them."""

    def __init__(
        self, folder: Path, student: Student, options: ExportOptions, facts: Mapping[str, str], progress: Progress
    ) -> None:
        self.folder, self.student, self.options = folder, student, options
        self.facts, self.progress = facts, progress
        self.searches: dict[str, Search] = {}

    def write(self, mediapipe: Path | None, training: Mapping[str, Any]) -> dict[str, Any]:
        self.progress("exporting graphs", 0, 2)
        models = build_motion_graphs() | build_student_graphs(self.student) | _tracker(mediapipe)
        models |= build_watermark_graphs(load_watermark(WATERMARK)[0])
        if self.options.size is not None:
            for name in SIZED:
                models[name] = fix_sizes(models[name], render_sizes(self.options.size))
        portable = models["render"]  # int8 is made of it, before it is rewritten
        # Hosts that know no variants may run it on WebGPU all the same.
        models["render"] = rewrite_for_cpu(rewritten(portable, fill_channels))
        entries = {name: self._graph(name, models[name], Variant("wasm", "fp32")) for name in GRAPHS}
        presets = {
            path.stem: write_file(self.folder, f"presets/{path.name}", path.read_bytes())
            for path in sorted(PRESETS.glob("*.safetensors"))
        }
        manifest = {
            "format": FORMAT,
            "name": "vivant-student",
            "version": version("vivant"),
            "target": self.options.target,
            "graphs": entries,
            "variants": [],
            "presets": presets,
            "thresholds": THRESHOLDS,
            "watermark": SEARCH,
            "host": HOST | {"photo": HOST["photo"] | {"max_count": self.options.photos}},
            "licences": LICENCES,
            "training": training,
        }
        self._write_manifest(manifest)
        self.progress("exporting graphs", 1, 2)
        own = self.options.own
        if own != Variant("wasm", "fp32"):
            entries["render"] = self._graph("render", self._render(own, portable), own)
        for variant in self.options.variants:
            manifest["variants"].append(self._variant(variant, portable))
        if self.options.size is not None:
            _fix_size_input(entries["encode"], self.options.size)
        manifest["searches"] = {name: asdict(search) for name, search in self.searches.items()}
        self._write_manifest(manifest)
        self.progress("exporting graphs", 2, 2)
        return manifest

    def _variant(self, variant: Variant, portable: onnx.ModelProto) -> dict[str, Any]:
        entry = self._graph("render", self._render(variant, portable), variant, f"render.{variant.name}")
        needs = ["shader-f16"] if variant.precision == "fp16" else []
        return {"graph": "render", "target": variant.target, "needs": needs, **entry}

    def _render(self, variant: Variant, portable: onnx.ModelProto) -> onnx.ModelProto:
        """`render` for one kind of host."""
        if variant.precision == "int8":
            frames = self._frames(CALIBRATION_FRAMES)
            model, self.searches[variant.name] = search_layers(portable, frames, self.options.max_loss, self.progress)
            model = rewrite_for_cpu(model)  # last: the search looks for convolutions with their ReLU
        else:
            model = build_gpu_render(self.student)
            if self.options.size is not None:
                model = fix_sizes(model, render_sizes(self.options.size))
            model = rewrite_for_webgpu(model)
            if variant.precision == "fp16":
                model = to_half(model)
                round_weights(model, [frame.feeds for frame in self._frames(ROUNDING_FRAMES)])
        return model

    def _frames(self, count: int) -> list[Frame]:
        """`count` frames of each calibration photo, by the portable graphs."""
        bundle = Bundle(self.folder, threads=1)
        return make_frames(bundle, self.options.calibration, self.options.size or 256, count)

    def _graph(self, name: str, model: onnx.ModelProto, variant: Variant, file: str | None = None) -> dict[str, Any]:
        facts = dict(self.facts) if name not in TRACKER else {"source": "MediaPipe 0.10.21"}
        facts |= {"graph": name, "licence": _licence(name), "precision": variant.precision, "target": variant.target}
        store_compactly(model)
        stamp(model, facts)
        exact = variant.precision == "fp32"
        return write_graph(self.folder, file or name, model, variant.precision, TOLERANCES.get(name) if exact else None)

    def _write_manifest(self, manifest: Mapping[str, Any]) -> None:
        sealed = {**manifest, "digest": digest_of(manifest)}
        text = json.dumps(sealed, indent=1, sort_keys=True) + "\n"
        (self.folder / "manifest.json").write_text(text, encoding="utf-8")


def _licence(name: str) -> str:
    return next(licence for names, licence in LICENCES.items() if name in names.split(", "))


def _fix_size_input(entry: dict[str, Any], size: int) -> None:
    """Tell hosts that `encode` may be asked for one size only."""
    for tensor in entry["inputs"]:
        if tensor["name"] == "size":
            tensor["range"] = [size, size]


def _tracker(mediapipe: Path | None) -> dict[str, onnx.ModelProto]:
    if mediapipe is not None:
        models = dict(build_tracker_graphs(mediapipe))
    else:
        shipped = Bundle(BUNDLED)
        models = {name: onnx.load_model_from_string(shipped.content(name)) for name in TRACKER}
    round_tracker(models)
    return models
