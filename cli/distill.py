"""`vivant distill`: what a teacher knows, for a student that runs in a browser."""

from pathlib import Path
from typing import Annotated

import typer

from ..runtime.errors import VivantError
from .console import progress_bar, say
from .extras import needing_extra
from .teach import TeacherOption


def distill_command(
    cache: Annotated[Path, typer.Option(help="What vivant prepare --arrays wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the run; what lies there is continued.")],
    teacher: TeacherOption = None,
    student: Annotated[
        Path | None, typer.Option(help="What the student starts as.", show_default="the shipped one")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Of the whole run.", show_default="2000")] = None,
    imagined: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of samples whose truth is the teacher's frame.", show_default="0.25"),
    ] = None,
) -> None:
    """Distil a teacher into a student: from films, and from motions that only the teacher can show.

    Writes student.safetensors into the run's folder. Ctrl-C ends the run with a checkpoint; the same command goes on.

    [bold]Examples[/bold]

    vivant distill --cache arrays -o runs/distilled

    vivant distill --cache arrays -o runs/mine --teacher teacher.safetensors --student student.safetensors

    vivant export runs/distilled/student.safetensors -o bundle
    """
    with needing_extra("train"):
        from safetensors import SafetensorError

        from ..models.released import STUDENT, TEACHER
        from ..training.checkpoint import CheckpointError
        from ..training.distill import Distillation, distil
        from ..training.errors import TrainingError
    config = Distillation(
        str(student or STUDENT),
        str(teacher or TEACHER),
        Distillation.steps if steps is None else steps,
        imagined=Distillation.imagined if imagined is None else imagined,
    )
    try:
        with progress_bar() as progress:
            written = distil(config, cache, output, progress)
    except (CheckpointError, TrainingError, SafetensorError, ValueError, OSError) as error:
        raise VivantError(f"{error}") from None
    say(str(written))
