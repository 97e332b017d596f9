"""Where a motion comes from: a preset of the bundle, a track's file, or a video whose face is followed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import numpy as np

from .driver import Performance, Progress, follow_face, no_progress, smoothed
from .errors import MotionError
from .faces import Face
from .session import Bundle
from .tracks import MotionFrame, MotionTrack, TrackInfo, factorise

Transfer = Literal["relative", "absolute"]
Neutral = Literal["first", "auto"]
TRACK_SHAPES: Final = 64  # most shapes that an extracted track's displacements are made of


@dataclass(frozen=True)
class Motion:
    """A motion that can be applied to any face.

    Attributes:
        name: for file names and messages.
        fps: frames per second.
        frames: how many frames it has.
        at: gives for a frame's number the relative motion (MotionFrame), or with absolute transfer the landmarks
            [478, 3] in shares of the driver's frame (x and z of its width, y of its height).
        notes: what a user should know, one sentence each.
    """

    name: str
    fps: float
    frames: int
    at: Callable[[int], MotionFrame | np.ndarray]
    notes: list[str] = field(default_factory=list)


def load_motion(
    bundle: Bundle,
    wanted: str,
    transfer: Transfer = "relative",
    neutral: Neutral = "first",
    smooth: bool = True,
    progress: Progress = no_progress,
) -> Motion:
    """The motion that a user named: a preset's name, a `.safetensors` track or any video.

    Raises:
        MotionError: there is no such motion, or it does not fit the transfer.
        VideoError: the video cannot be used.
    """
    presets = bundle.manifest.presets
    path = Path(wanted)
    if wanted in presets or path.suffix == ".safetensors":
        if transfer == "absolute":
            raise MotionError("Absolute transfer needs a video: a track only knows how a face moves, not where it is.")
        track = MotionTrack.load(bundle.preset(wanted) if wanted in presets else path)
        return Motion(wanted if wanted in presets else path.stem, track.fps, len(track), track.frame)
    if not path.exists():
        known = ", ".join(presets) or "none"
        raise MotionError(f"There is no motion {wanted!r}: it is neither a file nor one of the presets ({known}).")
    performance = follow_face(bundle, path, progress)
    notes = _notes(performance, path.name)
    performance = _from_first_face(performance)
    if transfer == "absolute":
        shares = performance.landmarks / np.array(
            [performance.width, performance.height, performance.width], np.float32
        )
        return Motion(path.stem, performance.fps, len(shares), lambda i: shares[i], notes)
    landmarks = smoothed(performance) if smooth else performance.landmarks
    neutrals = neutral_of_frames(performance, landmarks, neutral)
    graph = bundle.graph("motion")
    return Motion(
        path.stem,
        performance.fps,
        len(landmarks),
        lambda i: MotionFrame(**graph({"neutral": landmarks[neutrals[i]], "driver": landmarks[i]})),
        notes,
    )


def extract_track(
    bundle: Bundle, video: Path, neutral: Neutral = "first", smooth: bool = True, progress: Progress = no_progress
) -> tuple[MotionTrack, list[str]]:
    """The relative motion of a video's face as a track, and notes about the video.

    Raises:
        VideoError: the video cannot be used.
    """
    motion = load_motion(bundle, str(video), "relative", neutral, smooth, progress)
    frames = [motion.at(i) for i in range(motion.frames)]
    frames = [frame for frame in frames if isinstance(frame, MotionFrame)]
    expression, basis = factorise(np.stack([frame.expression for frame in frames]), TRACK_SHAPES)
    track = MotionTrack(
        rotation=np.stack([frame.rotation for frame in frames]),
        translation=np.stack([frame.translation for frame in frames]),
        scale=np.stack([frame.scale for frame in frames]),
        expression=expression,
        basis=basis,
        fps=motion.fps,
        loop=False,
        info=TrackInfo(
            name=video.stem,
            title=video.stem.replace("_", " "),
            description="Extracted from a video.",
            licence="unknown",
            source=video.name,
        ),
    )
    return track, motion.notes


def neutral_of_frames(performance: Performance, landmarks: np.ndarray, neutral: Neutral) -> list[int]:
    """For every frame the number of the frame that counts as its neutral face: one for each shot."""
    ends = [*performance.shots[1:], len(landmarks)]
    result: list[int] = []
    for start, end in zip(performance.shots, ends, strict=True):
        chosen = start if neutral == "first" else start + _calmest(landmarks[start:end])
        result.extend([chosen] * (end - start))
    return result


def _calmest(landmarks: np.ndarray) -> int:
    """Number of the frame [T, 478, 3] that looks ahead with its mouth closed and its eyes open."""

    def apart(a: int, b: int) -> np.ndarray:
        return np.linalg.norm(landmarks[:, a] - landmarks[:, b], axis=1)

    unit = apart(33, 263)
    mouth, eyes = apart(13, 14) / unit, (apart(159, 145) + apart(386, 374)) / (2 * unit)
    turned = np.array([abs(np.radians(Face(points, 1.0, np.zeros(4)).yaw)) for points in landmarks])
    return int(np.argmin(mouth - eyes + 0.5 * turned))


def _from_first_face(performance: Performance) -> Performance:
    first = performance.first
    return Performance(
        landmarks=performance.landmarks[first:],
        presence=performance.presence[first:],
        found=performance.found[first:],
        shots=(0, *(shot - first for shot in performance.shots if shot > first)),
        fps=performance.fps,
        width=performance.width,
        height=performance.height,
    )


def _notes(performance: Performance, name: str) -> list[str]:
    notes = []
    if performance.first:
        notes.append(f"{name} shows no face in its first {performance.first} frames; they are skipped.")
    gaps = int((~performance.found[performance.first :]).sum())
    if gaps:
        notes.append(f"{name} shows no face in {gaps} frames on the way; the last motion is held there.")
    cuts = performance.shots[1:]
    if cuts:
        times = ", ".join(f"{frame / performance.fps:.1f} s" for frame in cuts)
        count = f"{len(cuts)} cut" if len(cuts) == 1 else f"{len(cuts)} cuts"
        notes.append(f"{name} has {count} (at {times}); every shot starts from rest.")
    return notes
