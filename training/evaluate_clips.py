"""Clips made ready for evaluation: decoded, tracked, cut off at the first cut and cropped to the source's head."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..runtime.driver import MAX_SIDE, FaceFollower
from ..runtime.errors import VideoError
from ..runtime.media import VideoReader
from ..runtime.session import Bundle
from .camera import camera_displacement
from .metrics import landmark_distance

MAX_SECONDS = 12.0  # longer clips are evaluated up to here
MIN_TARGETS = 3
CAMERA_FRAMES = 8  # frames that are looked at to tell whether the camera moved
GENERATED_PREFIXES = ("v_express__", "echomimic__")  # clips of the data set that were generated, not filmed


class ClipSkipped(Exception):
    """A clip cannot be evaluated; the text is the reason, one sentence."""


@dataclass(frozen=True)
class Clip:
    """A clip to evaluate and the person it shows (the file's stem where no index names one)."""

    path: Path
    person: str


@dataclass(frozen=True)
class TrackedClip:
    """The frames of a clip that can be evaluated, in the square of the first frame's head, reduced to S × S pixels.

    Attributes:
        name: the file's name.
        person: who it shows.
        fps: frames per second.
        frames: [T, S, S, 3] uint8; frame 0 is the source photo.
        landmarks: [T, 478, 3], pixels of the S × S square, tracked in the whole frame. Not finite without a face.
        regions: [T, 4], where `track` would look for the face, pixels of the S × S square.
        found: [T] bool, whether a face was tracked.
        inside: rows and columns of the square that lie inside the film's frame (top, bottom, left, right).
        camera: apparent displacement of the background, pixels at 256, median over frames; NaN = nothing to see it by.
        notes: what else a reader of the report should know.
    """

    name: str
    person: str
    fps: float
    frames: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
    regions: NDArray[np.float32]
    found: NDArray[np.bool_]
    inside: tuple[int, int, int, int]
    camera: float = float("nan")
    notes: tuple[str, ...] = ()

    def crop_inside(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The part of an S × S picture that the film's frame covers."""
        top, bottom, left, right = self.inside
        return picture[top:bottom, left:right]

    def only(self, frames: list[int]) -> TrackedClip:
        """The clip reduced to some of its frames; the first of them must be 0."""
        return replace(
            self,
            frames=self.frames[frames],
            landmarks=self.landmarks[frames],
            regions=self.regions[frames],
            found=self.found[frames],
        )

    def targets(self, step: int | None, count: int) -> list[int]:
        """Frames to generate: every ``step``-th after the source, or ``count`` spread evenly; those with a face."""
        last = len(self.frames) - 1
        if step is None:
            places = np.unique(np.linspace(min(last, max(1, last // count)), last, count).round().astype(int))
        else:
            places = np.arange(step, last + 1, step)
        return [int(place) for place in places if self.found[place]]

    def farthest(self, among: list[int]) -> int:
        """Of these frames the one whose landmarks are farthest from the source's."""
        return max(among, key=lambda frame: landmark_distance(self.landmarks[frame], self.landmarks[0]))

    def run_around(self, centre: int, length: int) -> list[int]:
        """Up to ``length`` consecutive frames that contain ``centre`` and all show a face."""
        start = end = centre  # [start, end]
        while end - start + 1 < length:
            grown = False
            if start > 1 and self.found[start - 1]:
                start, grown = start - 1, True
            if end - start + 1 < length and end + 1 < len(self.frames) and self.found[end + 1]:
                end, grown = end + 1, True
            if not grown:
                break
        return list(range(start, end + 1))


@dataclass(frozen=True)
class Square:
    """The upright square of a frame that is evaluated, and how to get into its S × S pixels."""

    left: int
    top: int
    side: int
    size: int

    @classmethod
    def of_region(cls, region: NDArray[np.float32], size: int) -> Square:
        centre_x, centre_y, side = (float(value) for value in region[:3])
        return cls(round(centre_x - side / 2), round(centre_y - side / 2), round(side), size)

    @property
    def scale(self) -> float:
        return self.size / self.side

    def crop(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The square's pixels, edge pixels repeated beyond the frame, resized with antialiasing (Pillow's bicubic)."""
        height, width = frame.shape[:2]
        top, left = max(0, self.top), max(0, self.left)
        bottom, right = min(height, self.top + self.side), min(width, self.left + self.side)
        margins = (top - self.top, self.top + self.side - bottom), (left - self.left, self.left + self.side - right)
        part = np.pad(frame[top:bottom, left:right], (*margins, (0, 0)), mode="edge")
        return np.asarray(Image.fromarray(part).resize((self.size, self.size), Image.Resampling.BICUBIC))

    def points(self, landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
        """Landmarks [478, 3] of the frame in the square's pixels."""
        offset = np.array([self.left, self.top, 0], np.float32)
        return ((landmarks - offset) * self.scale).astype(np.float32)

    def region(self, region: NDArray[np.float32]) -> NDArray[np.float32]:
        """A region [4] of the frame in the square's pixels."""
        offset = np.array([self.left, self.top, 0, 0], np.float32)
        return ((region - offset) * np.array([self.scale] * 3 + [1.0])).astype(np.float32)

    def inside(self, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        """Top, bottom, left and right of the square's pixels that lie inside a frame [H, W, ...]."""

        def span(start: int, length: int) -> tuple[int, int]:
            first, last = max(0, -start) * self.scale, min(self.side, length - start) * self.scale
            return int(np.ceil(first)), int(np.floor(last))

        return *span(self.top, shape[0]), *span(self.left, shape[1])


def whole_square(size: int) -> NDArray[np.float32]:
    """The region [4] that is a whole S × S picture."""
    return np.array([size / 2, size / 2, size, 0], np.float32)


def find_clips(videos: Sequence[Path]) -> list[Clip]:
    """The videos with the people they show, from an ``index.csv`` in the folder above the videos if there is one."""
    people: dict[Path, str] = {}
    for folder in {video.resolve().parent for video in videos}:
        index = folder.parent / "index.csv"
        if index.is_file():
            with index.open(newline="", encoding="utf-8") as rows:
                people |= {folder / row["file"]: row["person"] for row in csv.DictReader(rows)}
    return [Clip(video, people.get(video.resolve(), video.stem)) for video in videos]


def load_clip(clip: Clip, bundle: Bundle, size: int) -> TrackedClip:
    """Decodes and tracks a clip.

    Args:
        size: side S of the square, pixels.

    Raises:
        ClipSkipped: it was generated, cannot be decoded, shows no face, or too few frames with one.
    """
    if clip.path.name.startswith(GENERATED_PREFIXES):
        raise ClipSkipped("The clip was generated, so its frames are no truth.")
    try:
        tracked = track_clip(clip, bundle, size)
    except VideoError as error:
        raise ClipSkipped(str(error)) from None
    faces = int(tracked.found[1:].sum())
    if faces < MIN_TARGETS:
        raise ClipSkipped(f"Only {faces} frames after the first face show a face; at least {MIN_TARGETS} are needed.")
    targets = tracked.targets(None, CAMERA_FRAMES)
    return replace(tracked, camera=camera_displacement(tracked.frames, targets, tracked.inside, bundle))


def track_clip(clip: Clip, bundle: Bundle, size: int) -> TrackedClip:
    """Frames from the first face to the first cut, the end, or `MAX_SECONDS`; see `load_clip`."""
    follower, square = FaceFollower(bundle), None
    frames, landmarks, regions, notes = [], [], [], []
    inside = (0, size, 0, size)
    with VideoReader(clip.path, MAX_SIDE) as reader:
        fps = reader.fps
        for number, frame in enumerate(reader):
            if len(frames) >= MAX_SECONDS * fps:
                notes.append(f"longer than {MAX_SECONDS:g} s; evaluated up to there")
                break
            face, cut = follower(frame)
            if cut:
                notes.append(f"cut at frame {number}; evaluated up to it")
                break
            if square is None:
                if face is None:
                    continue
                square = Square.of_region(bundle.graph("head")({"landmarks": face.landmarks})["region"], size)
                inside = square.inside(frame.shape)
            frames.append(square.crop(frame))
            landmarks.append(square.points(face.landmarks) if face else np.full((478, 3), np.nan, np.float32))
            regions.append(square.region(face.next_region) if face else np.full(4, np.nan, np.float32))
    if not frames:
        raise ClipSkipped("The clip shows no face.")
    points = np.stack(landmarks)
    found = np.asarray(np.isfinite(points).all((1, 2)))
    return TrackedClip(
        clip.path.name, clip.person, fps, np.stack(frames), points, np.stack(regions), found, inside, notes=tuple(notes)
    )
