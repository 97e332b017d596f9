"""Polygons of landmarks turned into masks by plain arithmetic, so that the same masks exist in torch and in ONNX."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def fill_polygon(vertices: Tensor, size: int) -> Tensor:
    """Even-odd filled polygon.

    Args:
        vertices: [B, V, 2], a closed ring, normalised to [-1, 1] over the raster.
        size: side of the raster in pixels.

    Returns:
        [B, 1, size, size], 1 inside, 0 outside.
    """
    axis = (torch.arange(size, device=vertices.device, dtype=torch.float32) + 0.5) * (2.0 / size) - 1.0
    x, y = vertices[..., 0], vertices[..., 1]
    following = [*range(1, vertices.shape[1]), 0]
    next_x, next_y = x[:, following], y[:, following]
    height = next_y - y
    slope = (next_x - x) / torch.where(height.abs() < 1e-6, torch.full_like(height, 1e-6), height)
    # Per row: does the edge cross it, and where? Per pixel: does a crossing lie to the right?
    rows = axis[None, :, None]
    crosses = ((y[:, None] <= rows).float() - (next_y[:, None] <= rows).float()).abs()
    crossing_x = x[:, None] + (rows - y[:, None]) * slope[:, None]
    right_of = (crossing_x[:, :, None] > axis[None, None, :, None]).float() * crosses[:, :, None]
    parity = (1.0 - 2.0 * right_of).prod(-1)
    return (0.5 - 0.5 * parity).unsqueeze(1)


def dilate_and_feather(mask: Tensor, dilation: int, feather: int) -> Tensor:
    """Grow a mask by `dilation` pixels and blur its border over about `feather` pixels. [B, 1, S, S] → the same."""
    grown = F.max_pool2d(mask, 2 * dilation + 1, stride=1, padding=dilation)
    width = 2 * feather + 1
    for _ in range(2):
        grown = F.avg_pool2d(grown, width, stride=1, padding=feather, count_include_pad=False)
    return grown


def soft_disc(centre: Tensor, radius: Tensor, size: int) -> Tensor:
    """A disc with an edge of about one pixel. centre [B, 2], radius [B] normalised; [B, 1, size, size]."""
    axis = (torch.arange(size, device=centre.device, dtype=torch.float32) + 0.5) * (2.0 / size) - 1.0
    dx = (axis[None] - centre[:, :1])[:, None, :]
    dy = (axis[None] - centre[:, 1:])[:, :, None]
    distance = (dx.square() + dy.square() + 1e-12).sqrt()
    return torch.sigmoid((radius[:, None, None] - distance) * size).unsqueeze(1)
