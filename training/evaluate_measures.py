"""What is measured on one generated picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..runtime.faces import REFINEMENTS, track_face
from ..runtime.session import Bundle
from . import metrics
from .evaluate_clips import TrackedClip
from .identity import FaceDescriptor, cosine_similarity, descriptor_distance

Picture = NDArray[np.uint8]
Points = NDArray[np.float32]
Scores = dict[str, float]


class Observer:
    """Looks at pictures with the bundle's own tracker and with the identity network."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._least = bundle.manifest.thresholds.presence
        self.describe = FaceDescriptor()

    def look(self, picture: Picture, region: Points) -> tuple[Points, bool]:
        """Landmarks [478, 3] seen in a region [4], and whether there is a face: it needs the tracker's presence and,
        independently of the region, a detection whose box holds the middle of those landmarks."""
        face = track_face(self._bundle, picture, region, REFINEMENTS)
        middle = face.landmarks[:, :2].mean(0)
        return face.landmarks, face.presence >= self._least and self._detected(picture, middle)

    def landmarks(self, picture: Picture, region: Points) -> Points:
        """Landmarks [478, 3] seen in a region [4]."""
        return track_face(self._bundle, picture, region, REFINEMENTS).landmarks

    def find(self, picture: Picture) -> tuple[Points, bool]:
        """Landmarks [478, 3] of the face that the detectors find by themselves; not finite where they find none."""
        for name in ("detect", "detect_far"):
            regions = self._bundle.graph(name)({"image": picture})["regions"]
            if len(regions):
                face = track_face(self._bundle, picture, regions[0], REFINEMENTS)
                return face.landmarks, face.presence >= self._least
        return np.full((478, 3), np.nan, np.float32), False

    def _detected(self, picture: Picture, middle: Points) -> bool:
        for name in ("detect", "detect_far"):  # near faces; small and far ones
            boxes = self._bundle.graph(name)({"image": picture})["boxes"]
            if np.any((boxes[:, :2] <= middle).all(1) & (middle <= boxes[:, 2:]).all(1)):
                return True
        return False


@dataclass(frozen=True)
class Truth:
    """The true frame of a target, and what can be seen in it.

    Attributes:
        landmarks: tracked in the S × S picture, as the generated one's are, from the same region.
        face: whether a face can be seen in the true frame.
        valid: [S, S] bool, the pixels that the film's frame covers.
        with_flip: whether FLIP is taken on this frame.
    """

    picture: Picture
    region: Points
    landmarks: Points
    face: bool
    descriptor: NDArray[np.float64]
    mouth: NDArray[np.bool_]
    eyes: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    with_flip: bool


def true_frame(clip: TrackedClip, frame: int, observer: Observer, with_flip: bool) -> Truth:
    """Looks at the true frame once, for all methods."""
    picture, region = clip.frames[frame], clip.regions[frame]
    landmarks, face = observer.look(picture, region)
    shape = (picture.shape[0], picture.shape[1])
    valid = np.zeros(shape, bool)
    clip.crop_inside(valid)[:] = True
    return Truth(
        picture=picture,
        region=region,
        landmarks=landmarks,
        face=face,
        descriptor=observer.describe(picture, landmarks),
        mouth=metrics.mouth_mask(landmarks, shape) & valid,
        eyes=metrics.eye_mask(landmarks, shape) & valid,
        valid=valid,
        with_flip=with_flip,
    )


def score_against_truth(picture: Picture, truth: Truth, clip: TrackedClip, observer: Observer) -> tuple[Scores, Points]:
    """Measures a generated picture against the true frame.

    Pixels are compared where the film's frame covers the square. Only frames whose truth shows a face count for
    `face`: elsewhere it is NaN.

    Returns:
        Scores by name (see `evaluate_report.MEASURES`), and the landmarks [478, 3] seen in the picture.
    """
    landmarks, face = observer.look(picture, truth.region)
    descriptor = observer.describe(picture, landmarks)
    generated, true = clip.crop_inside(picture), clip.crop_inside(truth.picture)
    scores = {
        "l1": metrics.l1(generated, true),
        "psnr": metrics.psnr(generated, true),
        "ssim": metrics.ssim(generated, true),
        "ms_ssim": metrics.ms_ssim(generated, true),
        "flip": metrics.flip(generated, true) if truth.with_flip else float("nan"),
        "landmarks": metrics.landmark_distance(landmarks, truth.landmarks),
        "identity": 1.0 - descriptor_distance(descriptor, truth.descriptor),
        "identity_cosine": cosine_similarity(descriptor, truth.descriptor),
        "mouth_l1": metrics.l1(picture, truth.picture, truth.mouth),
        "eye_l1": metrics.l1(picture, truth.picture, truth.eyes),
        "sharpness": metrics.sharpness_ratio(picture, truth.picture, truth.landmarks, truth.valid),
        "face": float(face) if truth.face else float("nan"),
    }
    return scores, landmarks


@dataclass(frozen=True)
class SourcePhoto:
    """The photo that is animated by somebody else's motion, and what can be seen in it."""

    picture: Picture
    landmarks: Points
    descriptor: NDArray[np.float64]
    energy: float

    @classmethod
    def of_clip(cls, clip: TrackedClip, observer: Observer) -> SourcePhoto:
        picture = clip.frames[0]
        landmarks, _ = observer.look(picture, clip.regions[0])
        return cls(picture, landmarks, observer.describe(picture, landmarks), face_energy(picture, landmarks))


def face_energy(picture: Picture, landmarks: Points) -> float:
    """Laplacian energy inside the face oval of these landmarks."""
    return metrics.laplacian_energy(picture, metrics.face_mask(landmarks, (picture.shape[0], picture.shape[1])))


def score_against_source(picture: Picture, target: Points, source: SourcePhoto, observer: Observer) -> Scores:
    """Measures a picture made with another person's motion, where no true frame exists.

    Args:
        target: [478, 3], the landmarks that were asked for.
    """
    landmarks, face = observer.find(picture)
    seen = landmarks if np.isfinite(landmarks).all() else target
    descriptor = observer.describe(picture, seen)
    return {
        "identity": 1.0 - descriptor_distance(descriptor, source.descriptor),
        "identity_cosine": cosine_similarity(descriptor, source.descriptor),
        "landmarks": metrics.landmark_distance(landmarks, target),
        "sharpness": face_energy(picture, target) / source.energy if source.energy > 0 else float("nan"),
        "face": float(face),
    }
