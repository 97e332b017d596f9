"""`vivant animate`: photos become clips."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from typer.models import OptionInfo

from ..runtime.animate import Gains, Settings, Summary, animate
from ..runtime.credentials import Credentials, find_credentials
from ..runtime.errors import OutputError, VivantError
from ..runtime.faces import Which
from ..runtime.motions import Motion, load_motion
from ..runtime.outputs import check_target, is_folder
from ..runtime.session import BUNDLED, Bundle
from .console import DEFAULT_BUNDLE, BundleOption, JsonOption, ThreadsOption, complain, note, progress_bar, say

SAMPLE: Final = BUNDLED.parent / "samples" / "astronaut.jpg"
DEFAULT_MOTION: Final = "talk"


class TransferChoice(StrEnum):
    """Which landmarks move: the photo's own, or the driver's where they stand."""

    relative = "relative"
    absolute = "absolute"


class NeutralChoice(StrEnum):
    """Which frame of a driving video counts as its calm face."""

    first = "first"
    auto = "auto"


class PrecisionChoice(StrEnum):
    """What the frames are computed in."""

    auto = "auto"
    fp32 = "fp32"
    int8 = "int8"


class SizeChoice(StrEnum):
    """Pixels on a side of the drawn square."""

    auto = "auto"
    small = "256"
    medium = "512"
    large = "1024"


def parse_face(text: str) -> int | str:
    """The value of --face: a number from 1, or "all"."""
    if text == "all":
        return text
    if not text.isdecimal() or int(text) < 1:
        raise typer.BadParameter(f"{text!r} is neither a number from 1 nor 'all'.")
    return int(text)


def _gain(text: str) -> OptionInfo:
    return typer.Option(min=0.0, max=3.0, help=text)


def animate_command(
    photos: Annotated[
        list[Path] | None, typer.Argument(metavar="[PHOTO]...", help="Pictures of people.", show_default="a sample")
    ] = None,
    also: Annotated[
        list[Path] | None,
        typer.Option(metavar="PHOTO", help="Another photo of the same person; repeatable."),
    ] = None,
    motion: Annotated[
        str, typer.Option("--motion", "-m", help="A preset's name, a .safetensors track, or a video of a face.")
    ] = DEFAULT_MOTION,
    transfer: Annotated[
        TransferChoice,
        typer.Option(help="'relative' moves the photo's own face; 'absolute' puts it where the driver's is."),
    ] = TransferChoice.relative,
    face: Annotated[
        str | None,
        typer.Option(metavar="N|all", help="Which face, counted from the left.", show_default="the largest"),
    ] = None,
    size: Annotated[SizeChoice, typer.Option(help="Pixels on a side of the drawn square.")] = SizeChoice.auto,
    gain_pose: Annotated[float, _gain("Strength of the head's movement.")] = 1.0,
    gain_expression: Annotated[float, _gain("Strength of all expression.")] = 1.0,
    gain_eyes: Annotated[float, _gain("Strength of the eyes, in addition.")] = 1.0,
    gain_lips: Annotated[float, _gain("Strength of the lips, in addition.")] = 1.0,
    gain_gaze: Annotated[float, _gain("Strength of the gaze.")] = 1.0,
    loop: Annotated[int, typer.Option(min=1, max=1000, help="How many times the motion is played.")] = 1,
    neutral: Annotated[
        NeutralChoice, typer.Option(help="A driving video's calm face: its first frame, or the calmest.")
    ] = NeutralChoice.first,
    smooth: Annotated[bool, typer.Option("--smooth/--no-smooth", help="Calm a driving video's landmarks.")] = True,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="A .mp4, .webm or .gif, or a folder/ of lossless pictures; for several photos the clips' folder.",
            show_default="PHOTO-MOTION.mp4",
        ),
    ] = None,
    label: Annotated[
        bool, typer.Option("--label/--no-label", help="Show in every frame that the clip is AI-made.")
    ] = True,
    certificate: Annotated[
        Path | None,
        typer.Option(help="Sign with this certificate (PEM), or VIVANT_CERTIFICATE.", show_default="your own"),
    ] = None,
    key: Annotated[
        Path | None, typer.Option(help="The certificate's key (PEM), or VIVANT_KEY.", show_default="your own")
    ] = None,
    thumbnail: Annotated[
        bool, typer.Option("--thumbnail", help="Put a small picture of the photo into the clip's signed manifest.")
    ] = False,
    precision: Annotated[
        PrecisionChoice,
        typer.Option(help="Of the frames' graph; auto is the faster int8 where the bundle has it."),
    ] = PrecisionChoice.auto,
    json_summary: JsonOption = False,
    threads: ThreadsOption = None,
    bundle_folder: BundleOption = DEFAULT_BUNDLE,
) -> None:
    """Animate a photo (or several) with a motion.

    Animate only people who agreed to it, and say that the clip is AI-made: it is labelled and signed as such.

    [bold]Examples[/bold]

    vivant animate                                       the bundled sample

    vivant animate anna.jpg --motion smile               makes anna-smile.mp4

    vivant animate anna.jpg --motion me.mp4 -o anna.gif  driven by a video

    vivant animate anna.jpg --also anna-laughs.jpg       with her own teeth and eyes

    vivant animate group.jpg --face all --loop 3

    vivant animate anna.jpg ben.jpg -o clips/            one clip for each
    """
    which = parse_face(face) if face is not None else None
    gains = Gains(gain_pose, gain_expression, gain_eyes, gain_lips, gain_gaze)
    if transfer is TransferChoice.absolute and gains != Gains():
        raise typer.BadParameter("Gains change a relative motion; they do not go with --transfer absolute.")
    settings = Settings(
        _as_which(which), None if size is SizeChoice.auto else int(size.value), gains, loop, label, thumbnail
    )
    photos, also = photos or [SAMPLE], also or []
    if also and len(photos) > 1:
        raise typer.BadParameter("--also goes with one photo: its person's.")
    motion_name = Path(motion).stem if Path(motion).suffix else motion
    jobs = plan_outputs(photos, motion_name, output)
    credentials = find_credentials(certificate, key) if certificate or key else None
    bundle = Bundle(bundle_folder, threads, precision.value)
    with progress_bar() as progress:
        played = load_motion(bundle, motion, transfer.value, neutral.value, smooth, progress)
    failed = 0
    for photo, (target, folder) in zip(photos, jobs, strict=True):
        try:
            _animate_one(bundle, photo, played, target, folder, settings, credentials, json_summary, also)
        except VivantError as error:
            if len(photos) == 1:
                raise
            complain(str(error))
            failed += 1
    if failed:
        raise typer.Exit(1)


def plan_outputs(photos: list[Path], motion: str, output: str | None) -> list[tuple[Path, bool]]:
    """Where each photo's clip goes, and whether that is a folder of pictures.

    Raises:
        OutputError: the place cannot serve, or two photos would give the same file.
    """
    if len(photos) == 1 and output is not None:
        folder = is_folder(output)
        check_target(Path(output), folder)
        return [(Path(output), folder)]
    parent = Path()
    if output is not None:
        if not is_folder(output):
            raise OutputError(
                f"{output} is one file, but {len(photos)} photos give {len(photos)} clips: name a folder/."
            )
        parent = Path(output)
        try:
            parent.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(f"The folder {output} cannot be made: {error.strerror}.") from None
    targets = [parent / f"{photo.stem}-{motion}.mp4" for photo in photos]
    twice = next((target for target in targets if targets.count(target) > 1), None)
    if twice is not None:
        raise OutputError(f"Two photos of the same name would both become {twice}; animate them one by one with -o.")
    for target in targets:
        check_target(target, False)
    return [(target, False) for target in targets]


def _animate_one(
    bundle: Bundle,
    photo: Path,
    motion: Motion,
    target: Path,
    folder: bool,
    settings: Settings,
    credentials: Credentials | None,
    as_json: bool,
    also: Sequence[Path],
) -> None:
    with progress_bar() as progress:
        summary = animate(bundle, photo, motion, target, folder, settings, progress, credentials, also)
    for line in summary.notes:
        note(line)
    if as_json:
        say(json.dumps(asdict(summary), ensure_ascii=False))
    else:
        say(summary.file)
        note(_in_words(summary))
        if summary.sidecar is not None:
            note(f"{summary.sidecar} holds the clip's signed credentials; keep the two together.")


def _in_words(summary: Summary) -> str:
    return (
        f"{summary.frames} frames of {summary.width}×{summary.height} at {summary.fps:g} fps "
        f"in {summary.seconds:.1f} s ({summary.frames_per_second:.0f} frames a second)."
    )


def _as_which(value: int | str | None) -> Which:
    return "all" if isinstance(value, str) else value
