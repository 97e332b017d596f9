"""Which landmarks belong to which part of the face, with soft edges, and which points of lids and lips face each other.

Everything is measured once on the canonical face and becomes constants of the graphs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from . import landmarks as lm
from .canonical_face import canonical_face

# Distances over which a part fades out, in outer-eye-corner distances. The eyes' ends below the brows; the lips' takes
# the chin and the cheeks partly along, which move when the jaw does.
_EYE_FADE = 0.2
_LIPS_FADE = 0.6
# Skin this near to a lid or lip follows it when two that would cross are held apart.
_LID_REACH = 0.08
_LIP_REACH = 0.15

# Opposite points of an eye's contour (upper lid, lower lid), and of the lips' inner contour.
LID_PAIRS = [list(zip(eye[1:8], eye[:8:-1], strict=True)) for eye in (lm.RIGHT_EYE, lm.LEFT_EYE)]
LIP_PAIRS = list(zip(lm.LIPS_INNER[1:10], lm.LIPS_INNER[:10:-1], strict=True))


@dataclass(frozen=True)
class FaceParts:
    """Constants of the face's parts.

    Attributes:
        eyes: [2, 478], how much a landmark belongs to the right and the left eye: 1 on the contour and the iris, fading
            to 0 before the brow.
        lips: [478], likewise for the lips.
        gap: [23, 478], maps the landmarks' y to the openings between opposite points (7 of each eye, 9 of the lips).
        part: [478, 23], maps by how much an opening must grow to the landmarks' change in y.
        opening: [2], the canonical eyes' mean opening.
    """

    eyes: Tensor
    lips: Tensor
    gap: Tensor
    part: Tensor
    opening: Tensor


@cache
def face_parts() -> FaceParts:
    """The parts of the canonical face."""
    points = canonical_face().points
    eyes = torch.stack(
        [
            _membership(points, eye + iris, _EYE_FADE)
            for eye, iris in ((lm.RIGHT_EYE, lm.RIGHT_IRIS), (lm.LEFT_EYE, lm.LEFT_IRIS))
        ]
    )
    pairs = LID_PAIRS[0] + LID_PAIRS[1] + LIP_PAIRS
    reach = [_LID_REACH] * 14 + [_LIP_REACH] * len(LIP_PAIRS)
    gap = points.new_zeros(len(pairs), lm.COUNT)
    for row, (upper, lower) in enumerate(pairs):
        gap[row, lower], gap[row, upper] = 1.0, -1.0
    lips = _membership(points, lm.LIPS_OUTER + lm.LIPS_INNER, _LIPS_FADE)
    return FaceParts(eyes, lips, gap, _parting(points, pairs, reach), openings(gap, points)[0])


def openings(gap: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Mean openings of the eyes ([2], right and left) and of the lips ([]) of a face in its own axes and unit.

    Args:
        gap: that of `FaceParts`.
        points: [478, 3].
    """
    all_openings = gap @ points[:, 1]
    return all_openings[:14].reshape(2, 7).mean(1), all_openings[14:].mean()


def _membership(points: Tensor, part: Sequence[int], fade: float) -> Tensor:
    """1 on the points of a part, falling smoothly to 0 at the distance `fade` from all of them ([478])."""
    distance = torch.cdist(points, points[list(part)]).min(1).values
    x = (1.0 - distance / fade).clamp(0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def _parting(points: Tensor, pairs: Sequence[tuple[int, int]], reach: Sequence[float]) -> Tensor:
    """Each landmark moves with the lid or lip point nearest to it, the less the farther: [478, pairs]."""
    ends = [index for pair in pairs for index in pair]
    distance, nearest = torch.cdist(points, points[ends]).min(1)
    part = points.new_zeros(len(points), len(pairs))
    for landmark, (d, end) in enumerate(zip(distance.tolist(), nearest.tolist(), strict=True)):
        pair, is_lower = divmod(end, 2)
        follow = max(0.0, 1.0 - d / reach[pair])
        part[landmark, pair] = (0.5 if is_lower else -0.5) * follow
    corners = [lm.LIPS_INNER[0], lm.LIPS_INNER[10], lm.RIGHT_EYE[0], lm.RIGHT_EYE[8], lm.LEFT_EYE[0], lm.LEFT_EYE[8]]
    part[corners + lm.RIGHT_IRIS + lm.LEFT_IRIS] = 0.0
    return part
