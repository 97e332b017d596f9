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
from .geometry import assigned, pixel_grid, sample_square
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
    turn = torch.tensor([[1.0], [-1.0]], device=pair.device).repeat_interleave(len(pair) // 2, 0)
    y_axis = torch.stack([-x_axis[:, 1], x_axis[:, 0]], -1) * turn
    half = 0.5 * config.side * distance
    return PatchFrame(0.5 * (pair[:, 33] + pair[:, 133]), torch.stack([x_axis * half, y_axis * half], 1))


def mouth_flow(source: Tensor, target: Tensor) -> Tensor:
    """Backward flow inside the mouth's patch, in two layers: the lips, and smoothly what lies between them.

    A fine soft assignment tears between the lips, where there is nothing to assign; the painter would have to undo it.
    source, target [B, 478, 2] in patch coordinates; [B, 2, n, n].
    """
    opening = F.avg_pool2d(fill_polygon(target[:, lm.LIPS_INNER], MOUTH.size), 3, 1, 1)
    lips = assigned_flow(MOUTH, MOUTH.sigma, source[:, anchors.MOUTH], target[:, anchors.MOUTH])
    inside = assigned_flow(MOUTH, INSIDE_SIGMA, source[:, lm.LIPS_INNER], target[:, lm.LIPS_INNER])
    return torch.lerp(lips, inside, opening)


def eye_flow(source: Tensor, target: Tensor, left: bool) -> Tensor:
    """Backward flow inside an eye's patch, in two layers: the lids, and the eyeball behind the target's opening.

    An eyeball that turns takes no lid with it, and a lid that closes no iris: one flow for both would tear.
    source, target [B, 478, 2] in patch coordinates; [B, 2, n, n].
    """
    lids = anchors.LEFT_LIDS if left else anchors.RIGHT_LIDS
    ball = anchors.LEFT_EYEBALL if left else anchors.RIGHT_EYEBALL
    opening = fill_polygon(target[:, lm.LEFT_EYE if left else lm.RIGHT_EYE], EYE.size)
    opening = F.avg_pool2d(opening, 3, 1, 1)
    lid_flow = assigned_flow(EYE, EYE.sigma, source[:, lids], target[:, lids])
    return torch.lerp(lid_flow, assigned_flow(EYE, EYEBALL_SIGMA, source[:, ball], target[:, ball]), opening)


def assigned_flow(config: PatchConfig, sigma: float, source: Tensor, target: Tensor) -> Tensor:
    """Backward flow that takes anchors from target to source [B, A, 2], patch coordinates: [B, 2, n, n]."""
    raster = (config.flow_size, config.flow_size)
    flow = assigned(pixel_grid(config.flow_size, source.device), target, source - target, sigma).unflatten(2, raster)
    return F.interpolate(flow, scale_factor=2.0, mode="bilinear", align_corners=False)


def warp_patch(patch: Tensor, flow: Tensor) -> Tensor:
    """patch [B, C, n, n], flow [B, 2, n, n] → [B, C, n, n]."""
    size = patch.shape[-1]
    where = pixel_grid(size, patch.device).reshape(1, size, size, 2) + flow.permute(0, 2, 3, 1)
    return sample_square(patch, where, size)


class PatchMasks(NamedTuple):
    """condition [B, M, n, n]: what the painter is told; region [B, 1, n, n]: where it may paint; hidden [B, 1, n, n]:
    the share of the warp that gives way to a plain dark. None of them is learned: learned ones collapse to "all warp".
    """

    condition: Tensor
    region: Tensor
    hidden: Tensor


def cover_hidden(warped: Tensor, cover: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
    """Replace what geometry cannot bring: a warp into an opened mouth shows stretched lips.

    Args:
        warped: [B, 3, n, n] 0..1. cover: what replaces it, see `mouth_inside`. hidden: [B, 1, n, n].

    Returns:
        the picture with the hidden part replaced, and the part that replaces it, both [B, 3, n, n].
    """
    part = hidden * cover
    return warped * (1.0 - hidden) + part, part


def mouth_gap(lips: Tensor) -> Tensor:
    """How far the lips are apart: inner lips [B, 20, 2] → the mean over their length [B], in the same unit."""
    upper, lower = lips[:, 1:10], lips[:, 11:].flip(1)  # the ring's points 0 and 10 are the corners
    return (lower - upper).square().sum(-1).add(1e-12).sqrt().mean(1)


def opened(source: Tensor, target: Tensor) -> Tensor:
    """1 where the target's mouth is open and the source's is not, 0 where the source's shows enough: [B, 1, 1, 1].

    source, target: inner lips [B, 20, 2]."""
    return ((0.75 - mouth_gap(source) / (mouth_gap(target) + 1e-3)) * 2.0).clamp(0.0, 1.0).reshape(-1, 1, 1, 1)


def mouth_masks(source: Tensor, target: Tensor, size: int = MOUTH.size, own: Tensor | None = None) -> PatchMasks:
    """Channels: source's inner lips, target's inner, target's outer.

    Args:
        source, target: [B, 478, 2] in patch coordinates.
        own: the source's channel [B, 1, n, n], where it was drawn before.
    """
    rings = [target[:, lm.LIPS_INNER], target[:, lm.LIPS_OUTER]]
    filled = fill_polygon(torch.stack(rings, 1).flatten(0, 1), size).reshape(-1, 2, size, size)
    own = fill_polygon(source[:, lm.LIPS_INNER], size) if own is None else own
    # Folds and shadows around the lips move with them: about a tenth of the eye distance belongs to the mouth.
    region = dilate_and_feather(filled[:, 1:], 10, 4) * patch_window(size, source.device)
    hidden = F.avg_pool2d(filled[:, :1], 3, 1, 1) * opened(source[:, lm.LIPS_INNER], target[:, lm.LIPS_INNER])
    return PatchMasks(torch.cat([own, filled], 1), region, hidden)


def patch_window(size: int, device: torch.device) -> Tensor:
    """A round window that fades to 0 at the patch's border: [1, 1, n, n]."""
    radius = pixel_grid(size, device).square().sum(-1).sqrt().reshape(1, 1, size, size)
    return ((0.98 - radius) / 0.3).clamp(0.0, 1.0)


def eye_masks(
    source: Tensor, target: Tensor, size: int = EYE.size, left: bool = False, own: Tensor | None = None
) -> PatchMasks:
    """Channels: source's eye opening and iris, target's opening and iris. Arguments as for `mouth_masks`."""
    window = patch_window(size, source.device).expand(source.shape[0], -1, -1, -1)
    own = eye_shape(source, size, left) if own is None else own
    return PatchMasks(torch.cat([own, eye_shape(target, size, left)], 1), window, torch.zeros_like(window))


def eye_shape(points: Tensor, size: int, left: bool) -> Tensor:
    """Masks of an eye's opening and of its iris: [B, 478, 2] in patch coordinates → [B, 2, n, n]."""
    ring, iris = (lm.LEFT_EYE, lm.LEFT_IRIS) if left else (lm.RIGHT_EYE, lm.RIGHT_IRIS)
    rim = points[:, iris[1:]] - points[:, iris[:1]]
    disc = soft_disc(points[:, iris[0]], (rim.square().sum(-1) + 1e-12).sqrt().mean(1), size)
    return torch.cat([fill_polygon(points[:, ring], size), disc], 1)


def head_slopes(landmarks: Tensor, left: bool = False) -> Tensor:
    """How far the head is turned, read off depth: yaw and pitch as slopes, 0 for a face looking into the camera.

    Args:
        landmarks: [B, 478, 3], any isotropic unit. left: a left eye's patch is mirrored, and its yaw with it.

    Returns:
        [B, 2].
    """
    corners = landmarks[:, 263] - landmarks[:, 33]
    distance = (corners.square().sum(-1) + 1e-12).sqrt()
    yaw = (landmarks[:, 454, 2] - landmarks[:, 234, 2]) / distance
    pitch = (landmarks[:, 152, 2] - landmarks[:, 10, 2]) / distance
    return torch.stack([-yaw if left else yaw, pitch], -1)


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
        self.head = nn.Conv2d(c0, 12 + 2, 3, 1, 1)
        nn.init.normal_(self.head.weight, std=1e-3)
        assert self.head.bias is not None
        nn.init.zeros_(self.head.bias)

    def forward(self, warped: Tensor, source: Tensor, masks: PatchMasks, slopes: Tensor) -> Painted:
        """warped, source [B, 3, n, n] 0..1; slopes [B, 4]: `head_slopes` of the source, then of the target."""
        x0 = self.level0(self.enter(torch.cat([warped - 0.5, source - 0.5, masks.condition], 1)))
        x1 = self.down1(x0)
        x = self.down2(x1) + self.turned(slopes)[:, :, None, None]
        x = self.mix0(self.up0(self.mix1(self.up1(x, x1)), x0))
        out = torch.tanh(self.head(x).float())
        shift = F.interpolate(out[:, 12:], scale_factor=2.0, mode="bilinear", align_corners=False)
        add = keep_grey(F.pixel_shuffle(out[:, :12], 2), source)
        return Painted(add * masks.region, shift * (masks.region * MAX_SHIFT))


def keep_grey(painted: Tensor, source: Tensor) -> Tensor:
    """Paint without colour for a photo without colour. painted, source [B, 3, n, n] → [B, 3, n, n]."""
    red, green, blue = source.unbind(1)  # plane by plane: reductions over three values are slow
    most, least = red.maximum(green).maximum(blue), red.minimum(green).minimum(blue)
    colour = (most - least).mean((1, 2)).reshape(-1, 1, 1, 1)
    grey = (painted[:, :1] + painted[:, 1:2] + painted[:, 2:]) / 3.0
    return torch.lerp(grey.expand_as(painted), painted, ((colour - 0.01) / 0.03).clamp(0.0, 1.0))
