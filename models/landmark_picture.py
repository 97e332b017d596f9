"""Landmarks as a picture: coloured contours on black, the y of Zakharov et al. 2019 (there: 68 points, here: 478)."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from . import landmarks as lm

# Every part has its own colour, so that a mirrored or overlapping contour cannot be taken for another.
CONTOURS: Final[tuple[tuple[list[int], bool, tuple[int, int, int]], ...]] = (
    (lm.FACE_OVAL, True, (0, 80, 255)),
    (lm.RIGHT_BROW, True, (255, 160, 0)),
    (lm.LEFT_BROW, True, (160, 255, 0)),
    (lm.NOSE_BRIDGE, False, (0, 255, 160)),
    (lm.NOSE_BASE, False, (0, 200, 200)),
    (lm.RIGHT_EYE, True, (255, 0, 160)),
    (lm.LEFT_EYE, True, (160, 0, 255)),
    (lm.RIGHT_IRIS[1:], True, (255, 255, 255)),
    (lm.LEFT_IRIS[1:], True, (255, 255, 255)),
    (lm.LIPS_OUTER, True, (255, 0, 0)),
    (lm.LIPS_INNER, True, (255, 255, 0)),
)
_SMOOTHING = 2  # drawn this much larger, then averaged


def draw_landmarks(points: NDArray[np.floating], size: int) -> NDArray[np.uint8]:
    """Contours of a face, about one part in 128 of the side wide.

    Args:
        points: [478, 2 or 3] normalised to [-1, 1] over the picture; what lies outside is cut off.
        size: side in pixels.

    Returns:
        uint8 [size, size, 3].
    """
    side = size * _SMOOTHING
    picture = Image.new("RGB", (side, side))
    draw = ImageDraw.Draw(picture)
    # Far outside Pillow's integer arithmetic would overflow.
    pixels = ((np.clip(points[:, :2], -4.0, 4.0) + 1.0) * (0.5 * side) - 0.5).tolist()
    width = max(1, round(side / 128))
    for indices, closed, colour in CONTOURS:
        line = [tuple(pixels[i]) for i in ([*indices, indices[0]] if closed else indices)]
        draw.line(line, fill=colour, width=width)
    return np.asarray(picture.reduce(_SMOOTHING))


def drawing(points: Tensor, size: int) -> Tensor:
    """Drawn landmarks of normalised points [478, 3]: [3, size, size] 0..1."""
    drawn = torch.from_numpy(draw_landmarks(points.cpu().numpy(), size).copy())
    return drawn.permute(2, 0, 1).float() / 255
