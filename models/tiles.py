"""Painted patches put into the maps of a frame: where mouth and eyes move the photo's pixels, and with which colour."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from .compose import Maps, border_window, upsample
from .geometry import pixel_axis, pixel_grid
from .lending import PaintedPatch
from .patch import EYE, MOUTH, PatchFrame

MAP_SIZE = 256  # raster on which motion and patches are put together
PLACED = 160  # of it, what holds mouth and eyes: 2.5 eye distances of the photo on a side; they take 1.8 or less
# How much of the refiner's shade gives way under a patch. The painters do not see the head turn towards the light, the
# refiner does: half of its shade lowered mouth and eye L1 of held-out people by 0.7 % against none of it, or all.
SHADE_UNDER_PATCH = 0.5


class Tile(NamedTuple):
    """Painted patches, ready to be placed: where they belong, and maps [B, 7, n, n]: flow · m, colour to add, m, what
    is hidden; B is 1 (mouth) or 2 (right and left eye)."""

    maps: Tensor
    frame: PatchFrame

    def chosen(self, which: list[int]) -> Tile:
        """Some of the patches."""
        return Tile(self.maps[which], PatchFrame(*(part[which] for part in self.frame)))


def tile_of(painted: PaintedPatch, before: PatchFrame, after: PatchFrame) -> Tile:
    """Patch coordinates → the square's: where the tile's pixels look in the source minus where they are."""
    size = painted.region.shape[-1]  # a flow's own shape depends on how many photos there are, where one is traced
    grid = pixel_grid(size, painted.flow.device)
    # before.from_patch(grid + flow) - after.from_patch(grid), with the planes leading
    turned = (before.axes - after.axes).transpose(1, 2) @ grid.T + (before.centre - after.centre).unsqueeze(2)
    flow = painted.flow.reshape(-1, 2, size * size)
    moved = (before.axes.transpose(1, 2) @ flow + turned).unflatten(2, (size, size))
    # Fade to nothing at the tile's border, or neighbours in the atlas would bleed in.
    fade = ((1.0 - grid.abs().amax(-1)) * 12.0).clamp(0.0, 1.0).reshape(1, 1, size, size)
    cover = painted.region * fade
    return Tile(torch.cat([moved * cover, painted.add * fade, cover, painted.hidden * fade], 1), after)


def place(coarse: Maps, mouth: Tile, eyes: Tile, whole: bool) -> Maps:
    """Put the tiles into the maps. They share one atlas (mouth left, eyes right), so that one GridSample places
    them all, and only where they are: in a part of the maps of `PLACED` pixels on a side, or in the `whole`."""
    column = eyes.maps.transpose(0, 1).reshape(1, -1, 2 * EYE.size, EYE.size)
    atlas = torch.cat([F.pad(mouth.maps, (0, 0, 0, 2 * EYE.size - MOUTH.size)), column], 3)
    frames = PatchFrame(*(torch.cat(parts) for parts in zip(mouth.frame, eyes.frame, strict=True)))
    stacked = upsample(torch.cat([coarse.flow, coarse.keep, coarse.add], 1), MAP_SIZE)
    device = stacked.device
    axis, window = pixel_axis(MAP_SIZE, device), border_window(MAP_SIZE, device)
    if whole:
        placed = F.grid_sample(atlas, _atlas_coordinates(frames, axis, axis), align_corners=False)
        return Maps(*_laid_over(stacked, placed, window).split([2, 1, 3], 1))
    left, top = _corner(frames)
    across, down = slice(left, left + PLACED), slice(top, top + PLACED)
    placed = F.grid_sample(atlas, _atlas_coordinates(frames, axis[across], axis[down]), align_corners=False)
    part = stacked[:, :, down, across]
    fade = (4.0 * border_window(PLACED, device)).clamp_max(1.0)  # a tile that reaches out of the part ends softly
    laid = _laid_over(part, placed, window[:, :, down, across] * fade)
    right, bottom = left + PLACED, top + PLACED
    middle = torch.cat([stacked[:, :, down, :left], laid, stacked[:, :, down, right:]], 3)
    joined = torch.cat([stacked[:, :, :top], middle, stacked[:, :, bottom:]], 2)
    return Maps(*joined.reshape(stacked.shape).split([2, 1, 3], 1))  # of parts of computed sizes a graph cannot tell it


def _corner(frames: PatchFrame) -> tuple[int, int]:
    """The first column and row of the part of the maps in whose middle all tiles lie."""
    reach = frames.axes.abs().sum(1)
    middle = 0.5 * ((frames.centre - reach).amin(0) + (frames.centre + reach).amax(0))
    corner = ((middle + 1.0) * (0.5 * MAP_SIZE) - 0.5 * PLACED).clamp(0, MAP_SIZE - PLACED).long()
    if torch.onnx.is_in_onnx_export():  # numbers would become constants
        return corner[0], corner[1]  # type: ignore[return-value]
    return int(corner[0]), int(corner[1])


def _laid_over(stacked: Tensor, placed: Tensor, window: Tensor) -> Tensor:
    """Maps [1, 6, h, w] (flow, keep, add) with the tiles' [1, 7, h, w] in them; window [1, 1, h, w]: see `compose`."""
    cover = placed[:, 5:6] * window
    return torch.cat(
        [
            stacked[:, :2] * (1.0 - cover) + placed[:, :2] * window,
            stacked[:, 2:3] * (1.0 - cover) + cover - placed[:, 6:] * window,
            stacked[:, 3:] * (1.0 - SHADE_UNDER_PATCH * cover) + placed[:, 2:5] * window,
        ],
        1,
    )


def _atlas_coordinates(frames: PatchFrame, x: Tensor, y: Tensor) -> Tensor:
    """Where the points of a raster lie in the atlas: [1, h, w, 2]; far outside if in no tile.

    frames: of the three tiles, normalised. x [w], y [h]: the raster's columns and rows, normalised.
    """
    device = x.device
    extent = torch.tensor([MOUTH.size + EYE.size, 2.0 * EYE.size], device=device)
    sides = torch.tensor([[MOUTH.size], [EYE.size], [EYE.size]], device=device)
    corners = torch.tensor([[0.0, 0.0], [MOUTH.size, 0.0], [MOUTH.size, EYE.size]], device=device)
    scale, offset = sides / extent, (2.0 * corners + sides) / extent - 1.0  # [3, 2]
    inverse = frames.axes / frames.axes.square().sum(-1, keepdim=True)
    # Coordinate k of the raster in the frame of tile t: slope · (x, y) + constant; k leads.
    slope = inverse.transpose(0, 1)[..., None, None, :]
    constant = -(inverse * frames.centre[:, None]).sum(-1).T[..., None, None]
    own = slope[..., 0] * x + (slope[..., 1] * y[:, None] + constant)  # [2, 3, h, w]
    inside = (torch.maximum(own[0].abs(), own[1].abs()) < 1.0).float()
    far = 3.0
    where = (inside * (own * scale.T[..., None, None] + (offset.T[..., None, None] + far))).sum(1) - far
    return where.permute(1, 2, 0).unsqueeze(0)
