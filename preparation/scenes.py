"""From a file to scenes: uncut stretches in which one face is followed, and frames that are worth keeping."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..runtime.driver import FaceFollower
from ..runtime.faces import Face, track_face
from ..runtime.images import load_photo
from ..runtime.media import VideoReader
from ..runtime.session import Bundle
from .config import Limits, PreparationConfig
from .cuts import CutDetector
from .measures import pitch, share_inside
from .rivals import largest_rival
from .sources import Kind

LOOKS_PER_SECOND: Final = 8.0  # least rate at which a face is followed, also where fewer frames are kept
MAX_SIDE: Final = 1920  # larger films are reduced while they are decoded
MOST_HELD: Final = 384_000_000  # bytes of frames that one scene may hold in memory
JUMP: Final = 0.6  # eye distances that the face's centre may move between looks; more is a cut
FEWEST: Final[dict[Kind, int]] = {"video": 3, "photo": 1}  # frames of a scene


@dataclass(frozen=True)
class Sighting:
    """A usable face: the whole image uint8 [H, W, 3], landmarks [478, 3] in its pixels, and when, in seconds."""

    image: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
    time: float
    yaw: float
    pitch: float


@dataclass
class Tally:
    """What became of a file's frames: `looked` = kept + all rejects once the file is done.

    Attributes:
        decoded: frames of the file that were decoded. looked: those that were candidates for samples.
        damaged: packets that could not be decoded. seconds: length of what was decoded. rejects: by reason.
    """

    decoded: int = 0
    looked: int = 0
    damaged: int = 0
    seconds: float = 0.0
    rejects: Counter[str] = field(default_factory=Counter)


class SceneFinder:
    """Follows the largest face of one file; iterate once, then read `tally`."""

    def __init__(self, bundle: Bundle, path: Path, kind: Kind, config: PreparationConfig) -> None:
        self.tally = Tally()
        self._bundle, self._path, self._config = bundle, path, config
        self._kind: Kind = kind
        self._follower = FaceFollower(bundle)
        self._centre: NDArray[np.float32] | None = None
        self._restarted = False

    def __iter__(self) -> Iterator[list[Sighting]]:
        """Yields scenes, each no longer than the configuration and memory allow.

        Raises:
            VivantError: the file cannot be read.
        """
        scene: list[Sighting] = []
        for time, image, cut, wanted in self._frames():
            face, new = self._follow(image, cut)
            if new:
                yield from self._finished(scene)
                scene = []
            if not wanted:
                continue
            self.tally.looked += 1
            reason, face = self._judged(image, face)
            if face is None or reason:
                self.tally.rejects[reason] += 1
                continue
            scene.append(Sighting(image, face.landmarks, time, face.yaw, pitch(face.landmarks)))
            held = sum(sighting.image.nbytes for sighting in scene)
            if len(scene) >= self._config.scene_frames or held >= MOST_HELD:
                yield from self._finished(scene)
                scene = []
        yield from self._finished(scene)

    def _finished(self, scene: list[Sighting]) -> Iterator[list[Sighting]]:
        if len(scene) >= FEWEST[self._kind]:
            yield scene
        elif scene:
            self.tally.rejects["short"] += len(scene)

    def _frames(self) -> Iterator[tuple[float, NDArray[np.uint8], bool, bool]]:
        """Frames to look at: seconds, image, whether the film was cut since the last one, whether it may be kept."""
        if self._kind == "photo":
            self.tally.decoded = 1
            yield 0.0, load_photo(self._path).pixels, False, True
            return
        is_cut, cut = CutDetector(), False
        with VideoReader(self._path, MAX_SIDE) as reader:
            look = max(1, round(reader.fps / max(LOOKS_PER_SECOND, self._config.fps)))
            keep = max(1, round(reader.fps / look / self._config.fps))
            for number, image in enumerate(reader):
                self.tally.decoded += 1
                cut = is_cut(image) or cut
                if number % look == 0:
                    yield number / reader.fps, image, cut, number % (look * keep) == 0
                    cut = False
            self.tally.damaged, self.tally.seconds = reader.skipped, self.tally.decoded / reader.fps

    def _follow(self, image: NDArray[np.uint8], cut: bool) -> tuple[Face | None, bool]:
        """The followed face, and whether a new scene begins with this image."""
        if cut:
            self._restart()
        new, self._restarted = self._restarted, False
        face, follower_cut = self._follower(image)
        if face is None:
            self._centre = None
            return None, True
        centre = face.landmarks[:, :2].mean(0)
        jumped = self._centre is not None and np.linalg.norm(centre - self._centre) > JUMP * face.eye_distance
        self._centre = centre
        return face, bool(new or follower_cut or jumped)

    def _restart(self) -> None:
        """Forget the face: the largest one of the next image is followed."""
        self._follower, self._centre, self._restarted = FaceFollower(self._bundle), None, True

    def _judged(self, image: NDArray[np.uint8], face: Face | None) -> tuple[str, Face | None]:
        """Why a frame is rejected (nothing: it is not), and its face, looked at once more."""
        if face is None:
            return "no face", None
        limits = self._config.limits
        largest = largest_rival(self._bundle, image, face, limits.rival)
        if largest > limits.rival * face.size:
            if face.size < limits.rival * largest:  # the wrong one is followed: look for the largest in the next frame
                self._restart()
            return "several faces", face
        face = track_face(self._bundle, image, face.next_region)
        return objection(face, self._kind, image.shape[1], image.shape[0], limits), face


def objection(face: Face, kind: Kind, width: int, height: int, limits: Limits) -> str:
    """Why a face in a frame of that size is of no use; nothing if it is of use."""
    video = kind == "video"
    if face.eye_distance < (limits.video_eye_distance if video else limits.photo_eye_distance):
        return "small"
    turned = abs(face.yaw) > (limits.video_yaw if video else limits.photo_yaw)
    if turned or abs(pitch(face.landmarks)) > limits.pitch:
        return "turned away"
    return "cut off" if share_inside(face.landmarks, width, height) < limits.inside else ""
