"""Measures of a generated picture against the true one, and of a generated clip against the true clip.

Pictures are [H, W, 3] RGB, ``uint8`` in 0..255 or floating point in 0..1 (both pictures of a pair may differ in that).
Landmarks are [..., 478, 2 or 3] pixels of that picture; only x and y are used unless a function says otherwise.
"""

from __future__ import annotations

import flip_evaluator
import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_msssim import ms_ssim as torch_ms_ssim
from pytorch_msssim import ssim as torch_ssim
from scipy.ndimage import distance_transform_edt
from skimage.draw import polygon2mask

from ..models.landmarks import FACE_OVAL, LEFT_EYE, LEFT_IRIS, LIPS_OUTER, OUTER_EYE_CORNERS, RIGHT_EYE, RIGHT_IRIS

Array = NDArray[np.generic]
Mask = NDArray[np.bool_]

MAX_PSNR = 100.0  # dB, reported for identical pictures so that means and JSON stay finite
MS_SSIM_MIN_SIDE = 161  # five scales of an 11-pixel window
MOUTH_MARGIN = 0.10  # of the distance between the outer eye corners
EYE_MARGIN = 0.12
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
EYE_INNER, EYE_UPPER, EYE_LOWER = 8, 4, 12  # places in the eye rings; the outer corner is place 0


def unit_range(picture: Array) -> NDArray[np.float32]:
    """The picture as float32 in 0..1.

    Raises:
        ValueError: it is not [H, W, 3], or neither uint8 nor floating point.
    """
    if picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(f"A picture must be [H, W, 3], not {list(picture.shape)}.")
    if picture.dtype == np.uint8:
        return picture.astype(np.float32) / 255.0
    if np.issubdtype(picture.dtype, np.floating):
        return picture.astype(np.float32)
    raise ValueError(f"A picture must be uint8 or floating point, not {picture.dtype}.")


