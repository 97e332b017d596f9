"""Cross-reenactment: the photo of one person moved by another (relative transfer). There is no true frame."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from ..runtime.session import Bundle
from .evaluate_clips import TrackedClip, whole_square
from .evaluate_measures import Observer, Picture, Points, Scores, SourcePhoto, score_against_source
from .evaluate_methods import Method
from .evaluate_self import mean_scores

CROSS_TARGETS = 6  # frames of the driver that are followed
SHEET_TARGETS = 3  # … and that the sheet shows


@dataclass(frozen=True)
class CrossResult:
    """What one person's photo gave with another one's motion.

    Attributes:
        source, driver: names of the clips.
        scores: by method, mean over the driver's frames (median for sharpness).
        photo: the source photo; drivers: some of the driver's frames; generated: the pictures for them, by method.
    """

    source: str
    driver: str
    scores: dict[str, Scores]
    photo: Picture
    drivers: list[Picture]
    generated: dict[str, list[Picture]]


def cross_pairs(clips: Sequence[TrackedClip]) -> list[tuple[TrackedClip, TrackedClip]]:
    """Every clip as the photo, with the next clip of another person as the driver; empty if there is one person."""
    pairs = []
    for place, source in enumerate(clips):
        following = [*clips[place + 1 :], *clips[:place]]
        driver = next((clip for clip in following if clip.person != source.person), None)
        if driver is not None:
            pairs.append((source, driver))
    return pairs


def relative_targets(bundle: Bundle, source: Points, driver: TrackedClip, frames: Sequence[int]) -> list[Points]:
    """The source's landmarks [478, 3] moved as the driver moved since the driver's first frame, all gains 1."""
    motion, retarget = bundle.graph("motion"), bundle.graph("retarget")
    gains = np.ones(5, np.float32)
    targets = []
    for frame in frames:
        moved = motion({"neutral": driver.landmarks[0], "driver": driver.landmarks[frame]})
        targets.append(retarget({"source": source, **moved, "gains": gains})["target"])
    return targets


def reenact_cross(
    source: TrackedClip,
    driver: TrackedClip,
    methods: Sequence[Method],
    bundle: Bundle,
    observer: Observer,
    pool: Executor,
) -> CrossResult:
    """Moves the source's first frame with the driver's motion by every method, and measures the result.

    Args:
        source: a clip of which frame 0 is needed alone.
        driver: a clip reduced to frame 0, the neutral one, and the frames to follow (`CROSS_TARGETS`).
    """
    frames = driver.targets(1, 0)
    targets = relative_targets(bundle, source.landmarks[0], driver, frames)
    photo = SourcePhoto.of_clip(source, observer)
    shown = np.unique(np.linspace(0, len(frames) - 1, SHEET_TARGETS).round().astype(int))
    scores, generated = {}, {}
    for method in methods:
        method.prepare(source.frames[0], source.landmarks[0], whole_square(source.frames.shape[1]))
        pictures = [method.frame(target) for target in targets]
        jobs = [
            pool.submit(score_against_source, picture, target, photo, observer)
            for picture, target in zip(pictures, targets, strict=True)
        ]
        scores[method.name] = mean_scores([job.result() for job in jobs])
        generated[method.name] = [pictures[place] for place in shown]
    drivers = [driver.frames[frames[place]] for place in shown]
    return CrossResult(source.name, driver.name, scores, source.frames[0], drivers, generated)
