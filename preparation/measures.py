"""What can be measured of a tracked face: pose, mouth, sharpness, how much of it is seen."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..models import landmarks as lm

FOREHEAD, CHIN = 10, 152
UPPER_LIP, LOWER_LIP = 13, 14
# The line from forehead to chin leans by this much in the canonical face that looks straight ahead.
STRAIGHT: Final = 0.7  # degrees; tests/preparation/test_measures.py holds it against the canonical face


def pitch(landmarks: NDArray[np.float32]) -> float:
    """How far the head [478, 3] is bent down, degrees: the slope in depth of the line from forehead to chin."""
    x, y, z = (float(v) for v in landmarks[CHIN] - landmarks[FOREHEAD])
    return math.degrees(math.atan2(z, math.hypot(x, y))) - STRAIGHT


def mouth_opening(landmarks: NDArray[np.float32]) -> float:
    """Distance of the inner lips' middles, in distances of the outer eye corners; both in 3-D."""
    right, left = landmarks[lm.OUTER_EYE_CORNERS]
    return float(np.linalg.norm(landmarks[UPPER_LIP] - landmarks[LOWER_LIP]) / np.linalg.norm(left - right))


def share_inside(landmarks: NDArray[np.float32], width: int, height: int) -> float:
    """Share of the landmarks [478, 3] that lie within the frame, 0..1."""
    x, y = landmarks[:, 0], landmarks[:, 1]
    return float(((x >= 0) & (x <= width) & (y >= 0) & (y <= height)).mean())


def face_oval(landmarks: NDArray[np.float32], region: NDArray[np.float32], size: int) -> NDArray[np.bool_]:
    """The pixels [size, size] of a square `region` (centre x, centre y, side) that lie in the face's oval."""
    points = (landmarks[lm.FACE_OVAL, :2] - region[:2]) * (size / region[2]) + size / 2
    picture = Image.new("1", (size, size))
    ImageDraw.Draw(picture).polygon([(float(x), float(y)) for x, y in points], fill=1)
    return np.asarray(picture)


def person_share(matte: NDArray[np.uint8], oval: NDArray[np.bool_]) -> float:
    """Mean of a matte (0..255) over the oval, 0..1; 0 for an oval outside of the picture."""
    return float(matte[oval].mean() / 255) if oval.any() else 0.0


def sharpness(frame: NDArray[np.uint8], oval: NDArray[np.bool_]) -> float:
    """Fine detail over contrast: standard deviation of the Laplacian over that of the brightness, within the oval.

    Args:
        frame: [n, n, 3], 0..255. oval: [n, n].
    """
    grey = frame.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    padded = np.pad(grey, 1, mode="edge")
    around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    contrast = float(grey[oval].std()) if oval.any() else 0.0
    return float((around - 4 * grey)[oval].std()) / contrast if contrast > 1.0 else 0.0
