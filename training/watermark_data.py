"""Short clips and photos to be watermarked: a few frames of every film, and portraits."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from ..runtime.animate import Gains
from ..runtime.errors import FaceError
from ..runtime.faces import choose_faces, find_faces
from ..runtime.media import VideoReader
from ..runtime.motions import load_motion
from ..runtime.portrait import Portrait
from ..runtime.session import Bundle
from ..runtime.stopwatch import Stopwatch
from ..runtime.tracks import MotionFrame

LONGEST = 512  # pixels; larger pictures are made smaller
FRAMES = 3  # of a clip
OPENING = 60  # frames of a film from which clips are taken


def films_of(data: Path, split: str) -> list[Path]:
    """The films of DATA/index.csv that belong to a split."""
    with (data / "index.csv").open(newline="") as file:
        return [data / "videos" / row["file"] for row in csv.DictReader(file) if row["split"] == split]


def photos_of(data: Path, split: str) -> list[Path]:
    """Every tenth photo is held out. Nobody in them is in a film."""
    photos = sorted((data / "photos").glob("*.jpg"))
    return [path for number, path in enumerate(photos) if (number % 10 == 9) == (split == "heldout")]


def fit(frame: np.ndarray, longest: int = LONGEST) -> np.ndarray:
    """A picture made smaller, if need be, until its longer side has so many pixels: uint8 [H, W, 3]."""
    return frame if max(frame.shape[:2]) <= longest else resized(frame, longest)


def resized(frame: np.ndarray, longest: int) -> np.ndarray:
    """A picture whose longer side has so many pixels, enlarged too: uint8 [H, W, 3]."""
    height, width = frame.shape[:2]
    scale = longest / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS))


def stretches(film: Path, wanted: int, seed: int, length: int = FRAMES) -> Iterator[np.ndarray]:
    """Up to `wanted` runs of `length` consecutive frames of a film, uint8 [length, H, W, 3], spread over it."""
    with VideoReader(film) as reader:
        frames = [fit(frame) for frame in islice(reader, OPENING)]
    if len(frames) < length:
        return
    rng = np.random.default_rng(seed)
    for start in rng.integers(0, len(frames) - length + 1, wanted):
        yield np.stack(frames[start : start + length])


class ClipSource:
    """Clips and photos of one split in memory.

    Args:
        data: a folder with `videos/`, `photos/` and `index.csv`. a_film: clips of every film. photos: how many.
    """

    def __init__(self, data: Path, split: str, a_film: int = 2, photos: int = 400) -> None:
        films, portraits = films_of(data, split), photos_of(data, split)
        portraits = portraits[:: max(1, len(portraits) // photos)]
        with ThreadPoolExecutor(2) as pool:
            found = pool.map(lambda job: list(stretches(job[1], a_film, job[0])), enumerate(films))
            self.clips = [clip for clips in found for clip in clips]
        for path in portraits:
            with Image.open(path) as image:
                self.clips.append(fit(np.asarray(image.convert("RGB")))[None])

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """A clip or photo at random, mirrored half of the time: uint8 [T, H, W, 3]."""
        clip = self.clips[rng.integers(len(self.clips))]
        return np.ascontiguousarray(clip[:, :, ::-1]) if rng.random() < 0.5 else clip


def animate_photos(bundle: Bundle, photos: Sequence[Path], side: int, frames: int) -> Iterator[np.ndarray]:
    """What a bundle makes of photos, one preset after the other: clips uint8 [frames, H, W, 3], longer side `side`.

    Photos whose face must not be animated are left out.
    """
    presets = sorted(bundle.manifest.presets)
    gains = Gains().as_array()
    for number, path in enumerate(photos):
        with Image.open(path) as image:
            photo = resized(np.asarray(image.convert("RGB")), side)
        try:
            (face,), _ = choose_faces(find_faces(bundle, photo), None, bundle.manifest.thresholds, path.name)
        except FaceError:
            continue
        portrait = Portrait(bundle, photo, face, None, Stopwatch())
        motion = load_motion(bundle, presets[number % len(presets)])
        clip = np.repeat(photo[None], frames, 0)
        for index, canvas in enumerate(clip):
            moment = motion.at(index % motion.frames)
            assert isinstance(moment, MotionFrame)
            portrait.draw(canvas, portrait.target(moment, gains))
        yield clip
