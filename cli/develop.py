"""`vivant evaluate` and `bench`: how good, how fast."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ..runtime.bench import Timing, bench
from .animate import SAMPLE
from .console import DEFAULT_BUNDLE, BundleOption, JsonOption, out, progress_bar, say
from .extras import needing_extra


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
