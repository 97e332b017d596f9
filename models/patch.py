"""Face-aligned patches: what must be invented (inside of the mouth, lids, gaze) is painted in a frame where all faces
line up, so that little data goes far.

A patch frame is a rotated square on the face. Its coordinates run over [-1, 1]; frames work in any isotropic 2-D
coordinates (image pixels in training, normalised region coordinates in the student).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from . import anchors
from . import landmarks as lm
from .geometry import assigned_raster, pixel_grid, sample_square
from .layers import ConvBlock, ResidualBlock, Up
from .polygon import dilate_and_feather, fill_polygon, soft_disc


@dataclass(frozen=True)
class PatchConfig:
    """One kind of patch.

    side: in units of the distance between the outer eye corners. sigma: reach of an anchor, patch coordinates.
    flow_size: raster on which the flow is computed before it is upsampled. masks: number of mask channels.
    """

    kind: str
    size: int
    side: float
    widths: tuple[int, int, int]
    masks: int
    sigma: float = 0.05

    @property
    def flow_size(self) -> int:
        return self.size // 2


MOUTH = PatchConfig("mouth", size=96, side=1.1, widths=(32, 64, 96), masks=3)
EYE = PatchConfig("eye", size=64, side=0.56, widths=(24, 48, 64), masks=4, sigma=0.09)
INSIDE_SIGMA = 0.15  # between the lips
EYEBALL_SIGMA = 0.15  # the eyeball turns as one piece
PAINT = 12  # channels of colour that leave a painter: 3 of 2 x 2 pixels
MAX_SHIFT = 0.12  # how far a painter may move what the geometry brought, patch coordinates


class PatchFrame(NamedTuple):
    """centre [B, 2] and half axes [B, 2, 2] (rows: the patch's x and y axis, half a side long)."""

    centre: Tensor
    axes: Tensor

    def to_patch(self, points: Tensor) -> Tensor:
        """[B, N, 2] → patch coordinates [B, N, 2]."""
        squared = self.axes.square().sum(-1, keepdim=True)
        return (points - self.centre[:, None]) @ (self.axes / squared).transpose(1, 2)

    def from_patch(self, points: Tensor) -> Tensor:
        """[N, 2] or [B, N, 2] patch coordinates → the frame's outer coordinates [B, N, 2]."""
        return points @ self.axes + self.centre[:, None]


def _eye_axis(landmarks: Tensor) -> tuple[Tensor, Tensor]:
    across = landmarks[:, 263] - landmarks[:, 33]
    distance = (across.square().sum(-1, keepdim=True) + 1e-12).sqrt()
    return across / distance, distance


def mouth_frame(landmarks: Tensor, config: PatchConfig = MOUTH) -> PatchFrame:
    """landmarks [B, 478, 2] → the mouth's frame: its centre lies 0.4 eye distances below the nose's base (2)."""
    x_axis, distance = _eye_axis(landmarks)
    y_axis = torch.stack([-x_axis[:, 1], x_axis[:, 0]], -1)
    half = 0.5 * config.side * distance
    return PatchFrame(landmarks[:, 2] + 0.4 * distance * y_axis, torch.stack([x_axis * half, y_axis * half], 1))


def eye_frame(landmarks: Tensor, left: bool, config: PatchConfig = EYE) -> PatchFrame:
    """One eye's frame. The left eye's x axis is flipped, so that its patch looks like a right eye's."""
    x_axis, distance = _eye_axis(landmarks)
    y_axis = torch.stack([-x_axis[:, 1], x_axis[:, 0]], -1)
    half = 0.5 * config.side * distance
    outer, inner = (263, 362) if left else (33, 133)
    centre = 0.5 * (landmarks[:, outer] + landmarks[:, inner])
    return PatchFrame(centre, torch.stack([x_axis * (-half if left else half), y_axis * half], 1))


def both_eyes(landmarks: Tensor) -> Tensor:
    """[N, 478, C] → [2N, 478, C]: the landmarks, then those named as if the left eye were the right one."""
    return torch.cat([landmarks, landmarks[:, lm.MIRROR]])


def eye_frames(pair: Tensor, config: PatchConfig = EYE) -> PatchFrame:
    """The frames of the right and the left eyes, as `eye_frame` gives them; pair [2N, 478, 2] from `both_eyes`."""
    x_axis, distance = _eye_axis(pair)  # of the left eyes it points the other way: their frames are mirrored
    turn = torch.tensor([1.0, -1.0], device=pair.device).reshape(2, 1, 1)
    y_axis = (torch.stack([-x_axis[:, 1], x_axis[:, 0]], -1).reshape(2, -1, 2) * turn).reshape(-1, 2)
    half = 0.5 * config.side * distance
    return PatchFrame(0.5 * (pair[:, 33] + pair[:, 133]), torch.stack([x_axis * half, y_axis * half], 1))


def mouth_flow(source: Tensor, target: Tensor) -> Tensor:
    """Backward flow inside the mouth's patch, in two layers: the lips, and smoothly what lies between them.

    A fine soft assignment tears between the lips, where there is nothing to assign; the painter would have to undo it.
    source [N·K, 478, 2], target [N, 478, 2] in patch coordinates; [N·K, 2, n, n].
    """
    opening = F.avg_pool2d(fill_polygon(target[:, lm.LIPS_INNER], MOUTH.size), 3, 1, 1)
    lips = assigned_flow(MOUTH, MOUTH.sigma, source[:, anchors.MOUTH], target[:, anchors.MOUTH])
    inside = assigned_flow(MOUTH, INSIDE_SIGMA, source[:, lm.LIPS_INNER], target[:, lm.LIPS_INNER])
    return _lerp(lips, inside, opening)


def eye_flow(source: Tensor, target: Tensor) -> Tensor:
    """Backward flow inside an eye's patch, in two layers: the lids, and the eyeball behind the target's opening.

    An eyeball that turns takes no lid with it, and a lid that closes no iris: one flow for both would tear.
    source [N·K, 478, 2], target [N, 478, 2] in patch coordinates, all named as right eyes; [N·K, 2, n, n].
    """
    lids, ball = anchors.RIGHT_LIDS, anchors.RIGHT_EYEBALL
    opening = F.avg_pool2d(fill_polygon(target[:, lm.RIGHT_EYE], EYE.size), 3, 1, 1)
    lid_flow = assigned_flow(EYE, EYE.sigma, source[:, lids], target[:, lids])
    ball_flow = assigned_flow(EYE, EYEBALL_SIGMA, source[:, ball], target[:, ball])
    return _lerp(lid_flow, ball_flow, opening)


def assigned_flow(config: PatchConfig, sigma: float, source: Tensor, target: Tensor) -> Tensor:
    """Backward flows that take anchors from target [N, A, 2] to K sources each [N·K, A, 2]: [N·K, 2, n, n].

    All of a target's sources share its assignment: a further photo costs one more pair of rows of a product.
    """
    people, count, size = target.shape[0], target.shape[1], config.flow_size
    moved = source.reshape(people, -1, count, 2) - target.unsqueeze(1)
    values = moved.transpose(1, 2).reshape(people, count, -1)  # [N, A, K · 2]
    flow = assigned_raster(size, target, values, sigma).reshape(-1, 2, size, size)
    return F.interpolate(flow, scale_factor=2.0, mode="bilinear", align_corners=False)


def _lerp(start: Tensor, end: Tensor, weight: Tensor) -> Tensor:
    """Between what is told of N·K photos [N·K, C, n, n], by a weight of N people [N, 1, n, n]."""
    each = (weight.shape[0], -1, *start.shape[1:])
    return torch.lerp(start.reshape(each), end.reshape(each), weight.unsqueeze(1)).reshape(-1, *start.shape[1:])


def warp_patch(patch: Tensor, flow: Tensor) -> Tensor:
    """patch [B, C, n, n], flow [B, 2, n, n] → [B, C, n, n]."""
    size = patch.shape[-1]
    where = pixel_grid(size, patch.device).reshape(1, size, size, 2) + flow.permute(0, 2, 3, 1)
    return sample_square(patch, where, size)


class PatchMasks(NamedTuple):
    """condition [N, 2, n, n]: what the painter is told of the target; region [N, 1, n, n]: where it may paint; inside
    [N, 1, n, n]: what only an open mouth shows; missing [N, K]: how much of that each photo lacks (eyes: nothing).
    None of them is learned: learned ones collapse to "all warp".
    """

    condition: Tensor
    region: Tensor
    inside: Tensor
    missing: Tensor


def mouth_gap(lips: Tensor) -> Tensor:
    """How far the lips are apart: inner lips [B, 20, 2] → the mean over their length [B], in the same unit."""
    upper, lower = lips[:, 1:10], lips[:, 11:].flip(1)  # the ring's points 0 and 10 are the corners
    return (lower - upper).square().sum(-1).add(1e-12).sqrt().mean(1)


def opened(source: Tensor, target: Tensor) -> Tensor:
    """1 where the target's mouth is open and the source's is not, 0 where the source's shows enough: [N, K].

    Inner lips: source [N·K, 20, 2], target [N, 20, 2]."""
    ratio = mouth_gap(source).reshape(target.shape[0], -1) / (mouth_gap(target)[:, None] + 1e-3)
    return ((0.75 - ratio) * 2.0).clamp(0.0, 1.0)


def mouth_masks(source: Tensor, target: Tensor, size: int = MOUTH.size) -> PatchMasks:
    """Channels: the target's inner lips, its outer lips.

    source [N·K, 478, 2], target [N, 478, 2] in patch coordinates.
    """
    # One by one, though together would be shorter: the flow fills the inner ring too, and a graph does that once.
    filled = torch.cat([fill_polygon(target[:, ring], size) for ring in (lm.LIPS_INNER, lm.LIPS_OUTER)], 1)
    # Folds and shadows around the lips move with them: about a tenth of the eye distance belongs to the mouth.
    region = dilate_and_feather(filled[:, 1:], 10, 4) * patch_window(size, source.device)
    missing = opened(source[:, lm.LIPS_INNER], target[:, lm.LIPS_INNER])
    return PatchMasks(filled, region, F.avg_pool2d(filled[:, :1], 3, 1, 1), missing)


def patch_window(size: int, device: torch.device) -> Tensor:
    """A round window that fades to 0 at the patch's border: [1, 1, n, n]."""
    radius = pixel_grid(size, device).square().sum(-1).sqrt().reshape(1, 1, size, size)
    return ((0.98 - radius) / 0.3).clamp(0.0, 1.0)


def eye_masks(source: Tensor, target: Tensor, size: int = EYE.size) -> PatchMasks:
    """Channels: the target's eye opening, its iris. source [N·K, 478, 2], target [N, 478, 2] in patch coordinates,
    named as right eyes."""
    people = target.shape[0]
    window = patch_window(size, target.device).expand(people, -1, -1, -1)
    missing = (source[:, 0, 0] * 0.0).reshape(people, -1)  # zeros_like would ask for a shape, which a GPU waits for
    return PatchMasks(eye_shape(target, size), window, torch.zeros_like(window), missing)


def eye_shape(points: Tensor, size: int, left: bool = False) -> Tensor:
    """Masks of an eye's opening and of its iris: [B, 478, 2] in patch coordinates → [B, 2, n, n]."""
    ring, iris = (lm.LEFT_EYE, lm.LEFT_IRIS) if left else (lm.RIGHT_EYE, lm.RIGHT_IRIS)
    rim = points[:, iris[1:]] - points[:, iris[:1]]
    disc = soft_disc(points[:, iris[0]], (rim.square().sum(-1) + 1e-12).sqrt().mean(1), size)
    return torch.cat([fill_polygon(points[:, ring], size), disc], 1)


def head_slopes(landmarks: Tensor) -> Tensor:
    """How far the head is turned, read off depth: yaw and pitch as slopes, 0 for a face looking into the camera.

    landmarks: [B, 478, 3], any isotropic unit; [B, 2].
    """
    corners = landmarks[:, 263] - landmarks[:, 33]
    distance = (corners.square().sum(-1) + 1e-12).sqrt()
    yaw = (landmarks[:, 454, 2] - landmarks[:, 234, 2]) / distance
    pitch = (landmarks[:, 152, 2] - landmarks[:, 10, 2]) / distance
    return torch.stack([yaw, pitch], -1)


def both_slopes(slopes: Tensor) -> Tensor:
    """[N, 2] → [2N, 2]: of the heads, then of their mirror images, as `both_eyes` names them."""
    return torch.cat([slopes, slopes * torch.tensor([-1.0, 1.0], device=slopes.device)])


class Painted(NamedTuple):
    """add [B, 3, n, n]: colour on top of the warped patch; shift [B, 2, n, n]: correction of the flow. 0 outside."""

    add: Tensor
    shift: Tensor


class PatchPainter(nn.Module):
    """Corrects the flow of a patch and paints on what it brings: ``warp(source, flow + shift) + add``.

    A U-Net that works at half resolution and below; colour leaves it through a pixel shuffle, the shift is upsampled.
    It is told how far the head is turned in the photo and now, because light and shade depend on it.
    """

    def __init__(self, config: PatchConfig) -> None:
        super().__init__()
        self.widths = config.widths
        c0, c1, c2 = config.widths
        self.enter = ConvBlock(6 + config.masks, c0, 4, 2)
        self.turned = nn.Linear(4, c2)
        self.level0 = ResidualBlock(c0)
        self.down1 = nn.Sequential(ConvBlock(c0, c1, 3, 2), ResidualBlock(c1))
        self.down2 = nn.Sequential(ConvBlock(c1, c2, 3, 2), ResidualBlock(c2), ResidualBlock(c2))
        self.up1, self.mix1 = Up(c2, c1), ResidualBlock(c1)
        self.up0, self.mix0 = Up(c1, c0), ResidualBlock(c0)
        self.head = nn.Conv2d(c0, PAINT + 2, 3, 1, 1)
        nn.init.normal_(self.head.weight, std=1e-3)
        assert self.head.bias is not None
        nn.init.zeros_(self.head.bias)

    def forward(self, warped: Tensor, source: Tensor, condition: Tensor, region: Tensor, slopes: Tensor) -> Painted:
        """warped, source [B, 3, n, n] 0..1; condition [B, M, n, n]: shapes of the source's opening, then the target's;
        region [B, 1, n, n]: where it may paint; slopes [B, 4]: `head_slopes` of the source, then of the target."""
        x0 = self.level0(self.enter(torch.cat([warped - 0.5, source - 0.5, condition], 1)))
        x1 = self.down1(x0)
        x = self.down2(x1) + self.turned(slopes)[:, :, None, None]
        x = self.mix0(self.up0(self.mix1(self.up1(x, x1)), x0))
        out = torch.tanh(self.head(x).float())
        shift = F.interpolate(out[:, PAINT:], scale_factor=2.0, mode="bilinear", align_corners=False)
        add = keep_grey(F.pixel_shuffle(out[:, :PAINT], 2), source)
        return Painted(add * region, shift * (region * MAX_SHIFT))

    @torch.no_grad()
    def hold_back(self, share: float) -> None:
        """Keeps a share (0..1) of the correction of the flow: what was learnt of some people goes too far for others.

        It acts before the tanh, hence exactly on small corrections only.
        """
        assert self.head.bias is not None
        self.head.weight[PAINT:] *= share
        self.head.bias[PAINT:] *= share


def keep_grey(painted: Tensor, source: Tensor) -> Tensor:
    """Paint without colour for a photo without colour. painted, source [B, 3, n, n] → [B, 3, n, n]."""
    red, green, blue = source.unbind(1)  # plane by plane: reductions over three values are slow
    most, least = red.maximum(green).maximum(blue), red.minimum(green).minimum(blue)
    colour = (most - least).mean((1, 2)).reshape(-1, 1, 1, 1)
    grey = (painted[:, :1] + painted[:, 1:2] + painted[:, 2:]) / 3.0
    return torch.lerp(grey.expand_as(painted), painted, ((colour - 0.01) / 0.03).clamp(0.0, 1.0))
