"""`vivant bench --full`: what graphs cost, where their time goes, how near they come to this machine's peak."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import onnx

from ..runtime.driver import Progress, no_progress
from ..runtime.session import Bundle
from .cost import Cost, measure_cost, render_sizes
from .frames import make_frames
from .integrity import read_entry, render_entries
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
    folder: Path,
    photo: Path,
    threads: Sequence[int] = (1, 2),
    sizes: Sequence[int] = (256, 512),
    wasm: bool = True,
    progress: Progress = no_progress,
) -> FullBench:
    """Times every `render` of a bundle, own and variants, natively and in WebAssembly, beside reference U-Nets.

    `progress` is told of every group of timings.

    Raises:
        BundleError: the bundle is damaged. FaceError, PictureError: the photo cannot serve.
        BrowserError: `wasm` is wanted, and Node.js or onnxruntime-web is missing.
    """
    bundle = Bundle(folder, threads=1)
    entries = render_entries(folder)
    contents = {name: read_entry(bundle, entry) for name, entry in entries.items()}
    step = _steps(progress, 2 + len(sizes) * (len(contents) + (len(threads) if wasm else 0)))
    peaks = {n: measure_peak(n) for n in threads}
    step()
    rows = []
    for size in sizes:
        feeds = make_frames(bundle, [photo], size, 1)[0].feeds
        jobs = {name: (content, feeds) for name, content in contents.items()}
        in_wasm: dict[int, dict[str, WasmTiming]] = {}
        for n in threads if wasm else ():
            in_wasm[n] = time_in_wasm(jobs, n)
            step()
        for name, content in contents.items():
            cost = measure_cost(onnx.load_model_from_string(content), render_sizes(size))
            native = {n: time_session(content, feeds, n) for n in threads}
            own = name == "render" and entries[name]["precision"] == "fp32"
            lines = {n: measure_roofline(content, feeds, cost, n, peaks[n]) for n in threads} if own else {}
            told = {n: timings[name] for n, timings in in_wasm.items()}
            rows.append(RenderTime(name, entries[name]["precision"], size, cost, native, told, lines))
            step()
    references = tuple(r for n in threads for r in time_references(n))
    step()
    return FullBench(tuple(rows), references)


def _steps(progress: Progress, total: int) -> Callable[[], None]:
    """Tells of one step more with each call."""
    done = count(1)
    progress("timing", 0, total)
    return lambda: progress("timing", next(done), total)
