"""`vivant report`: what a bundle is, what it costs, what its precisions lose, as one HTML page and as Markdown."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from ..runtime.session import Bundle
from .browser import Browser, BrowserError
from .cost import Cost, measure_cost, render_sizes
from .explanations import EXPLAINED_SHARE, EXPLANATIONS
from .frames import Frame, make_frames
from .integrity import check_bundle, read_entry
from .placement import Placed, place_bundle
from .quality import Loss, measure_loss, render_all
from .report_page import Section, Table, as_html, as_markdown, as_strip
from .roofline import ReferenceTime, Roofline, measure_peak, measure_roofline, time_references, time_session
from .wasm import WasmTiming, time_in_wasm

SIZES = (256, 512)
THREADS = (1, 2)
SHEET_FRAMES = 5
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Look:
    """One `render` of the bundle: own or variant, its frames at 256 px, and what they lose against the own."""

    name: str
    entry: dict[str, Any]
    content: bytes
    pictures: list[np.ndarray]
    loss: Loss


def write_report(
    folder: Path, output: Path, photos: Sequence[Path] = (), wasm: bool = True, progress: Progress | None = None
) -> tuple[Path, Path]:
    """Measures a bundle and writes `report.html` and `report.md`.

    Args:
        folder: the bundle. output: the folder to write into. photos: for the contact sheet; samples by default.
        wasm: also time WebAssembly and ask Chromium for placement, where they are installed.

    Returns:
        the paths of the page and of the Markdown.

    Raises:
        BundleError: the bundle is damaged. FaceError: a photo shows no face.
    """
    tell = progress or (lambda *_: None)
    check_bundle(folder)
    bundle = Bundle(folder, threads=1)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    frames = {size: make_frames(bundle, photos, size, SHEET_FRAMES) for size in SIZES}
    tell("measuring", 1, 5)
    looks = _looks(bundle, manifest, frames[256])
    tell("measuring", 2, 5)
    sections = [_about(manifest), _files(bundle, manifest), _losses(looks, frames[256])]
    sections += [_searches(manifest)] if manifest.get("searches") else []
    sections += [_speed(looks, frames, wasm), *_rooflines(looks[0], frames)]
    tell("measuring", 4, 5)
    sections.append(_placement(folder, wasm))
    sheet = _contact_sheet(looks, frames[256])
    output.mkdir(parents=True, exist_ok=True)
    page, text = output / "report.html", output / "report.md"
    title = f"{manifest['name']} {manifest['version']}"
    _write(page, as_html(title, sections, sheet))
    _write(text, as_markdown(title, sections))
    tell("measuring", 5, 5)
    return page, text


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.partial")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _looks(bundle: Bundle, manifest: dict[str, Any], frames: list[Frame]) -> list[Look]:
    entries = [("render", {"precision": "fp32", **manifest["graphs"]["render"]})]
    entries += [(f"{v['target']} {v['precision']}", v) for v in manifest.get("variants", [])]
    looks: list[Look] = []
    for name, entry in entries:
        content = read_entry(bundle, entry)
        pictures = render_all(content, frames)
        reference = looks[0].pictures if looks else pictures
        looks.append(Look(name, entry, content, pictures, measure_loss(pictures, reference, frames)))
    return looks


def _about(manifest: dict[str, Any]) -> Section:
    training = manifest["training"]
    rows = [["exported for", manifest.get("target", "all")], ["weights, SHA-256", training.get("weights_sha256", "?")]]
    rows += [[f"licence of {names}", licence] for names, licence in manifest["licences"].items()]
    rows.append(["measured on", f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}"])
    return Section("Bundle", [Table(["what", ""], rows)])


def _files(bundle: Bundle, manifest: dict[str, Any]) -> Section:
    rows = []
    for name, entry in manifest["graphs"].items():
        sizes = render_sizes(256) | {"H": 512, "W": 512, "P": 256, "N": 1}
        cost = measure_cost(onnx.load_model_from_string(bundle.content(name)), sizes)
        rows.append([name, entry.get("precision", ""), _mb(entry["bytes"]), *_figures(cost)])
    for entry in manifest.get("variants", []):
        cost = measure_cost(onnx.load_model_from_string(read_entry(bundle, entry)), render_sizes(256))
        rows.append(
            [f"{entry['graph']} for {entry['target']}", entry["precision"], _mb(entry["bytes"]), *_figures(cost)]
        )
    note = (
        "A host downloads all graphs, but one render. GMAC: convolutions and matrix products; parameters: what they "
        "read; intensity: operations for each byte of float32 that nodes read and write. At 256 px, for a photo of 512."
    )
    head = ["graph", "precision", "MB", "GMAC", "of these convolutions", "M parameters", "operations/byte"]
    return Section("Graphs", [Table(head, rows), downloads(bundle.folder, manifest)], note)


def downloads(folder: Path, manifest: dict[str, Any]) -> Table:
    """What each kind of host fetches of a bundle: all graphs with one `render`, all presets, the manifest."""
    graphs, presets = ([entry["bytes"] for entry in manifest[part].values()] for part in ("graphs", "presets"))
    own = manifest["graphs"]["render"]
    parts = [sum(graphs) - own["bytes"], sum(presets), (folder / "manifest.json").stat().st_size]
    renders = {f"own, {own.get('precision', 'fp32')}": own["bytes"]}
    renders |= {f"{v['target']}, {v['precision']}": v["bytes"] for v in manifest.get("variants", [])}
    rows = [[name, *map(_mb, [size, *parts, size + sum(parts)])] for name, size in renders.items()]
    return Table(["download, by its render", "render", "other graphs", "presets", "manifest", "MB in all"], rows)


def _figures(cost: Cost) -> list[str]:
    macs = [f"{count / 1e9:.3f}" for count in (cost.macs, cost.convolutions)]
    return [*macs, f"{cost.parameters / 1e6:.2f}", f"{cost.intensity:.1f}"]


def _losses(looks: list[Look], frames: list[Frame]) -> Section:
    rows = [
        [look.name, look.entry["precision"], *_parts(asdict(look.loss)), str(look.loss.largest), _decibels(look.loss)]
        for look in looks
    ]
    head = ["render", "precision", "whole", "mouth", "eyes", "largest", "worst PSNR, dB"]
    note = f"Mean grey levels (0 to 255) against the bundle's own render, {len(frames)} frames of real photos, 256 px."
    return Section("What a viewer loses", [Table(head, rows)], note)


def _parts(loss: dict[str, Any]) -> list[str]:
    return [f"{loss[part]:.3f}" for part in ("whole", "mouth", "eyes")]


def _decibels(loss: Loss) -> str:
    return f"{loss.psnr:.1f}" if loss.largest else "∞"


def _searches(manifest: dict[str, Any]) -> Section:
    tables = []
    for search in manifest["searches"].values():
        steps = [
            [str(s["layers"]), f"{100 * s['share']:.1f} %", *_parts(s["loss"]), "yes" if s["accepted"] else "no"]
            for s in search["steps"]
        ]
        tables.append(Table(["layers in int8", "of the work", "whole", "mouth", "eyes", "good enough"], steps))
        left = [layer for layer in search["layers"] if layer["name"] not in search["chosen"]]
        worst = [[layer["name"], f"{layer['macs'] / 1e6:.1f}", *_parts(layer["loss"])] for layer in left]
        tables.append(Table(["stays fp32", "M MAC", "whole, if int8 alone", "mouth", "eyes"], worst))
    note = "Every convolution was quantised alone; those that cost least for the work they save went first."
    return Section("The search for int8", tables, note)


def _speed(looks: list[Look], frames: dict[int, list[Frame]], wasm: bool) -> Section:
    rows = []
    for size in SIZES:
        feeds = frames[size][0].feeds
        in_wasm: dict[int, dict[str, WasmTiming]] = {}
        for threads in THREADS if wasm else ():
            try:
                in_wasm[threads] = time_in_wasm({k.name: (k.content, feeds) for k in looks}, threads)
            except BrowserError:
                in_wasm[threads] = {}
        for look in looks:
            native = [f"{time_session(look.content, feeds, threads):.1f}" for threads in THREADS]
            told = [in_wasm.get(threads, {}).get(look.name) for threads in THREADS]
            cells = [f"{t.wall:.1f}" if t else "–" for t in told] + [f"{told[0].cpu:.1f}" if told and told[0] else "–"]
            rows.append([look.name, str(size), *native, *cells])
    head = ["render", "size", "native, 1 thread", "2", "WASM, 1 thread", "2", "WASM, processor time"]
    note = (
        "Median milliseconds of a frame. WebAssembly by Node.js with the binary that browsers run; processor time is "
        "what one thread worked, whatever else the machine did. Half precision is for WebGPU and slow elsewhere."
    )
    return Section("Speed", [Table(head, rows)], note)


def _rooflines(look: Look, frames: dict[int, list[Frame]]) -> list[Section]:
    rows, operators, references = [], [], []
    model = onnx.load_model_from_string(look.content)
    for threads in THREADS:
        peak = measure_peak(threads)
        references += time_references(threads)
        for size in SIZES:
            cost = measure_cost(model, render_sizes(size))
            line = measure_roofline(look.content, frames[size][0].feeds, cost, threads, peak)
            rows.append(_roofline_row(line, size))
            operators += [_operator_row(o, size) for o in line.operators if threads == 1 and o.share >= EXPLAINED_SHARE]
    head = ["size", "threads", "peak, GFLOP/s", "reached", "share", "convolutions' share of time"]
    first = Section(
        "Roofline of the own render's convolutions",
        [Table(head, rows), Table(["operator", "size", "ms", "share", "nodes", "why"], operators)],
        "Peak: the best of several chains of large 3×3 convolutions, in the same run. Operators over 5 % of the time.",
    )
    second = Section(
        "References", [Table(["graph", "GMAC", "threads", "ms", "GFLOP/s"], [_row(r) for r in references])]
    )
    return [first, second]


def _roofline_row(line: Roofline, size: int) -> list[str]:
    shares = [f"{100 * line.share:.0f} %", f"{100 * line.convolution_share:.0f} %"]
    return [str(size), str(line.threads), f"{line.peak:.0f}", f"{line.reached:.0f}", *shares]


def _operator_row(operator: Any, size: int) -> list[str]:
    why = EXPLANATIONS.get(operator.operator, "not explained")
    share = f"{100 * operator.share:.0f} %"
    return [operator.operator, str(size), f"{operator.milliseconds:.2f}", share, str(operator.nodes), why]


def _row(reference: ReferenceTime) -> list[str]:
    cost = f"{reference.cost.macs / 1e9:.2f}"
    return [reference.name, cost, str(reference.threads), f"{reference.milliseconds:.1f}", f"{reference.gflops:.0f}"]


def _placement(folder: Path, ask: bool) -> Section:
    note = "As onnxruntime-web says in Chromium."
    placed: list[Placed] = []
    if ask:
        try:
            with Browser() as browser:
                placed = place_bundle(folder, browser)
        except BrowserError as error:
            note = f"By the rules alone: {error}"
    placed = placed or place_bundle(folder, None)
    rows = []
    for one in placed:
        on_cpu = len(one.measured.cpu) if one.measured else len(one.predicted)
        what = ", ".join(sorted({f.operator for f in one.predicted})) if on_cpu else ""
        rows.append([one.file, "yes" if one.wanted else "no", str(on_cpu), what])
    return Section("WebGPU", [Table(["file", "meant for it", "nodes on the CPU", "operators"], rows)], note)


def _contact_sheet(looks: list[Look], frames: list[Frame]) -> list[tuple[str, str]]:
    """For every precision a row of frames, and what differs from the first, 16-fold: (caption, data URL)."""
    rows = []
    for look in looks:
        rows.append((f"{look.name} ({look.entry['precision']})", as_strip(look.pictures)))
        if look is not looks[0]:
            pairs = zip(look.pictures, looks[0].pictures, strict=True)
            differences = [np.abs(a.astype(int) - b.astype(int)) * 16 for a, b in pairs]
            caption = f"{look.name}: difference to {looks[0].name}, × 16"
            rows.append((caption, as_strip([d.clip(0, 255).astype(np.uint8) for d in differences])))
    captions = ", ".join(escape(f"{frame.photo} {frame.motion}") for frame in frames)
    return [(f"Frames: {captions}", ""), *rows]


def _mb(count: int) -> str:
    return f"{count / 1e6:.2f}"
