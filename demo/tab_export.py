"""The tab "Export": the graphs made anew from the weights, proven against torch, timed, in one zip."""

import importlib.util
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import gradio as gr

from ..runtime.bench import Timing, bench
from ..runtime.errors import VivantError
from ..runtime.session import BUNDLED
from .examples import SAMPLES
from .page import told
from .studio import Studio

if TYPE_CHECKING:  # needs torch, which a Space does not have
    from ..export.verify import Difference, PrecisionLoss

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
Makes the bundle anew from the shipped weights: ONNX graphs (opset 17), presets and manifest. `all` makes a portable
fp32 bundle, with variants of the frames' graph in the precisions that you choose; `webgpu` and `wasm` make one for such
hosts alone. The zip also holds `report.md`: how far each graph is from torch, what each precision costs the picture,
and milliseconds on this machine. int8 takes some minutes: it searches for the layers that bear it.
"""
PRECISIONS: Final = ("fp32", "fp16", "int8")
TARGETS: Final = ("all", "webgpu", "wasm")


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
    with gr.Row():
        precisions = gr.CheckboxGroup(PRECISIONS, value=["fp32", "int8"], label="Precision")
        target = gr.Radio(TARGETS, value="all", label="For which hosts")
    run = gr.Button("Export and verify", variant="primary", size="lg", elem_id="export")
    report = gr.Markdown()
    file = gr.File(label="The bundle", interactive=False)

    def export(
        precisions: list[str],
        target: str,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[str, str]:
        """Exports and verifies the bundle; returns its report (Markdown) and a zip of it.

        Args:
            precisions: of "fp32", "fp16" (for webgpu), "int8" (for wasm).
            target: "all", "webgpu" or "wasm".
        """
        with told(), studio.job(request.session_hash, True, []) as job:
            folder = job.folder / "bundle"
            rows, losses = _export(folder, tuple(precisions), target, progress)
            progress((2, 3), desc="Timing")
            timings = bench(folder, SAMPLES / "astronaut.jpg", threads=(1,), sizes=(256, 512), runs=5)
            text = report_of(rows, losses, timings)
            (folder / "report.md").write_text(text, encoding="utf-8")
            zipped = shutil.make_archive(str(job.folder / "vivant-bundle"), "zip", folder)
            shutil.rmtree(folder)
            return text, zipped

    run.click(
        export, [precisions, target], [report, file], api_name="export", concurrency_limit=1, concurrency_id="export",
        show_progress_on=[report],
    )  # fmt: skip


def _export(
    folder: Path, precisions: tuple[str, ...], target: str, progress: gr.Progress
) -> tuple[list["Difference"], list["PrecisionLoss"]]:
    """Exports and verifies; imported here because both need torch."""
    from ..export.bundle import export_bundle
    from ..export.options import ExportOptions
    from ..export.verify import verify_bundle, verify_precisions
    from ..models.released import STUDENT

    if not STUDENT.is_file():
        raise VivantError("The student's weights are not part of this installation, so nothing can be exported.")
    options = ExportOptions(precisions, target)  # type: ignore[arg-type] (it checks them)

    def show(stage: str, done: int, total: int) -> None:
        progress((done, total), desc=stage.capitalize())

    export_bundle(None, folder, options=options, progress=show)
    return verify_bundle(folder, progress=show), verify_precisions(folder, progress=show)


def report_of(rows: Sequence["Difference"], losses: Sequence["PrecisionLoss"], timings: Sequence[Timing]) -> str:
    """The report, Markdown."""
    lines = ["### Against torch", "", "| graph | largest difference | tolerance | |", "| --- | --- | --- | --- |"]
    for row in rows:
        verdict = "passed" if row.passed else "**FAILED**"
        lines.append(f"| {row.graph} | {row.largest:.2g} | {row.tolerance:.2g} | {verdict} |")
    lines += ["", "### What a viewer loses, grey levels of 255", "", "| graph | MB | frame | mouth | eyes |"]
    lines.append("| --- | --- | --- | --- | --- |")
    for made in losses:
        loss = made.loss
        lines.append(
            f"| {made.name} | {made.bytes / 1e6:.1f} | {loss.whole:.3f} | {loss.mouth:.3f} | {loss.eyes:.3f} |"
        )
    lines += ["", "### On this machine, one thread", "", "| graph | size | median ms |", "| --- | --- | --- |"]
    lines += [f"| {timing.graph} | {timing.size or ''} | {timing.milliseconds:.2f} |" for timing in timings]
    return "\n".join(lines) + "\n"
