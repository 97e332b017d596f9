"""Cutting what training needs out of a frame: the head's square, mouth, eyes, and the person's matte."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ..models.geometry import pixel_grid, sample
from ..models.patch import EYE, MOUTH, PatchConfig, PatchFrame, eye_frame, mouth_frame
from ..runtime.session import Bundle
from ..training.clips import EYE_SIDE, FRAME_SIDE, MOUTH_SIDE

FRAME_SIZE, MOUTH_SIZE, EYE_SIZE, MATTE_SIZE = 304, 128, 80, 152
MOST_TAPS: Final = 4  # per axis, where the film is finer than the raster
HEAD_ABOVE: Final = 0.12  # eye distances by which the square's centre lies above the middle of the landmarks


class Crops(NamedTuple):
    """uint8: frame [304, 304, 3]; mouth [128, 128, 3]; eyes [2, 80, 80, 3], right and left; matte [152, 152]."""

    frame: NDArray[np.uint8]
    mouth: NDArray[np.uint8]
    eyes: NDArray[np.uint8]
    matte: NDArray[np.uint8]


def scene_region(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """One square for all frames of a scene ([T, 478, 3]), so that its background stands still: x, y, side in pixels."""
    unit = np.median(np.linalg.norm(landmarks[:, 263] - landmarks[:, 33], axis=-1))
    centre = np.median((landmarks[..., :2].min(1) + landmarks[..., :2].max(1)) / 2, axis=0)
    return np.array([centre[0], centre[1] - HEAD_ABOVE * unit, FRAME_SIDE * unit], np.float32)


@torch.no_grad()
def cut(bundle: Bundle, image: NDArray[np.uint8], landmarks: NDArray[np.float32], region: NDArray[np.float32]) -> Crops:
    """The crops of an image [H, W, 3]; beyond its border the nearest pixel continues."""
    points = torch.from_numpy(landmarks[None, :, :2].copy())
    square = PatchFrame(torch.from_numpy(region[None, :2]), torch.eye(2)[None] * float(region[2]) / 2)
    frame = _cut(image, square, FRAME_SIZE)
    mouth = _cut(image, _widened(mouth_frame(points), MOUTH, MOUTH_SIDE), MOUTH_SIZE)
    right, left = (_cut(image, _widened(eye_frame(points, side), EYE, EYE_SIDE), EYE_SIZE) for side in (False, True))
    matte = bundle.graph("matte")({"image": image, "region": np.append(region, 0).astype(np.float32)})["matte"]
    small = F.interpolate(torch.from_numpy(matte), MATTE_SIZE, mode="bilinear", antialias=True)
    # The left eye is kept as it is in the picture; its patch frame is mirrored.
    return Crops(frame, mouth, np.stack([right, left[:, ::-1]]), _bytes(small[0, 0] * 255))


def _widened(frame: PatchFrame, config: PatchConfig, side: float) -> PatchFrame:
    return PatchFrame(frame.centre, frame.axes * (side / config.side))


def _cut(image: NDArray[np.uint8], frame: PatchFrame, size: int) -> NDArray[np.uint8]:
    """A square patch [size, size, 3]: each pixel averages what it covers where the image is finer."""
    where = frame.from_patch(pixel_grid(size)).reshape(1, size, size, 2)
    step = float(frame.axes[0, 0].norm()) * 2 / size  # image pixels from one pixel of the patch to the next
    part, origin = _part(image, where, step + 2)
    scale = 2.0 / torch.tensor([part.shape[-1], part.shape[-2]], dtype=torch.float32)
    middle = (where - origin) * scale - 1.0
    taps = min(MOST_TAPS, max(1, math.ceil(step)))
    spread = max(0.0, step - 1) / taps * scale
    total = torch.zeros(1)
    for j in range(taps):
        for i in range(taps):
            shift = torch.tensor([i, j], dtype=torch.float32) - 0.5 * (taps - 1)
            total = total + sample(part, middle + shift * spread)
    return _bytes((total / taps**2)[0].permute(1, 2, 0))


def _part(image: NDArray[np.uint8], where: Tensor, margin: float) -> tuple[Tensor, Tensor]:
    """The part of the image [1, 3, h, w] that a raster touches, and where it begins: only that becomes floats."""
    height, width = image.shape[:2]
    points = where.reshape(-1, 2)
    low, high = points.amin(0) - margin, points.amax(0) + margin
    x0, y0 = min(max(int(low[0]), 0), width - 1), min(max(int(low[1]), 0), height - 1)
    x1, y1 = max(min(math.ceil(float(high[0])), width), x0 + 1), max(min(math.ceil(float(high[1])), height), y0 + 1)
    part = torch.from_numpy(image[y0:y1, x0:x1].copy()).permute(2, 0, 1)[None].float()
    return part, torch.tensor([x0, y0], dtype=torch.float32)


def _bytes(picture: Tensor) -> NDArray[np.uint8]:
    return (picture + 0.5).clamp(0, 255).byte().numpy()
