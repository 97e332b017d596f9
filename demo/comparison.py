"""Side by side in one clip: the photo, the driver, geometry alone, the student, and the teacher."""

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..runtime.animate import Gains
from ..runtime.clips import open_clip
from ..runtime.credentials import find_credentials
from ..runtime.drawing import draw_landmarks
from ..runtime.driver import Progress
from ..runtime.faces import choose_faces, find_faces
from ..runtime.label import LABEL_TEXT, make_label
from ..runtime.media import VideoReader
from ..runtime.motions import Motion
from ..runtime.provenance import container_tags, origin_of, source_of
from ..runtime.signing import ClipSigner
from ..runtime.stopwatch import Stopwatch
from ..runtime.tracks import MotionFrame
from ..runtime.watermark import Watermark
from .methods import SIDE, methods_for
from .photos import Chosen, faces_of
from .sessions import Job, plain_name
from .studio import MotionChoice, Studio, save_photo

FPS: Final = 15.0  # of the comparison, at most: the baseline takes its time
CAPTION: Final = 36  # height of the line above the columns, pixels
PAPER, INK, WALL = (246, 244, 239), (32, 29, 25), (32, 29, 25)


@dataclass(frozen=True)
class Comparison:
    """The clip and the captions of its columns, from left to right."""

    file: Path
    columns: tuple[str, ...]
    notes: tuple[str, ...]


def compare(studio: Studio, job: Job, photos: list[Path], choice: MotionChoice, progress: Progress) -> Comparison:
    """Makes the comparison in the job's folder, labelled and signed.

    Raises:
        VivantError: the photos or the motion cannot serve; the visitor stopped the job.
    """
    watched = job.session.watched(progress)
    chosen = studio.photos.first(photos)
    others = list(studio.photos.others(photos, watched))
    tracked = 0

    def count(stage: str, done: int, total: int) -> None:
        nonlocal tracked
        tracked = done if stage == "tracking" else tracked
        watched(stage, done, total)

    motion = studio.motion(choice, count)
    step = math.ceil(motion.fps / FPS)
    frames = range(0, min(motion.frames, round(studio.limits.compare_seconds * motion.fps)), step)
    scene = _Scene(studio, chosen, others)
    with_video = choice.video is not None and choice.track is None
    columns = ("photo", "driver" if with_video else "motion", *scene.methods)
    heading = _heading(columns)
    photo, *also = (save_photo(one, job.folder) for one in (chosen, *others))
    target = job.folder / f"{photo.stem}-{plain_name(motion.name, 'motion')}-compared.mp4"
    width, height = SIDE * len(columns), CAPTION + SIDE
    watermark = Watermark(studio.bundle)
    origin = replace(
        origin_of(photo, motion.name, LABEL_TEXT), watermark=watermark.message, others=tuple(map(source_of, also))
    )
    signer = ClipSigner(find_credentials(), origin, Stopwatch())
    tags = container_tags(f"{photo.stem}, {motion.name}, compared")
    label = make_label(width, height, [])
    with ExitStack() as stack:
        drivers = _driver_frames(stack, choice.video, tracked - motion.frames, step) if with_video else None
        clip = stack.enter_context(
            open_clip(target, False, width, height, motion.fps / step, tags, signer, watermark.mark)
        )
        for i in frames:
            points = scene.target(motion, i)
            pictures = [scene.picture, next(drivers) if drivers else _drawn(points), *scene.draw(points)]
            canvas = np.concatenate([heading, np.concatenate(pictures, axis=1)])
            label.draw(canvas)
            clip.write(canvas)
            watched("comparing", i // step + 1, len(frames))
    for path in (photo, *also):
        path.unlink()
    return Comparison(target, columns, (*chosen.notes, *motion.notes))


class _Scene:
    """A photo's head, and the methods that move it.

    Attributes:
        picture: uint8 [SIDE, SIDE, 3]; methods: their captions.
    """

    def __init__(self, studio: Studio, chosen: Chosen, others: Sequence[Chosen]) -> None:
        bundle = studio.bundle
        region = bundle.graph("head")({"landmarks": chosen.face.landmarks})["region"]
        self.picture = _cut(chosen.photo.pixels, *(float(value) for value in region[:3]))
        faces = find_faces(bundle, self.picture)
        (face,), _ = choose_faces(faces, None, bundle.manifest.thresholds, chosen.name)
        self._retarget, self._landmarks = bundle.graph("retarget"), face.landmarks
        self._gains = Gains().as_array()
        self._methods = methods_for(bundle, self.picture, face, faces_of(others))
        self.methods = tuple(self._methods)

    def target(self, motion: Motion, index: int) -> np.ndarray:
        """The landmarks [478, 3] of a frame."""
        moment = motion.at(index)
        assert isinstance(moment, MotionFrame)  # the page offers no absolute transfer here
        return self._retarget({"source": self._landmarks, **vars(moment), "gains": self._gains})["target"]

    def draw(self, target: np.ndarray) -> list[np.ndarray]:
        """The head by each method, uint8 [SIDE, SIDE, 3]."""
        return [method(target) for method in self._methods.values()]


def _cut(pixels: np.ndarray, x: float, y: float, side: float) -> np.ndarray:
    """A square of a picture, uint8 [SIDE, SIDE, 3]; beyond the picture its border is repeated."""
    height, width = pixels.shape[:2]
    span = np.arange(round(side)) - round(side) // 2
    rows, columns = np.clip(round(y) + span, 0, height - 1), np.clip(round(x) + span, 0, width - 1)
    square = Image.fromarray(pixels[np.ix_(rows, columns)])
    return np.asarray(square.resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def _drawn(target: np.ndarray) -> np.ndarray:
    """A preset holds no picture of its driver, only motion: the target landmarks on a dark ground."""
    canvas = np.full((SIDE, SIDE, 3), WALL, np.uint8)
    draw_landmarks(canvas, target)
    return canvas


def _driver_frames(stack: ExitStack, video: Path | None, skipped: int, step: int) -> Iterator[np.ndarray]:
    """Every `step`-th of the video's frames from the first one with a face, cropped to a square around the middle."""
    assert video is not None
    reader = stack.enter_context(VideoReader(video, 4 * SIDE))
    for frame in islice(reader, max(0, skipped), None, step):
        height, width = frame.shape[:2]
        yield _cut(frame, width / 2, height / 2, min(height, width))


def _heading(columns: tuple[str, ...]) -> np.ndarray:
    line = Image.new("RGB", (SIDE * len(columns), CAPTION), PAPER)
    draw = ImageDraw.Draw(line)
    font = ImageFont.load_default(18)
    for i, text in enumerate(columns):
        draw.text((SIDE * i + SIDE / 2, CAPTION / 2), text, INK, font, anchor="mm")
    return np.asarray(line)
