"""`vivant export`, `verify` and `placement`: from a checkpoint to graphs that provably run."""

import json
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.table import Table
from safetensors import SafetensorError

from ..runtime.errors import VivantError
from ..runtime.outputs import check_writable
from .console import DEFAULT_BUNDLE, BundleOption, JsonOption, note, out, progress_bar, say
from .extras import needing_extra

if TYPE_CHECKING:
    from ..export.options import Precision, Target
    from ..export.placement import Placed
    from ..export.verify import Difference, PrecisionLoss


def export_command(
    checkpoint: Annotated[
        Path | None, typer.Argument(help="A student (.safetensors).", show_default="the shipped weights")
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The bundle's folder.", show_default="the bundled one")
    ] = DEFAULT_BUNDLE,
    precision: Annotated[
        list[str] | None,
        typer.Option(help="fp32, fp16 (for webgpu), int8 (for wasm). May be repeated.", show_default="fp32"),
    ] = None,
    target: Annotated[
        str, typer.Option(help="webgpu or wasm: a bundle for such hosts. all: a portable one with variants for both.")
    ] = "all",
    size: Annotated[
        int | None, typer.Option(help="Side of the rendered square, fixed in the graphs.", show_default="any")
    ] = None,
    photos: Annotated[int, typer.Option(help="How many photos of a person hosts may take.")] = 32,
    calibration: Annotated[
        list[Path] | None,
        typer.Option(help="Pictures of faces to calibrate int8 and fp16 on. May be repeated.", show_default="samples"),
    ] = None,
    max_loss: Annotated[float, typer.Option(min=0, help="What int8 may cost mouth and eyes, mean grey levels.")] = 0.25,
    mediapipe: Annotated[
        Path | None,
        typer.Option(
            help="MediaPipe's wheel, to convert its models anew.", show_default="the tracker of the bundled one"
        ),
    ] = None,
) -> None:
    """Export all graphs into a bundle: portable fp32, and variants for WebGPU (fp16) and for processors (int8).

    [bold]Examples[/bold]

    vivant export my.safetensors -o my-bundle --precision fp16 --precision int8

    vivant export my.safetensors -o for-gpus --target webgpu --size 256

    vivant export my.safetensors -o mine --precision int8 --calibration me.jpg
    """
    with needing_extra("export"):
        from ..export.bundle import export_bundle
        from ..export.options import ExportOptions
    options = ExportOptions(
        precisions=cast("tuple[Precision, ...]", tuple(dict.fromkeys(precision or ["fp32"]))),
        target=cast("Target", target),
        size=size,
        photos=photos,
        calibration=calibration or (),
        max_loss=max_loss,
    )
    check_writable(output)
    try:
        with progress_bar() as progress:
            export_bundle(checkpoint, output, mediapipe, options, progress)
    except (ValueError, OSError, SafetensorError) as error:  # no student, no wheel, no place
        raise VivantError(f"The bundle was not exported: {error}") from None
    say(str(output))


def verify_command(
    photos: Annotated[list[Path] | None, typer.Argument(help="Pictures of faces.", show_default="samples")] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="The student that was exported.", show_default="the shipped weights")
    ] = None,
    json_summary: JsonOption = False,
    bundle_folder: BundleOption = DEFAULT_BUNDLE,
) -> None:
    """Prove that the bundle's graphs compute what torch computes, within the stated tolerances.

    [bold]Examples[/bold]

    vivant verify                                        the shipped bundle

    vivant verify --bundle my-bundle --checkpoint student.safetensors

    vivant verify anna.jpg ben.jpg --json                on your own photos
    """
    with needing_extra("export"):
        from ..export.verify import verify_bundle, verify_precisions
        from ..models.released import STUDENT
    student = checkpoint or STUDENT
    if not student.is_file():
        raise VivantError(f"{student} does not exist.")
    with progress_bar() as progress:
        differences = verify_bundle(bundle_folder, student, photos or (), progress)
        losses = verify_precisions(bundle_folder, student, photos or (), progress=progress)
    if json_summary:
        say(json.dumps([asdict(item) | {"passed": item.passed} for item in (*differences, *losses)]))
    else:
        out.print(_differences(differences))
        out.print(_losses(losses))
    failed = [item.graph for item in differences if not item.passed]
    if failed:
        raise VivantError(f"These graphs differ from torch by more than their tolerance: {', '.join(failed)}.")
    lossy = [item.name for item in losses if not item.passed]
    if lossy:
        raise VivantError(f"These variants lose more of the picture than they may: {', '.join(lossy)}.")


