"""The student: one photo, encoded once, rendered once per frame from target landmarks.

photo ── encode ──> texture, features, plate, patches
target landmarks ── refiner ──> flow, matte, shade (64 × 64)
                 ── painters ─> mouth and eye tiles (face-aligned)
compose at 256 × 256, then warp the photo's own pixels at full size.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from .anchors import FACE
from .compose import Maps, background_plate, blend, border_window, double_texture, render_doubled, upsample
from .geometry import normalise_points, pixel_grid, sample
from .landmarks import LIPS_INNER
from .layers import fold_norms
from .patch import (
    EYE,
    MOUTH,
    PatchFrame,
    PatchMasks,
    PatchPainter,
    cover_hidden,
    eye_flow,
    eye_frame,
    eye_masks,
    eye_shape,
    head_slopes,
    mouth_flow,
    mouth_frame,
    mouth_masks,
    warp_patch,
)
from .polygon import fill_polygon
from .refiner import FlowRefiner, RefinerConfig

MAP_SIZE = 256  # raster on which motion and patches are put together
# How much of the refiner's shade gives way under a patch. The painters do not see the head turn towards the light, the
# refiner does: half of its shade lowered mouth and eye L1 of held-out people by 0.7 % against none of it, or all.
SHADE_UNDER_PATCH = 0.5
_TAPS = 4  # per axis, when the photo is larger than the raster that samples it


class Encoded(NamedTuple):
    """What `render` needs of a photo. All float32; S is the rendered size.

    texture [1, 3, 2S − 1, 2S − 1] about 0..1 (see `double_texture`); alpha [1, 1, S, S] 0..1, fades out at the square's
    border; features [1, 28, 64, 64] (RGB, matte, learnt);
    plate [1, 3, 64, 64]; points [1, 478, 3] normalised landmarks; square [4] the region, pixels; mouth [1, 3, 96, 96];
    eyes [2, 3, 64, 64] (right, left, the left one mirrored); mouth_mask [1, 1, 96, 96]; eye_mask [2, 2, 64, 64].
    """

    texture: Tensor
    alpha: Tensor
    features: Tensor
    plate: Tensor
    points: Tensor
    square: Tensor
    mouth: Tensor
    eyes: Tensor
    mouth_mask: Tensor
    eye_mask: Tensor


class Tile(NamedTuple):
    """A painted patch, ready to be placed. maps [1, 6, n, n]: flow · m, colour to add, m; and where it belongs."""

    maps: Tensor
    frame: PatchFrame


def sample_photo(photo: Tensor, where: Tensor, pixels_per_step: Tensor) -> Tensor:
    """Sample a photo on a raster, averaging over each raster cell where the photo is finer than the raster.

    Where one step of the raster is one pixel of the photo the pixels come through unchanged.

    Args:
        photo: [1, 3, H, W]. where: [1, h, w, 2] pixels. pixels_per_step: [] photo pixels per raster step.
    """
    height, width = photo.shape[-2:]
    extent = torch.stack([torch.as_tensor(width), torch.as_tensor(height)])  # traceable: sizes are unknown on export
    scale = 2.0 / extent.float()
    spread = (pixels_per_step - 1.0).clamp_min(0.0) / _TAPS
    total = torch.zeros(1)
    for j in range(_TAPS):
        for i in range(_TAPS):
            shift = torch.tensor([i, j], dtype=torch.float32) - 0.5 * (_TAPS - 1)
            total = total + sample(photo, (where + shift * spread) * scale - 1.0)
    return total / (_TAPS * _TAPS)


class Student(nn.Module):
    """Refiner and painters under one roof."""

    def __init__(self, config: RefinerConfig = RefinerConfig()) -> None:  # noqa: B008 (frozen)
        super().__init__()
        self.refiner = FlowRefiner(config)
        self.mouth = PatchPainter(MOUTH)
        self.eye = PatchPainter(EYE)
        raster = F.pad(pixel_grid(MAP_SIZE), (0, 1), value=1.0).T.contiguous()
        self.register_buffer("map_grid", raster, persistent=False)  # [3, n·n]: x, y, 1

    def encode(self, photo: Tensor, landmarks: Tensor, region: Tensor, matte: Tensor, size: int) -> Encoded:
        """Once per photo.

        Args:
            photo: [1, 3, H, W] 0..1. landmarks: [478, 3] pixels. region: [4] pixels (see docs/architecture.md).
            matte: [1, 1, 256, 256] share of person over the region. size: pixels of the rendered square.
        """
        square = self._cut(photo, region, size)
        small = F.avg_pool2d(self._cut(photo, region, 256), 2)
        small_matte = F.avg_pool2d(matte, 2)
        points = normalise_points(landmarks.unsqueeze(0), region.unsqueeze(0))
        pixels = landmarks[None, :, :2]
        frames = [eye_frame(pixels, left) for left in (False, True)]
        eyes = torch.cat([self._cut_patch(photo, frame, EYE.size) for frame in frames])
        mouth = self._cut_patch(photo, mouth_frame(pixels), MOUTH.size)
        own = [frame.to_patch(pixels) for frame in frames]
        eye_mask = [eye_shape(p, EYE.size, left) for p, left in zip(own, (False, True), strict=True)]
        own_mouth = mouth_frame(pixels).to_patch(pixels)
        return Encoded(
            double_texture(square),
            F.interpolate(border_window(64).sqrt(), size=square.shape[-2:], mode="bilinear", align_corners=False),
            self.refiner.encode(small, small_matte),
            background_plate(small, small_matte),
            points,
            region.reshape(4),
            mouth,
            eyes,
            fill_polygon(own_mouth[:, LIPS_INNER], MOUTH.size),
            torch.cat(eye_mask),
        )

    def forward(self, encoded: Encoded, target: Tensor) -> Tensor:
        """One frame. target [478, 3] photo pixels → [1, 4, S, S] RGBA, 0..1, not clamped."""
        return torch.cat([render_doubled(encoded.texture, self.maps(encoded, target)), encoded.alpha], 1)

    def maps(self, encoded: Encoded, target: Tensor) -> Maps:
        """What one frame does to the photo's pixels, at `MAP_SIZE`. target [478, 3] photo pixels."""
        points = normalise_points(target.unsqueeze(0), encoded.square.unsqueeze(0))
        motion = self.refiner(encoded.features, encoded.points[:, FACE], points[:, FACE])
        coarse = blend(motion, encoded.features[:, 3:4], encoded.plate)
        tiles = [self._mouth_tile(encoded, points), *self._eye_tiles(encoded, points)]
        return self._place(coarse, tiles)

    def _cut(self, photo: Tensor, region: Tensor, size: int | Tensor) -> Tensor:
        # A traced size is a tensor, which torch's types do not know.
        grid = pixel_grid(size).reshape(1, size, size, 2)  # pyright: ignore[reportArgumentType, reportCallIssue]
        return sample_photo(photo, region[:2] + grid * (0.5 * region[2]), region[2] / size)

    def _cut_patch(self, photo: Tensor, frame: PatchFrame, size: int) -> Tensor:
        where = frame.from_patch(pixel_grid(size)).reshape(1, size, size, 2)
        step = frame.axes[0, 0].square().sum().sqrt() * (2.0 / size)
        return sample_photo(photo, where, step)

    def _mouth_tile(self, encoded: Encoded, target: Tensor) -> Tile:
        before, after = mouth_frame(encoded.points[..., :2]), mouth_frame(target[..., :2])
        p, q = before.to_patch(encoded.points[..., :2]), after.to_patch(target[..., :2])
        flow = mouth_flow(p, q)
        masks = mouth_masks(p, q, own=encoded.mouth_mask)
        slopes = torch.cat([head_slopes(encoded.points), head_slopes(target)], 1)
        warped, dark = cover_hidden(warp_patch(encoded.mouth, flow), encoded.mouth, masks.hidden)
        painted = self.mouth(warped, encoded.mouth, masks, slopes)
        return _tile(flow + painted.shift, painted.add + dark, masks, before, after)

    def _eye_tiles(self, encoded: Encoded, target: Tensor) -> list[Tile]:
        flows, warped, told, frames, slopes = [], [], [], [], []
        for index, left in enumerate((False, True)):
            before, after = eye_frame(encoded.points[..., :2], left), eye_frame(target[..., :2], left)
            p, q = before.to_patch(encoded.points[..., :2]), after.to_patch(target[..., :2])
            flow = eye_flow(p, q, left)
            masks = eye_masks(p, q, left=left, own=encoded.eye_mask[index : index + 1])
            flows.append(flow)
            frames.append((before, after))
            warped.append(warp_patch(encoded.eyes[index : index + 1], flow))
            told.append(masks)
            slopes.append(torch.cat([head_slopes(encoded.points, left), head_slopes(target, left)], 1))
        both = PatchMasks(*(torch.cat(parts) for parts in zip(*told, strict=True)))
        painted = self.eye(torch.cat(warped), encoded.eyes, both, torch.cat(slopes))
        shifted = [flow + painted.shift[i : i + 1] for i, flow in enumerate(flows)]
        return [_tile(shifted[i], painted.add[i : i + 1], told[i], *frames[i]) for i in range(2)]

    def _place(self, coarse: Maps, tiles: list[Tile]) -> Maps:
        """Put the tiles into the maps. The tiles share one atlas, so that one GridSample places them all."""
        mouth, right, left = tiles
        column = torch.cat([right.maps, left.maps], 2)
        atlas = torch.cat([F.pad(mouth.maps, (0, 0, 0, 2 * EYE.size - MOUTH.size)), column], 3)
        where = self._atlas_coordinates(tiles)
        placed = F.grid_sample(atlas, where, padding_mode="zeros", align_corners=False)
        stacked = upsample(torch.cat([coarse.flow, coarse.keep, coarse.add], 1), MAP_SIZE)
        window = border_window(MAP_SIZE)
        cover = placed[:, 5:6] * window
        return Maps(
            stacked[:, :2] * (1.0 - cover) + placed[:, :2] * window,
            stacked[:, 2:3] * (1.0 - cover) + cover - placed[:, 6:] * window,
            stacked[:, 3:] * (1.0 - SHADE_UNDER_PATCH * cover) + placed[:, 2:5] * window,
        )

    def _atlas_coordinates(self, tiles: list[Tile]) -> Tensor:
        """For every pixel of the maps, where it lies in the atlas: [1, n, n, 2]; far outside if in no tile."""
        extent = torch.tensor([MOUTH.size + EYE.size, 2.0 * EYE.size])
        sides = torch.tensor([[MOUTH.size], [EYE.size], [EYE.size]])
        corners = torch.tensor([[0.0, 0.0], [MOUTH.size, 0.0], [MOUTH.size, EYE.size]])
        scale, offset = sides / extent, (2.0 * corners + sides) / extent - 1.0
        axes = torch.cat([tile.frame.axes for tile in tiles])
        inverse = axes / axes.square().sum(-1, keepdim=True)
        centre = torch.cat([tile.frame.centre for tile in tiles])
        # Rows (a, b, c) with a·x + b·y + c = a coordinate of the tile's own frame: [2 (its x, y), 3 tiles, 3].
        rows = torch.cat([inverse, -(inverse * centre[:, None]).sum(-1, keepdim=True)], -1).transpose(0, 1)
        own = rows @ self.get_buffer("map_grid")
        inside = (torch.maximum(own[0].abs(), own[1].abs()) < 1.0).float()
        far = 3.0
        where = (inside * (own * scale.T[..., None] + (offset.T[..., None] + far))).sum(1) - far
        return where.T.reshape(1, MAP_SIZE, MAP_SIZE, 2)


