"""Polygons of landmarks turned into masks by plain arithmetic, so that the same masks exist in torch and in ONNX."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .geometry import pixel_axis

_LARGE = 2.0**100


def fill_polygon(vertices: Tensor, size: int) -> Tensor:
    """Even-odd filled polygon.

    Args:
        vertices: [B, V, 2], a closed ring, normalised to [-1, 1] over the raster.
        size: side of the raster in pixels.

    Returns:
        [B, 1, size, size], 1 inside, 0 outside.
    """
    axis = pixel_axis(size, vertices.device)
    x, y = vertices[..., 0], vertices[..., 1]
    following = [*range(1, vertices.shape[1]), 0]
    next_x, next_y = x[:, following], y[:, following]
    height = next_y - y
    slope = (next_x - x) / torch.where(height.abs() < 1e-6, torch.full_like(height, 1e-6), height)
    # Per row: where does each edge cross it? Edges that do not cross lie far to the left, where no pixel counts them.
    rows = axis[None, :, None]
    crosses = (y[:, None] <= rows) != (next_y[:, None] <= rows)
    crossing = torch.where(crosses, x[:, None] + (rows - y[:, None]) * slope[:, None], torch.full_like(rows, -9.0))
    # Per pixel: an odd number of crossings to the right means inside. Differences enlarged to below 0 or above 1 count
    # them sooner than comparisons and casts do; a power of two changes no digit.
    count = ((_LARGE * crossing)[:, :, :, None] - _LARGE * axis).clamp(0.0, 1.0).sum(2)
    return (count - 2.0 * torch.floor(0.5 * count)).unsqueeze(1)


def dilate_and_feather(mask: Tensor, dilation: int, feather: int) -> Tensor:
    """Grow a mask by `dilation` pixels and blur its border over about `feather` pixels. [B, 1, S, S] → the same."""
    reach = 2 * dilation + 1
    # A square's maximum is the maximum of rows, then of columns.
    grown = F.max_pool2d(mask, (1, reach), stride=1, padding=(0, dilation))
    grown = F.max_pool2d(grown, (reach, 1), stride=1, padding=(dilation, 0))
    width = 2 * feather + 1
    for _ in range(2):
        grown = F.avg_pool2d(grown, width, stride=1, padding=feather, count_include_pad=False)
    return grown


def soft_disc(centre: Tensor, radius: Tensor, size: int) -> Tensor:
    """A disc with an edge of about one pixel. centre [B, 2], radius [B] normalised; [B, 1, size, size]."""
    axis = pixel_axis(size, centre.device)
    dx = (axis[None] - centre[:, :1])[:, None, :]
    dy = (axis[None] - centre[:, 1:])[:, :, None]
    distance = (dx.square() + dy.square() + 1e-12).sqrt()
    return torch.sigmoid((radius[:, None, None] - distance) * size).unsqueeze(1)
