"""`vivant evaluate` and `bench`: how good, how fast."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ..runtime.bench import Timing, bench
from .animate import SAMPLE, PrecisionChoice
from .console import DEFAULT_BUNDLE, BundleOption, JsonOption, out, progress_bar, say
from .extras import needing_extra

if TYPE_CHECKING:
    from ..export.bench import RenderTime


def bench_command(
    photo: Annotated[Path | None, typer.Argument(help="A picture of a face.", show_default="a sample")] = None,
    threads: Annotated[list[int] | None, typer.Option(min=1, help="May be repeated.", show_default="1 and 2")] = None,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each graph.")] = 20,
    full: Annotated[
        bool,
        typer.Option("--full", help="`render` and its variants instead: cost, WebAssembly, operators, roofline."),
    ] = False,
    wasm: Annotated[bool, typer.Option(help="With --full: also time WebAssembly, by Node.js.")] = True,
    json_summary: JsonOption = False,
    bundle_folder: BundleOption = DEFAULT_BUNDLE,
) -> None:
    """Time every graph on this machine: median milliseconds of one run.

    [bold]Examples[/bold]

    vivant bench

    vivant bench anna.jpg --threads 4 --runs 50

    vivant bench --full                                  cost, roofline; takes minutes

    vivant bench --full --no-wasm --bundle my-bundle
    """
    if full:
        _bench_fully(bundle_folder, photo or SAMPLE, threads or [1, 2], wasm, json_summary)
        return
    with progress_bar() as progress:
        timings = bench(bundle_folder, photo or SAMPLE, threads or (1, 2), runs=runs, progress=progress)
    if json_summary:
        say(json.dumps([asdict(timing) for timing in timings]))
    else:
        out.print(_table(timings))


def _bench_fully(folder: Path, photo: Path, threads: list[int], wasm: bool, json_summary: bool) -> None:
    with needing_extra("export"):
        from ..export.bench import bench_fully
    with progress_bar() as progress:
        found = bench_fully(folder, photo, threads, wasm=wasm, progress=progress)
    if json_summary:
        say(json.dumps(asdict(found)))
        return
    _print_costs(found.renders)
    _print_times(found.renders, threads)
    for row in found.renders:
        for count, line in row.roofline.items():
            say(
                f"{row.name} {row.size}, {count} thread{'s' * (count > 1)}: convolutions {line.reached:.0f} of "
                f"{line.peak:.0f} GFLOP/s ({100 * line.share:.0f} %), {100 * line.convolution_share:.0f} % of the time"
            )
            heavy = [o for o in line.operators if o.share >= 0.02]
            say("  " + ", ".join(f"{o.operator} {o.milliseconds:.2f} ms ({100 * o.share:.0f} %)" for o in heavy))
    for r in found.references:
        cost = f"{r.cost.macs / 1e9:.2f} GMAC"
        say(f"{r.name}: {cost}, {r.threads} threads: {r.milliseconds:.1f} ms, {r.gflops:.0f} GFLOP/s")


def _print_costs(renders: Sequence["RenderTime"]) -> None:
    table = Table("graph", "size", "GMAC", "MB", "M parameters", "operations/byte", box=None, header_style="bold")
    for row in renders:
        cost = row.cost
        cells = (f"{cost.macs / 1e9:.3f}", f"{cost.bytes / 1e6:.2f}", f"{cost.parameters / 1e6:.2f}")
        table.add_row(row.name, str(row.size), *cells, f"{cost.intensity:.1f}")
    out.print(table)


def _print_times(renders: Sequence["RenderTime"], threads: list[int]) -> None:
    """Milliseconds, native and in WebAssembly, by threads; and the processor's, of all threads, where there is one."""
    native, wasm = ([f"{host} {n}" for n in threads] for host in ("native", "wasm"))
    head = ("ms, by threads", "size", *native, *wasm, "wasm CPU")
    table = Table(*head, box=None, header_style="bold")
    for row in renders:
        times = [f"{row.native[n]:.1f}" for n in threads]
        times += [f"{row.wasm[n].wall:.1f}" if n in row.wasm else "–" for n in threads]
        first = row.wasm.get(threads[0])
        table.add_row(row.name, str(row.size), *times, f"{first.cpu:.1f}" if first else "–")
    out.print(table)


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
    precision: Annotated[
        PrecisionChoice, typer.Option(help="Of the student's frames; auto is int8 where the bundle has it.")
    ] = PrecisionChoice.fp32,
    bundle_folder: BundleOption = DEFAULT_BUNDLE,
) -> None:
    """Measure self- and cross-reenactment against standing still and against geometry alone.

    Writes report.md, report.json and two contact sheets.

    [bold]Examples[/bold]

    vivant evaluate anna.mp4 ben.mp4 -o evaluation

    VIVANT_DATA=data vivant evaluate                     its held-out clips

    vivant evaluate clips/*.mp4 --precision int8 --bundle my-bundle
    """
    with needing_extra("train"):
        from ..training.evaluate import evaluate, heldout_videos
    evaluate(bundle_folder, videos or heldout_videos(), output, size=size, frame_step=frame_step, precision=precision)
    say((output / "report.md").read_text(encoding="utf-8"))
