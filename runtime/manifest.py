"""`manifest.json` of a bundle, read and checked: what the graphs are called, where they lie and what they weigh."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .errors import BundleError

FORMAT: Final = "vivant-bundle-1"
GRAPHS: Final = (
    "detect", "detect_far", "track", "head", "matte", "encode", "refer", "motion", "retarget", "render", "paste",
    "watermark_embed", "watermark_read", "watermark_decode",
)  # fmt: skip


@dataclass(frozen=True)
class File:
    """A file of the bundle: its place relative to the bundle's folder, its size in bytes, its SHA-256 in hex."""

    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Variant:
    """A graph made anew for one kind of host, "webgpu" or "wasm" (which native processors can run, too)."""

    graph: str
    target: str
    precision: str
    file: File


@dataclass(frozen=True)
class Thresholds:
    """When a face may be animated.

    Attributes:
        presence: least presence that `track` must report, 0..1.
        min_face: least size of a face (longer side of the landmarks' box) in pixels of the picture.
        max_yaw_degrees: how far a head may be turned to a side.
    """

    presence: float
    min_face: float
    max_yaw_degrees: float


@dataclass(frozen=True)
class WatermarkSearch:
    """How the watermark is looked for.

    Attributes:
        scales: shares of a marked picture's longer side that may be left, in the order in which they are tried.
        threshold: the confidence from which a mark counts as found.
        frames: of a clip, how many are looked at together; search_frames: at other scales than the first.
    """

    scales: tuple[float, ...]
    threshold: float
    frames: int
    search_frames: int


@dataclass(frozen=True)
class Manifest:
    """What `manifest.json` says, as far as the runtime needs it; `training` is the record of how it was trained."""

    name: str
    version: str
    graphs: Mapping[str, File]
    variants: tuple[Variant, ...]
    presets: Mapping[str, File]
    thresholds: Thresholds
    watermark: WatermarkSearch
    training: Mapping[str, Any]


def read_manifest(folder: Path) -> Manifest:
    """Reads `manifest.json` in a bundle's folder; raises BundleError with one sentence if it cannot serve."""
    path = folder / "manifest.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BundleError(f"{folder} is no bundle: it has no manifest.json.") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BundleError(f"{path} cannot be read: {error}.") from None
    form = data.get("format") if isinstance(data, dict) else None
    if form != FORMAT:
        raise BundleError(f"{path} is of the format {form!r}; this version of vivant reads {FORMAT!r}.")
    try:
        manifest = Manifest(
            name=str(data["name"]),
            version=str(data["version"]),
            graphs=_files(data["graphs"]),
            variants=tuple(_variant(entry) for entry in data.get("variants", [])),
            presets=_files(data["presets"]),
            thresholds=_thresholds(data["thresholds"]),
            watermark=_watermark(data["watermark"]),
            training=dict(data.get("training", {})),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BundleError(f"{path} is incomplete or damaged ({type(error).__name__}: {error}).") from None
    missing = [name for name in GRAPHS if name not in manifest.graphs]
    if missing:
        raise BundleError(f"{path} lacks the graph {missing[0]!r}.")
    return manifest


def _file(entry: dict[str, Any]) -> File:
    return File(str(entry["file"]), int(entry["bytes"]), str(entry["sha256"]))


def _files(entries: dict[str, dict[str, Any]]) -> dict[str, File]:
    return {str(name): _file(entry) for name, entry in entries.items()}


def _variant(entry: dict[str, Any]) -> Variant:
    return Variant(str(entry["graph"]), str(entry["target"]), str(entry["precision"]), _file(entry))


def _thresholds(entry: dict[str, Any]) -> Thresholds:
    return Thresholds(float(entry["presence"]), float(entry["min_face"]), float(entry["max_yaw_degrees"]))


def _watermark(entry: dict[str, Any]) -> WatermarkSearch:
    scales = tuple(float(scale) for scale in entry["scales"])
    return WatermarkSearch(scales, float(entry["threshold"]), int(entry["frames"]), int(entry["search_frames"]))
