"""The student: one photo, encoded once, rendered once per frame from target landmarks.

photo ── encode ──> texture, features, plate, patches
target landmarks ── refiner ──> flow, matte, shade (64 × 64)
                 ── painters ─> mouth and eye tiles (face-aligned)
compose at 256 × 256, then warp the photo's own pixels at full size.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from .anchors import FACE
from .compose import Maps, background_plate, blend, border_window, double_texture, render_doubled, resized
from .geometry import normalise_points, pixel_grid, sample
from .landmarks import LIPS_INNER
from .layers import fold_norms
from .mouth_inside import MouthReference, in_the_light_of, seen_inside
from .patch import (
    EYE,
    MOUTH,
    PatchConfig,
    PatchFrame,
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
    mouth_gap,
    mouth_masks,
    warp_patch,
)
from .polygon import fill_polygon
from .refiner import FlowRefiner, RefinerConfig
from .released import checked
from .tiles import Tile, place, tile_of

FIRST_WIDTHS = (32, 64, 96, 128)  # of the refiner in files that do not state them
FIRST_PAINTERS = {"mouth": (32, 64, 96), "eye": (24, 48, 64)}  # the same of the painters
_TAPS = 4  # per axis, when the photo is larger than the raster that samples it


class Encoded(NamedTuple):
    """What `render` needs of a photo. All float32; S is the rendered size.

    texture [1, 3, 2S − 1, 2S − 1] about 0..1 (see `double_texture`); alpha [1, 1, S, S] 0..1, fades out at the square's
    border; features [1, 28, 64, 64] (RGB, matte, learnt);
    plate [1, 3, 64, 64]; points [1, 478, 3] normalised landmarks; square [4] the region, pixels; mouth [1, 3, 96, 96];
    eyes [2, 3, 64, 64] (right, left, the left one mirrored); mouth_mask [1, 1, 96, 96]; eye_mask [2, 2, 64, 64];
    reference_mouth [1, 3, 96, 96], reference_lips [1, 20, 2]: its own mouth, or what `refer` took from another photo.
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
    reference_mouth: Tensor
    reference_lips: Tensor


