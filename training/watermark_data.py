"""Short clips and photos to be watermarked: a few frames of every film, and portraits."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from ..runtime.media import VideoReader

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
        """A clip or photo at random: uint8 [T, H, W, 3]."""
        return self.clips[rng.integers(len(self.clips))]
