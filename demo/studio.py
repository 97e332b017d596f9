"""What all tabs share: the graphs, the limits, the visitors; and the jobs that make clips."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from PIL import Image

from ..runtime.animate import Settings, Summary, animate
from ..runtime.driver import Progress
from ..runtime.errors import VivantError
from ..runtime.motions import Motion, Transfer, load_motion
from ..runtime.session import Bundle
from ..runtime.tracks import MotionTrack
from .limits import Limits, bounded, check_length, check_track, check_video
from .photos import Chosen, PhotoReader
from .sessions import Job, Sessions, plain_name

FORMATS: Final = ("mp4", "webm", "gif")
Told = dict[str, Any]  # a summary as visitors get it


class Refused(VivantError):
    """The visitor did not say what must be said before anything is made."""


@dataclass(frozen=True)
class MotionChoice:
    """Where the motion comes from; the first of track, video and preset that is given counts.

    Attributes:
        preset: name of one of the bundle's presets.
        video, track: uploaded files.
        transfer: of a video, see `load_motion`.
    """

    preset: str | None = None
    video: Path | None = None
    track: Path | None = None
    transfer: Transfer = "relative"

    @property
    def uploads(self) -> list[Path]:
        return [path for path in (self.video, self.track) if path is not None]


@dataclass(frozen=True)
class Clip:
    """What `Studio.animate` made.

    Attributes:
        files: the clip, and where its signed manifest is a file of its own, that.
        summary: the runtime's.
        notes: what a visitor should know, one sentence each.
        seconds: everything from the upload's end to the finished file.
    """

    files: tuple[Path, ...]
    summary: Summary
    notes: tuple[str, ...]
    seconds: float


class Studio:
    """The demo without its pages.

    Args:
        bundle: the graphs; they are shared by all visitors.
        root: the folder that the web server may serve files from.
        limits: what visitors may ask for.
    """

    def __init__(self, bundle: Bundle, root: Path, limits: Limits) -> None:
        self.bundle, self.limits = bundle, limits
        self.sessions = Sessions(root)
        self.photos = PhotoReader(bundle, limits)
        self.presets = {name: MotionTrack.load(bundle.preset(name)) for name in bundle.manifest.presets}

    @contextmanager
    def job(self, key: str | None, consent: bool, uploads: list[Path]) -> Iterator[Job]:
        """A place for a visitor's job.

        Raises:
            Refused: the visitor did not consent.
        """
        if not consent:
            raise Refused("Please confirm first that you may animate this picture.")
        with Job(self.sessions, key, uploads) as job:
            yield job

    def motion(self, choice: MotionChoice, progress: Progress) -> Motion:
        """The motion that a visitor chose, checked before anything is decoded.

        Raises:
            VideoError, MotionError: it cannot be used.
        """
        if choice.track is not None:
            check_track(choice.track, choice.track.name, self.limits)
            wanted, path = str(choice.track), choice.track
        elif choice.video is not None:
            check_video(choice.video, choice.video.name, self.limits)
            wanted, path = str(choice.video), choice.video
            progress = bounded(progress, choice.video.name, self.limits)
        else:
            wanted, path = choice.preset or next(iter(self.presets)), None
            if wanted not in self.presets:
                known = ", ".join(self.presets)
                raise Refused(f"There is no preset of this name; the presets are {known}.")
        transfer: Transfer = choice.transfer if choice.video is not None and choice.track is None else "relative"
        try:
            return load_motion(self.bundle, wanted, transfer, "first", True, progress)
        except VivantError as error:
            raise type(error)(str(error).replace(wanted, path.name if path else wanted)) from None

    def animate(
        self, job: Job, photos: list[Path], choice: MotionChoice, settings: Settings, kind: str, progress: Progress
    ) -> Clip:
        """Makes a clip of the first photo in the job's folder by the same call that the command line makes.

        Raises:
            VivantError: the photos, the motion or the settings cannot serve; the visitor stopped the job.
        """
        if kind not in FORMATS:
            raise Refused(f"Clips are made as {', '.join(FORMATS)}.")
        start = time.perf_counter()
        watched = job.session.watched(progress)
        first = self.photos.first(photos)
        photo = save_photo(first, job.folder)
        also = [save_photo(other, job.folder) for other in self.photos.others(photos, watched)]
        motion = self.motion(choice, watched)
        check_length(motion.frames, motion.fps, settings.loop, self.limits)
        target = job.folder / f"{photo.stem}-{plain_name(motion.name, 'motion')}.{kind}"
        summary = animate(self.bundle, photo, motion, target, False, settings, watched, also=also)
        for path in (photo, *also):  # results stay until the visitor leaves, photos do not
            path.unlink()
        files = (target, Path(summary.sidecar)) if summary.sidecar else (target,)
        return Clip(files, summary, (*first.notes, *summary.notes), time.perf_counter() - start)

    def close(self) -> None:
        """Ends all jobs and deletes all visitors' files."""
        self.sessions.close()


def summary_of(clip: Clip) -> Told:
    """The runtime's summary without the server's paths, and the seconds from the upload to the file."""
    values = asdict(clip.summary) | {"file": clip.files[0].name, "notes": list(clip.notes)}
    del values["photo"], values["sidecar"]
    return values | {"total_seconds": round(clip.seconds, 3)}


def save_photo(chosen: Chosen, folder: Path) -> Path:
    """Writes a photo, without loss and without any of its file's metadata, under a harmless name."""
    stem = plain_name(chosen.name, "photo")
    path, number = folder / f"{stem}.png", 1
    while path.exists():  # several photos may well be called the same
        number += 1
        path = folder / f"{stem}-{number}.png"
    Image.fromarray(chosen.photo.pixels).save(path, compress_level=1)
    return path
