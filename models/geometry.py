"""Dense motion from sparse landmarks: the part of the student that needs no learning.

Coordinates here are *normalised*: x and y in [-1, 1] over the animated square, the outer border at ±1
(GridSample's ``align_corners=False``). A *backward* flow says, for each target point, where in the source to look.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from .anchors import FACE

FINE_SIGMA = 0.02
COARSE_SIGMA = 0.12
_REACH = 36.0  # e^(-2 * 36) is still a normal number; smaller ones take a hundred times as long


def normalise_points(points: Tensor, region: Tensor) -> Tensor:
    """Image pixels to normalised coordinates.

    Args:
        points: [..., N, 2] or [..., N, 3], pixels; a depth is scaled like x and y.
        region: [..., 4], centre x, centre y, side (pixels), angle (ignored: head regions are upright).
    """
    centre = region[..., None, :2]
    half = region[..., None, 2:3] * 0.5
    if points.shape[-1] == 3:
        centre = F.pad(centre, (0, 1))
    return (points - centre) / half


def pixel_axis(size: int | Tensor, device: torch.device | str | None = None) -> Tensor:
    """Pixel centres along one side: [size], normalised."""
    if isinstance(size, int):  # made by NumPy, so that an exporter sees a constant
        steps = (np.arange(size, dtype=np.float32) + 0.5) * np.float32(2.0 / size) - 1.0
        return torch.from_numpy(steps).to(device)
    # A size that an exporter traces is a tensor, and stays one.
    steps = torch.arange(size, device=device)  # pyright: ignore[reportCallIssue, reportArgumentType]
    return (steps.float() + 0.5) * (2.0 / size) - 1.0


def pixel_grid(size: int | Tensor, device: torch.device | str | None = None) -> Tensor:
    """Pixel centres of a square raster: [size·size, 2], normalised, row by row."""
    axis = pixel_axis(size)
    if isinstance(size, int):
        return torch.from_numpy(np.stack(np.meshgrid(axis.numpy(), axis.numpy()), -1).reshape(-1, 2)).to(device)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x, y], -1).reshape(-1, 2)


def soft_assignment(grid: Tensor, anchors: Tensor, sigma: float) -> Tensor:
    """Share of every anchor in every grid point: softmax over anchors of −d²/2σ².

    Args:
        grid: [P, 2] normalised points.
        anchors: [B, A, 2] normalised points.
        sigma: reach of an anchor, normalised units.

    Returns:
        [B, P, A], rows sum to 1.
    """
    # |g|² is the same for all anchors, so softmax does not need it. What is left, g·a − |a|²/2, is one matrix product
    # of (g, 1) and (a, −|a|²/2): no pass over P × A numbers but that and the softmax.
    scale = 1.0 / (sigma * sigma)
    # Terms of a thousand nearly cancel: in half precision, which autocast would take, hardly a digit would be left.
    with torch.autocast(grid.device.type, enabled=False):
        lifted = scale * torch.cat([anchors, -0.5 * anchors.square().sum(-1, keepdim=True)], -1).float()
        return (F.pad(grid, (0, 1), value=1.0) @ lifted.transpose(-1, -2)).softmax(-1)


def assigned(grid: Tensor, anchors: Tensor, values: Tensor, sigma: float) -> Tensor:
    """The anchors' values, spread over a raster by `soft_assignment`.

    Planes lead, as convolutions want them; arithmetic on rows of two numbers takes ten times as long.

    Args:
        grid: [P, 2]. anchors: [B, A, 2]. values: [B, A, C]. sigma: see `soft_assignment`.

    Returns:
        [B, C, P].
    """
    return values.transpose(1, 2) @ soft_assignment(grid, anchors, sigma).transpose(1, 2)


def assigned_raster(size: int, anchors: Tensor, values: Tensor, sigma: float) -> Tensor:
    """`assigned` on the raster of `pixel_grid`, for anchors that reach over most of it.

    A Gaussian of a plane is one of its rows times one of its columns: with the sums over anchors as matrix products it
    takes size · anchors exponentials instead of size² · anchors. Only of an anchor that is more than √(2 · `_REACH`) σ
    away along an axis the share is not the softmax's, and never 0: far from all anchors the result is a mean of them.

    Args:
        size: pixels on a side. anchors: [B, A, 2]. values: [B, A, C]. sigma: see `soft_assignment`.

    Returns:
        [B, C, size, size].
    """
    with torch.autocast(anchors.device.type, enabled=False):
        distance = pixel_axis(size, anchors.device) - anchors.float().transpose(1, 2).unsqueeze(-1)  # [B, 2, A, size]
        across, down = (distance.square() * (-0.5 / (sigma * sigma))).clamp_min(-_REACH).exp().unbind(1)
        lifted = F.pad(values.float(), (0, 1), value=1.0).transpose(1, 2).unsqueeze(-1)  # [B, C + 1, A, 1]
        sums = (lifted * down.unsqueeze(1)).transpose(2, 3) @ across.unsqueeze(1)
        return sums[:, :-1] / sums[:, -1:]


def fit_affine(points: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Least-squares affine map of 2-D points to 2-D values, in closed form (no solver, so that it exports).

    Args:
        points: [B, A, 2]. values: [B, A, 2].

    Returns:
        matrix [B, 2, 2] and offset [B, 1, 2] with ``values ≈ points @ matrix + offset``.
    """
    mean_p, mean_v = points.mean(1, keepdim=True), values.mean(1, keepdim=True)
    p, v = points - mean_p, values - mean_v
    xx, yy, xy = (p[..., 0] ** 2).sum(1), (p[..., 1] ** 2).sum(1), (p[..., 0] * p[..., 1]).sum(1)
    determinant = (xx * yy - xy * xy).clamp_min(1e-8)
    inverse = torch.stack([yy, -xy, -xy, xx], -1).reshape(-1, 2, 2) / determinant[:, None, None]
    matrix = inverse @ (p.transpose(1, 2) @ v)
    return matrix, mean_v - mean_p @ matrix


