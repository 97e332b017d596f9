"""`vivant train student`: one command from a folder of videos and photos to a trained student."""

import math
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ..runtime.errors import VivantError
from .console import DEFAULT_BUNDLE, BundleOption, note, out, progress_bar
from .extras import needing_extra


def train_student_command(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Any tree of videos and photos.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the run; what lies there is continued.")],
    steps_share: Annotated[
        float | None, typer.Option(help="Share of the steps of a whole training.", show_default="1, with --quick 0.01")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A try in minutes: few steps, short looks at held-out people, no int8.")
    ] = False,
    widths: Annotated[
        tuple[int, int, int, int] | None,
        typer.Option(help="Channels per level of the refiner.", show_default="24 40 64 96"),
    ] = None,
    teacher: Annotated[
        Path | None, typer.Option(help="A student, wider perhaps, whose refiner this one's learns from.")
    ] = None,
    with_teacher: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Train an adversarial teacher on the same data first, paper, paper-cpu, full or full-cpu, and distil "
            "the student from it.",
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(help="A Ray cluster that prepares the data, or auto.", show_default="this machine alone"),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that prepare the data.", show_default="one a processor")
    ] = None,
    fps: Annotated[float, typer.Option(min=0.1, max=60, help="Frames kept a second of video.")] = 8.0,
    heldout: Annotated[
        float, typer.Option(min=0, max=1, help="Share of people that are held out; an index.csv decides for itself.")
    ] = 0.05,
    arrays_gigabytes: Annotated[
        float, typer.Option(min=0, help="Most that the arrays may take: people are drawn.", show_default="no limit")
    ] = math.inf,
    bundle_folder: BundleOption = DEFAULT_BUNDLE,
) -> None:
    """Train a student: from videos and photos to weights, a bundle and a report.

    Prepares the data (see `vivant prepare`), trains the refiner, the mouth's and the eyes' painters, puts them into
    student.safetensors, exports bundle/ and measures the held-out people's films into report/. Ctrl-C ends it with a
    checkpoint, and the same command goes on; what is finished is not done again.

    [bold]Examples[/bold]

    vivant train student clips/ -o runs/try --quick

    vivant train student clips/ -o runs/whole

    vivant train student clips/ -o runs/slim --widths 16 28 48 72 --teacher runs/whole/student.safetensors

    vivant train student vox2/ -o runs/vox --fps 2 --arrays-gigabytes 500 --address auto
    """
    with needing_extra("train,export"):
        from safetensors import SafetensorError

        from ..preparation.config import PreparationConfig
        from ..preparation.run import Place
        from ..training.checkpoint import CheckpointError
        from ..training.errors import TrainingError
        from ..training.student_recipe import QUICK_SHARE, StudentRecipe
        from .student_run import StudentRun, duration, run_stages
    share = steps_share if steps_share is not None else QUICK_SHARE if quick else 1.0
    try:
        recipe = StudentRecipe(share, quick, widths or StudentRecipe.widths, teacher)
        preparation = PreparationConfig(fps=fps, heldout=heldout)
        place = Place(workers, address, bundle=bundle_folder)
        run = StudentRun(data, output, recipe, preparation, place, arrays_gigabytes * 1e9, with_teacher)
        results = run_stages(run, note, progress_bar)
    except (CheckpointError, TrainingError, SafetensorError, OSError) as error:
        raise VivantError(f"{error}") from None
    table = Table("result", "time", box=None, header_style="bold")
    for path, seconds in results.items():
        table.add_row(str(path), duration(seconds))
    out.print(table)
