"""Side by side in one clip: the photo, the driver, geometry alone, and the student."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..runtime.animate import Gains
from ..runtime.clips import open_clip
from ..runtime.drawing import draw_landmarks
from ..runtime.driver import Progress
from ..runtime.faces import choose_faces, find_faces
from ..runtime.media import VideoReader
from ..runtime.motions import Motion
from ..runtime.portrait import Portrait
from ..runtime.provenance import container_tags
from ..runtime.stopwatch import Stopwatch
from ..runtime.tracks import MotionFrame
from .photos import Chosen
from .sessions import Job, plain_name
from .studio import MotionChoice, Studio

SIDE: Final = 320  # of every column, pixels
CAPTION: Final = 36  # height of the line above the columns, pixels
PAPER, INK, WALL = (246, 244, 239), (32, 29, 25), (32, 29, 25)

Baseline = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Comparison:
    """The clip and the captions of its columns, from left to right."""

    file: Path
    columns: tuple[str, ...]
    notes: tuple[str, ...]


def geometry() -> Baseline | None:
    """The baseline without networks, `models.geometry.geometry_baseline`; None where torch is not installed."""
    try:
        from ..models.geometry import geometry_baseline
    except ModuleNotFoundError:
        return None
    return geometry_baseline


def compare(studio: Studio, job: Job, photos: list[Path], choice: MotionChoice, progress: Progress) -> Comparison:
    """Makes the comparison in the job's folder.

    Raises:
        VivantError: the photos or the motion cannot serve; the visitor stopped the job.
    """
    watched = job.session.watched(progress)
    chosen = studio.photos.best(photos)
    counted = 0

    def count(stage: str, done: int, total: int) -> None:
        nonlocal counted
        counted = done if stage == "tracking" else counted
        watched(stage, done, total)

    motion = studio.motion(choice, count)
    frames = min(motion.frames, round(studio.limits.compare_seconds * motion.fps))
    picture = _square(studio, chosen)
    (face,), _ = choose_faces(find_faces(studio.bundle, picture), None, studio.bundle.manifest.thresholds, chosen.name)
    portrait = Portrait(studio.bundle, picture, face, SIDE, Stopwatch())
    baseline = geometry()
    with_video = choice.video is not None and choice.track is None
    columns = ("photo", "driver" if with_video else "motion", *(["geometry only"] if baseline else []), "vivant")
    target = job.folder / f"{plain_name(chosen.name, 'photo')}-{plain_name(motion.name, 'motion')}-compared.mp4"
    heading = _heading(columns)
    with ExitStack() as stack:
        drivers = _driver_frames(stack, choice.video, counted - motion.frames) if with_video else None
        size = (SIDE * len(columns), CAPTION + SIDE)
        tags = container_tags(f"{plain_name(chosen.name, 'photo')}, {motion.name}, compared")
        clip = stack.enter_context(open_clip(target, False, *size, motion.fps, tags))
        for i in range(frames):
            target_points = _target(portrait, motion, i)
            pictures = [picture, next(drivers) if drivers else _drawn(target_points)]
            if baseline:
                pictures.append(baseline(picture, face.landmarks, target_points))
            pictures.append(_animated(portrait, picture, target_points))
            clip.write(np.concatenate([heading, np.concatenate(pictures, axis=1)]))
            watched("comparing", i + 1, frames)
    return Comparison(target, columns, (*chosen.notes, *motion.notes))


def _square(studio: Studio, chosen: Chosen) -> np.ndarray:
    """The head's square of the photo, uint8 [SIDE, SIDE, 3]; beyond the photo its border is repeated."""
    region = studio.bundle.graph("head")({"landmarks": chosen.face.landmarks})["region"]
    return _cut(chosen.photo.pixels, *(float(value) for value in region[:3]))


def _cut(pixels: np.ndarray, x: float, y: float, side: float) -> np.ndarray:
    height, width = pixels.shape[:2]
    span = np.arange(round(side)) - round(side) // 2
    rows, columns = np.clip(round(y) + span, 0, height - 1), np.clip(round(x) + span, 0, width - 1)
    square = Image.fromarray(pixels[np.ix_(rows, columns)])
    return np.asarray(square.resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def _target(portrait: Portrait, motion: Motion, index: int) -> np.ndarray:
    moment = motion.at(index)
    assert isinstance(moment, MotionFrame)  # the page offers no absolute transfer here
    return portrait.target(moment, Gains().as_array())


def _animated(portrait: Portrait, picture: np.ndarray, target: np.ndarray) -> np.ndarray:
    canvas = picture.copy()
    portrait.draw(canvas, target)
    return canvas


def _drawn(target: np.ndarray) -> np.ndarray:
    """A preset holds no picture of its driver, only motion: the target landmarks on a dark ground."""
    canvas = np.full((SIDE, SIDE, 3), WALL, np.uint8)
    draw_landmarks(canvas, target)
    return canvas


def _driver_frames(stack: ExitStack, video: Path | None, skipped: int) -> Iterator[np.ndarray]:
    """The video's frames from the first one with a face, cropped to a square around the middle."""
    assert video is not None
    reader = stack.enter_context(VideoReader(video, 4 * SIDE))
    for frame in islice(reader, max(0, skipped), None):
        height, width = frame.shape[:2]
        yield _cut(frame, width / 2, height / 2, min(height, width))


def _heading(columns: tuple[str, ...]) -> np.ndarray:
    line = Image.new("RGB", (SIDE * len(columns), CAPTION), PAPER)
    draw = ImageDraw.Draw(line)
    font = ImageFont.load_default(18)
    for i, text in enumerate(columns):
        draw.text((SIDE * i + SIDE / 2, CAPTION / 2), text, INK, font, anchor="mm")
    return np.asarray(line)
