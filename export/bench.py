"""`vivant bench --full`: what graphs cost, where their time goes, how near they come to this machine's peak."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx

from ..runtime.session import Bundle
from .cost import Cost, measure_cost, render_sizes
from .frames import make_frames
from .integrity import read_entry
from .roofline import ReferenceTime, Roofline, measure_peak, measure_roofline, time_references, time_session
from .wasm import WasmTiming, time_in_wasm


@dataclass(frozen=True)
class RenderTime:
    """One `render` of a bundle at one size. Milliseconds are medians.

    native: by number of threads. wasm: by number of threads, empty where not asked for.
    roofline: by number of threads, of the bundle's own render; empty for variants.
    """

    name: str
    precision: str
    size: int
    cost: Cost
    native: dict[int, float]
    wasm: dict[int, WasmTiming]
    roofline: dict[int, Roofline]


@dataclass(frozen=True)
class FullBench:
    """All renders, and graphs of known cost from the same run."""

    renders: tuple[RenderTime, ...]
    references: tuple[ReferenceTime, ...]


def bench_fully(
    folder: Path, photo: Path, threads: Sequence[int] = (1, 2), sizes: Sequence[int] = (256, 512), wasm: bool = True
) -> FullBench:
    """Times every `render` of a bundle, own and variants, natively and in WebAssembly, beside reference U-Nets.

    Raises:
        BundleError: the bundle is damaged. FaceError, PictureError: the photo cannot serve.
        BrowserError: `wasm` is wanted, and Node.js or onnxruntime-web is missing.
    """
    bundle = Bundle(folder, threads=1)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    entries = {"render": {"precision": "fp32", **manifest["graphs"]["render"]}}
    entries |= {f"render {v['target']}-{v['precision']}": v for v in manifest.get("variants", [])}
    contents = {name: read_entry(bundle, entry) for name, entry in entries.items()}
    peaks = {count: measure_peak(count) for count in threads}
    rows = []
    for size in sizes:
        feeds = make_frames(bundle, [photo], size, 1)[0].feeds
        jobs = {name: (content, feeds) for name, content in contents.items()}
        in_wasm = {count: time_in_wasm(jobs, count) for count in threads} if wasm else {}
        for name, content in contents.items():
            cost = measure_cost(onnx.load_model_from_string(content), render_sizes(size))
            native = {count: time_session(content, feeds, count) for count in threads}
            own = name == "render" and entries[name]["precision"] == "fp32"
            lines = {n: measure_roofline(content, feeds, cost, n, peaks[n]) for n in threads} if own else {}
            told = {count: timings[name] for count, timings in in_wasm.items()}
            rows.append(RenderTime(name, entries[name]["precision"], size, cost, native, told, lines))
    return FullBench(tuple(rows), tuple(r for count in threads for r in time_references(count)))