def unit_pair(generated: Array, true: Array) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Both pictures as float32 in 0..1; raises ValueError where their sizes differ."""
    if generated.shape != true.shape:
        raise ValueError(f"The pictures differ in size: {list(generated.shape)} and {list(true.shape)}.")
    return unit_range(generated), unit_range(true)


def l1(generated: Array, true: Array, mask: Mask | None = None) -> float:
    """Mean absolute difference, 0 (equal) to 1; over the pixels of ``mask`` [H, W] only where one is given.

    An empty mask gives NaN: there was nothing to compare.
    """
    first, second = unit_pair(generated, true)
    difference = np.abs(first - second)
    if mask is not None:
        difference = difference[mask]
    return float(difference.mean(dtype=np.float64)) if difference.size else float("nan")


def psnr(generated: Array, true: Array) -> float:
    """Peak signal-to-noise ratio over all pixels and channels, dB, at most `MAX_PSNR`."""
    first, second = unit_pair(generated, true)
    error = float(np.square(first - second).mean(dtype=np.float64))
    return MAX_PSNR if error <= 0.0 else min(MAX_PSNR, -10.0 * float(np.log10(error)))


def to_batch(picture: NDArray[np.float32]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]


def ssim(generated: Array, true: Array) -> float:
    """Structural similarity (Wang et al. 2004): 11-pixel Gaussian window, σ 1.5, per channel; 1 = equal."""
    first, second = unit_pair(generated, true)
    return float(torch_ssim(to_batch(first), to_batch(second), data_range=1.0))


def ms_ssim(generated: Array, true: Array) -> float:
    """Multi-scale SSIM (Wang et al. 2003), five scales, 0..1; NaN where a side is under `MS_SSIM_MIN_SIDE` pixels."""
    first, second = unit_pair(generated, true)
    if min(first.shape[:2]) < MS_SSIM_MIN_SIDE:
        return float("nan")
    return float(torch_ms_ssim(to_batch(first), to_batch(second), data_range=1.0))


def flip(generated: Array, true: Array) -> float:
    """Mean LDR-FLIP (Andersson et al. 2020), 0 (no visible difference) to 1, at its default 67 pixels per degree."""
    first, second = unit_pair(generated, true)
    return float(flip_evaluator.evaluate(second, first, "LDR", applyMagma=False)[1])


def face_unit(landmarks: Array) -> float:
    """Distance between the outer eye corners, pixels; in 3-D where the landmarks have a depth."""
    corners = np.asarray(landmarks, np.float64)[OUTER_EYE_CORNERS]
    return float(np.linalg.norm(corners[0] - corners[1]))


def polygon_mask(points: Array, shape: tuple[int, int], margin: float = 0.0) -> Mask:
    """Pixels whose centres lie inside a closed polygon, or within ``margin`` pixels of one that does: [H, W] bool.

    Args:
        points: [N, 2 or 3] vertices, pixels, with (0, 0) at the outer corner of the first pixel.
        shape: height and width of the mask.
        margin: how far beyond the outline the mask reaches.
    """
    outline = np.asarray(points, np.float64)[:, 1::-1] - 0.5  # scikit-image counts rows and columns from pixel centres
    inside = polygon2mask(shape, outline)
    if margin <= 0 or not inside.any():
        return inside
    return np.asarray(distance_transform_edt(~inside)) <= margin


def mouth_mask(landmarks: Array, shape: tuple[int, int]) -> Mask:
    """The outer lips and a margin of `MOUTH_MARGIN` face units around them."""
    return polygon_mask(landmarks[LIPS_OUTER], shape, MOUTH_MARGIN * face_unit(landmarks))


def eye_mask(landmarks: Array, shape: tuple[int, int]) -> Mask:
    """Both eye openings and a margin of `EYE_MARGIN` face units around them (lids and lashes)."""
    margin = EYE_MARGIN * face_unit(landmarks)
    return polygon_mask(landmarks[RIGHT_EYE], shape, margin) | polygon_mask(landmarks[LEFT_EYE], shape, margin)


def face_mask(landmarks: Array, shape: tuple[int, int]) -> Mask:
    """The face oval."""
    return polygon_mask(landmarks[FACE_OVAL], shape)


def laplacian_energy(picture: Array, mask: Mask) -> float:
    """Mean square of the 4-neighbour Laplacian of the luma (0..1) over ``mask``; the border row and column do not
    count. NaN for an empty mask."""
    luma = unit_range(picture) @ LUMA
    inner = luma[1:-1, 1:-1]
    laplacian = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4.0 * inner
    values = laplacian[mask[1:-1, 1:-1]]
    return float(np.square(values).mean(dtype=np.float64)) if values.size else float("nan")


def sharpness_ratio(generated: Array, true: Array, true_landmarks: Array, valid: Mask | None = None) -> float:
    """Laplacian energy inside the true face's oval, generated / true: 1 = as sharp, under 1 = softer.

    Args:
        valid: [H, W], pixels that count; all if None.
    """
    mask = face_mask(true_landmarks, (true.shape[0], true.shape[1]))
    if valid is not None:
        mask &= valid
    energy = laplacian_energy(true, mask)
    return laplacian_energy(generated, mask) / energy if energy > 0 else float("nan")


def landmark_distance(generated: Array, true: Array) -> float:
    """Mean 2-D distance between corresponding landmarks, pixels."""
    offsets = np.asarray(generated, np.float64)[..., :2] - np.asarray(true, np.float64)[..., :2]
    return float(np.linalg.norm(offsets, axis=-1).mean())


def second_difference_energy(landmarks: Array) -> float:
    """Mean over frames and points of |p(t+1) − 2 p(t) + p(t−1)|², square pixels; NaN for fewer than three frames.

    Args:
        landmarks: [T, 478, 2 or 3], consecutive frames.
    """
    second = np.diff(np.asarray(landmarks, np.float64)[..., :2], n=2, axis=0)
    return float(np.square(second).sum(-1).mean()) if second.size else float("nan")


def jitter_ratio(generated: Array, true: Array) -> float:
    """Second-difference energy of the generated clip's tracked landmarks over the true clip's; 1 = as calm as real.

    Args:
        generated, true: [T, 478, 2 or 3], the same consecutive frames.
    """
    energy = second_difference_energy(true)
    return second_difference_energy(generated) / energy if energy > 0 else float("nan")


def gaze_offset(landmarks: Array) -> NDArray[np.float64]:
    """Horizontal place of the irises between the eye corners, in eye widths: 0 = in the middle, positive = towards the
    picture's right, about ±0.2 at the extremes. Both eyes together, each by the square of its visible width, so that
    the far eye of a turned head hardly counts.

    Args:
        landmarks: [..., 478, 2 or 3].

    Returns:
        [...] offsets.
    """
    points = np.asarray(landmarks, np.float64)[..., :2]
    along, width = np.zeros(points.shape[:-2]), np.zeros(points.shape[:-2])
    # Both axes run to the right on screen for an upright face: outer to inner corner, then inner to outer.
    for start, end, iris in (
        (RIGHT_EYE[0], RIGHT_EYE[EYE_INNER], RIGHT_IRIS[0]),
        (LEFT_EYE[EYE_INNER], LEFT_EYE[0], LEFT_IRIS[0]),
    ):
        axis = points[..., end, :] - points[..., start, :]
        from_middle = points[..., iris, :] - 0.5 * (points[..., start, :] + points[..., end, :])
        along += (from_middle * axis).sum(-1)
        width += np.square(axis).sum(-1)
    return along / np.maximum(width, 1e-9)


def eye_openness(landmarks: Array) -> NDArray[np.float64]:
    """Distance between the lids over the eye's width, mean of both eyes: about 0.3 open, under 0.12 closed. [...]."""
    points = np.asarray(landmarks, np.float64)[..., :2]
    ratios = []
    for eye in (RIGHT_EYE, LEFT_EYE):
        height = np.linalg.norm(points[..., eye[EYE_UPPER], :] - points[..., eye[EYE_LOWER], :], axis=-1)
        width = np.linalg.norm(points[..., eye[0], :] - points[..., eye[EYE_INNER], :], axis=-1)
        ratios.append(height / np.maximum(width, 1e-9))
    return np.mean(ratios, axis=0)


def correlation(first: Array, second: Array) -> float:
    """Pearson's correlation of two series, −1..1; NaN where one is constant or has fewer than three values."""
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if a.size < 3:
        return float("nan")
    a, b = a - a.mean(), b - b.mean()
    scale = np.sqrt(np.square(a).sum() * np.square(b).sum())
    return float((a * b).sum() / scale) if scale > 0 else float("nan")