def _tile(flow: Tensor, painted: Tensor, masks: PatchMasks, before: PatchFrame, after: PatchFrame) -> Tile:
    """Patch coordinates → the square's: where the tile's pixels look in the source minus where they are."""
    size = flow.shape[-1]
    grid = pixel_grid(size, flow.device)
    looked = before.from_patch(grid + flow.permute(0, 2, 3, 1).reshape(1, -1, 2))
    moved = (looked - after.from_patch(grid)).reshape(1, size, size, 2).permute(0, 3, 1, 2)
    # Fade to nothing at the tile's border, or neighbours in the atlas would bleed in.
    fade = ((1.0 - grid.abs().amax(-1)) * 12.0).clamp(0.0, 1.0).reshape(1, 1, size, size)
    cover = masks.region * fade
    return Tile(torch.cat([moved * cover, painted * fade, cover, masks.hidden * fade], 1), after)


def save_student(student: Student, path: Path, record: str) -> None:
    """Half-precision safetensors, with the training record (JSON text) as metadata."""
    tensors = {k: v.half() if v.dtype.is_floating_point else v for k, v in student.state_dict().items()}
    temporary = path.with_suffix(".tmp")
    metadata = {"format": "vivant-student-1", "record": record}
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, metadata)
    temporary.replace(path)


def load_student(path: Path) -> tuple[Student, str]:
    """The student for inference (float32, norms folded, see `fold_norms`) and its training record.

    Raises:
        ValueError: the file is not a student.
    """
    with safe_open(path, "pt") as file:
        metadata = file.metadata() or {}
    if metadata.get("format") != "vivant-student-1":
        raise ValueError(f"{path} holds no vivant student.")
    student = Student()
    student.load_state_dict({k: v.float() if v.dtype == torch.float16 else v for k, v in load_file(path).items()})
    fold_norms(student)
    return student.eval(), metadata.get("record", "{}")
