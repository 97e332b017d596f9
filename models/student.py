"""The student: one photo, encoded once, rendered once per frame from target landmarks.

photo ── encode ──> texture, features, plate, patches
target landmarks ── refiner ──> flow, matte, shade (64 × 64)
                 ── painters ─> mouth and eye tiles (face-aligned)
compose at 256 × 256, then warp the photo's own pixels at full size.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from .anchors import FACE
from .compose import Maps, background_plate, blend, border_window, double_texture, render_doubled, upsample
from .geometry import normalise_points, pixel_axis, pixel_grid, sample
from .landmarks import LIPS_INNER
from .layers import fold_norms
from .patch import (
    EYE,
    MOUTH,
    PatchFrame,
    PatchMasks,
    PatchPainter,
    both_eyes,
    cover_hidden,
    eye_flow,
    eye_frames,
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
PLACED = 160  # of it, what holds mouth and eyes: 2.5 eye distances of the photo on a side; they take 1.8 or less
# How much of the refiner's shade gives way under a patch. The painters do not see the head turn towards the light, the
# refiner does: half of its shade lowered mouth and eye L1 of held-out people by 0.7 % against none of it, or all.
SHADE_UNDER_PATCH = 0.5
FIRST_WIDTHS = (32, 64, 96, 128)  # of the refiner in files that do not state them
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
    """Painted patches, ready to be placed: where they belong, and maps [B, 7, n, n]: flow · m, colour to add, m, what
    is hidden; B is 1 (mouth) or 2 (right and left eye)."""

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
        pair = both_eyes(pixels)
        eye_places = eye_frames(pair)
        eyes = [self._cut_patch(photo, PatchFrame(*(part[i : i + 1] for part in eye_places)), EYE.size) for i in (0, 1)]
        mouth = self._cut_patch(photo, mouth_frame(pixels), MOUTH.size)
        own_mouth = mouth_frame(pixels).to_patch(pixels)
        return Encoded(
            double_texture(square),
            F.interpolate(border_window(64).sqrt(), size=square.shape[-2:], mode="bilinear", align_corners=False),
            self.refiner.encode(small, small_matte),
            background_plate(small, small_matte),
            points,
            region.reshape(4),
            mouth,
            torch.cat(eyes),
            fill_polygon(own_mouth[:, LIPS_INNER], MOUTH.size),
            eye_shape(eye_places.to_patch(pair), EYE.size, left=False),
        )

    def forward(self, encoded: Encoded, target: Tensor) -> Tensor:
        """One frame. target [478, 3] photo pixels → [1, 4, S, S] RGBA, 0..1, not clamped."""
        return torch.cat([render_doubled(encoded.texture, self.maps(encoded, target)), encoded.alpha], 1)

    def maps(self, encoded: Encoded, target: Tensor, whole: bool = False) -> Maps:
        """What one frame does to the photo's pixels, at `MAP_SIZE`.

        Args:
            target: [478, 3] photo pixels.
            whole: look for mouth and eyes everywhere, not only in the part of the square that holds a face; slower,
                but without a computed shape, which a GPU would wait for.
        """
        points = normalise_points(target.unsqueeze(0), encoded.square.unsqueeze(0))
        motion = self.refiner(encoded.features, encoded.points[:, FACE], points[:, FACE])
        coarse = blend(motion, encoded.features[:, 3:4], encoded.plate)
        return self._place(coarse, self._mouth_tile(encoded, points), self._eye_tiles(encoded, points), whole)

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

    def _eye_tiles(self, encoded: Encoded, target: Tensor) -> Tile:
        own, now = both_eyes(encoded.points), both_eyes(target)
        before, after = eye_frames(own[..., :2]), eye_frames(now[..., :2])
        p, q = before.to_patch(own[..., :2]), after.to_patch(now[..., :2])
        flow = eye_flow(p, q, left=False)
        masks = eye_masks(p, q, own=encoded.eye_mask)
        slopes = torch.cat([head_slopes(own), head_slopes(now)], 1)
        painted = self.eye(warp_patch(encoded.eyes, flow), encoded.eyes, masks, slopes)
        return _tile(flow + painted.shift, painted.add, masks, before, after)

    def _place(self, coarse: Maps, mouth: Tile, eyes: Tile, whole: bool) -> Maps:
        """Put the tiles into the maps. They share one atlas (mouth left, eyes right), so that one GridSample places
        them all, and only where they are: in a part of the maps of `PLACED` pixels on a side, or in the `whole`."""
        column = eyes.maps.transpose(0, 1).reshape(1, -1, 2 * EYE.size, EYE.size)
        atlas = torch.cat([F.pad(mouth.maps, (0, 0, 0, 2 * EYE.size - MOUTH.size)), column], 3)
        frames = PatchFrame(*(torch.cat(parts) for parts in zip(mouth.frame, eyes.frame, strict=True)))
        stacked = upsample(torch.cat([coarse.flow, coarse.keep, coarse.add], 1), MAP_SIZE)
        axis, window = pixel_axis(MAP_SIZE), border_window(MAP_SIZE)
        if whole:
            placed = F.grid_sample(atlas, _atlas_coordinates(frames, axis, axis), align_corners=False)
            return Maps(*_laid_over(stacked, placed, window).split([2, 1, 3], 1))
        left, top = _corner(frames)
        across, down = slice(left, left + PLACED), slice(top, top + PLACED)
        placed = F.grid_sample(atlas, _atlas_coordinates(frames, axis[across], axis[down]), align_corners=False)
        part = stacked[:, :, down, across]
        fade = (4.0 * border_window(PLACED)).clamp_max(1.0)  # a tile that reaches out of the part ends softly
        change = _laid_over(part, placed, window[:, :, down, across] * fade) - part
        rest = MAP_SIZE - PLACED
        return Maps(*(stacked + F.pad(change, (left, rest - left, top, rest - top))).split([2, 1, 3], 1))


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
    extent = torch.tensor([MOUTH.size + EYE.size, 2.0 * EYE.size])
    sides = torch.tensor([[MOUTH.size], [EYE.size], [EYE.size]])
    corners = torch.tensor([[0.0, 0.0], [MOUTH.size, 0.0], [MOUTH.size, EYE.size]])
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


def _tile(flow: Tensor, painted: Tensor, masks: PatchMasks, before: PatchFrame, after: PatchFrame) -> Tile:
    """Patch coordinates → the square's: where the tile's pixels look in the source minus where they are."""
    size = flow.shape[-1]
    grid = pixel_grid(size, flow.device)
    looked = before.from_patch(grid + flow.permute(0, 2, 3, 1).reshape(len(flow), -1, 2))
    moved = (looked - after.from_patch(grid)).reshape(-1, size, size, 2).permute(0, 3, 1, 2)
    # Fade to nothing at the tile's border, or neighbours in the atlas would bleed in.
    fade = ((1.0 - grid.abs().amax(-1)) * 12.0).clamp(0.0, 1.0).reshape(1, 1, size, size)
    cover = masks.region * fade
    return Tile(torch.cat([moved * cover, painted * fade, cover, masks.hidden * fade], 1), after)


def save_student(student: Student, path: Path, record: str) -> None:
    """Half-precision safetensors, with the training record (JSON text) as metadata."""
    tensors = {k: v.half() if v.dtype.is_floating_point else v for k, v in student.state_dict().items()}
    temporary = path.with_suffix(".tmp")
    refiner = json.dumps(asdict(student.refiner.config))
    metadata = {"format": "vivant-student-1", "record": record, "refiner": refiner}
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
    config = json.loads(metadata["refiner"]) if "refiner" in metadata else {"widths": FIRST_WIDTHS}
    student = Student(RefinerConfig(**{**config, "widths": tuple(config["widths"])}))
    student.load_state_dict({k: v.float() if v.dtype == torch.float16 else v for k, v in load_file(path).items()})
    fold_norms(student)
    return student.eval(), metadata.get("record", "{}")