def landmark_flow(grid: Tensor, source: Tensor, target: Tensor, sigma: float = FINE_SIGMA) -> Tensor:
    """Backward flow by soft assignment of each grid point to the nearest landmarks.

    Args:
        grid: [P, 2]. source, target: [B, A, 2], the same landmarks before and after.

    Returns:
        [B, P, 2] displacements: look at ``grid + flow`` in the source.
    """
    return assigned(grid, target, source - target, sigma).transpose(1, 2)


def sample(image: Tensor, where: Tensor, mode: str = "bilinear") -> Tensor:
    """Bilinear sampling with edge padding. image [B, C, H, W], where [B, h, w, 2] normalised; [B, C, h, w]."""
    return F.grid_sample(image, where, mode=mode, padding_mode="border", align_corners=False)


def sample_square(image: Tensor, where: Tensor, size: int) -> Tensor:
    """`sample` of a square image whose side is known: [B, C, size, size], [B, h, w, 2] → [B, C, h, w].

    Clamped coordinates and zero padding give what edge padding gives; ONNX Runtime has a path twice as fast for them.
    """
    limit = 1.0 - 1.0 / size
    return F.grid_sample(image, where.clamp(-limit, limit), padding_mode="zeros", align_corners=False)


def warp_by_landmarks(image: Tensor, source: Tensor, target: Tensor, sigma: float = FINE_SIGMA) -> Tensor:
    """Geometry alone: the image moved so that its landmarks come to lie on the target's.

    This is the baseline that every network of this project must beat.

    Args:
        image: [B, C, S, S]. source, target: [B, A, 2] normalised landmarks.
    """
    size = image.shape[-1]
    grid = pixel_grid(size, image.device)
    where = grid + landmark_flow(grid, source, target, sigma)
    return sample(image, where.reshape(-1, size, size, 2))


def geometry_baseline(
    picture: NDArray[np.uint8], source: NDArray[np.float32], target: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """`warp_by_landmarks` for one picture, with the student's anchors.

    Args:
        picture: uint8 [S, S, 3]. source, target: [478, 2 or 3], pixels of the picture.

    Returns:
        uint8 [S, S, 3].
    """
    size = picture.shape[0]
    image = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float()
    region = torch.tensor([size / 2, size / 2, size, 0.0])
    before, after = (normalise_points(torch.from_numpy(p[FACE, :2].copy())[None], region) for p in (source, target))
    warped = warp_by_landmarks(image, before.float(), after.float())[0]
    return warped.round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
