"""Faces of a picture: found, tracked until they settle, numbered from left to right, and judged."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from .errors import FaceError
from .manifest import Thresholds
from .session import Bundle

OUTER_EYE_CORNERS: Final = (33, 263)
REFINEMENTS: Final = 3  # how often `track` looks again at the region that it proposed itself
SETTLED: Final = 0.01  # a region that moves by less than this share of its side needs no further look
SAME_FACE: Final = 0.3  # intersection over union from which two boxes hold the same face

Which = int | Literal["all"] | None


@dataclass(frozen=True)
class Face:
    """A tracked face.

    Attributes:
        landmarks: float32 [478, 3] in pixels of the picture.
        presence: how sure `track` is that this is a face, 0..1.
        next_region: float32 [4], where to look for the face in the next frame.
    """

    landmarks: np.ndarray
    presence: float
    next_region: np.ndarray

    @property
    def box(self) -> np.ndarray:
        """float32 [4]: x0, y0, x1, y1 around the landmarks, pixels."""
        points = self.landmarks[:, :2]
        return np.concatenate([points.min(axis=0), points.max(axis=0)])

    @property
    def size(self) -> float:
        """The longer side of the box, pixels."""
        x0, y0, x1, y1 = self.box
        return float(max(x1 - x0, y1 - y0))

    @property
    def eye_distance(self) -> float:
        """Distance between the outer eye corners in 3-D, pixels: the unit of motion."""
        right, left = self.landmarks[list(OUTER_EYE_CORNERS)]
        return float(np.linalg.norm(left - right))

    @property
    def yaw(self) -> float:
        """How far the head is turned to a side, degrees: the slope in depth of the line between the eye corners."""
        right, left = self.landmarks[list(OUTER_EYE_CORNERS)]
        across = math.hypot(left[0] - right[0], left[1] - right[1])
        return math.degrees(math.atan2(left[2] - right[2], across))


def track_face(bundle: Bundle, image: np.ndarray, region: np.ndarray, looks: int = 1) -> Face:
    """The face in a region (float32 [4]) of an image (uint8 [H, W, 3]), after at most `looks` looks at it."""
    graph = bundle.graph("track")
    face = None
    for _ in range(looks):
        values = graph({"image": image, "region": np.asarray(region, np.float32)})
        face = Face(values["landmarks"], float(values["presence"]), values["next_region"])
        moved = np.abs(face.next_region - region)
        if max(moved[:3]) < SETTLED * region[2] and moved[3] < SETTLED * math.tau:
            break
        region = face.next_region
    assert face is not None
    return face


def find_faces(bundle: Bundle, image: np.ndarray, looks: int = REFINEMENTS) -> list[Face]:
    """All faces that the detectors propose in an image (uint8 [H, W, 3]), each once, from left to right.

    Faces of any presence, size and pose are returned: see `choose_faces`.
    """
    boxes, scores, regions = [], [], []
    for name in ("detect", "detect_far"):  # near faces; small and far ones
        found = bundle.graph(name)({"image": image})
        boxes.extend(found["boxes"])
        scores.extend(found["scores"])
        regions.extend(found["regions"])
    order = np.argsort(-np.asarray(scores, np.float32), kind="stable") if scores else []
    kept = _distinct([boxes[i] for i in order])
    faces = [track_face(bundle, image, regions[order[i]], looks) for i in kept]
    faces.sort(key=lambda face: -face.presence)
    faces = [faces[i] for i in _distinct([face.box for face in faces])]
    return sorted(faces, key=lambda face: float(face.box[0] + face.box[2]))


def choose_faces(faces: Sequence[Face], which: Which, limits: Thresholds, name: str) -> tuple[list[Face], list[str]]:
    """The faces that are to be animated, and notes about the others.

    Args:
        faces: all faces of the picture, from left to right.
        which: a number (1 is the leftmost), "all", or None for the largest.
        limits: when a face may be animated.
        name: what to call the picture in notes and errors.

    Raises:
        FaceError: there is no such face, or it must not be animated.
    """
    present = [face for face in faces if face.presence >= limits.presence]
    if not present:
        if not faces:
            raise FaceError(f"No face was found in {name}.")
        best = max(face.presence for face in faces)
        raise FaceError(
            f"No face is clear enough in {name}: the best scores {best:.2f}, at least {limits.presence:.2f} is needed."
        )
    if isinstance(which, int):
        if not 1 <= which <= len(present):
            raise FaceError(f"{name} shows {_count(len(present))}, so there is no face number {which}.")
        chosen = present[which - 1]
        _raise_unless_fit(chosen, limits, name)
        return [chosen], []
    fit = [face for face in present if _objection(face, limits) is None]
    if not fit:
        _raise_unless_fit(max(present, key=lambda face: face.size), limits, name)
    if which == "all":
        left_out = [
            f"Face {i} of {name} is left out: it {_objection(face, limits)}."
            for i, face in enumerate(present, 1)
            if _objection(face, limits)
        ]
        return fit, left_out
    largest = max(fit, key=lambda face: face.size)
    number = next(i for i, face in enumerate(present, 1) if face is largest)
    notes = [f"{name} shows {_count(len(present))}; number {number} from the left is animated."] if present[1:] else []
    return [largest], notes


def _count(faces: int) -> str:
    return "1 face" if faces == 1 else f"{faces} faces"


def _raise_unless_fit(face: Face, limits: Thresholds, name: str) -> None:
    objection = _objection(face, limits)
    if objection:
        raise FaceError(f"The face in {name} {objection}.")


def _objection(face: Face, limits: Thresholds) -> str | None:
    """Why a face must not be animated, as the end of a sentence; None if it may be."""
    if face.size < limits.min_face:
        return f"is only {face.size:.0f} pixels large; at least {limits.min_face:.0f} are needed"
    if abs(face.yaw) > limits.max_yaw_degrees:
        return f"is turned {abs(face.yaw):.0f}° to a side; up to {limits.max_yaw_degrees:.0f}° can be animated"
    return None


def _distinct(boxes: Sequence[np.ndarray]) -> list[int]:
    """Indices of the boxes that do not show the same face as an earlier one."""
    kept: list[int] = []
    for i, box in enumerate(boxes):
        if all(_overlap(box, boxes[j]) < SAME_FACE for j in kept):
            kept.append(i)
    return kept


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union."""
    shared = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None).prod()
    union = (a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - shared
    return float(shared / union) if union > 0 else 0.0
