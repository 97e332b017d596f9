"""Following one face through a video: where it is in every frame, where it is missing, where the film is cut."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from .errors import VideoError
from .faces import Face, find_faces, track_face
from .media import VideoReader
from .session import Bundle
from .smoothing import OneEuroFilter

MAX_SIDE: Final = 1280  # larger frames are reduced before they are tracked
THUMBNAIL: Final = 32  # pixels on a side, for noticing cuts
CUT: Final = 30.0  # mean change of a thumbnail's pixels, of 255, from which a picture may be a new shot
JUMP: Final = 0.15  # … and a new shot it is if the face also moved by this many outer-eye-corner distances

Progress = Callable[[str, int, int], None]  # what is done, how much of it, of how much (0: unknown)


def no_progress(stage: str, done: int, total: int) -> None:
    """A Progress that shows nothing."""


@dataclass(frozen=True)
class Performance:
    """A face that was followed through a video.

    Attributes:
        landmarks: float32 [T, 478, 3], pixels of the video's own frame; a frame without a face repeats the last one
            that has one (the first frames, the first that has one).
        presence: float32 [T], 0..1; 0 where no face was found.
        found: bool [T].
        shots: frame numbers at which a shot begins; the first is 0.
        fps: frames per second.
        width, height: the video's frame, pixels.
    """

    landmarks: np.ndarray
    presence: np.ndarray
    found: np.ndarray
    shots: tuple[int, ...]
    fps: float
    width: int
    height: int

    @property
    def first(self) -> int:
        """Number of the first frame with a face."""
        return int(np.argmax(self.found))


class FaceFollower:
    """Tracks one face from frame to frame; detects anew at the start, at a cut and when the face was lost."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._least = bundle.manifest.thresholds.presence
        self._last: Face | None = None  # the face in the latest frame that had one
        self._lost = True
        self._changed = False  # the picture changed as a cut changes it, and no face was seen since
        self._thumbnail: np.ndarray | None = None

    def __call__(self, image: np.ndarray) -> tuple[Face | None, bool]:
        """The face in the next frame (uint8 [H, W, 3]), and whether a new shot begins with it."""
        thumbnail = _thumbnail(image)
        if self._thumbnail is not None and np.abs(thumbnail - self._thumbnail).mean() > CUT:
            self._changed = True
        self._thumbnail = thumbnail
        face = None
        if self._last is not None and not self._lost and not self._changed:
            face = track_face(self._bundle, image, self._last.next_region)
        if face is None or face.presence < self._least:
            face = self._detect(image)
        self._lost = face is None
        if face is None:
            return None, False
        cut = self._changed and self._last is not None and _jumped(self._last, face)
        self._last, self._changed = face, False
        return face, cut

    def _detect(self, image: np.ndarray) -> Face | None:
        faces = [face for face in find_faces(self._bundle, image) if face.presence >= self._least]
        if not faces:
            return None
        if self._last is None or self._changed:
            return max(faces, key=lambda face: face.size)
        where = self._last.next_region[:2]
        return min(faces, key=lambda face: float(np.linalg.norm(face.next_region[:2] - where)))


def follow_face(bundle: Bundle, video: Path, progress: Progress = no_progress) -> Performance:
    """Follows the largest face of a video's first frame that shows one.

    Raises:
        VideoError: the video cannot be read, has no frames, or shows no face at all.
    """
    follower = FaceFollower(bundle)
    faces: list[Face | None] = []
    shots = [0]
    width = height = 0
    with VideoReader(video, MAX_SIDE) as reader:
        fps = reader.fps
        for image in reader:
            if not faces:
                height, width = image.shape[:2]
            elif image.shape[:2] != (height, width):
                raise VideoError(f"{video} changes its frame size on the way; convert it to one size first.")
            face, cut = follower(image)
            if cut:
                shots.append(len(faces))
            faces.append(face)
            progress("tracking", len(faces), reader.expected_frames)
        full_width, full_height = reader.size
    first = next((face for face in faces if face is not None), None)
    if first is None:
        raise VideoError(f"{video} shows no face in any of its {len(faces)} frames.")
    last = first.landmarks
    landmarks = [last := face.landmarks if face else last for face in faces]
    scale = np.array([full_width / width, full_height / height, full_width / width], np.float32)
    return Performance(
        landmarks=np.stack(landmarks) * scale,
        presence=np.array([face.presence if face else 0.0 for face in faces], np.float32),
        found=np.array([face is not None for face in faces]),
        shots=tuple(shots),
        fps=fps,
        width=full_width,
        height=full_height,
    )


def smoothed(performance: Performance) -> np.ndarray:
    """The landmarks [T, 478, 3] without the tracker's jitter; every shot is smoothed by itself."""
    smooth = OneEuroFilter()
    right, left = performance.landmarks[:, 33], performance.landmarks[:, 263]
    unit = float(np.median(np.linalg.norm(left - right, axis=1)))
    result = np.empty_like(performance.landmarks)
    for i, landmarks in enumerate(performance.landmarks):
        if i in performance.shots:
            smooth.reset()
        result[i] = smooth(landmarks, i / performance.fps, unit)
    return result


def _thumbnail(image: np.ndarray) -> np.ndarray:
    rows = np.linspace(0, image.shape[0] - 1, THUMBNAIL).astype(int)
    columns = np.linspace(0, image.shape[1] - 1, THUMBNAIL).astype(int)
    return image[np.ix_(rows, columns)].astype(np.float32)


def _jumped(before: Face, after: Face) -> bool:
    moved = np.linalg.norm(after.landmarks[:, :2] - before.landmarks[:, :2], axis=1).mean()
    return bool(moved > JUMP * before.eye_distance)
