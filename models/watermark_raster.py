"""The raster on which the watermark's networks see pictures of any size, and the way back to the picture's own."""

from __future__ import annotations

import torch
from torch import Tensor

from .watermark_code import TILE

PERIOD = 2 * TILE  # of the pattern, in pixels of the raster on which networks see a picture: two pixels a cell
RASTER = PERIOD  # along a picture's longer side
CANVAS = 5 * RASTER // 4  # a reader's raster: also pictures that were enlarged by a margin fit on it
COLOURS = 3
# RGB to brightness, blue and red difference, and what one grey level of blue difference is in RGB (BT.601, JFIF).
PLANES = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
BLUE = (0.0, -0.344136, 1.772)


def spans(height: Tensor | int, width: Tensor | int, longest: Tensor | float) -> tuple[Tensor, Tensor]:
    """Raster pixels that a picture covers, down and across, if its longer side covers `longest`."""
    sides = torch.stack([torch.as_tensor(height).float(), torch.as_tensor(width).float()])
    covered = sides * (longest / sides.amax())
    return covered[0], covered[1]


def reduced(image: Tensor, raster: int, longest: Tensor | float) -> tuple[Tensor, Tensor]:
    """A picture in the middle of a raster, and the part of the raster that it covers.

    Args:
        image: [H, W, C] grey levels 0..255, RGB or RGBA. raster: its side, pixels. longest: raster pixels that the
            picture's longer side covers.

    Returns:
        brightness 0..255, blue and red difference about 0: [3, raster, raster]; 1 where covered: [raster, raster].
    """
    height, width = image.shape[:2]
    down, across = spans(height, width, longest)
    # Large pictures: of every so many pixels one is enough, as long as four or more are left for each of the raster.
    step = (torch.stack([torch.as_tensor(height), torch.as_tensor(width)]).amax() // (4 * raster)).clamp_min(1)
    if not torch.onnx.is_in_onnx_export():
        step = int(step)
    seen = image[::step, ::step, :COLOURS].float()  # pyright: ignore[reportGeneralTypeIssues]
    rows, columns = resampling(raster, down, seen.shape[0]), resampling(raster, across, seen.shape[1])
    low = (rows @ seen.flatten(1)).reshape(raster, -1, COLOURS)
    planes = (columns @ low) @ torch.tensor(PLANES).T
    return planes.permute(2, 0, 1), rows.sum(1)[:, None] * columns.sum(1)


def resampling(raster: int, span: Tensor, length: Tensor | int) -> Tensor:
    """Weights that resample one axis, the picture in the raster's middle: [raster, length], rows sum to 1 or are 0.

    A triangle as wide as the coarser of the two rasters' steps: bilinear when it enlarges, an average when it reduces.

    Args:
        raster: pixels of the raster. span: [] pixels of the raster that the picture covers. length: its own pixels.
    """
    step = span / length  # raster pixels per picture pixel
    centres = _middles(length) * step + 0.5 * (raster - span)
    rows = _middles(raster)
    weights = (1.0 - (rows[:, None] - centres[None]).abs() / step.clamp_min(1.0)).clamp_min(0.0)
    inside = ((rows - 0.5 * raster).abs() < 0.5 * span).float()
    return weights * (inside / weights.sum(1).clamp_min(1e-6))[:, None]


def enlarged(residual: Tensor, height: Tensor | int, width: Tensor | int, colours: Tensor) -> Tensor:
    """A residual on the embedder's raster, bilinearly at a picture's own size, for every colour.

    Args:
        residual: [64, 64]. height, width: of the picture. colours: [C], what becomes of each channel: `blue`.

    Returns:
        [H, W · C].
    """
    down, across = spans(height, width, float(RASTER))
    centres = _raster_centres(across, width)
    columns = (1.0 - (centres[:, None] - _middles(RASTER)[None]).abs()).clamp_min(0.0)
    columns = (columns.unsqueeze(1) * colours[:, None]).reshape(-1, RASTER)
    wide = residual @ columns.T
    # Down, two rows and a share each: far less work than a product with a matrix that is nearly empty.
    position = _raster_centres(down, height) - 0.5
    upper = position.floor()
    share = (position - upper).unsqueeze(1)
    index = upper.long()
    first, second = wide[index], wide[(index + 1).clamp_max(RASTER - 1)]
    return first + (second - first) * share


def blue(channels: Tensor | int) -> Tensor:
    """What one grey level of blue difference is in the channels of a picture, RGB or RGBA: [C]."""
    index = torch.arange(channels)  # pyright: ignore[reportCallIssue, reportArgumentType]
    return (index[:, None] == torch.arange(COLOURS)).float() @ torch.tensor(BLUE)


def _raster_centres(span: Tensor, length: Tensor | int) -> Tensor:
    """Where a picture's pixels lie on the embedder's raster; at its ends no further than the outermost centres."""
    return (_middles(length) * (span / length) + 0.5 * (RASTER - span)).clamp(0.5, RASTER - 0.5)


def _middles(length: Tensor | int) -> Tensor:
    """0.5, 1.5, …: [length]. A length that an exporter traces is a tensor, and stays one."""
    return torch.arange(length).float() + 0.5  # pyright: ignore[reportCallIssue, reportArgumentType]
