"""From maps to a picture: the photo's own pixels, moved, plus what the networks add."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from .geometry import pixel_grid, sample
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
    flow = motion.flow.permute(0, 3, 1, 2) * window
    return Maps(flow, 1.0 - uncovered, uncovered * plate + motion.shade * window)


def double_texture(texture: Tensor) -> Tensor:
    """A texture with cubic values half-way between its pixels: [B, 3, S, S] → [B, 3, 2S − 1, 2S − 1].

    Bilinear sampling of the photo itself loses a third of its finest detail wherever it moves by a fraction of a
    pixel. Of this texture it loses little, and the photo's own pixels stay exactly what they were.
    """
    size = 2 * texture.shape[-1] - 1
    return F.interpolate(texture, size=(size, size), mode="bicubic", align_corners=True)


def render(texture: Tensor, maps: Maps, doubled: bool = False) -> Tensor:
    """Warp, keep, add.

    Args:
        texture: [B, 3, S, S] 0..1, or what `double_texture` made of it.
        maps: at any size.

    Returns:
        picture [B, 3, S, S], not clamped.
    """
    size = (texture.shape[-1] + 1) // 2 if doubled else texture.shape[-1]
    stacked = upsample(torch.cat([maps.flow, maps.keep, maps.add], 1), size)
    where = pixel_grid(size, texture.device).reshape(1, size, size, 2) + stacked[:, :2].permute(0, 2, 3, 1)
    if doubled:
        # From borders at ±1 to the outermost pixels' centres at ±1.
        where = where * (size / (size - 1))
        moved = F.grid_sample(texture, where, padding_mode="border", align_corners=True)
    else:
        moved = sample(texture, where)
    return moved * stacked[:, 2:3] + stacked[:, 3:]
