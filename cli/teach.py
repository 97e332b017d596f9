"""`vivant train`, `adapt` and `perform`: teachers, people's own teachers, and clips made with them."""

from pathlib import Path
from typing import Annotated

import typer

from ..runtime.errors import VivantError
from ..runtime.outputs import check_writable, is_folder
from ..runtime.session import Bundle
from .animate import DEFAULT_MOTION
from .console import DEFAULT_BUNDLE, BundleOption, note, progress_bar, say
from .extras import needing_extra
from .student import train_student_command

TeacherOption = Annotated[
    Path | None,
    typer.Option("--teacher", envvar="VIVANT_TEACHER", help="A trained teacher.", show_default="the shipped one"),
]


train_app = typer.Typer(help="Train networks.", no_args_is_help=True)
train_app.command("student")(train_student_command)


@train_app.command("teacher")
def train_teacher_command(
    cache: Annotated[Path, typer.Option(help="What vivant prepare --arrays wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the run; what lies there is continued.")],
    name: Annotated[str, typer.Option("--name", help="paper, paper-cpu, full or full-cpu.")] = "full-cpu",
    steps: Annotated[int | None, typer.Option(min=1, help="Of the whole run.", show_default="the recipe's")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Samples a step.", show_default="the recipe's")] = None,
    student: Annotated[
        Path | None, typer.Option(help="Moves the photos, in full and full-cpu.", show_default="the shipped one")
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes that make batches.")] = 0,
    seed: Annotated[int, typer.Option(help="Of weights and episodes.")] = 0,
) -> None:
    """Meta-learn a teacher. Ctrl-C ends the run with a checkpoint; the same command goes on.

    [bold]Examples[/bold]

    vivant train teacher --cache arrays -o runs/teacher

    vivant train teacher --cache arrays -o runs/try --steps 20 --batch 2

    vivant train teacher --cache arrays -o runs/paper --name paper --workers 12
    """
    with needing_extra("train"):
        from ..models.released import STUDENT
        from ..training.checkpoint import CheckpointError
        from ..training.content_loss import Networks
        from ..training.engine import EngineConfig, TrainingError
        from ..training.train_teacher import train_teacher
    networks = Networks(tracker=DEFAULT_BUNDLE / "track.onnx", student=student or STUDENT)
    try:
        train_teacher(cache, output, name, EngineConfig(workers=workers, seed=seed), networks, steps, batch)
    except (CheckpointError, TrainingError, FileNotFoundError) as error:
        raise VivantError(f"{error}") from None


def adapt_command(
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO...", help="1 to 32 pictures of one person.")],
    teacher: TeacherOption = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The person's file.")] = Path("person.safetensors"),
    epochs: Annotated[
        int | None,
        typer.Option(
            min=0, help="Passes over the photos.", show_default="10; with one photo none, which would do harm"
        ),
    ] = None,
    bundle_folder: BundleOption = DEFAULT_BUNDLE,
) -> None:
    """Fine-tune a teacher to one person's photos.

    The file holds those photos: keep it as you keep them. Adapt only to people who agreed to it.

    [bold]Examples[/bold]

    vivant adapt anna-1.jpg anna-2.jpg anna-3.jpg -o anna.safetensors

    vivant adapt anna-*.jpg --epochs 40 -o anna.safetensors
    """
    with needing_extra("train"):
        from ..models.released import TEACHER
        from ..training.adapt import adaptation_of, fine_tune
        from ..training.checkpoint import CheckpointError
        from ..training.content_loss import Networks
        from ..training.errors import TrainingError
        from ..training.photo_sets import load_photos
        from ..training.teacher_files import load_teacher
    check_writable(output)
    bundle = Bundle(bundle_folder)
    try:
        trained = load_teacher(teacher or TEACHER)
        config = trained.teacher.config
        set_of_photos = load_photos(bundle, photos, config.size)
        networks = Networks(tracker=Path(bundle_folder) / "track.onnx")
        with progress_bar() as progress:
            person = fine_tune(
                trained, set_of_photos, adaptation_of(config.name, epochs, len(photos)), networks, progress
            )
        person.save(output)
    except (CheckpointError, TrainingError, OSError) as error:
        raise VivantError(f"{error}") from None
    say(str(output))


def perform_command(
    person_file: Annotated[Path, typer.Argument(metavar="PERSON", help="What `vivant adapt` wrote.")],
    motion: Annotated[
        str, typer.Option("--motion", "-m", help="A preset's name, a .safetensors track, or a video of a face.")
    ] = DEFAULT_MOTION,
    output: Annotated[Path, typer.Option("--output", "-o", help="A .mp4, .webm, .gif, or a folder/.")] = Path(
        "person.mp4"
    ),
    label: Annotated[bool, typer.Option("--label/--no-label", help="Show that the clip is AI-made.")] = True,
    bundle_folder: BundleOption = DEFAULT_BUNDLE,
) -> None:
    """Animate a person's own teacher with a motion; the clip is labelled and signed like every other.

    [bold]Examples[/bold]

    vivant perform anna.safetensors -o anna.mp4

    vivant perform anna.safetensors --motion talking.mp4 -o anna.gif
    """
    with needing_extra("train"):
        from ..models.person import Person
        from ..training.perform import perform
    try:
        person = Person.load(person_file)
    except ValueError as error:
        raise VivantError(f"{error}") from None
    with progress_bar() as progress:
        notes = perform(person, person_file, Bundle(bundle_folder), motion, output, is_folder(output), label, progress)
    for line in notes:
        note(line)
    say(str(output))
