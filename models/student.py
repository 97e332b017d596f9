"""The student: one photo, encoded once, rendered once per frame from target landmarks.

photo ── encode ──> texture, features, plate, patches <── refer ── more photos of the person
target landmarks ── refiner ──> flow, matte, shade (64 × 64)
                 ── lending, painters ─> mouth and eye tiles (face-aligned)
compose at 256 × 256, then warp the photo's own pixels at full size.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from .anchors import FACE
from .compose import Maps, background_plate, blend, border_window, double_texture, render_doubled, resized
from .encoded import Encoded, Moved, Referred
from .geometry import normalise_points, pixel_grid, sample
from .layers import fold_norms
from .lending import (
    EYE_KIND,
    MOUTH_KIND,
    Patches,
    compared,
    in_its_light,
    paint_patch,
    shapes_of,
)
from .patch import (
    EYE,
    MOUTH,
    PatchConfig,
    PatchFrame,
    PatchPainter,
    both_eyes,
    both_slopes,
    eye_frames,
    head_slopes,
    mouth_frame,
)
from .refiner import FlowRefiner, RefinerConfig
from .released import checked
from .tiles import Tile, place, tile_of

FORMAT = "vivant-student-1"
FIRST_WIDTHS = (32, 64, 96, 128)  # of the refiner in files that do not state them
FIRST_PAINTERS = {"mouth": (32, 64, 96), "eye": (24, 48, 64)}  # the same of the painters
_TAPS = 4  # per axis, when the photo is larger than the raster that samples it


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
        shown = self._shown(points, *self._patches(photo, landmarks))
        return self._encoded(square, small, F.avg_pool2d(matte, 2), points, region, shown)

    def encode_squares(self, pictures: Tensor, mattes: Tensor, points: Tensor, photos: int = 1) -> Encoded:
        """`encode` and `refer` for squares that are cut already, of N people at once; of what `Encoded` describes, N
        lead, or N · K (eyes: right ones, then left ones), a person's photos in a row.

        Args:
            pictures: [N·K, 3, S, S] 0..1. mattes: [N·K, 1, 128, 128]. points: [N·K, 478, 3] normalised to the squares.
            photos: K of each person, the one that is animated first.
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
        main, first = pictures[::photos], points[::photos]
        shown = self._shown(points, mouth, eyes)
        encoded = self._encoded(main, resized(main, 128), mattes[::photos], first, whole, shown)
        if photos == 1:
            return encoded
        mouth, mouth_unlike = compared(MOUTH_KIND, mouth, encoded.mouth_points, photos)
        eyes, eyes_unlike = compared(EYE_KIND, eyes, encoded.eye_points, photos)
        unlike = torch.stack([mouth_unlike, eyes_unlike.reshape(2, -1).mean(0)])
        return encoded._replace(mouth=mouth, eyes=eyes, unlike=unlike)

    def _encoded(
        self, square: Tensor, small: Tensor, matte: Tensor, points: Tensor, region: Tensor, shown: Referred
    ) -> Encoded:
        """The squares that move, at full size and, with their mattes, at 128 pixels; their normalised landmarks; what
        all photos show."""
        frames = mouth_frame(points[..., :2]), eye_frames(both_eyes(points[..., :2]))
        window = border_window(64, square.device).sqrt()
        return Encoded(
            double_texture(square),
            F.interpolate(window, size=square.shape[-2:], mode="bilinear", align_corners=False),
            self.refiner.encode(small, matte),
            background_plate(small, matte),
            region.reshape(4),
            points[:, FACE],
            torch.cat([torch.cat([frame.centre.unsqueeze(1), frame.axes], 1) for frame in frames]),
            *shown,
        )

    @staticmethod
    def _shown(points: Tensor, mouth: Tensor, eyes: Tensor) -> Referred:
        """What photos show, before they are compared. points [K, 478, 3] in any isotropic unit."""
        flat = points[..., :2]
        pair = both_eyes(flat)
        at_mouth, at_eyes = mouth_frame(flat).to_patch(flat), eye_frames(pair).to_patch(pair)
        masks = shapes_of(MOUTH_KIND, at_mouth), shapes_of(EYE_KIND, at_eyes)
        return Referred(mouth, eyes, *masks, at_mouth, at_eyes, head_slopes(points), points.new_zeros(2, len(points)))

    def refer(self, photo: Tensor, landmarks: Tensor, known: Referred) -> Referred:
        """Take one more photo of the person.

        Args:
            photo: [1, 3, H, W] 0..1. landmarks: [478, 3] pixels. known: of the photos so far, see `Encoded`.
        """
        scale = (landmarks[263] - landmarks[33]).square().sum().sqrt()
        points = ((landmarks - landmarks[2]) / (2.0 * scale)).unsqueeze(0)  # about -1..1; any isotropic unit would do
        more = self._shown(points, *self._patches(photo, landmarks))
        main_eyes, main_eye_points = (_each_side(x)[:, 0] for x in (known.eyes, known.eye_points))
        mouth, mouth_unlike = in_its_light(
            MOUTH_KIND, more.mouth, more.mouth_points, known.mouth[:1], known.mouth_points[:1]
        )
        eyes, eyes_unlike = in_its_light(EYE_KIND, more.eyes, more.eye_points, main_eyes, main_eye_points)
        unlike = torch.stack([mouth_unlike, eyes_unlike.mean(0, keepdim=True)])
        return Referred(
            torch.cat([known.mouth, mouth]),
            _one_more(known.eyes, eyes),
            torch.cat([known.mouth_mask, more.mouth_mask]),
            _one_more(known.eye_mask, more.eye_mask),
            torch.cat([known.mouth_points, more.mouth_points]),
            _one_more(known.eye_points, more.eye_points),
            torch.cat([known.slopes, more.slopes]),
            torch.cat([known.unlike, unlike], 1),
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
        moved = self.move(encoded, points)
        return place(moved.coarse, moved.mouth, moved.eyes, whole)

    def move(self, encoded: Encoded, points: Tensor) -> Moved:
        """What the networks say of targets [N, 478, 3] (normalised), one for each photo of `encoded`."""
        motion = self.refiner(encoded.features, encoded.anchors, points[:, FACE])
        coarse = blend(motion, encoded.features[:, 3:4], encoded.plate)
        slopes = head_slopes(points)
        return Moved(
            coarse, self._mouth_tile(encoded, points, slopes), self._eye_tiles(encoded, points, slopes), motion.matte
        )

    def _cut(self, photo: Tensor, region: Tensor, size: int | Tensor) -> Tensor:
        # A traced size is a tensor, which torch's types do not know.
        grid = pixel_grid(size).reshape(1, size, size, 2)  # pyright: ignore[reportArgumentType, reportCallIssue]
        return sample_photo(photo, region[:2] + grid * (0.5 * region[2]), region[2] / size)

    def _cut_patch(self, photo: Tensor, frame: PatchFrame, size: int) -> Tensor:
        where = frame.from_patch(pixel_grid(size)).reshape(1, size, size, 2)
        step = frame.axes[0, 0].square().sum().sqrt() * (2.0 / size)
        return sample_photo(photo, where, step)

    def _patches(self, photo: Tensor, landmarks: Tensor) -> tuple[Tensor, Tensor]:
        """mouth [1, 3, 96, 96] and eyes [2, 3, 64, 64] of a photo; landmarks [478, 3] pixels."""
        pixels = landmarks[None, :, :2]
        places = eye_frames(both_eyes(pixels))
        eyes = [self._cut_patch(photo, PatchFrame(*(part[i : i + 1] for part in places)), EYE.size) for i in (0, 1)]
        return self._cut_patch(photo, mouth_frame(pixels), MOUTH.size), torch.cat(eyes)

    def _mouth_tile(self, encoded: Encoded, target: Tensor, slopes: Tensor) -> Tile:
        flat, frames = target[..., :2], encoded.frames[: len(target)]
        after = mouth_frame(flat)
        patches = Patches(encoded.mouth, encoded.mouth_mask, encoded.mouth_points, encoded.slopes, encoded.unlike[0])
        painted = paint_patch(self.mouth, MOUTH_KIND, patches, after.to_patch(flat), slopes)
        return tile_of(painted, PatchFrame(frames[:, 0], frames[:, 1:]), after)

    def _eye_tiles(self, encoded: Encoded, target: Tensor, slopes: Tensor) -> Tile:
        pair, frames = both_eyes(target[..., :2]), encoded.frames[len(target) :]
        after = eye_frames(pair)
        patches = Patches(
            encoded.eyes, encoded.eye_mask, encoded.eye_points, both_slopes(encoded.slopes), encoded.unlike[1].repeat(2)
        )
        painted = paint_patch(self.eye, EYE_KIND, patches, after.to_patch(pair), both_slopes(slopes))
        return tile_of(painted, PatchFrame(frames[:, 0], frames[:, 1:]), after)


def _each_side(eyes: Tensor) -> Tensor:
    """[2K, ...] → [2, K, ...]: right eyes, left eyes."""
    return eyes.reshape(2, -1, *eyes.shape[1:])


def _one_more(known: Tensor, eyes: Tensor) -> Tensor:
    """Of K photos [2K, ...] and one more [2, ...] → [2K + 2, ...]."""
    return torch.cat([_each_side(known), eyes.unsqueeze(1)], 1).reshape(-1, *known.shape[1:])


def save_student(student: Student, path: Path, record: str) -> None:
    """Half-precision safetensors, with the training record (JSON text) as metadata."""
    tensors = {k: v.half() if v.dtype.is_floating_point else v for k, v in student.state_dict().items()}
    temporary = path.with_suffix(".tmp")
    refiner = json.dumps(asdict(student.refiner.config))
    painters = json.dumps({name: getattr(student, name).widths for name in FIRST_PAINTERS})
    metadata = {"format": FORMAT, "record": record, "refiner": refiner, "painters": painters}
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, metadata)
    temporary.replace(path)


def is_student(path: Path) -> bool:
    """Whether a file holds a student."""
    try:
        with safe_open(path, "pt") as file:
            return (file.metadata() or {}).get("format") == FORMAT
    except (OSError, SafetensorError):
        return False


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
    if metadata.get("format") != FORMAT:
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
