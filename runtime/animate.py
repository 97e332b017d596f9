"""The main job: one photo and one motion become a clip."""

import time
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from .clips import open_clip
from .credentials import Credentials, find_credentials
from .driver import Progress, no_progress
from .errors import FaceError, OutputError
from .faces import Face, Which, choose_faces, find_faces
from .images import Photo, load_photo
from .label import LABEL_TEXT, Label, make_label
from .motions import Motion
from .outputs import check_sidecar, check_target, sha256_of
from .portrait import Portrait
from .provenance import container_tags, origin_of, source_of
from .session import Bundle
from .signing import ClipSigner, sidecar_of
from .stopwatch import Stopwatch
from .tracks import MotionFrame
from .watermark import Watermark

# Two frames on a thread each take less time than one after the other on two: `render` has so many small operators that
# its threads wait for each other. More than four would take much memory for large pictures.
MOST_LANES: Final = 4


@dataclass(frozen=True)
class Gains:
    """How strongly a relative motion is applied; 1 is as it is, 0 switches a part off.

    Attributes:
        pose: rotation, translation and size of the head.
        expression: all movements within the face.
        eyes, lips: those of the eyes and of the lips, in addition to `expression`.
        gaze: movement of the irises within the eyes.
    """

    pose: float = 1.0
    expression: float = 1.0
    eyes: float = 1.0
    lips: float = 1.0
    gaze: float = 1.0

    def as_array(self) -> np.ndarray:
        """float32 [5], in the order that the graph `retarget` takes."""
        return np.array([self.pose, self.expression, self.eyes, self.lips, self.gaze], np.float32)


@dataclass(frozen=True)
class Settings:
    """What may be chosen for a clip.

    Attributes:
        which: the face's number from the left, "all", or None for the largest.
        size: pixels on a side of the rendered square; None takes the detail that the photo has, up to 1024.
        gains: strength of a relative motion.
        loop: how many times the motion is repeated, at least 1.
        label: whether every frame shows that it is AI-made; the clip's manifest records the choice.
        thumbnail: whether the manifest holds a small picture of the photo instead of its hash alone.
    """

    which: Which = None
    size: int | None = None
    gains: Gains = field(default_factory=Gains)
    loop: int = 1
    label: bool = True
    thumbnail: bool = False


@dataclass(frozen=True)
class Summary:
    """What `animate` made.

    Attributes:
        photo, motion: what the clip was made of.
        file: the clip's path; sha256: of the file (of a folder: of all its pictures one after the other).
        frames, fps, width, height: of the clip (before its size is made even for a video).
        faces: how many were animated; size: sides of the rendered squares in pixels.
        seconds: the whole job; frames_per_second: of drawing and encoding together.
        milliseconds: mean of one run of each stage; `render`, `paste` and `retarget` run once a frame and face.
        notes: what was done differently than one might expect, one sentence each.
        signed_by: the name in the certificate that signs the clip; self_signed: whether nobody else vouches for it.
        label: the text that every frame shows, None if it was left out.
        watermark: what the invisible mark in every frame says, 32 bits in hex.
        sidecar: path of the clip's manifest if that is a file of its own.
    """

    photo: str
    motion: str
    file: str
    sha256: str
    frames: int
    fps: float
    width: int
    height: int
    faces: int
    size: list[int]
    seconds: float
    frames_per_second: float
    milliseconds: dict[str, float]
    notes: list[str]
    signed_by: str
    self_signed: bool
    label: str | None
    watermark: str
    sidecar: str | None