class Moved(NamedTuple):
    """Motion of N squares before its parts are put together.

    coarse: maps at 64 × 64. mouth: N tiles; eyes: 2N, right ones first. matte: [N, 1, 64, 64], share of person.
    """

    coarse: Maps
    mouth: Tile
    eyes: Tile
    matte: Tensor

    def maps(self) -> Maps:
        """Put together, N leading. For training: tiles are placed one square after the other."""
        count, gpu = len(self.matte), self.matte.device.type != "cpu"
        each = [
            place(
                Maps(*(part[i : i + 1] for part in self.coarse)),
                self.mouth.chosen([i]),
                self.eyes.chosen([i, count + i]),
                whole=gpu,  # which would wait for a computed place
            )
            for i in range(count)
        ]
        return Maps(*(torch.cat(parts) for parts in zip(*each, strict=True)))


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

    def __init__(
        self,
        config: RefinerConfig = RefinerConfig(),  # noqa: B008 (frozen)
        mouth: PatchConfig = MOUTH,
        eye: PatchConfig = EYE,
    ) -> None:
        super().__init__()
        self.refiner = FlowRefiner(config)
        self.mouth = PatchPainter(mouth)
        self.eye = PatchPainter(eye)

    def encode(self, photo: Tensor, landmarks: Tensor, region: Tensor, matte: Tensor, size: int) -> Encoded:
        """Once per photo.

        Args:
            photo: [1, 3, H, W] 0..1. landmarks: [478, 3] pixels. region: [4] pixels (see docs/architecture.md).
            matte: [1, 1, 256, 256] share of person over the region. size: pixels of the rendered square.
        """
        square = self._cut(photo, region, size)
        small = F.avg_pool2d(self._cut(photo, region, 256), 2)
        points = normalise_points(landmarks.unsqueeze(0), region.unsqueeze(0))
        pixels = landmarks[None, :, :2]
        places = eye_frames(both_eyes(pixels))
        eyes = [self._cut_patch(photo, PatchFrame(*(part[i : i + 1] for part in places)), EYE.size) for i in (0, 1)]
        mouth = self._cut_patch(photo, mouth_frame(pixels), MOUTH.size)
        return self._encoded(square, small, F.avg_pool2d(matte, 2), points, region, mouth, torch.cat(eyes))

    def encode_squares(self, pictures: Tensor, mattes: Tensor, points: Tensor) -> Encoded:
        """`encode` for N squares that are cut already, all at once; of what `Encoded` describes, N lead (eyes: N right
        ones, then N left ones).

        Args:
            pictures: [N, 3, S, S] 0..1. mattes: [N, 1, 128, 128]. points: [N, 478, 3] normalised to the squares.
        """
        flat = points[..., :2]
        pair = both_eyes(flat)
        mouth, eyes = (
            sample(picture, frame.from_patch(pixel_grid(size, picture.device)).unflatten(1, (size, size)))
            for picture, frame, size in (
                (pictures, mouth_frame(flat), MOUTH.size),
                (torch.cat([pictures, pictures]), eye_frames(pair), EYE.size),
            )
        )
        whole = torch.tensor([0.0, 0.0, 2.0, 0.0], device=pictures.device)  # normalised coordinates as they are
        return self._encoded(pictures, resized(pictures, 128), mattes, points, whole, mouth, eyes)

    def _encoded(
        self, square: Tensor, small: Tensor, matte: Tensor, points: Tensor, region: Tensor, mouth: Tensor, eyes: Tensor
    ) -> Encoded:
        """The squares at full size and, with their mattes, at 128 pixels; mouths and eyes cut from them."""
        flat = points[..., :2]
        own_mouth = mouth_frame(flat).to_patch(flat)
        pair = both_eyes(flat)
        window = border_window(64, square.device).sqrt()
        return Encoded(
            double_texture(square),
            F.interpolate(window, size=square.shape[-2:], mode="bilinear", align_corners=False),
            self.refiner.encode(small, matte),
            background_plate(small, matte),
            points,
            region.reshape(4),
            mouth,
            eyes,
            fill_polygon(own_mouth[:, LIPS_INNER], MOUTH.size),
            eye_shape(eye_frames(pair).to_patch(pair), EYE.size, left=False),
            mouth,
            own_mouth[:, LIPS_INNER],
        )

    def refer(self, photo: Tensor, landmarks: Tensor, mouth: Tensor, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What another photo of the same person tells of the inside of the mouth.

        Args:
            photo: [1, 3, H, W] 0..1. landmarks: [478, 3] pixels. mouth, points: of the main photo, see `Encoded`.

        Returns:
            `reference_mouth` and `reference_lips`, to be put in the place of the main photo's, and how suitable they
            are []: how far the lips are apart, less what the head is turned otherwise.
        """
        pixels = landmarks[None, :, :2]
        frame = mouth_frame(pixels)
        own, main = frame.to_patch(pixels), mouth_frame(points[..., :2]).to_patch(points[..., :2])
        picture = in_the_light_of(self._cut_patch(photo, frame, MOUTH.size), own, mouth, main)
        turned = (head_slopes(landmarks[None]) - head_slopes(points)).abs().sum()
        lips = own[:, LIPS_INNER]
        return picture, lips, mouth_gap(lips)[0] * (1.0 - turned).clamp_min(0.0)

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
        moved = self.move(encoded, points)
        return place(moved.coarse, moved.mouth, moved.eyes, whole)

    def move(self, encoded: Encoded, points: Tensor) -> Moved:
        """What the networks say of targets [N, 478, 3] (normalised), one for each photo of `encoded`."""
        motion = self.refiner(encoded.features, encoded.points[:, FACE], points[:, FACE])
        coarse = blend(motion, encoded.features[:, 3:4], encoded.plate)
        return Moved(coarse, self._mouth_tile(encoded, points), self._eye_tiles(encoded, points), motion.matte)

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
        reference = MouthReference(encoded.reference_mouth, encoded.reference_lips)
        inside = seen_inside(reference, encoded.mouth, p[:, LIPS_INNER], q[:, LIPS_INNER])
        warped, covered = cover_hidden(warp_patch(encoded.mouth, flow), inside, masks.hidden)
        painted = self.mouth(warped, encoded.mouth, masks, slopes)
        return tile_of(flow + painted.shift, painted.add + covered, masks, before, after)

    def _eye_tiles(self, encoded: Encoded, target: Tensor) -> Tile:
        own, now = both_eyes(encoded.points), both_eyes(target)
        before, after = eye_frames(own[..., :2]), eye_frames(now[..., :2])
        p, q = before.to_patch(own[..., :2]), after.to_patch(now[..., :2])
        flow = eye_flow(p, q, left=False)
        masks = eye_masks(p, q, own=encoded.eye_mask)
        slopes = torch.cat([head_slopes(own), head_slopes(now)], 1)
        painted = self.eye(warp_patch(encoded.eyes, flow), encoded.eyes, masks, slopes)
        return tile_of(flow + painted.shift, painted.add, masks, before, after)


def save_student(student: Student, path: Path, record: str) -> None:
    """Half-precision safetensors, with the training record (JSON text) as metadata."""
    tensors = {k: v.half() if v.dtype.is_floating_point else v for k, v in student.state_dict().items()}
    temporary = path.with_suffix(".tmp")
    refiner = json.dumps(asdict(student.refiner.config))
    painters = json.dumps({name: getattr(student, name).widths for name in FIRST_PAINTERS})
    metadata = {"format": "vivant-student-1", "record": record, "refiner": refiner, "painters": painters}
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, metadata)
    temporary.replace(path)


def load_student(path: Path) -> tuple[Student, str]:
    """The student for inference (float32, norms folded, see `fold_norms`) and its training record.

    Raises:
        ValueError: the file is not a student, or not the released one of its name.
    """
    student, record = read_student(path)
    fold_norms(student)
    return student.eval(), record


def read_student(path: Path) -> tuple[Student, str]:
    """The student as it was trained, in float32, and its training record.

    Raises:
        ValueError: the file is not a student, or not the released one of its name.
    """
    with safe_open(checked(path), "pt") as file:
        metadata = file.metadata() or {}
    if metadata.get("format") != "vivant-student-1":
        raise ValueError(f"{path} holds no vivant student.")
    config = json.loads(metadata["refiner"]) if "refiner" in metadata else {"widths": FIRST_WIDTHS}
    painters = json.loads(metadata["painters"]) if "painters" in metadata else FIRST_PAINTERS
    student = Student(
        RefinerConfig(**{**config, "widths": tuple(config["widths"])}),
        replace(MOUTH, widths=tuple(painters["mouth"])),
        replace(EYE, widths=tuple(painters["eye"])),
    )
    student.load_state_dict({k: v.float() if v.dtype == torch.float16 else v for k, v in load_file(path).items()})
    return student, metadata.get("record", "{}")
