"""`vivant evaluate`, `export`, `verify` and `bench`: for those who train and export."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from safetensors import SafetensorError

from ..runtime.bench import Timing, bench
from ..runtime.errors import VivantError
from ..runtime.outputs import check_writable
from .animate import SAMPLE
from .console import DEFAULT_BUNDLE, BundleOption, JsonOption, out, progress_bar, say


@contextmanager
def needing_extra(extra: str) -> Iterator[None]:
    """Turns a missing third-party module into one sentence that names the extra to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("vivant"):
            raise
        raise VivantError(f"This needs {error.name}, which is not installed: pip install 'vivant[{extra}]'.") from None


def bench_command(
    photo: Annotated[Path | None, typer.Argument(help="A picture of a face.", show_default="a sample")] = None,
    threads: Annotated[list[int] | None, typer.Option(min=1, help="May be repeated.", show_default="1 and 2")] = None,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each graph.")] = 20,
    json_summary: JsonOption = False,
    bundle_folder: BundleOption = DEFAULT_BUNDLE,
) -> None:
    """Time every graph on this machine: median milliseconds of one run."""
    with progress_bar() as progress:
        timings = bench(bundle_folder, photo or SAMPLE, threads or (1, 2), runs=runs, progress=progress)
    if json_summary:
        say(json.dumps([asdict(timing) for timing in timings]))
    else:
        out.print(_table(timings))


def _table(timings: list[Timing]) -> Table:
    counts = sorted({timing.threads for timing in timings})
    header = [f"{count} thread{'s' * (count > 1)}" for count in counts]
    table = Table("graph", "size", *(f"{text}, ms" for text in header), box=None, header_style="bold")
    values = {(timing.graph, timing.size, timing.threads): timing.milliseconds for timing in timings}
    for graph, size in dict.fromkeys((timing.graph, timing.size) for timing in timings):
        row = [f"{values[graph, size, count]:.2f}" for count in counts]
        table.add_row(graph, str(size or ""), *row)
    return table


def export_command(
    checkpoint: Annotated[
        Path | None, typer.Argument(help="A student (.safetensors).", show_default="the shipped weights")
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The bundle's folder.", show_default="the bundled one")
    ] = DEFAULT_BUNDLE,
    mediapipe: Annotated[
        Path | None,
        typer.Option(
            help="MediaPipe's wheel, to convert its models anew.", show_default="the tracker of the bundled one"
        ),
    ] = None,
) -> None:
    """Export all graphs into a bundle."""
    with needing_extra("export"):
        from ..export.bundle import export_bundle
    check_writable(output)
    try:
        export_bundle(checkpoint, output, mediapipe)
    except (ValueError, OSError, SafetensorError) as error:  # no student, no wheel, no place
        raise VivantError(f"The bundle was not exported: {error}") from None
    say(str(output))


def verify_command(
    photos: Annotated[list[Path] | None, typer.Argument(help="Pictures of faces.", show_default="samples")] = None,
    json_summary: JsonOption = False,
    bundle_folder: BundleOption = DEFAULT_BUNDLE,
) -> None:
    """Prove that the bundle's graphs compute what torch computes, within the stated tolerances."""
    with needing_extra("export"):
        from ..export.verify import verify_bundle
    differences = verify_bundle(bundle_folder, photos=photos or ())
    if json_summary:
        say(json.dumps([asdict(difference) | {"passed": difference.passed} for difference in differences]))
    else:
        table = Table("graph", "runs", "largest difference", "tolerance", "", box=None, header_style="bold")
        for d in differences:
            verdict = "[green]equal[/green]" if d.passed else "[red]differs[/red]"
            table.add_row(d.graph, str(d.runs), f"{d.largest:.2e}", f"{d.tolerance:.0e}", verdict)
        out.print(table)
    failed = [difference.graph for difference in differences if not difference.passed]
    if failed:
        raise VivantError(f"These graphs differ from torch by more than their tolerance: {', '.join(failed)}.")


def evaluate_command(
    videos: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[VIDEO]...",
            help="Clips of people that were not trained on.",
            show_default="the held-out clips of the folder that VIVANT_DATA names",
        ),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the report.")] = Path("evaluation"),
    size: Annotated[int, typer.Option(min=64, help="Side of the compared square, pixels.")] = 256,
    frame_step: Annotated[
        int | None, typer.Option(min=1, help="Compare every n-th frame.", show_default="12 frames of each clip")
    ] = None,
    bundle_folder: BundleOption = DEFAULT_BUNDLE,
) -> None:
    """Measure self- and cross-reenactment against standing still and against geometry alone."""
    with needing_extra("train"):
        from ..training.evaluate import evaluate, heldout_videos
    evaluate(bundle_folder, videos or heldout_videos(), output, size=size, frame_step=frame_step)
    say((output / "report.md").read_text(encoding="utf-8"))
