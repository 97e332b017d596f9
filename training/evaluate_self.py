"""Self-reenactment: a clip's first frame animated by the clip itself, compared with the clip."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import metrics
from .camera import camera_is_still
from .evaluate_clips import TrackedClip, whole_square
from .evaluate_measures import Observer, Picture, Points, Scores, Truth, score_against_truth, true_frame
from .evaluate_methods import Geometry, Method

FLIP_EVERY = 3  # FLIP is slow: it is taken on every third target
RUN = 16  # consecutive frames on which jitter is measured
OPEN_EYES = 0.12  # eye openness under which no gaze can be seen
LEAST_GAZE = 0.02  # eye widths: a clip whose true gaze varies by less (standard deviation) has nothing to follow


@dataclass(frozen=True)
class Gaze:
    """Horizontal iris offsets (eye widths, see `metrics.gaze_offset`) in the same frames: [T] each."""

    generated: NDArray[np.float64]
    true: NDArray[np.float64]

    @property
    def moves(self) -> bool:
        """Whether the true gaze moves enough to be followed."""
        return self.true.size > 2 and float(self.true.std()) >= LEAST_GAZE

    @property
    def correlation(self) -> float:
        """Pearson's correlation; NaN where the true gaze rests or the generated one cannot vary."""
        return metrics.correlation(self.generated, self.true) if self.moves else float("nan")


@dataclass(frozen=True)
class SheetRow:
    """The pictures of a clip at the target farthest from the source, uint8 [S, S, 3], and that target's landmarks."""

    source: Picture
    target: Picture
    landmarks: Points
    generated: dict[str, Picture]


@dataclass(frozen=True)
class SelfResult:
    """What a clip gave: scores and gaze by method.

    Attributes:
        targets: how many frames were compared.
        true_faces: in what share of them the true frame itself shows a detectable face.
        scores: mean over the targets (median for sharpness, so that a blurred true frame does not decide).
    """

    name: str
    person: str
    camera: float
    still_camera: bool
    notes: tuple[str, ...]
    targets: int
    true_faces: float
    scores: dict[str, Scores]
    gaze: dict[str, Gaze]
    row: SheetRow


def reenact_self(
    clip: TrackedClip, methods: Sequence[Method], observer: Observer, pool: Executor, step: int | None, count: int
) -> SelfResult:
    """Animates a clip's first frame with every method and measures the result.

    Args:
        pool: runs the measuring while the next frames are generated.
        step: every which frame is a target; None spreads ``count`` targets over the clip.
    """
    targets = clip.targets(step, count)
    farthest = clip.farthest(targets)
    run = clip.run_around(farthest, RUN)
    truths = list(
        pool.map(lambda place: true_frame(clip, targets[place], observer, place % FLIP_EVERY == 0), range(len(targets)))
    )
    true_seen = {target: truth.landmarks for target, truth in zip(targets, truths, strict=True)}
    true_seen |= watch(clip, {frame: clip.frames[frame] for frame in run if frame not in true_seen}, observer, pool)
    scores, gaze, generated = {}, {}, {}
    for method in methods:
        method.prepare(clip.frames[0], clip.landmarks[0], whole_square(clip.frames.shape[1]))
        scores[method.name], seen, generated[method.name] = score_targets(method, clip, targets, truths, observer, pool)
        # Geometry is too slow for a whole run of frames, so its jitter stays unknown.
        if not isinstance(method, Geometry):
            rest = {frame: method.frame(clip.landmarks[frame]) for frame in run if frame not in seen}
            seen |= watch(clip, rest, observer, pool)
            scores[method.name]["jitter"] = metrics.jitter_ratio(
                np.stack([seen[frame] for frame in run]), np.stack([true_seen[frame] for frame in run])
            )
        gaze[method.name] = compare_gaze(seen, true_seen)
    return SelfResult(
        name=clip.name,
        person=clip.person,
        camera=clip.camera,
        still_camera=camera_is_still(clip.camera),
        notes=clip.notes,
        targets=len(targets),
        true_faces=float(np.mean([truth.face for truth in truths])),
        scores=scores,
        gaze=gaze,
        row=SheetRow(clip.frames[0], clip.frames[farthest], true_seen[farthest], generated),
    )


def score_targets(
    method: Method, clip: TrackedClip, targets: list[int], truths: list[Truth], observer: Observer, pool: Executor
) -> tuple[Scores, dict[int, Points], Picture]:
    """Generates and measures the targets.

    Returns:
        The clip's scores, the landmarks seen by frame, and the picture of the farthest target.
    """
    farthest = clip.farthest(targets)
    sample = clip.frames[0]
    jobs = []
    for target, truth in zip(targets, truths, strict=True):
        picture = method.frame(clip.landmarks[target])
        if target == farthest:
            sample = picture
        jobs.append(pool.submit(score_against_truth, picture, truth, clip, observer))
    results = [job.result() for job in jobs]
    seen = {target: landmarks for target, (_, landmarks) in zip(targets, results, strict=True)}
    return mean_scores([scores for scores, _ in results]), seen, sample


def watch(clip: TrackedClip, pictures: dict[int, Picture], observer: Observer, pool: Executor) -> dict[int, Points]:
    """The landmarks seen in pictures of a clip's frames, by frame."""
    landmarks = pool.map(lambda frame: observer.landmarks(pictures[frame], clip.regions[frame]), pictures)
    return dict(zip(pictures, landmarks, strict=True))


def compare_gaze(seen: dict[int, Points], true: dict[int, Points]) -> Gaze:
    """The gaze in those frames in which the true eyes are open."""
    frames = [frame for frame in sorted(seen) if metrics.eye_openness(true[frame]) >= OPEN_EYES]
    if not frames:
        return Gaze(np.empty(0), np.empty(0))
    return Gaze(*(metrics.gaze_offset(np.stack([points[frame] for frame in frames])) for points in (seen, true)))


def mean_scores(frames: Sequence[Scores]) -> Scores:
    """Each measure's mean over frames, leaving out NaN; the median for sharpness. NaN where there is no value."""
    summary: Scores = {}
    for name in frames[0]:
        values = np.array([scores[name] for scores in frames], np.float64)
        values = values[np.isfinite(values)]
        middle = np.median if name == "sharpness" else np.mean
        summary[name] = float(middle(values)) if values.size else float("nan")
    return summary
