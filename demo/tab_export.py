"""The tab "Export": the graphs made anew from the weights, proven against torch, timed, in one zip."""

import importlib.util
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import gradio as gr

from ..runtime.bench import Timing, bench
from ..runtime.errors import VivantError
from ..runtime.session import BUNDLED
from .examples import SAMPLES
from .page import told
from .studio import Studio

NEEDED: Final = ("torch", "onnx", "onnxscript", "onnxsim")
HOW: Final = """
This server only animates: it has ONNX Runtime, not torch, and exporting needs torch. On your own machine:

```bash
git clone URL-OF-THIS-REPOSITORY vivant && cd vivant
pip install '.[demo,export]'
vivant export --output my-bundle     # the graphs, from the shipped weights or from a checkpoint of yours
vivant verify --bundle my-bundle     # proves that they compute what torch computes
vivant demo --bundle my-bundle       # this page, with the tab "Export" at work
```
"""
WHAT: Final = """
Makes the bundle anew from the shipped weights: the ONNX graphs (opset 17, fp32 arithmetic; weights that are
half-precision numbers are stored as such), presets and manifest. The zip also holds `report.md`: the largest difference
between each graph and torch, and its milliseconds on this machine. The same files serve ONNX Runtime and browsers.
"""


@dataclass(frozen=True)
class Row:
    """One line of the report: a graph's largest difference to torch, and what is allowed."""

    graph: str
    largest: float
    tolerance: float


def missing_modules() -> list[str]:
    """What the extra `export` would bring and is not here, as far as the demo needs it."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    return missing or ([] if (BUNDLED.parents[1] / "export").is_dir() else ["vivant's own `export`"])


def export_tab(studio: Studio) -> None:
    """Puts the tab's content where it is called."""
    missing = missing_modules()
    if missing:
        gr.Markdown(f"{HOW}\nMissing here: {', '.join(missing)}.", elem_id="export-how")
        return
    gr.Markdown(WHAT)
    run = gr.Button("Export and verify", variant="primary", size="lg", elem_id="export")
    report = gr.Markdown()
    file = gr.File(label="The bundle", interactive=False)

    def export(request: gr.Request, progress: gr.Progress = gr.Progress()) -> tuple[str, str]:  # noqa: B008
        """Exports and verifies the bundle; returns its report (Markdown) and a zip of it."""
        with told(), studio.job(request.session_hash, True, []) as job:
            folder = job.folder / "bundle"
            progress((0, 3), desc="Exporting")
            rows = _export(folder, progress)
            progress((2, 3), desc="Timing")
            text = report_of(rows, bench(folder, SAMPLES / "astronaut.jpg", threads=(1,), sizes=(256, 512), runs=5))
            (folder / "report.md").write_text(text, encoding="utf-8")
            zipped = shutil.make_archive(str(job.folder / "vivant-bundle"), "zip", folder)
            shutil.rmtree(folder)
            return text, zipped

    run.click(
        export, None, [report, file], api_name="export", concurrency_limit=1, concurrency_id="export",
        show_progress_on=[report],
    )  # fmt: skip


def _export(folder: Path, progress: gr.Progress) -> list[Row]:
    """Exports and verifies; imported here because both need torch."""
    from ..export.bundle import WEIGHTS, export_bundle
    from ..export.verify import verify_bundle

    if not WEIGHTS.is_file():
        raise VivantError("The student's weights are not part of this installation, so nothing can be exported.")
    export_bundle(None, folder)
    progress((1, 3), desc="Verifying against torch")
    return [Row(d.graph, d.largest, d.tolerance) for d in verify_bundle(folder)]


def report_of(rows: Sequence[Row], timings: Sequence[Timing]) -> str:
    """The report, Markdown."""
    lines = ["### Against torch", "", "| graph | largest difference | tolerance | |", "| --- | --- | --- | --- |"]
    for row in rows:
        verdict = "passed" if row.largest <= row.tolerance else "**FAILED**"
        lines.append(f"| {row.graph} | {row.largest:.2g} | {row.tolerance:.2g} | {verdict} |")
    lines += ["", "### On this machine, one thread", "", "| graph | size | median ms |", "| --- | --- | --- |"]
    lines += [f"| {timing.graph} | {timing.size or ''} | {timing.milliseconds:.2f} |" for timing in timings]
    return "\n".join(lines) + "\n"