def animate(
    bundle: Bundle,
    photo_path: Path,
    motion: Motion,
    target: Path,
    folder: bool = False,
    settings: Settings | None = None,
    progress: Progress = no_progress,
    credentials: Credentials | None = None,
    also: Sequence[Path] = (),
) -> Summary:
    """Animates a photo and writes the clip, signed; nothing is left behind when it fails or is interrupted.

    Args:
        bundle: the graphs.
        photo_path: any picture that `images.load_photo` reads.
        motion: from `motions.load_motion`.
        target: `.mp4`, `.webm`, `.gif`, or with `folder` a folder for PNG pictures.
        folder: whether `target` is a folder.
        settings: see Settings.
        progress: told of every frame.
        credentials: who signs; None takes what `find_credentials` finds.
        also: more photos of the same person, the largest face in each; see Portrait.

    Raises:
        PictureError, FaceError, BundleError, OutputError, CredentialsError: see there; each is one sentence.
    """
    settings = settings or Settings()
    start = time.perf_counter()
    watch = Stopwatch()
    sidecar = _check_place(photo_path, target, folder)
    with watch("load"):
        photo = load_photo(photo_path)
    faces, notes, label = _faces(bundle, photo, photo_path.name, settings, watch)
    others = _others(bundle, also, len(faces), watch)
    lanes = min(bundle.threads, MOST_LANES)
    portraits = [Portrait(bundle, photo.pixels, face, settings.size, watch, others, lanes) for face in faces]
    text = LABEL_TEXT if label else None
    credentials = credentials or find_credentials()
    watermark = Watermark(bundle)
    origin = origin_of(photo_path, motion.name, text, photo.pixels if settings.thumbnail else None)
    origin = replace(origin, watermark=watermark.message, others=tuple(map(source_of, also)))
    signer = ClipSigner(credentials, origin, watch)
    height, width = photo.pixels.shape[:2]
    frames = motion.frames * settings.loop
    drawing = time.perf_counter()
    tags = container_tags(f"{photo_path.stem}, {motion.name}")

    def mark(frame: np.ndarray) -> np.ndarray:
        with watch("watermark"):
            return watermark.mark(frame)

    with open_clip(target, folder, width, height, motion.fps, tags, signer, mark) as clip:
        frame_maker = _FrameMaker(photo.pixels, portraits, motion, settings, label, watch)
        with closing(frame_maker.frames(lanes)) as drawn:
            for done, canvas in enumerate(drawn, 1):
                with watch("wait"):  # only until the encoder, in its own thread, has room for one more frame
                    clip.write(canvas)
                progress("rendering", done, frames)
    now = time.perf_counter()
    return Summary(
        photo=str(photo_path),
        motion=motion.name,
        file=str(target),
        sha256=sha256_of(target),
        frames=frames,
        fps=round(motion.fps, 4),
        width=width,
        height=height,
        faces=len(faces),
        size=[portrait.size for portrait in portraits],
        seconds=round(now - start, 3),
        frames_per_second=round(frames / (now - drawing), 2),
        milliseconds=watch.milliseconds(),
        notes=[*photo.notes, *notes, *motion.notes, *credentials.notes],
        signed_by=credentials.subject,
        self_signed=credentials.self_signed,
        label=text,
        watermark=watermark.message.hex(),
        sidecar=None if sidecar is None else str(sidecar),
    )


def _check_place(photo_path: Path, target: Path, folder: bool) -> Path | None:
    """Where the clip's manifest goes if that is a file of its own; raises OutputError if the clip has no place."""
    check_target(target, folder)
    if not folder and target.exists() and target.samefile(photo_path):
        raise OutputError(f"{target} is the photo itself; name another file.")
    sidecar = None if folder else sidecar_of(target)
    check_sidecar(sidecar, target)
    return sidecar


def _faces(
    bundle: Bundle, photo: Photo, name: str, settings: Settings, watch: Stopwatch
) -> tuple[list[Face], list[str], Label | None]:
    """The faces to animate, notes about the choice, and the label if one is wanted, which covers none of all faces."""
    limits = bundle.manifest.thresholds
    height, width = photo.pixels.shape[:2]
    if max(height, width) < limits.min_face:
        raise FaceError(
            f"{name} has only {width}×{height} pixels; a face must be at least {limits.min_face:.0f} pixels large."
        )
    with watch("find"):
        found = find_faces(bundle, photo.pixels)
    faces, notes = choose_faces(found, settings.which, limits, name)
    label = make_label(width, height, [face.box for face in found]) if settings.label else None
    return faces, notes, label


def _others(bundle: Bundle, also: Sequence[Path], faces: int, watch: Stopwatch) -> list[tuple[np.ndarray, Face]]:
    """More photos of the person who is animated, with the largest face in each."""
    if also and faces > 1:
        raise FaceError("More photos of one person go with one face, not with all of a group.")
    others = []
    for path in also:
        with watch("load"):
            pixels = load_photo(path).pixels
        with watch("find"):
            (face,), _ = choose_faces(find_faces(bundle, pixels), None, bundle.manifest.thresholds, path.name)
        others.append((pixels, face))
    return others


class _FrameMaker:
    """Draws the frames of a clip."""

    def __init__(
        self,
        photo: np.ndarray,
        portraits: Sequence[Portrait],
        motion: Motion,
        settings: Settings,
        label: Label | None,
        watch: Stopwatch,
    ) -> None:
        self._photo, self._portraits, self._motion = photo, portraits, motion
        self._label, self._watch = label, watch
        self._gains = settings.gains.as_array()
        self._total = motion.frames * settings.loop
        # Landmarks of absolute transfer come in shares of the driver's frame: x and z of its width, y of its height.
        self._size = np.array([photo.shape[1], photo.shape[0], photo.shape[1]], np.float32)

    def frames(self, lanes: int) -> Generator[np.ndarray]:
        """All frames in their order, uint8 RGB [H, W, 3]; so many are drawn at once."""
        pool = ThreadPoolExecutor(lanes, "frames")
        coming: deque[Future[np.ndarray]] = deque()
        try:
            for i in range(self._total):
                with self._watch("motion"):
                    moment = self._motion.at(i % self._motion.frames)
                coming.append(pool.submit(self._frame, moment))
                if len(coming) > lanes:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _frame(self, moment: MotionFrame | np.ndarray) -> np.ndarray:
        canvas = self._photo.copy()
        for portrait in self._portraits:
            if isinstance(moment, MotionFrame):
                portrait.draw(canvas, portrait.target(moment, self._gains))
            else:
                portrait.draw(canvas, moment * self._size)
        if self._label is not None:
            with self._watch("label"):
                self._label.draw(canvas)
        return canvas
