"""Hands, microphones and people that pass before a face: spots of skin that change colour within a scene.

Neither the tracker's presence nor the matte tells: the former stays at 1 with half a face covered, and the latter takes
what covers a face for the person. A spot is compared with its own median over the scene, so that beards, make-up and
light from a side count as what they are: part of the face. What hides a spot in most of a scene is therefore not seen.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

SPOTS: Final = [9, 4, 199, 50, 205, 280, 425]  # between the brows, nose, chin, right cheek twice, left cheek twice
RIGHT, LEFT = slice(3, 5), slice(5, 7)
SPOT: Final = 0.09  # half a spot's side, distances of the outer eye corners
FAR_SIDE: Final = 12.0  # degrees of yaw from which the cheek that is turned away is not looked at
FEWEST: Final = 6  # frames of a scene whose median means something
DARK: Final = 4.0  # added to colours, 0..255, before the logarithm


def spot_colours(
    frame: NDArray[np.uint8], landmarks: NDArray[np.float32], region: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Logarithm of each spot's median colour, [A, 3], in a frame [n, n, 3] that shows `region` (x, y, side)."""
    size = len(frame)
    unit = float(np.linalg.norm(landmarks[263] - landmarks[33]))
    half = max(1, round(SPOT * unit * size / float(region[2])))
    middles = (landmarks[SPOTS, :2] - region[:2]) * (size / region[2]) + size / 2
    colours = []
    for x, y in np.clip(np.rint(middles).astype(int), half, size - half):
        colours.append(np.median(frame[y - half : y + half, x - half : x + half], axis=(0, 1)))
    return np.log(np.array(colours, np.float32) + DARK)


def changes(colours: NDArray[np.float32], yaw: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far each frame's most changed spot is from its median over the scene: brightness, and twice the hue.

    Args:
        colours: [T, A, 3] of `spot_colours`. yaw: [T], degrees, as `Face.yaw`.

    Returns:
        [T]; zeros for scenes of fewer than `FEWEST` frames.
    """
    if len(colours) < FEWEST:
        return np.zeros(len(colours), np.float32)
    brightness = colours.mean(2)
    hue = colours - brightness[..., None]
    brightness = brightness - np.median(brightness, axis=1, keepdims=True)  # of the whole face: light, not a hand
    change = np.abs(brightness - np.median(brightness, axis=0))
    change = change + 2 * np.linalg.norm(hue - np.median(hue, axis=0), axis=2)
    change[yaw > FAR_SIDE, LEFT] = 0
    change[yaw < -FAR_SIDE, RIGHT] = 0
    return change.max(1)
