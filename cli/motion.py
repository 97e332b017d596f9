"""`vivant motion`: the presets, tracks extracted from videos, and what is in a track."""

import json
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer
from rich.table import Table

from ..runtime.errors import OutputError
from ..runtime.motions import extract_track
from ..runtime.outputs import check_writable
from ..runtime.session import Bundle
from ..runtime.tracks import MotionTrack
from .animate import NeutralChoice
from .console import DEFAULT_BUNDLE, BundleOption, JsonOption, ThreadsOption, note, out, progress_bar, say

app = typer.Typer(help="List, extract and show motions.", no_args_is_help=True)
BARS: Final = "▁▂▃▄▅▆▇█"
COLUMNS: Final = 44


@app.command("list")
def list_command(json_summary: JsonOption = False, bundle_folder: BundleOption = DEFAULT_BUNDLE) -> None:
    """List the preset motions.

    [bold]Examples[/bold]

    vivant motion list

    vivant motion list --json
    """
    bundle = Bundle(bundle_folder)
    tracks = {name: MotionTrack.load(bundle.preset(name)) for name in bundle.manifest.presets}
    if json_summary:
        say(json.dumps([summary_of(track, name) for name, track in tracks.items()], ensure_ascii=False))
        return
    table = Table("name", "title", "seconds", "fps", "loop", box=None, header_style="bold")
    for name, track in tracks.items():
        table.add_row(name, track.info.title, f"{track.seconds:.1f}", f"{track.fps:g}", "yes" if track.loop else "no")
    out.print(table)


@app.command("extract")
def extract_command(
    video: Annotated[Path, typer.Argument(help="A video of one face.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="TRACK", help="A .safetensors file.")],
    neutral: Annotated[
        NeutralChoice, typer.Option(help="The calm face: the video's first frame, or its calmest.")
    ] = NeutralChoice.first,
    smooth: Annotated[bool, typer.Option("--smooth/--no-smooth", help="Calm the tracked landmarks.")] = True,
    threads: ThreadsOption = None,
    bundle_folder: BundleOption = DEFAULT_BUNDLE,
) -> None:
    """Extract a video's motion into a track that holds no picture of anyone.

    [bold]Examples[/bold]

    vivant motion extract me.mp4 -o me.safetensors

    vivant motion extract me.mp4 -o me.safetensors --neutral auto

    vivant animate anna.jpg --motion me.safetensors
    """
    if output.suffix != ".safetensors":
        raise OutputError(f"{output} must end in .safetensors.")
    check_writable(output)
    with progress_bar() as progress:
        track, notes = extract_track(Bundle(bundle_folder, threads), video, neutral.value, smooth, progress)
    track.save(output)
    for line in notes:
        note(line)
    say(str(output))


@app.command("show")
def show_command(
    track_path: Annotated[str, typer.Argument(metavar="TRACK", help="A .safetensors file or a preset's name.")],
    json_summary: JsonOption = False,
    bundle_folder: BundleOption = DEFAULT_BUNDLE,
) -> None:
    """Show what a track holds, with a curve of each kind of motion.

    [bold]Examples[/bold]

    vivant motion show talk

    vivant motion show me.safetensors --json
    """
    path = Path(track_path)
    if path.suffix != ".safetensors":
        bundle = Bundle(bundle_folder)
        path = bundle.preset(track_path) if track_path in bundle.manifest.presets else path
    track = MotionTrack.load(path)
    if json_summary:
        say(json.dumps(summary_of(track, track.info.name), ensure_ascii=False))
        return
    facts = Table(box=None, show_header=False)
    for key, value in summary_of(track, track.info.name).items():
        facts.add_row(key, str(value))
    out.print(facts)
    curves = Table("motion", "from", "to", "over time", box=None, header_style="bold")
    for name, values in curves_of(track).items():
        curves.add_row(name, f"{values.min():.2f}", f"{values.max():.2f}", sparkline(values))
    out.print(curves)


def summary_of(track: MotionTrack, name: str) -> dict[str, str | float | int | bool]:
    """What a track says about itself."""
    return {
        "name": name,
        "title": track.info.title,
        "description": track.info.description,
        "frames": len(track),
        "fps": track.fps,
        "seconds": round(track.seconds, 3),
        "loop": track.loop,
        "shapes": len(track.basis),
        "licence": track.info.licence,
        "source": track.info.source,
    }


def curves_of(track: MotionTrack) -> dict[str, np.ndarray]:
    """Named curves [T] of a track: turns in degrees, shifts and displacements in outer-eye-corner distances."""
    r = track.rotation
    displacement = np.tensordot(track.expression, track.basis, axes=1)  # [T, 478, 3]
    # 13 and 14 are the middles of the upper and the lower inner lip; 159 and 386, 145 and 374 of the upper, lower lids.
    gap = displacement[..., 1]
    return {
        "yaw °": np.degrees(np.arctan2(r[:, 0, 2], r[:, 2, 2])),
        "pitch °": np.degrees(np.arcsin(np.clip(-r[:, 1, 2], -1, 1))),
        "roll °": np.degrees(np.arctan2(r[:, 1, 0], r[:, 1, 1])),
        "sideways": track.translation[:, 0],
        "down": track.translation[:, 1],
        "size": np.exp(track.scale),
        "mouth opens": gap[:, 14] - gap[:, 13],
        "eyes open": (gap[:, 145] - gap[:, 159] + gap[:, 374] - gap[:, 386]) / 2,
    }


def sparkline(values: np.ndarray, columns: int = COLUMNS) -> str:
    """A curve as a row of bars; a curve that stays within 0.001 is flat."""
    picked = values[np.linspace(0, len(values) - 1, min(columns, len(values))).astype(int)]
    low, high = float(picked.min()), float(picked.max())
    if high - low < 1e-3:
        return BARS[0] * len(picked)
    levels = ((picked - low) / (high - low) * (len(BARS) - 1)).round().astype(int)
    return "".join(BARS[level] for level in levels)
