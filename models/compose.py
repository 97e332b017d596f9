"""From maps to a picture: the photo's own pixels, moved, plus what the networks add."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from .geometry import pixel_axis, pixel_grid, sample
from .refiner import Motion

BORDER = 0.16  # towards the square's edge all motion fades out over this share of the half side: no seam
EDGE = 1.0 - 1.0 / 64  # it is gone at the centre of the refiner's outermost pixels


class Maps(NamedTuple):
    """picture = keep · warp(photo, flow) + add. flow [B, 2, n, n] normalised, keep [B, 1, n, n], add [B, 3, n, n]."""

    flow: Tensor
    keep: Tensor
    add: Tensor


def upsample(maps: Tensor, size: int) -> Tensor:
    """Bilinear, half-pixel centred: [B, C, n, n] → [B, C, size, size]."""
    if maps.shape[-1] == size:
        return maps
    return F.interpolate(maps, size=(size, size), mode="bilinear", align_corners=False)


def resized(maps: Tensor, size: int) -> Tensor:
    """Averaged down or interpolated up: [B, C, n, n] → [B, C, size, size], one side a multiple of the other."""
    if maps.shape[-1] > size:
        return F.avg_pool2d(maps, maps.shape[-1] // size)
    return upsample(maps, size)


def border_window(size: int, device: torch.device | str | None = None) -> Tensor:
    """1 in the middle, falling smoothly to 0 at the square's edge: [1, 1, size, size]."""
    reach = pixel_grid(size, device).abs().amax(-1).reshape(1, 1, size, size)
    ramp = ((EDGE - reach) / BORDER).clamp(0.0, 1.0)
    return ramp * ramp * (3.0 - 2.0 * ramp)


def background_plate(picture: Tensor, matte: Tensor) -> Tensor:
    """The background without the person, filled in from around them by a pyramid (push-pull).

    Args:
        picture: [B, 3, N, N] 0..1, N a power of two. matte: [B, 1, N, N] share of person.

    Returns:
        [B, 3, N/2, N/2]; smooth where the person stood.
    """
    # The matte's edge is unsure: only pixels clearly off the person count as background.
    weight = (1.0 - F.max_pool2d(matte, 9, 1, 4) * 2.0).clamp(1e-4, 1.0)
    levels = [(F.avg_pool2d(picture * weight, 2), F.avg_pool2d(weight, 2))]
    while levels[-1][0].shape[-1] > 2:
        colour, share = levels[-1]
        levels.append((F.avg_pool2d(colour, 2), F.avg_pool2d(share, 2)))
    colour, share = levels.pop()
    plate = colour / share
    for colour, share in reversed(levels):
        plate = upsample(plate, colour.shape[-1])
        trust = (share * 4.0).clamp(0.0, 1.0)
        plate = torch.lerp(plate, colour / share, trust)
    return plate


def blend(motion: Motion, source_matte: Tensor, plate: Tensor) -> Maps:
    """Maps at the refiner's raster. source_matte [B, 1, n, n], plate [B, 3, n, n].

    The plate shows only where the person stood and no longer stands: both mattes must be sure of it, so a still
    picture keeps every pixel.
    """
    window = border_window(source_matte.shape[-1], source_matte.device)
    stood = (2.0 * source_matte - 1.0).clamp_min(0.0)
    left = (1.0 - 2.0 * motion.matte).clamp_min(0.0)
    uncovered = stood * left * window
    flow = motion.flow * window
    return Maps(flow, 1.0 - uncovered, uncovered * plate + motion.shade * window)


def double_texture(texture: Tensor) -> Tensor:
    """A texture with cubic values half-way between its pixels: [B, 3, S, S] → [B, 3, 2S − 1, 2S − 1].

    Bilinear sampling of the photo itself loses a third of its finest detail wherever it moves by a fraction of a
    pixel. Of this texture it loses little, and the photo's own pixels stay exactly what they were.
    """
    return _with_halves(_with_halves(texture).transpose(2, 3)).transpose(2, 3)


def _with_halves(x: Tensor) -> Tensor:
    """Cubic values between the columns, by Keys' kernel with a = −1: sharp enough to make up for what bilinear
    sampling between them loses."""
    p = F.pad(x, (1, 1, 0, 0), mode="replicate")
    middle = 0.625 * (p[..., 1:-2] + p[..., 2:-1]) - 0.125 * (p[..., :-3] + p[..., 3:])
    return torch.cat([torch.stack([x[..., :-1], middle], -1).flatten(-2), x[..., -1:]], -1)


def render(texture: Tensor, maps: Maps) -> Tensor:
    """Warp, keep, add: texture [B, 3, S, S] 0..1, maps at any size → picture [B, 3, S, S], not clamped."""
    size = texture.shape[-1]
    flow, keep, add = _upsampled(maps, size)
    where = pixel_grid(size, texture.device).reshape(1, size, size, 2) + flow.permute(0, 2, 3, 1)
    return sample(texture, where) * keep + add


def render_doubled(texture: Tensor, maps: Maps) -> Tensor:
    """`render` for what `double_texture` made: [B, 3, 2S − 1, 2S − 1] → [B, 3, S, S].

    The most expensive lines of a frame: work per output pixel is kept small. So the places to look at, not how far
    they are, are enlarged; outermost pixels, which `Encoded.alpha` hides, are the only ones to tell the difference.
    """
    doubled = texture.shape[-1]
    size = (doubled + 1) // 2
    # From the photo's raster to the doubled one, whose borders lie half a pixel further in.
    wider = 2.0 * size / doubled
    axis = pixel_axis(maps.flow.shape[-1], texture.device)
    places = torch.cat([maps.flow[:, :1] + axis, maps.flow[:, 1:] + axis.unsqueeze(-1)], 1) * wider
    # The outermost pixels are repeated beyond: by hand, see `sample_square`. Not before enlarging, which costs less: in
    # frames smaller than the maps, pixels of the border would mix places inside and on the bound.
    limit = torch.ones((), device=texture.device) * (1.0 - 1.0 / doubled)
    where = upsample(places, size).clamp(-limit, limit).permute(0, 2, 3, 1)
    warped = F.grid_sample(texture, where, padding_mode="zeros", align_corners=False)
    return warped * upsample(maps.keep, size) + upsample(maps.add, size)


def _upsampled(maps: Maps, size: int) -> tuple[Tensor, Tensor, Tensor]:
    flow, keep, add = upsample(torch.cat([maps.flow, maps.keep, maps.add], 1), size).split([2, 1, 3], 1)
    return flow, keep, add