def placement_command(
    size: Annotated[
        int | None, typer.Option(help="Fix the rendered square's side, as a host may.", show_default="open")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Ask onnxruntime-web in Chromium, not only the rules.")] = True,
    check: Annotated[bool, typer.Option("--check-rules", help="Ask it about every operator of the rules.")] = False,
    json_summary: JsonOption = False,
    bundle_folder: BundleOption = DEFAULT_BUNDLE,
) -> None:
    """Show which nodes of the graphs leave the GPU when a browser runs them on WebGPU, why, and what would not.

    [bold]Examples[/bold]

    vivant placement --bundle my-bundle                  asks Chromium

    vivant placement --bundle my-bundle --no-browser     by the rules alone

    vivant placement --size 512 --json
    """
    with needing_extra("export"):
        from ..export.browser import Browser
        from ..export.placement import place_bundle
        from ..export.rules import check_rules
    with Browser() if browser else nullcontext() as opened, progress_bar() as progress:
        placed = place_bundle(bundle_folder, opened, size, progress)
        wrong = check_rules(opened) if check and opened is not None else []
    if json_summary:
        say(json.dumps([asdict(one) | {"failed": one.failed} for one in placed]))
    else:
        _show_placement(placed)
    for sentence in wrong:
        note(sentence)
    if wrong:
        raise VivantError("The rules of placement are not those of this onnxruntime-web.")
    failed = [one.file for one in placed if one.failed]
    if failed:
        raise VivantError(f"These graphs are meant for WebGPU, and do not stay there: {', '.join(failed)}.")


def _differences(differences: "list[Difference]") -> Table:
    table = Table("graph", "runs", "largest difference", "tolerance", "", box=None, header_style="bold")
    for d in differences:
        verdict = "[green]equal[/green]" if d.passed else "[red]differs[/red]"
        table.add_row(d.graph, str(d.runs), f"{d.largest:.2e}", f"{d.tolerance:.0e}", verdict)
    return table


def _losses(losses: "list[PrecisionLoss]") -> Table:
    header = ("frames against torch", "whole", "mouth", "eyes", "largest", "worst PSNR", "accepted", "")
    table = Table(*header, box=None, header_style="bold")
    for item in losses:
        loss, verdict = item.loss, "[green]good[/green]" if item.passed else "[red]too much[/red]"
        figures = (
            f"{loss.whole:.3f}",
            f"{loss.mouth:.3f}",
            f"{loss.eyes:.3f}",
            str(loss.largest),
            f"{loss.psnr:.1f} dB",
        )
        table.add_row(item.name, *figures, f"{item.accepted:g}", verdict)
    return table


def _show_placement(placed: "list[Placed]") -> None:
    table = Table("file", "on the GPU", "on the CPU", "by the rules", "", box=None, header_style="bold")
    for one in placed:
        measured = (str(one.measured.gpu), str(len(one.measured.cpu))) if one.measured else ("?", "?")
        verdict = "[red]leaves the GPU[/red]" if one.failed else "[green]stays[/green]" if one.wanted else "for wasm"
        table.add_row(one.file, *measured, str(len(one.predicted)), verdict)
    out.print(table)
    for one in placed:
        if one.measured and one.measured.failure:
            note(f"{one.file} was placed, but this machine's GPU cannot run it: {one.measured.failure}")
        if one.failed:
            for fallback in one.predicted:
                instead = f" Instead: {fallback.instead}." if fallback.instead else ""
                say(f"{one.file}: {fallback.operator} ({fallback.node}): {fallback.why}.{instead}")
            for node in one.measured.cpu if one.measured else ():
                say(f"{one.file}: on the CPU: {node}")
