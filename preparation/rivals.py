"""Other people in the picture: who else could be meant."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..runtime.faces import Face, track_face
from ..runtime.session import Bundle

# A detector's box may be this much smaller than the box of the landmarks that are then found in it.
BOX_SHARE: Final = 0.5
SAME_PLACE: Final = 0.5  # face sizes by which the middles of two different faces are apart at least


def largest_rival(bundle: Bundle, image: NDArray[np.uint8], face: Face, least: float) -> float:
    """The size (longer side of the landmarks' box, pixels) of the largest other face in an image; 0 if there is none.

    Args:
        face: the one that is followed. least: share of its size from which others are looked for.
    """
    sizes = [0.0]
    for name in ("detect", "detect_far"):
        found = bundle.graph(name)({"image": image})
        for box, region in zip(found["boxes"], found["regions"], strict=True):
            side = float(max(box[2:] - box[:2]))
            if side < BOX_SHARE * least * face.size or not _apart(face, (box[:2] + box[2:]) / 2, side):
                continue
            other = track_face(bundle, image, region)
            middle = other.landmarks[:, :2].mean(0)
            if other.presence >= bundle.manifest.thresholds.presence and _apart(face, middle, other.size):
                sizes.append(other.size)
    return max(sizes)


def _apart(face: Face, middle: NDArray[np.float32], size: float) -> bool:
    """Whether a face of that middle and size is another one."""
    distance = np.linalg.norm(middle - face.landmarks[:, :2].mean(0))
    return bool(distance > SAME_PLACE * max(face.size, size))
